"""A timer table: deadlines by name, no clock, no callbacks."""

from collections.abc import Hashable
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)


class Timers(Generic[KeyT]):
    """Named deadlines of one machine.

    The machine asks :meth:`next_deadline` for its alarm and, when time has come,
    :meth:`expired` for the names to act on. All times are seconds on the caller's clock.
    """

    __slots__ = ("_deadlines",)

    def __init__(self) -> None:
        self._deadlines: dict[KeyT, float] = {}

    def set(self, key: KeyT, deadline: float) -> None:
        """Set or move the timer *key*."""
        self._deadlines[key] = deadline

    def set_earlier(self, key: KeyT, deadline: float) -> None:
        """Set the timer *key*, or move it forward; never back."""
        current = self._deadlines.get(key)
        if current is None or deadline < current:
            self._deadlines[key] = deadline

    def stop(self, key: KeyT) -> None:
        """Forget the timer *key*; it need not be set."""
        self._deadlines.pop(key, None)

    def clear(self) -> None:
        """Forget all timers."""
        self._deadlines.clear()

    def deadline(self, key: KeyT) -> float | None:
        """Return when *key* is due, or None when it is not set."""
        return self._deadlines.get(key)

    def next_deadline(self) -> float | None:
        """Return the earliest deadline, or None."""
        return min(self._deadlines.values(), default=None)

    def expired(self, now: float) -> list[KeyT]:
        """Remove and return the timers that are due at *now*, the earliest first."""
        due = [key for key, deadline in self._deadlines.items() if deadline <= now]
        due.sort(key=lambda key: self._deadlines[key])
        for key in due:
            del self._deadlines[key]
        return due


def earliest(*deadlines: float | None) -> float | None:
    """Return the earliest of several deadlines, any of which may be None."""
    return min((deadline for deadline in deadlines if deadline is not None), default=None)
