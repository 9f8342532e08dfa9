"""Decoders of sound: packets in, samples out. Everything here runs in worker threads."""

from typing import Protocol, cast

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext

from .concealment import Concealer
from .opus import CHANNELS, RATE, LibopusDecoder, load_libopus
from .source import MediaError, media_errors
from .timestretch import Sound


class SoundDecoder(Protocol):
    """A decoder of one stream of sound.

    Attributes:
      rate: samples per second.
      channels: of the sound.
      corrupt: packets that made no sense.
    """

    rate: int
    channels: int
    corrupt: int

    def decode(self, packet: bytes) -> Sound:
        """Return the sound of a packet; of a broken one, none."""
        ...

    def recover(self, following: bytes, samples: int) -> Sound:
        """Return so much sound before a packet, from what that one repeats of it."""
        ...

    def conceal(self, samples: int) -> Sound:
        """Make up so much sound."""
        ...

    def close(self) -> None:
        """Free the decoder."""
        ...


def open_sound_decoder(codec: str) -> SoundDecoder:
    """Return a new decoder of *codec*, a name in lower case.

    Raises:
      MediaError: when there is none.
    """
    if codec == "opus":
        library = load_libopus()
        return AvDecoder("opus", RATE, CHANNELS) if library is None else LibopusDecoder(library)
    if codec == "g722":
        return AvDecoder("g722", 16_000, 1)
    if codec in ("pcmu", "pcma"):
        return AvDecoder("pcm_mulaw" if codec == "pcmu" else "pcm_alaw", 8_000, 1)
    raise MediaError(f"cannot decode {codec}: it is no codec for sound that triortc knows")


class AvDecoder:
    """A decoder of FFmpeg's, with our own concealment."""

    def __init__(self, name: str, rate: int, channels: int) -> None:
        self.rate = rate
        self.channels = channels
        self.corrupt: int = 0
        self._concealer = Concealer(rate, channels)
        with media_errors(f"decode {name}"):
            context = cast(AudioCodecContext, av.CodecContext.create(name, "r"))
            context.sample_rate, context.layout = rate, "stereo" if channels == 2 else "mono"
            context.open()
        self._context: AudioCodecContext | None = context

    def decode(self, packet: bytes) -> Sound:
        """Return the sound of a packet; of a broken one, none."""
        assert self._context is not None
        try:
            frames = self._context.decode(av.Packet(packet))
        except av.FFmpegError:
            frames = []
        if not frames:
            self.corrupt += 1
            return np.zeros((0, self.channels), np.int16)
        return self._concealer.note(np.concatenate([samples_of(frame) for frame in frames]))

    def recover(self, following: bytes, samples: int) -> Sound:
        """Make up so much sound: FFmpeg reads no redundancy."""
        return self.conceal(samples)

    def conceal(self, samples: int) -> Sound:
        """Make up so much sound, fading out."""
        return self._concealer.conceal(samples)

    def close(self) -> None:
        """Free the decoder."""
        self._context = None


def samples_of(frame: av.AudioFrame) -> Sound:
    """Return a frame's samples, one row per instant."""
    rows = frame.to_ndarray()
    samples = rows.T if frame.format.is_planar else rows.reshape(frame.samples, -1)
    if samples.dtype.kind == "f":
        return np.clip(samples * 32768, -32768, 32767).astype(np.int16)
    return np.ascontiguousarray(samples, np.int16)
