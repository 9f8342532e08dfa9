"""How long frames are held, so that they leave as evenly as they were captured."""

from math import inf

SLACK = 0.010
"""Unevenness that nobody sees, seconds: frames are not held for less."""

MAX_TARGET = 1.0
"""Frames are held no longer than this, seconds."""

HOLD = 3.0
HALF_LIFE = 2.0
"""For how long a late frame keeps its delay up, and after how much longer half of it is gone, seconds."""

MAX_LATENESS = 2.0
"""A frame that is later than this, seconds, belongs to another timeline."""

_WINDOW = 5.0


class Pace:
    """Finds the delay at which hardly a frame comes too late, and lets go of it again.

    A lost packet makes its frame late by a round trip or several. Where that is common, all
    frames are held for about as long, and the picture does not stutter; where it was an
    accident the delay soon comes down again.

    Attributes:
      target: seconds by which a frame that comes at its earliest is held.
    """

    __slots__ = ("_earlier", "_last", "_peak_time", "_recent", "_turn", "target")

    def __init__(self) -> None:
        self.target: float = 0.0
        # The earliest of the arrivals less media times, of this window and the one before: the
        # clocks drift, so that it must not be for ever.
        self._recent = self._earlier = inf
        self._turn = -inf
        self._last = self._peak_time = 0.0

    def release_time(self, media_time: float, now: float) -> float:
        """Return when a frame that is complete at *now* is to leave; it may have passed.

        Args:
          media_time: its timestamp in seconds.
          now: seconds.
        """
        if now >= self._turn:
            self._earlier, self._recent, self._turn = self._recent, inf, now + _WINDOW
        offset = now - media_time
        if offset < self._recent:
            self._recent = offset
        late = offset - min(self._earlier, self._recent)
        if late <= SLACK and not self.target:
            return now
        if late > MAX_LATENESS:
            self._recent = self._earlier = offset
            late = 0.0
        self._adapt(late, now)
        return now - late + self.target

    def _adapt(self, late: float, now: float) -> None:
        """Take over a delay that is needed, and let one fade that is not."""
        elapsed = now - max(self._last, self._peak_time + HOLD)
        faded = self.target * 0.5 ** (max(0.0, elapsed) / HALF_LIFE)
        self._last = now
        if late >= faded:
            self._peak_time = now
        target = min(max(late, faded), MAX_TARGET)
        self.target = target if target > SLACK else 0.0
