"""Fewer frames per second than a source gives."""

CLOSE_TO_DUE = 0.25
"""Part of a frame's duration that a frame may be early: cameras tremble."""


class Framerate:
    """Thins out frames to *limit* per second."""

    def __init__(self, limit: float) -> None:
        self._interval = 1 / limit
        self._due = float("-inf")

    def take(self, time: float) -> bool:
        """Whether to keep the frame that was captured at *time*."""
        if time < self._due - CLOSE_TO_DUE * self._interval:
            return False
        self._due = max(self._due, time - self._interval) + self._interval
        return True
