"""Decoding and encoding anew what a recorded file does not take as it is. Runs in the recorder's worker."""

from collections.abc import Iterator
from fractions import Fraction
from typing import cast

import av
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from numpy.typing import NDArray

from triortc.protocol.wire.errors import Malformed

MAX_PIXELS = 8192 * 4320
"""In a picture; a few bytes of a stream may claim any size."""

GAP = 0.04
"""Seconds of sound that must be missing, or too much, at once."""

KEYFRAME_INTERVAL = 60
"""Pictures, so that players can seek."""

BITS_PER_PIXEL = 4
"""Per second, for encoders that want a bitrate."""

_DECODERS = {
    "vp8": "vp8",
    "vp9": "vp9",
    "h264": "h264",
    "av1": "libdav1d",
    "opus": "libopus",
    "pcmu": "pcm_mulaw",
    "pcma": "pcm_alaw",
    "g722": "g722",
}
_FORMS = {
    "opus": (48_000, "stereo"),
    "g722": (16_000, "mono"),
    "pcmu": (8_000, "mono"),
    "pcma": (8_000, "mono"),
}
_PIXEL_FORMATS = {"png": "rgb24"}
_OPTIONS = {
    "libx264": {"preset": "veryfast", "tune": "zerolatency", "crf": "23"},
    "libvpx": {"deadline": "realtime", "cpu-used": "-6", "lag-in-frames": "0", "auto-alt-ref": "0"},
}


def _open_video_decoder(codec: str) -> av.VideoCodecContext:
    context = cast(av.VideoCodecContext, av.CodecContext.create(_DECODERS[codec], "r"))
    context.options = {"max_pixels": str(MAX_PIXELS)}
    context.thread_count = 1  # threads would hold pictures back
    return context


def picture_size_untrusted(codec: str, keyframe: bytes) -> tuple[int, int]:
    """Return the width and height in pixels of the picture of a keyframe.

    Raises:
      Malformed: when it cannot be decoded.
    """
    decoder = _open_video_decoder(codec)
    try:
        pictures = [*decoder.decode(Packet(keyframe)), *decoder.decode(None)]
    except av.FFmpegError as error:
        raise Malformed(f"a keyframe of {codec} that cannot be decoded: {error}") from error
    if not pictures:
        raise Malformed(f"no picture in a keyframe of {codec}")
    return pictures[0].width, pictures[0].height


class VideoTranscoder:
    """Decodes pictures and encodes them, all in the size of the first one."""

    def __init__(
        self, container: OutputContainer, codec: str, encoder: str, size: tuple[int, int], ticks: int
    ) -> None:
        self._codec = codec
        self._decoder = _open_video_decoder(codec)
        self._format = _PIXEL_FORMATS.get(encoder, "yuv420p")
        self._time_base = Fraction(1, ticks)
        width, height = (size[0] & ~1, size[1] & ~1) if self._format == "yuv420p" else size
        stream = container.add_stream(encoder, rate=30, options=_OPTIONS.get(encoder, {}))
        self._stream = cast(av.VideoStream, stream)
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, self._format
        self._stream.codec_context.time_base = self._time_base
        self._stream.codec_context.gop_size = KEYFRAME_INTERVAL
        if encoder == "libvpx":
            self._stream.bit_rate = BITS_PER_PIXEL * width * height
        self._last = -1

    def take_untrusted(self, frame: bytes, seconds: float, keyframe: bool) -> Iterator["Packet[Stream]"]:
        """Yield the packets that *frame* gives.

        Raises:
          Malformed: when it cannot be decoded.
        """
        packet: Packet[Stream] = Packet(frame)
        packet.time_base = self._time_base
        packet.pts = packet.dts = round(seconds / self._time_base)
        try:
            pictures = self._decoder.decode(packet)
        except av.FFmpegError as error:
            raise Malformed(f"a frame of {self._codec} that cannot be decoded: {error}") from error
        for picture in pictures:
            yield from self._encode(picture, packet.pts)

    def flush(self) -> Iterator["Packet[Stream]"]:
        """Yield what the encoder holds back."""
        yield from cast("list[Packet[Stream]]", self._stream.encode(None))

    def _encode(self, picture: av.VideoFrame, ticks: int) -> "list[Packet[Stream]]":
        picture = picture.reformat(self._stream.width, self._stream.height, self._format)
        picture.pict_type = av.video.frame.PictureType.NONE
        picture.time_base = self._time_base
        picture.pts = self._last = max(ticks, self._last + 1)
        return cast("list[Packet[Stream]]", self._stream.encode(picture))


