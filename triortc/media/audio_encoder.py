"""Audio encoders of FFmpeg. Everything here runs in worker threads."""

from collections.abc import Iterator
from fractions import Fraction
from typing import cast

import av

from .encoder import Coded
from .encodings import AudioEncoding
from .inbox import Raw
from .source import MediaError, media_errors
from .stereo import as_stereo

OPUS_RATE = 48_000

PACKETS_PER_SECOND = 50
"""Packets of 20 ms."""

SOUND_GAP = 0.04
"""Seconds of sound that must be missing at once for the timestamps to jump."""

SILENCE = 100
"""Highest sample, of 32,767, that is silence: -50 dB."""

HANGOVER, REFRESH = 10, 20
"""Silent packets before sending ceases, and after which one is sent nevertheless."""


class AudioEncoder:
    """Encodes sound of any rate and layout in packets of 20 ms.

    The timestamps count samples, so that they are even; only a gap in the sound makes them jump.

    Args:
      encoding: what to encode.
      rate: how it is sampled, in hertz.
      layout: FFmpeg's name of its channels.
      options: FFmpeg's.
      gate: what decides which packets are sent; None sends all.

    Raises:
      MediaError: when this FFmpeg has no such encoder.
    """

    def __init__(
        self,
        encoding: AudioEncoding,
        *,
        rate: int,
        layout: str = "mono",
        options: dict[str, str] | None = None,
        gate: "SilenceGate | None" = None,
    ) -> None:
        if encoding.encoder not in av.codecs_available:
            raise MediaError(f"cannot encode {encoding.name}: this FFmpeg has no {encoding.encoder}")
        self._encoding = encoding
        self._rate, self._layout, self._options = rate, layout, options or {}
        self._gate = gate
        self._bitrate = encoding.bitrate
        self._context: av.AudioCodecContext | None = None
        self._resampler: av.AudioResampler | None = None
        self._form: tuple[str, str, int] | None = None

    def encode(self, raw: Raw, *, keyframe: bool) -> list[Coded]:
        """Encode a piece of sound; what does not fill a packet waits for the next piece.

        Raises:
          MediaError: when the encoder fails.
        """
        sound = cast(av.AudioFrame, raw.frame)
        if self._layout == "stereo":
            sound = as_stereo(sound)
        resampler = self._adapt(sound)
        self._clock.note_input(raw.timestamp, raw.time, sound.samples / sound.sample_rate)
        with media_errors(f"encode {self._encoding.name}"):
            if self._context is None:
                self._context = self._open()
            return [
                Coded(*stamped, keyframe=True)
                for piece in resampler.resample(sound)
                for stamped in self._encode(self._context, piece)
            ]

    def _encode(
        self, context: av.AudioCodecContext, piece: av.AudioFrame
    ) -> Iterator[tuple[bytes, int, float]]:
        sent = self._gate is None or self._gate.take(piece)
        for packet in context.encode(piece):
            timestamp, captured = self._clock.next_packet()
            if sent:
                yield bytes(packet), timestamp, captured

    def set_bitrate(self, bitrate: int) -> None:
        """Change the target, where there is a choice; the encoder begins anew."""
        if self._encoding.name == "opus":
            self._bitrate = bitrate
            self._context = None

    def close(self) -> None:
        """Free the encoder."""
        self._context = None
        self._resampler = None  # it has threads

    def _open(self) -> av.AudioCodecContext:
        context = av.CodecContext.create(self._encoding.encoder, "w")
        assert isinstance(context, av.AudioCodecContext)
        context.sample_rate, context.layout, context.format = self._rate, self._layout, "s16"
        context.time_base = Fraction(1, self._rate)
        context.bit_rate = self._bitrate
        context.options = self._options
        context.open()
        return context

    def _adapt(self, sound: av.AudioFrame) -> av.AudioResampler:
        """Return what brings *sound* into form, a new one when it had another; up to 20 ms are lost then."""
        form = sound.format.name, sound.layout.name, sound.sample_rate
        if self._resampler is None or form != self._form:
            self._form = form
            samples = self._rate // PACKETS_PER_SECOND
            self._resampler = av.AudioResampler("s16", self._layout, self._rate, samples)
            self._clock = SampleClock(self._encoding.clock_rate)
        return self._resampler


class SilenceGate:
    """Tells which packets of 20 ms to send, so that silence costs next to nothing (RFC 7587 §3.1.3).

    libopus does it by the sound's nature, but FFmpeg does not let it; this goes by loudness.
    """

    def __init__(self) -> None:
        self._silent = 0

    def take(self, piece: av.AudioFrame) -> bool:
        """Whether to send the packet of *piece*: it is loud, or was not long ago, or one is due."""
        samples = piece.to_ndarray()
        loud = max(int(samples.max()), -int(samples.min())) > SILENCE
        self._silent = 0 if loud else self._silent + 1
        return self._silent <= HANGOVER or self._silent % REFRESH == 0


class SampleClock:
    """Gives packets of 20 ms their timestamps, by counting the samples that went in before.

    What it is told of the time of a piece of sound may tremble, and drift; only a sudden
    change, of more than 40 ms, is a gap, and makes the timestamps jump.
    """

    def __init__(self, clock_rate: int = OPUS_RATE) -> None:
        self._clock_rate = clock_rate
        self._seconds_in = 0.0
        self._packets_out = 0
        self._base = 0
        self._time = 0.0
        self._ahead: float | None = None

    def note_input(self, timestamp: int, time: float, duration: float) -> None:
        """Take note of a piece of sound: the times of its first sample, and its length in seconds."""
        counted = round(self._seconds_in * self._clock_rate)
        ahead = (timestamp - counted) / self._clock_rate
        if self._ahead is None or abs(ahead - self._ahead) > SOUND_GAP:
            self._base = timestamp - counted
            self._ahead = ahead
        self._ahead += (ahead - self._ahead) / 100
        self._time = time - self._seconds_in
        self._seconds_in += duration

    def next_packet(self) -> tuple[int, float]:
        """Return the next packet's RTP timestamp, and when it was captured."""
        number = self._packets_out
        self._packets_out += 1
        first = number * self._clock_rate // PACKETS_PER_SECOND
        return self._base + first, self._time + number / PACKETS_PER_SECOND
