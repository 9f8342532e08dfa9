"""Encoders: raw frames in, packetized frames out. Everything here runs in worker threads."""

import time
from collections.abc import Callable
from fractions import Fraction
from typing import Protocol, cast

import av
from av.video.frame import PictureType

from triortc.protocol.rtp.frame import EncodedFrame
from triortc.protocol.rtp.payload.formats import FORMATS

from .inbox import Raw
from .source import H264, VP8, Encoding, MediaError, Opus, media_errors

VIDEO_TIME_BASE = Fraction(1, 90_000)

MAX_KEYFRAME_INTERVAL = 3000
"""Frames; keyframes are made when somebody asks for one."""

OPUS_RATE = 48_000
OPUS_FRAME = 960
"""Samples in 20 ms."""

SOUND_GAP = 0.04
"""Seconds of sound that must be missing at once for the timestamps to jump."""


class Encoder(Protocol):
    """One encoder and its packetizer."""

    def encode(self, raw: Raw, *, keyframe: bool) -> tuple[list[EncodedFrame], float]:
        """Return what comes out for *raw*, and the seconds that it took.

        Raises:
          MediaError: when the encoder fails.
        """
        ...

    def close(self) -> None:
        """Free the encoder."""
        ...


def check_encoder(encoding: Encoding) -> None:
    """Find out whether this FFmpeg can encode *encoding*.

    Raises:
      MediaError: when it cannot.
    """
    if encoding.encoder not in av.codecs_available:
        raise MediaError(f"cannot encode {encoding.name}: this FFmpeg was built without {encoding.encoder}")


def open_encoder(encoding: Encoding, framerate: float) -> Encoder:
    """Return a new encoder; video ones find out the size from the first frame."""
    if isinstance(encoding, Opus):
        return OpusEncoder(encoding)
    return VideoEncoder(encoding, framerate)


def new_packetizer(encoding: Encoding) -> Callable[[bytes], list[bytes]]:
    """Return a function that cuts the successive frames of one stream into RTP payloads."""
    return FORMATS[encoding.name.lower()].new_packetizer()


class VideoEncoder:
    """VP8 or H.264, at one bitrate, in real time: every frame that goes in comes out at once."""

    def __init__(self, encoding: VP8 | H264, framerate: float) -> None:
        self._encoding = encoding
        self._framerate = framerate
        self._packetize = new_packetizer(encoding)
        self._context: av.VideoCodecContext | None = None

    def encode(self, raw: Raw, *, keyframe: bool) -> tuple[list[EncodedFrame], float]:
        """Encode a picture; a new size begins a new stream."""
        started = time.perf_counter()
        frame = cast(av.VideoFrame, raw.frame)
        size = frame.width & ~1, frame.height & ~1
        if self._context is None or (self._context.width, self._context.height) != size:
            self._context = self._open(*size)
        with media_errors(f"encode {self._encoding.name}"):
            frame = frame.reformat(*size)  # the same one, but for sizes that yuv420p cannot have
            packets = self._context.encode(_as_keyframe(frame) if keyframe else frame)
        frames = [
            EncodedFrame(
                self._packetize(bytes(packet)),
                timestamp=raw.timestamp,
                time=raw.time,
                keyframe=packet.is_keyframe,
            )
            for packet in packets
        ]
        return frames, time.perf_counter() - started

    def close(self) -> None:
        """Free the encoder."""
        self._context = None

    def _open(self, width: int, height: int) -> av.VideoCodecContext:
        encoding = self._encoding
        with media_errors(f"encode {width}x{height} as {encoding.name}"):
            context = av.CodecContext.create(encoding.encoder, "w")
            assert isinstance(context, av.VideoCodecContext)
            context.width, context.height, context.pix_fmt = width, height, "yuv420p"
            context.time_base = VIDEO_TIME_BASE
            context.framerate = Fraction(self._framerate).limit_denominator(1001)
            context.bit_rate = encoding.bitrate
            context.gop_size = MAX_KEYFRAME_INTERVAL
            context.thread_count = 1
            context.options = _vp8_options(encoding) if isinstance(encoding, VP8) else _h264_options(encoding)
            context.open()
        return context


def _as_keyframe(frame: av.VideoFrame) -> av.VideoFrame:
    """Copy a picture, which other encoders may be reading, and mark the copy."""
    copy = av.VideoFrame.from_ndarray(frame.to_ndarray(), format=frame.format.name)
    copy.pts, copy.time_base = frame.pts, frame.time_base
    copy.pict_type = PictureType.I
    return copy


