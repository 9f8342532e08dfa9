"""The queue between the tasks of a recorder's tracks and its worker."""

from collections.abc import Sequence
from typing import Generic, TypeVar

import trio

MAX_BYTES = 16 * 1024 * 1024
MAX_AGE = 10.0
"""How much waits for a slow disk, in bytes and in seconds."""

EntryT = TypeVar("EntryT")


class Backlog(Generic[EntryT]):
    """Channel r, 16 MiB or 10 s, BLOCK: the track waits, and its own queue drops what it must.

    Attributes:
      bytes: of the frames that wait.
    """

    def __init__(self) -> None:
        self.bytes: int = 0
        self._entries: list[EntryT] = []
        self._since = 0.0
        self._closed = False
        self._filled = trio.lowlevel.ParkingLot()
        self._emptied = trio.lowlevel.ParkingLot()

    def __len__(self) -> int:
        return len(self._entries)

    async def put(self, entry: EntryT, size: int) -> None:
        """Queue a frame of *size* bytes, as soon as there is room."""
        while self._full() and not self._closed:
            await self._emptied.park()
        if not self._closed:
            self.bytes += size
            self.put_nowait(entry)

    def put_nowait(self, entry: EntryT) -> None:
        """Queue what takes no room; when closed, forget it."""
        if self._closed:
            return
        if not self._entries:
            self._since = trio.current_time()
        self._entries.append(entry)
        self._filled.unpark_all()

    async def take(self) -> Sequence[EntryT]:
        """Wait for entries and return all there are; none when closed and empty."""
        while not self._entries and not self._closed:
            await self._filled.park()
        return self.drain()

    def drain(self) -> Sequence[EntryT]:
        """Return all entries there are."""
        entries, self._entries = self._entries, []
        self.bytes = 0
        self._emptied.unpark_all()
        return entries

    def close(self) -> None:
        """Take no more."""
        self._closed = True
        self._filled.unpark_all()
        self._emptied.unpark_all()

    def _full(self) -> bool:
        late = bool(self._entries) and trio.current_time() - self._since >= MAX_AGE
        return late or self.bytes >= MAX_BYTES
