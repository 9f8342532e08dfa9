"""A value that tasks can wait on: a state is a value, not a history."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

import trio

ValueT = TypeVar("ValueT")


class Watched(Generic[ValueT]):
    """A current value, set synchronously, that any number of tasks can watch."""

    __slots__ = ("_changed", "_value")

    def __init__(self, value: ValueT) -> None:
        self._value = value
        self._changed = trio.lowlevel.ParkingLot()

    @property
    def value(self) -> ValueT:
        """The current value."""
        return self._value

    def set(self, value: ValueT) -> None:
        """Change the value and wake who waits."""
        self._value = value
        self._changed.unpark_all()

    async def wait_until(self, predicate: Callable[[ValueT], bool]) -> ValueT:
        """Wait until the current value satisfies *predicate*; return it. Always a checkpoint."""
        await trio.lowlevel.checkpoint()
        while not predicate(self._value):
            await self._changed.park()
        return self._value

    async def _changes(self) -> AsyncIterator[ValueT]:
        await trio.lowlevel.checkpoint()
        value = self._value
        yield value
        while True:
            last = value
            value = await self.wait_until(lambda current, last=last: current != last)  # type: ignore[misc]
            yield value

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[AsyncIterator[ValueT]]:
        """Iterate over the current value and each later one; a slow reader sees only the latest."""
        changes = self._changes()
        await trio.lowlevel.checkpoint()
        try:
            yield changes
        finally:
            await changes.aclose()  # type: ignore[attr-defined]
