"""Sound made a little shorter or longer, by whole periods of itself. Runs in worker threads.

Sound is an array of 16-bit samples, one row per instant and one column per channel.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Sound: TypeAlias = NDArray[np.int16]
Signal: TypeAlias = NDArray[np.float32]

SHORTEST_PERIOD, LONGEST_PERIOD = 0.0025, 0.015
"""Seconds; those of voices are between."""

SEARCH_RATE = 8000
"""Samples per second that are enough to find a period."""

ALIKE, ALIKE_IN_HASTE = 0.5, 0.2
"""Correlation that two periods must have, for one to stand for the other."""

HASTE = 0.1
"""Seconds of surplus from which being in time matters more than beauty."""

QUIET = 60.0
"""Root mean square below which any cut goes unheard: -55 dB."""


def shorten(sound: Sound, rate: int, surplus: int) -> Sound:
    """Leave one period out, of at most *surplus* samples, if there is a period.

    A sine, a vowel and silence can be shortened; the attack of a drum cannot, and stays.
    """
    period = _find_cut(sound, rate, surplus)
    if not period:
        return sound
    return np.concatenate((cross_fade(sound[:period], sound[period : 2 * period]), sound[2 * period :]))


def lengthen(sound: Sound, rate: int, deficit: int) -> Sound:
    """Play one period twice, of at most *deficit* samples, if there is a period."""
    period = _find_cut(sound, rate, deficit)
    if not period:
        return sound
    bridge = cross_fade(sound[period : 2 * period], sound[:period])
    return np.concatenate((sound[:period], bridge, sound[period:]))


def cross_fade(old: Sound, new: Sound) -> Sound:
    """Go over from one piece of sound to another one of equal length."""
    rise = np.linspace(0, 1, len(old), dtype=np.float32)[:, np.newaxis]
    return (old * (1 - rise) + new * rise).astype(np.int16)


def find_period(signal: Signal, rate: int, longest: int) -> tuple[int, float]:
    """Return after how many samples a signal is most like its beginning, and how much so.

    Args:
      signal: of one channel, more than *longest* samples.
      rate: samples per second.
      longest: samples that a period may have.
    """
    shortest = int(SHORTEST_PERIOD * rate)
    step = max(1, rate // SEARCH_RATE)
    coarse = signal[: len(signal) // step * step].reshape(-1, step).mean(axis=1)
    near = _find_peak(coarse, shortest // step, longest // step)[0] * step
    return _find_peak(signal, max(shortest, near - step), min(longest, near + step))


def mix(sound: Sound) -> Signal:
    """Return the mean of all channels."""
    mean: Signal = sound.mean(axis=1, dtype=np.float32)
    return mean


def _find_cut(sound: Sound, rate: int, most: int) -> int:
    longest = min(most, len(sound) // 2, int(LONGEST_PERIOD * rate))
    if longest <= int(SHORTEST_PERIOD * rate):
        return 0
    signal = mix(sound)
    if float(np.sqrt(np.mean(signal**2))) < QUIET:
        return longest
    period, likeness = find_period(signal, rate, longest)
    return period if likeness >= (ALIKE_IN_HASTE if most > HASTE * rate else ALIKE) else 0


def _find_peak(signal: Signal, shortest: int, longest: int) -> tuple[int, float]:
    """Return the lag of the highest normalized correlation with the signal's beginning."""
    width = len(signal) - longest
    products = np.correlate(signal[shortest:], signal[:width], "valid")
    energy = np.concatenate(([0.0], np.cumsum(signal.astype(np.float64) ** 2)))
    window = energy[shortest + width :] - energy[shortest : len(signal) - width + 1]
    likeness = products / (np.sqrt(window * energy[width]) + 1.0)
    best = int(np.argmax(likeness))
    return shortest + best, float(likeness[best])
