"""Makes sound of what the playout machine decides. Everything here runs in worker threads."""

from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

import av
import numpy as np

from triortc.protocol.rtp.frame import ReceivedFrame
from triortc.protocol.rtp.playout import Kind, Step
from triortc.protocol.rtp.sound import CLOCK_RATES
from triortc.protocol.wire.errors import LocalProtocolError

from .audio_decoder import SoundDecoder, open_sound_decoder
from .loudness import mean_square
from .stereo import as_stereo
from .timestretch import Sound, lengthen, shorten

FORMATS = ("s16", "s16p", "flt", "fltp")
LAYOUTS = ("mono", "stereo")
MAX_RATE = 192_000


class Performed(NamedTuple):
    """What has become of a step.

    Attributes:
      frames: the sound; seldom none, when the resampler keeps a few samples back.
      ticks: how long it is, in ticks of the RTP clock.
      loudness: its mean square, 1 being the loudest there is.
    """

    frames: list[av.AudioFrame]
    ticks: int
    loudness: float


class Performer:
    """Decodes one stream, of any succession of codecs, into frames of one form.

    Args:
      format: FFmpeg's name of the sample format: ``"s16"``, ``"flt"``, or planar ``"s16p"``, ``"fltp"``.
      rate: samples per second.
      layout: ``"mono"`` or ``"stereo"``.
      live: whether the frames' timestamps go on evenly, as the sound is played; otherwise they
        are the stream's own.

    Raises:
      LocalProtocolError: when there is no such form.
    """

    def __init__(self, *, format: str, rate: int, layout: str, live: bool) -> None:
        _check_form(format, rate, layout)
        self._form = (format, layout, rate)
        self._live = live
        self._codec = ""
        self._decoder: SoundDecoder | None = None
        self._resampler: av.AudioResampler | None = None
        self._pts: int | None = None

    def perform_all(self, steps: Iterable[Step]) -> list[Performed]:
        """Perform one step after another."""
        return [self.perform(step) for step in steps]

    def perform(self, step: Step) -> Performed:
        """Make the sound of *step*.

        Raises:
          MediaError: when there is no decoder for its codec.
        """
        if step.packet is None and self._decoder is None:
            return Performed([], step.duration, 0.0)  # nothing to go on with
        decoder = self._choose_decoder(step)
        clock_rate = CLOCK_RATES[self._codec]
        sound = _stretch(decoder, _make_sound(decoder, step, clock_rate), step, clock_rate)
        frames = self._convert(sound, decoder) if len(sound) else []
        self._stamp(frames, step.timestamp * self._form[2] // clock_rate)
        return Performed(frames, len(sound) * clock_rate // decoder.rate, mean_square(sound))

    def close(self) -> None:
        """Free the decoder."""
        self._resampler = None  # it has threads
        if self._decoder is not None:
            self._decoder.close()
            self._decoder = None

    def _choose_decoder(self, step: Step) -> SoundDecoder:
        codec = self._codec if step.packet is None else step.packet.codec
        if self._decoder is None or codec != self._codec:
            self.close()
            self._decoder = open_sound_decoder(codec)
            self._codec = codec
            self._resampler = self._new_resampler(self._decoder)
        return self._decoder

    def _new_resampler(self, decoder: SoundDecoder) -> av.AudioResampler | None:
        format, layout, rate = self._form
        if self._form == ("s16", LAYOUTS[decoder.channels - 1], decoder.rate):
            return None
        return av.AudioResampler(format, layout, rate)

    def _convert(self, sound: Sound, decoder: SoundDecoder) -> list[av.AudioFrame]:
        frame = av.AudioFrame.from_ndarray(sound.reshape(1, -1), "s16", LAYOUTS[decoder.channels - 1])
        frame.sample_rate = decoder.rate
        if self._form[1] == "stereo":
            frame = as_stereo(frame)
        frames = [frame] if self._resampler is None else self._resampler.resample(frame)
        return [frame for frame in frames if frame.samples]

    def _stamp(self, frames: list[av.AudioFrame], pts: int) -> None:
        if self._live and self._pts is not None:
            pts = self._pts
        for frame in frames:
            frame.pts, frame.time_base = pts, Fraction(1, frame.sample_rate)
            pts += frame.samples
        self._pts = pts


def _make_sound(decoder: SoundDecoder, step: Step, clock_rate: int) -> Sound:
    samples = step.duration * decoder.rate // clock_rate
    if step.kind is Kind.SILENCE:
        return np.zeros((samples, decoder.channels), np.int16)
    if step.kind is Kind.CONCEAL:
        return decoder.conceal(samples)
    assert step.packet is not None
    packet = _payload(step.packet)
    sound = decoder.decode(packet) if step.kind is Kind.DECODE else decoder.recover(packet, samples)
    return sound if len(sound) else decoder.conceal(samples)


def _payload(packet: ReceivedFrame) -> bytes:
    return packet.payloads[0] if packet.payloads else b""


def _stretch(decoder: SoundDecoder, sound: Sound, step: Step, clock_rate: int) -> Sound:
    if not step.surplus:
        return sound
    surplus = step.surplus * decoder.rate // clock_rate
    return shorten(sound, decoder.rate, surplus) if surplus > 0 else lengthen(sound, decoder.rate, -surplus)


def _check_form(format: str, rate: int, layout: str) -> None:
    if format not in FORMATS:
        raise LocalProtocolError(f"{format!r} is no sample format; there are {', '.join(FORMATS)}")
    if layout not in LAYOUTS:
        raise LocalProtocolError(f"{layout!r} is no layout; there are {', '.join(LAYOUTS)}")
    if not 8000 <= rate <= MAX_RATE:
        raise LocalProtocolError(f"a sample rate of {rate} is out of range")