def _rate_options(bitrate: int) -> dict[str, str]:
    """Ask for a constant bitrate, with a buffer of 600 ms."""
    rate = str(bitrate)
    return {"minrate": rate, "maxrate": rate, "bufsize": str(bitrate * 6 // 10)}


def _vp8_options(encoding: VP8) -> dict[str, str]:
    """Return what libwebrtc sets for a camera, so far as FFmpeg lets us."""
    return {
        **_rate_options(encoding.bitrate),
        "deadline": "realtime",
        "cpu-used": "-6",  # negative: a fixed speed, rather than one that follows the load
        "lag-in-frames": "0",
        "auto-alt-ref": "0",
        "static-thresh": "1",
        "undershoot-pct": "100",
        "overshoot-pct": "15",
        "max-intra-rate": "900",
        "rc_init_occupancy": str(encoding.bitrate // 2),
        "qmin": "2",
        "qmax": "56",
    }


def _h264_options(encoding: H264) -> dict[str, str]:
    """Constrained Baseline (x264's baseline has no more), one slice a frame, no look-ahead."""
    return {
        "maxrate": str(encoding.bitrate),
        "bufsize": str(encoding.bitrate * 6 // 10),
        "preset": "superfast",
        "tune": "zerolatency",
        "profile": "baseline",
        "forced-idr": "1",
        "x264-params": "sliced-threads=0:scenecut=0:repeat-headers=1:annexb=1",
    }


class OpusEncoder:
    """Opus in packets of 20 ms, from sound of any rate and layout.

    The timestamps count samples, so that they are even; only a gap in the sound makes them jump.
    """

    def __init__(self, encoding: Opus) -> None:
        with media_errors("encode Opus"):
            context = av.CodecContext.create(encoding.encoder, "w")
            assert isinstance(context, av.AudioCodecContext)
            context.sample_rate, context.layout, context.format = OPUS_RATE, "stereo", "s16"
            context.time_base = Fraction(1, OPUS_RATE)
            context.bit_rate = encoding.bitrate
            context.options = {
                "application": "audio",
                "frame_duration": "20",
                "fec": "1",
                "packet_loss": "10",
            }
            context.open()
        self._context: av.AudioCodecContext | None = context
        self._packetize = new_packetizer(encoding)
        self._form: tuple[str, str, int] | None = None

    def encode(self, raw: Raw, *, keyframe: bool) -> tuple[list[EncodedFrame], float]:
        """Encode a piece of sound; what does not fill a packet waits for the next piece."""
        started = time.perf_counter()
        sound = cast(av.AudioFrame, raw.frame)
        assert self._context is not None
        self._adapt(sound)
        self._clock.note_input(raw.timestamp, raw.time, sound.samples / sound.sample_rate)
        with media_errors("encode Opus"):
            packets = [
                packet for piece in self._resampler.resample(sound) for packet in self._context.encode(piece)
            ]
        frames = []
        for packet in packets:
            timestamp, captured = self._clock.next_packet()
            payloads = self._packetize(bytes(packet))
            frames.append(EncodedFrame(payloads, timestamp=timestamp, time=captured, keyframe=True))
        return frames, time.perf_counter() - started

    def close(self) -> None:
        """Free the encoder."""
        self._context = None

    def _adapt(self, sound: av.AudioFrame) -> None:
        """Begin anew for sound of another form; of the old one, up to 20 ms are lost."""
        form = sound.format.name, sound.layout.name, sound.sample_rate
        if form != self._form:
            self._form = form
            self._resampler = av.AudioResampler("s16", "stereo", OPUS_RATE, OPUS_FRAME)
            self._clock = SampleClock()


class SampleClock:
    """Gives packets of 20 ms their timestamps, by counting the samples that went in before.

    What it is told of the time of a piece of sound may tremble, and drift; only a sudden
    change, of more than 40 ms, is a gap, and makes the timestamps jump.
    """

    def __init__(self) -> None:
        self._seconds_in = 0.0
        self._packets_out = 0
        self._base = 0
        self._time = 0.0
        self._ahead: float | None = None

    def note_input(self, timestamp: int, time: float, duration: float) -> None:
        """Take note of a piece of sound: the times of its first sample, and its length in seconds."""
        counted = round(self._seconds_in * OPUS_RATE)
        ahead = (timestamp - counted) / OPUS_RATE
        if self._ahead is None or abs(ahead - self._ahead) > SOUND_GAP:
            self._base = timestamp - counted
            self._ahead = ahead
        self._ahead += (ahead - self._ahead) / 100
        self._time = time - self._seconds_in
        self._seconds_in += duration

    def next_packet(self) -> tuple[int, float]:
        """Return the next packet's RTP timestamp, and when it was captured."""
        first = self._packets_out * OPUS_FRAME
        self._packets_out += 1
        return self._base + first, self._time + first / OPUS_RATE
