"""Sound for packets that are missing, where the codec makes none itself. Runs in worker threads."""

import numpy as np

from .timestretch import LONGEST_PERIOD, Sound, cross_fade, find_period, mix

HISTORY = 0.040
"""Seconds of sound that are remembered."""

FADE_START, FADE_END = 0.010, 0.060
"""Seconds into a gap at which the sound begins to fade, and has faded (as in ITU-T G.711 appendix I)."""

OVERLAP = 0.005
"""Seconds in which the real sound takes over again."""


class Concealer:
    """Repeats the last period of what was heard, fading out.

    Args:
      rate: samples per second.
      channels: of the sound.
    """

    def __init__(self, rate: int, channels: int) -> None:
        self._rate = rate
        self._heard: Sound = np.zeros((int(HISTORY * rate), channels), np.int16)
        self._loop: Sound | None = None
        self._made = 0

    def note(self, sound: Sound) -> Sound:
        """Remember real sound, and return it; what follows a gap is joined to what filled it."""
        if self._loop is not None:
            overlap = min(len(sound), int(OVERLAP * self._rate))
            joined = cross_fade(self.conceal(overlap), sound[:overlap])
            sound = np.concatenate((joined, sound[overlap:]))
            self._loop = None
        self._made = 0
        self._heard = np.concatenate((self._heard, sound))[-len(self._heard) :]
        return sound

    def conceal(self, samples: int) -> Sound:
        """Make up so much sound."""
        if self._loop is None:
            self._loop = self._last_period()
        indexes = (np.arange(samples) + self._made) % len(self._loop)
        seconds = (np.arange(samples) + self._made) / self._rate
        gain = np.clip((FADE_END - seconds) / (FADE_END - FADE_START), 0, 1)[:, np.newaxis]
        self._made += samples
        return (self._loop[indexes] * gain).astype(np.int16)

    def _last_period(self) -> Sound:
        """Cut out the last period, so that its end leads to its beginning."""
        heard = self._heard
        period, _ = find_period(mix(heard[::-1]), self._rate, int(LONGEST_PERIOD * self._rate))
        seam = period // 4
        loop = heard[-period:].copy()
        loop[-seam:] = cross_fade(loop[-seam:], heard[-period - seam : -period])
        return loop
