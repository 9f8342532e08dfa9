"""Which encoders work on this machine: found out by encoding, not by asking."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import Final

from triortc.protocol.wire.errors import LocalProtocolError

from .encodings import AV1, G722, H264, PCMA, PCMU, VP8, VP9, AudioEncoding, Opus, VideoEncoding
from .inbox import Raw
from .source import MediaError
from .workers import codec_limiter, run_in_worker

ENCODINGS: Final[tuple[VideoEncoding | AudioEncoding, ...]] = (
    VP8(),
    VP8(encoder="vp8_v4l2m2m"),
    VP9(),
    VP9(encoder="vp9_qsv"),
    H264(),
    H264(encoder="h264_nvenc"),
    H264(encoder="h264_qsv"),
    H264(encoder="h264_amf"),
    H264(encoder="h264_v4l2m2m"),
    AV1(),
    AV1(encoder="av1_nvenc"),
    AV1(encoder="av1_qsv"),
    AV1(encoder="av1_amf"),
    Opus(),
    G722(),
    PCMU(),
    PCMA(),
)


@dataclass(frozen=True, slots=True)
class EncoderReport:
    """Whether an encoder works here.

    Attributes:
      name: FFmpeg's name of the encoder, as an encoding's ``encoder`` takes it.
      codec: the encoding name of what it makes.
      available: whether it has encoded a frame just now.
      reason: why not, in one line; empty when it works.
    """

    name: str
    codec: str
    available: bool
    reason: str = ""


async def probe_encoders() -> tuple[EncoderReport, ...]:
    """Find out which encoders work, by encoding two frames with each, in a worker thread.

    It takes about a tenth of a second; more where there is hardware to be woken.
    """
    return await run_in_worker(_probe_all, codec_limiter())


def _probe_all() -> tuple[EncoderReport, ...]:
    return tuple(map(probe_encoder, ENCODINGS))


def probe_encoder(encoding: VideoEncoding | AudioEncoding) -> EncoderReport:
    """Find out whether the encoder of *encoding* works; called in a worker thread, and blocks."""
    reason = ""
    try:
        encoder = encoding.open_encoder(framerate=30)
        try:
            made = [encoder.encode(_blank(encoding, number), keyframe=False) for number in range(2)]
        finally:
            encoder.close()
        if not any(chain.from_iterable(made)):
            reason = "it makes nothing of the first two frames"
    except (MediaError, LocalProtocolError) as error:
        reason = str(error)
    return EncoderReport(encoding.encoder, encoding.name, not reason, reason)


def _blank(encoding: VideoEncoding | AudioEncoding, number: int) -> Raw:
    import av

    if encoding.kind == "audio":
        sound = av.AudioFrame("s16", "stereo", 960)
        sound.sample_rate = 48_000
        sound.planes[0].update(bytes(sound.planes[0].buffer_size))
        return Raw(sound, number * encoding.clock_rate // 50, number / 50)
    picture = av.VideoFrame(640, 480, "yuv420p")
    for plane in picture.planes:
        plane.update(b"\x80" * plane.buffer_size)
    picture.pts, picture.time_base = number * 3000, Fraction(1, 90_000)
    return Raw(picture, number * 3000, number / 30)
