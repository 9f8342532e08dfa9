"""Decoders of video: complete frames in, pictures out. Everything here runs in worker threads."""

import time
from fractions import Fraction
from typing import cast

import av
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import VideoReformatter

from triortc.protocol.rtp.frame import ReceivedFrame
from triortc.protocol.rtp.payload.formats import FORMATS
from triortc.protocol.wire.errors import LocalProtocolError, Malformed

from .source import MediaError, media_errors
from .video_statistics import VideoStatistics

TIME_BASE = Fraction(1, 90_000)

MAX_PIXELS = 8192 * 4352
"""Of one picture: 8K. A header of a few bytes may claim more, to make us allocate it."""

_DECODERS = {
    "vp8": ("vp8", "libvpx"),
    "vp9": ("vp9", "libvpx-vp9"),
    "h264": ("h264",),
    "av1": ("libdav1d", "libaom-av1", "av1"),
}


class VideoDecoder:
    """A decoder for one track: every frame that goes in comes out at once.

    A frame in another codec than the one before opens another decoder.

    Args:
      format: FFmpeg's name of the pixel format to convert to; None leaves the pictures as they are.
      statistics: where to count; new ones by default.

    Attributes:
      statistics: what happened so far.
      needs_keyframe: whether it can do nothing before the next keyframe.
    """

    def __init__(self, *, format: str | None = None, statistics: VideoStatistics | None = None) -> None:
        if format is not None:
            check_pixel_format(format)
        self.statistics: VideoStatistics = statistics or VideoStatistics()
        self.needs_keyframe: bool = True
        self._format = format
        self._reformatter = VideoReformatter()
        self._codec = ""
        self._context: VideoCodecContext | None = None

    def decode(self, frame: ReceivedFrame) -> list[av.VideoFrame]:
        """Return the picture of *frame*; of a broken one, or before the first keyframe, none.

        Raises:
          MediaError: when there is no decoder for its codec.
        """
        started = time.perf_counter()
        if frame.codec != self._codec:
            self._open(frame.codec)
        if self.needs_keyframe and not frame.keyframe:
            self.statistics.frames_dropped += 1
            return []
        try:
            pictures = self._decode_untrusted(frame)
        except (Malformed, av.FFmpegError):
            self.statistics.frames_corrupt += 1
            self.statistics.frames_dropped += 1
            self.needs_keyframe = True
            return []
        self.needs_keyframe = False
        self._count(pictures, frame.keyframe)
        self.statistics.total_decode_time += time.perf_counter() - started
        return pictures

    def close(self) -> None:
        """Free the decoder."""
        self._context = None

    def _open(self, codec: str) -> None:
        self._context = _open_context(codec)
        self.statistics.decoder_implementation = self._context.name
        self._codec = codec
        self.needs_keyframe = True

    def _decode_untrusted(self, frame: ReceivedFrame) -> list[av.VideoFrame]:
        assert self._context is not None
        packet = av.Packet(FORMATS[self._codec].join_untrusted(frame.payloads))
        packet.pts = packet.dts = frame.timestamp
        packet.time_base = TIME_BASE
        pictures = [picture for picture in self._context.decode(packet) if not picture.is_corrupt]
        for picture in pictures:
            picture.time_base = TIME_BASE
        return [self._convert(picture) for picture in pictures]

    def _convert(self, picture: av.VideoFrame) -> av.VideoFrame:
        if self._format is None or picture.format.name == self._format:
            return picture
        return self._reformatter.reformat(picture, format=self._format)

    def _count(self, pictures: list[av.VideoFrame], keyframe: bool) -> None:
        statistics = self.statistics
        statistics.frames_decoded += len(pictures)
        for picture in pictures:
            statistics.key_frames_decoded += keyframe
            statistics.frame_width, statistics.frame_height = picture.width, picture.height


def check_pixel_format(name: str) -> None:
    """Refuse a pixel format that FFmpeg does not know.

    Raises:
      LocalProtocolError: it does not know it.
    """
    try:
        av.VideoFormat(name)
    except ValueError:
        raise LocalProtocolError(
            f"{name!r} is no pixel format; write one of FFmpeg's, such as rgb24, bgr24 or gray"
        ) from None


def _open_context(codec: str) -> VideoCodecContext:
    """Open a decoder that keeps nothing back.

    Raises:
      MediaError: when there is none.
    """
    for name in _DECODERS.get(codec, ()):
        try:
            context = cast(VideoCodecContext, av.CodecContext.create(name, "r"))
        except av.codec.codec.UnknownCodecError:
            continue
        context.thread_count = 1  # threads would hold back a frame each
        context.flags |= Flags.low_delay
        context.options = {"max_pixels": str(MAX_PIXELS)}
        with media_errors(f"decode {codec}"):
            context.open()
        return context
    raise MediaError(f"cannot decode {codec}: this FFmpeg has no decoder for it")
