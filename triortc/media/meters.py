"""What is measured of frames on their way: how many come in a second, how large and how loud."""

from collections import deque
from dataclasses import dataclass
from math import sqrt

MAX_COUNTED = 1000
"""Frames of one second that are counted."""


class RateMeter:
    """How many frames came within the last second."""

    __slots__ = ("_times",)

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=MAX_COUNTED)

    def note(self, now: float) -> None:
        """Count a frame."""
        self._forget(now)
        self._times.append(now)

    def per_second(self, now: float) -> float:
        """Return the frames of the second before *now*."""
        self._forget(now)
        return float(len(self._times))

    def _forget(self, now: float) -> None:
        times = self._times
        while times and times[0] <= now - 1:
            times.popleft()


@dataclass(frozen=True, slots=True)
class SourceStatistics:
    """What a track's source has given so far, before it is encoded (W3C ``RTCMediaSourceStats``).

    Attributes:
      frames: pictures, or pieces of sound.
      frames_per_second: of the last second.
      width: of the last picture in pixels; None for sound, and pictures that come encoded.
      height: likewise.
      audio_level: of the last piece of sound: 0 is silence, and 1 the loudest there is.
      total_audio_energy: the squares of the levels times the seconds they lasted, summed.
      total_samples_duration: seconds of sound. Sound is measured while somebody listens.
    """

    frames: int
    frames_per_second: float
    width: int | None
    height: int | None
    audio_level: float
    total_audio_energy: float
    total_samples_duration: float


class SourceMeter:
    """Keeps the figures of one track's source."""

    def __init__(self) -> None:
        self._frames = 0
        self._rate = RateMeter()
        self._size: tuple[int, int] | None = None
        self._level = self._energy = self._duration = 0.0
        self._measured = -1

    def note_frame(self, now: float) -> None:
        """Count a frame."""
        self._frames += 1
        self._rate.note(now)

    def note_picture(self, width: int, height: int) -> None:
        """Take note of a picture's size."""
        self._size = width, height

    def note_sound(self, timestamp: int, energy: float, duration: float) -> None:
        """Count a piece of sound, which each of several encoders may have measured.

        Args:
          timestamp: its place; they only ever grow.
          energy: its mean square, 1 being the loudest there is, times its duration.
          duration: seconds.
        """
        if timestamp > self._measured and duration > 0:
            self._measured = timestamp
            self._energy += energy
            self._duration += duration
            self._level = sqrt(energy / duration)

    def read(self, now: float) -> SourceStatistics:
        """Return the figures at *now*."""
        width, height = self._size or (None, None)
        return SourceStatistics(
            frames=self._frames,
            frames_per_second=self._rate.per_second(now),
            width=width,
            height=height,
            audio_level=self._level,
            total_audio_energy=self._energy,
            total_samples_duration=self._duration,
        )