class AudioTranscoder:
    """Decodes sound and encodes it; what is missing is silence, what is too much is left out.

    Args:
      container: where it goes.
      codec: what it is decoded from.
      encoder: what it is encoded with.
      timeless: whether a long silence must be written too; else the timestamps jump.
    """

    def __init__(self, container: OutputContainer, codec: str, encoder: str, *, timeless: bool) -> None:
        rate, layout = _FORMS[codec]
        self._codec = codec
        decoder = cast(av.AudioCodecContext, av.CodecContext.create(_DECODERS[codec], "r"))
        decoder.sample_rate, decoder.layout = rate, layout
        self._decoder = decoder
        self._rate = 48_000 if encoder == "libopus" else rate
        self._layout = layout
        self._stream = cast(av.AudioStream, container.add_stream(encoder, rate=self._rate))
        self._stream.layout, self._stream.format = layout, "s16"
        self._stream.codec_context.time_base = Fraction(1, self._rate)
        self._resampler = av.AudioResampler("s16", layout, self._rate)
        self._line = SampleLine(2 if layout == "stereo" else 1, self._rate, timeless=timeless)

    def take_untrusted(self, frame: bytes, seconds: float, keyframe: bool) -> Iterator["Packet[Stream]"]:
        """Yield the packets that *frame* gives.

        Raises:
          Malformed: when it cannot be decoded.
        """
        try:
            pieces = self._decoder.decode(Packet(frame))
        except av.FFmpegError as error:
            raise Malformed(f"sound in {self._codec} that cannot be decoded: {error}") from error
        for piece in pieces:
            for sound in self._resampler.resample(piece):
                for start, samples in self._line.put(_samples(sound), round(seconds * self._rate)):
                    yield from self._encode(start, samples)
            seconds += piece.samples / piece.sample_rate

    def flush(self) -> Iterator["Packet[Stream]"]:
        """Yield the last packets."""
        for start, samples in self._line.flush():
            yield from self._encode(start, samples)
        yield from cast("list[Packet[Stream]]", self._stream.encode(None))

    def _encode(self, start: int, samples: "NDArray[np.int16]") -> "list[Packet[Stream]]":
        sound = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout=self._layout)
        sound.sample_rate, sound.pts, sound.time_base = self._rate, start, Fraction(1, self._rate)
        return cast("list[Packet[Stream]]", self._stream.encode(sound))


def _samples(sound: av.AudioFrame) -> "NDArray[np.int16]":
    return cast("NDArray[np.int16]", sound.to_ndarray()).reshape(-1, sound.layout.nb_channels)


class SampleLine:
    """Lays pieces of sound on a line of samples, and cuts it into blocks of 20 ms.

    Args:
      channels: of the sound.
      rate: samples per second.
      timeless: whether long gaps are filled with silence, rather than left out.
    """

    def __init__(self, channels: int, rate: int, *, timeless: bool) -> None:
        self._pending = np.zeros((0, channels), np.int16)
        self._start = 0
        self._block = rate // 50
        self._tolerance = round(GAP * rate)
        self._timeless = timeless

    def put(self, samples: "NDArray[np.int16]", due: int) -> Iterator[tuple[int, "NDArray[np.int16]"]]:
        """Yield the blocks that are complete, and where they start, after *samples* that are due at *due*."""
        gap = due - self._start - len(self._pending)
        if gap > self._tolerance:
            yield from self._pass_over(gap)
        elif gap < -self._tolerance:
            samples = samples[-gap:]
        self._pending = np.concatenate((self._pending, samples))
        yield from self._blocks()

    def flush(self) -> Iterator[tuple[int, "NDArray[np.int16]"]]:
        """Yield the last block, filled up with silence."""
        missing = -len(self._pending) % self._block
        self._fill(missing)
        yield from self._blocks()

    def _pass_over(self, gap: int) -> Iterator[tuple[int, "NDArray[np.int16]"]]:
        missing = min(gap, -len(self._pending) % self._block)
        self._fill(missing)
        yield from self._blocks()
        gap -= missing
        while self._timeless and gap >= self._block:
            self._fill(self._block)
            yield from self._blocks()
            gap -= self._block
        if self._timeless:
            self._fill(gap)
        else:
            self._start += gap

    def _fill(self, count: int) -> None:
        silence = np.zeros((count, self._pending.shape[1]), np.int16)
        self._pending = np.concatenate((self._pending, silence))

    def _blocks(self) -> Iterator[tuple[int, "NDArray[np.int16]"]]:
        while len(self._pending) >= self._block:
            block, self._pending = self._pending[: self._block], self._pending[self._block :]
            start, self._start = self._start, self._start + self._block
            yield start, block
