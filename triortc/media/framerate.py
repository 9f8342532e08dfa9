"""Fewer frames per second than a source gives."""

CLOSE_TO_DUE, EARLY = 0.25, 0.02
"""Part of an interval, and seconds at most, that a frame may be early: cameras tremble."""


class Framerate:
    """Thins out frames to *limit* per second."""

    def __init__(self, limit: float) -> None:
        self._interval = 1 / limit
        self._early = min(CLOSE_TO_DUE * self._interval, EARLY)
        self._due = float("-inf")

    def take(self, time: float) -> bool:
        """Whether to keep the frame that was captured at *time*."""
        if time < self._due - self._early:
            return False
        on_time = time - self._due < self._interval
        self._due = (self._due if on_time else time) + self._interval
        return True
