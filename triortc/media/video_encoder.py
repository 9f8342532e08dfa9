"""Video encoders of FFmpeg, in software and in hardware. Everything here runs in worker threads."""

import os
from fractions import Fraction
from typing import cast

import av
from av.video.frame import PictureType
from av.video.reformatter import VideoReformatter

from .encoder import Coded
from .encoder_options import HARDWARE, IN_PLACE, PIXEL_FORMATS, options_for
from .encodings import H264, VideoEncoding
from .h264_levels import exceeds_level
from .inbox import Raw
from .source import MediaError, media_errors

TIME_BASE = Fraction(1, 90_000)

MAX_KEYFRAME_INTERVAL = 3000
"""Frames; keyframes are made when somebody asks for one."""

TRIAL_SIZE = 640, 480


class VideoEncoder:
    """Encodes at a constant bitrate, in real time: every frame that goes in comes out at once.

    The size is found out from the first frame; a new size begins a new stream, and so does a
    bitrate that the encoder cannot change to.

    Raises:
      MediaError: when there is no such encoder, or, in hardware, it does not work.
    """

    def __init__(self, encoding: VideoEncoding, framerate: float) -> None:
        self._encoding = encoding
        self._framerate = framerate
        self._bitrate = encoding.bitrate
        self._context: av.VideoCodecContext | None = None
        self._pixel_format = PIXEL_FORMATS.get(encoding.encoder, "yuv420p")
        self._reformatter = VideoReformatter()
        self._times: dict[int, float] = {}
        if encoding.encoder not in av.codecs_available:
            raise MediaError(f"cannot encode {encoding.name}: this FFmpeg has no {encoding.encoder}")
        if encoding.encoder in HARDWARE:
            self._try_hardware()

    def encode(self, raw: Raw, *, keyframe: bool) -> list[Coded]:
        """Encode a picture.

        Raises:
          MediaError: when the encoder fails, or the picture is beyond the encoding's level.
        """
        frame = cast(av.VideoFrame, raw.frame)
        context = self._context
        if context is None or (context.width, context.height) != (frame.width, frame.height):
            self.close()
            self._times.clear()
            context = self._context = self._open(frame.width, frame.height)
        with media_errors(f"encode {self._encoding.name} by {self._encoding.encoder}"):
            packets = context.encode(self._prepare(frame, keyframe))
        self._times[raw.timestamp] = raw.time
        return [self._coded(packet, raw) for packet in packets]

    def set_bitrate(self, bitrate: int) -> None:
        """Change the target: in place where the encoder can, else by a new one."""
        ceiling = max(self._encoding.bitrate, self._bitrate)
        in_place = self._encoding.encoder in IN_PLACE and bitrate <= ceiling
        self._bitrate = bitrate
        if self._context is None:
            return
        if in_place:
            self._context.bit_rate = bitrate
        else:
            self.close()

    def close(self) -> None:
        """Free the encoder."""
        context, self._context = self._context, None
        if context is not None and context.name == "libsvtav1":
            with media_errors("end AV1"):
                context.encode(None)  # it complains on stderr, else

    def _try_hardware(self) -> None:
        encoding = self._encoding
        try:
            self._open(*TRIAL_SIZE)
        except MediaError as error:
            what = f"cannot encode {encoding.name} by {encoding.encoder}"
            reason = str(error).rpartition(": ")[2]
            raise MediaError(f"{what}: it needs {HARDWARE[encoding.encoder]} ({reason})") from error

    def _prepare(self, frame: av.VideoFrame, keyframe: bool) -> av.VideoFrame:
        """Return a picture in the encoder's format, and as a keyframe if it is to be one."""
        shared = frame
        frame = self._reformatter.reformat(frame, format=self._pixel_format)
        if keyframe:
            frame = _copy(frame) if frame is shared else frame
            frame.pict_type = PictureType.I
        return frame

    def _coded(self, packet: "av.Packet[av.VideoStream]", raw: Raw) -> Coded:
        timestamp = raw.timestamp if packet.pts is None else packet.pts
        captured = self._times.pop(timestamp, raw.time)
        for late in [earlier for earlier in self._times if earlier < timestamp]:
            del self._times[late]
        return Coded(bytes(packet), timestamp, captured, packet.is_keyframe)

    def _open(self, width: int, height: int) -> av.VideoCodecContext:
        encoding = self._encoding
        self._check_level(width, height)
        in_place = encoding.encoder in IN_PLACE
        # What is opened for its highest bitrate can be lowered, and raised again.
        ceiling = max(encoding.bitrate, self._bitrate) if in_place else self._bitrate
        if encoding.encoder == "libsvtav1":
            os.environ.setdefault("SVT_LOG", "1")  # it writes to stderr, else, and has no other switch
        with media_errors(f"encode {width}x{height} as {encoding.name} by {encoding.encoder}"):
            context = av.CodecContext.create(encoding.encoder, "w")
            assert isinstance(context, av.VideoCodecContext)
            context.width, context.height, context.pix_fmt = width, height, self._pixel_format
            context.time_base = TIME_BASE
            context.framerate = Fraction(self._framerate).limit_denominator(1001)
            context.bit_rate = ceiling
            context.gop_size = MAX_KEYFRAME_INTERVAL
            context.max_b_frames = 0
            context.thread_count = 1
            context.options = options_for(encoding, ceiling, self._bitrate)
            context.open()
            if in_place:
                context.bit_rate = self._bitrate
        return context

    def _check_level(self, width: int, height: int) -> None:
        encoding = self._encoding
        if not isinstance(encoding, H264) or encoding.level is None:
            return
        excess = exceeds_level(
            encoding.level,
            profile=encoding.profile,
            width=width,
            height=height,
            framerate=self._framerate,
            bitrate=self._bitrate,
        )
        if excess is not None:
            raise MediaError(f"cannot encode H264: {excess} beyond level {encoding.level}")


def _copy(frame: av.VideoFrame) -> av.VideoFrame:
    """Copy a picture, which other encoders may be reading."""
    copy = av.VideoFrame.from_ndarray(frame.to_ndarray(), format=frame.format.name)
    copy.pts, copy.time_base = frame.pts, frame.time_base
    return copy
