"""What an encoder is, and what a rendition's worker does with it. All of it runs in worker threads."""

import time
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from triortc.protocol.rtp.frame import EncodedFrame
from triortc.protocol.rtp.payload.formats import FORMATS

from .encodings import Encoding
from .inbox import Raw

if TYPE_CHECKING:
    from av import AudioFrame, VideoFrame


SMALLEST = MappingProxyType({"AV1": 64})
"""Pixels that a side has at least, where the encoder wants more than two."""


class Coded(NamedTuple):
    """A frame or packet that an encoder has made.

    Attributes:
      data: a VP8 or VP9 frame, an H.264 access unit in Annex B form, an AV1 temporal unit in the
        low-overhead form, or an audio packet of 20 ms.
      timestamp: RTP timestamp, in ticks of the encoding's clock rate.
      time: when it was captured, seconds on the trio clock.
      keyframe: whether decoding can begin here; always, for audio.
    """

    data: bytes
    timestamp: int
    time: float
    keyframe: bool


class Encoder(Protocol):
    """An opened encoder. Its methods are called in worker threads, one at a time.

    Pictures come in yuv420p, of even width and height, which may change on the way; sound of
    any rate and layout.
    """

    def encode(self, raw: Raw, *, keyframe: bool) -> list[Coded]:
        """Return what comes out for *raw*, for video without delay; *keyframe* asks for one.

        *raw* is shared with other encoders and must not be changed. The first frame, and the
        first one of another size, are keyframes without being asked for.

        Raises:
          MediaError: when the encoder fails.
        """
        ...

    def set_bitrate(self, bitrate: int) -> None:
        """Change the target from the next frame on; a keyframe may come of it.

        A codec of one bitrate does nothing.
        """
        ...

    def close(self) -> None:
        """Free the encoder."""
        ...


class Stage:
    """Scales, encodes and packetizes the frames of one rendition.

    Args:
      encoding: how.
      framerate: video frames per second, or nearly.
      clock_rate: of the timestamps that come in; those that go out have the encoding's.
      scale: what width and height are divided by.

    Attributes:
      size: width and height of the last picture that was encoded, pixels.
      energy: of the last piece of sound; see :meth:`.SourceMeter.note_sound`.

    Raises:
      MediaError: when there is no encoder.
    """

    def __init__(
        self,
        encoding: Encoding,
        *,
        framerate: float = 30.0,
        clock_rate: int | None = None,
        scale: float = 1.0,
    ) -> None:
        self._encoder = encoding.open_encoder(framerate)
        self._packetize = FORMATS[encoding.name.lower()].new_packetizer()
        self._scaler = Scaler(scale, SMALLEST.get(encoding.name, 2)) if encoding.kind == "video" else None
        self._rates = encoding.clock_rate, clock_rate or encoding.clock_rate
        self._bitrate = encoding.bitrate
        self.size: tuple[int, int] | None = None
        self.energy: float = 0.0

    def encode(
        self, raw: Raw, *, keyframe: bool = False, bitrate: int | None = None
    ) -> tuple[list[EncodedFrame], float]:
        """Return what comes out for *raw*, and the seconds that it took.

        Raises:
          MediaError: when the encoder fails.
        """
        started = time.perf_counter()
        if bitrate is not None and bitrate != self._bitrate:
            self._encoder.set_bitrate(bitrate)
            self._bitrate = bitrate
        prepared = self._prepare(raw)
        self._measure(prepared)
        coded = self._encoder.encode(prepared, keyframe=keyframe)
        return [self._pack(each) for each in coded], time.perf_counter() - started

    def _prepare(self, raw: Raw) -> Raw:
        if self._scaler is not None:
            return self._scaler.scale(raw)
        wanted, given = self._rates
        return raw if wanted == given else raw._replace(timestamp=raw.timestamp * wanted // given)

    def _measure(self, raw: Raw) -> None:
        if self._scaler is not None:
            picture = cast("VideoFrame", raw.frame)
            self.size = picture.width, picture.height
        else:
            from .loudness import energy_of

            self.energy = energy_of(cast("AudioFrame", raw.frame))

    def _pack(self, coded: Coded) -> EncodedFrame:
        payloads = self._packetize(coded.data)
        return EncodedFrame(payloads, timestamp=coded.timestamp, time=coded.time, keyframe=coded.keyframe)

    def close(self) -> None:
        """Free the encoder."""
        self._encoder.close()


class Scaler:
    """Brings pictures to the size wanted, which is even, and not so small that it cannot be encoded."""

    def __init__(self, scale: float, smallest: int = 2) -> None:
        from av.video.reformatter import VideoReformatter

        self._scale = Fraction(scale).limit_denominator(1000)
        self._smallest = smallest
        # One of our own: a frame's is shared with other encoders, at work in other threads.
        self._reformatter = VideoReformatter()

    def scale(self, raw: Raw) -> Raw:
        """Return the picture in its size; as it is if that is its own."""
        frame = cast("VideoFrame", raw.frame)
        scale = max(Fraction(1), min(self._scale, Fraction(min(frame.width, frame.height), self._smallest)))
        width, height = (max(2, int(side / scale) & ~1) for side in (frame.width, frame.height))
        if (width, height) == (frame.width, frame.height):
            return raw
        return raw._replace(frame=self._reformatter.reformat(frame, width, height))
