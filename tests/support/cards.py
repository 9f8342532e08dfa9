"""What decoded test cards tell: their numbers, how old they are, and which tone goes with them.

It needs no trio: foreign peers in processes of their own read and draw the same cards.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import pairwise
from statistics import median

import numpy as np
from numpy.typing import NDArray

from triortc.media.glyphs import COLUMNS, ROWS, text_width
from triortc.media.pattern import Card, read_frame_number

CLOCK = "00:00:00.000"
DIGITS = "0123456789"
DAY = 86_400.0

Luma = NDArray[np.uint8]


@dataclass(frozen=True)
class Sighting:
    """A picture that was shown.

    Attributes:
      number: its frame number, None if it cannot be read.
      age: seconds since it was drawn, by the clock in it, None if that cannot be read.
    """

    number: int | None
    age: float | None


def look(luma: Luma) -> Sighting:
    """Look at a picture that is shown now."""
    return Sighting(read_frame_number(luma), read_age(luma, datetime.now()))


def read_age(luma: Luma, now: datetime) -> float | None:
    """Return how many seconds before *now* a picture was drawn, up to half a day."""
    drawn = read_clock(luma)
    if drawn is None:
        return None
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    age = (now - midnight).total_seconds() - drawn
    return (age + DAY / 2) % DAY - DAY / 2


def read_clock(luma: Luma) -> float | None:
    """Return the time of day that a picture tells, in seconds; None if it cannot be read."""
    height, width = luma.shape
    left, top, scale, shapes = _clock_face(width, height)
    cell = COLUMNS * scale
    text = ""
    for index, mark in enumerate(CLOCK):
        if mark != "0":
            continue
        seen = luma[top : top + ROWS * scale, left + index * cell : left + (index + 1) * cell]
        text += DIGITS[int(np.argmax(shapes @ _normal(seen)))]
    hours, minutes, seconds = int(text[:2]), int(text[2:4]), int(text[4:6])
    if hours > 23 or minutes > 59 or seconds > 59:
        return None
    return hours * 3600 + minutes * 60 + seconds + int(text[6:]) / 1000


@cache
def _clock_face(width: int, height: int) -> tuple[int, int, int, NDArray[np.float64]]:
    """Return where the clock is in cards of this size, its scale, and what its digits look like."""
    card = Card(width, height)
    scale = card._clock.scale
    left = (width - text_width(CLOCK, scale)) // 2
    shapes = np.array([_normal(card._clock._cells[digit]) for digit in DIGITS])
    return left, card._panel_top + card._unit * 3 // 2, scale, shapes


def _normal(shape: Luma) -> NDArray[np.float64]:
    flat = shape.astype(np.float64).ravel()
    flat -= flat.mean()
    return flat / (np.linalg.norm(flat) or 1.0)


@dataclass(frozen=True)
class Report:
    """What a number of sightings come to.

    Attributes:
      count: pictures whose number can be read.
      damaged: pictures whose number cannot.
      missing: numbers between the first and the last that were not shown.
      delay: the median age, in seconds.
      worst: the greatest age, in seconds.
    """

    count: int
    damaged: int
    missing: int
    delay: float
    worst: float

    def __str__(self) -> str:
        return (
            f"{self.count} pictures, {self.missing} missing, {self.damaged} damaged, "
            f"{self.delay * 1000:.0f} ms old, {self.worst * 1000:.0f} ms at most"
        )


def sum_up(sightings: Iterable[Sighting]) -> Report:
    """Sum up; the pictures have to be in order."""
    seen = list(sightings)
    numbers = [sighting.number for sighting in seen if sighting.number is not None]
    assert all(earlier < later for earlier, later in pairwise(numbers)), f"out of order: {numbers}"
    ages = [sighting.age for sighting in seen if sighting.age is not None]
    return Report(
        count=len(numbers),
        damaged=len(seen) - len(numbers),
        missing=numbers[-1] - numbers[0] + 1 - len(numbers) if numbers else 0,
        delay=median(ages) if ages else float("nan"),
        worst=max(ages, default=float("nan")),
    )


def dominant_frequency(samples: Sequence[float] | NDArray[np.floating], rate: int) -> float:
    """Return the frequency in hertz that is loudest in a piece of sound of one channel."""
    sound = np.asarray(samples, np.float64)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return float(np.argmax(spectrum) * rate / len(sound))
