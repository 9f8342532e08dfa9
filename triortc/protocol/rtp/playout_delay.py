"""How long sound must wait, so that what comes late still comes in time."""

from bisect import bisect_left
from itertools import accumulate

BUCKET = 0.010
"""Seconds of delay that one class of the histogram stands for."""

BUCKETS = 100

MIN_DELAY, MAX_DELAY = 0.020, 1.0
"""Bounds of the target delay, seconds: one packet, and more than a conversation bears."""

QUANTILE = 0.95
"""Part of the intervals in which nothing may come too late."""

INTERVAL = 0.2
"""Seconds; what came last in each is what counts."""

MEMORY = 40
"""Intervals that the histogram remembers, more or less."""

PRIOR = 20
"""Calm intervals that it begins with: one late packet is no reason to wait, two soon are."""

BASE_WINDOW = 2.0
"""Seconds after which the fastest packet begins to be forgotten: clocks drift, routes change."""


class DelayEstimator:
    """Finds the target delay: a quantile of how much packets come later than the fastest one.

    Attributes:
      target: seconds that a packet which came as fast as any should wait before it is played.
    """

    def __init__(self) -> None:
        self.target: float = 2 * MIN_DELAY
        self._histogram = [1.0] + [0.0] * (BUCKETS - 1)
        self._intervals = PRIOR
        self._worst = 0.0
        self._interval_end: float | None = None
        self._fastest = self._fastest_before = float("inf")
        self._window_end = float("-inf")

    def delay(self, media_time: float, now: float) -> float:
        """Return how much later than by the fastest way something is here at *now*.

        Args:
          media_time: its place on the sender's clock, seconds.
          now: when it is here, or is played.
        """
        return now - media_time - min(self._fastest, self._fastest_before)

    def note_arrival(self, media_time: float, now: float) -> float:
        """Take note of a packet, and return its delay."""
        if now >= self._window_end:
            self._fastest_before, self._fastest = self._fastest, float("inf")
            self._window_end = now + BASE_WINDOW
        self._fastest = min(self._fastest, now - media_time)
        delay = self.delay(media_time, now)
        self.note_delay(delay, now)
        return delay

    def note_delay(self, delay: float, now: float) -> None:
        """Take note that some sound could be had this much later than by the fastest way."""
        if self._interval_end is None:
            self._interval_end = now + INTERVAL
        if now >= self._interval_end:
            self._learn()
            self._interval_end = now + INTERVAL
        self._worst = max(self._worst, delay)

    def _learn(self) -> None:
        """Add the worst delay of the interval to the histogram, and read the target off it."""
        self._intervals += 1
        weight = 1 / min(self._intervals, MEMORY)
        histogram = [part * (1 - weight) for part in self._histogram]
        histogram[min(int(self._worst / BUCKET), BUCKETS - 1)] += weight
        self._histogram = histogram
        self._worst = 0.0
        bucket = bisect_left(list(accumulate(histogram)), QUANTILE)
        self.target = min(max((bucket + 1) * BUCKET, MIN_DELAY), MAX_DELAY)
