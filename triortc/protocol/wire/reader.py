"""The one bounded reader of untrusted bytes."""

from .errors import Malformed


class Reader:
    """Reads big-endian fields from a buffer; every read is checked.

    Raises:
      Malformed: from any read that would pass the end.
    """

    __slots__ = ("_data", "_end", "_position")

    def __init__(self, data: bytes | memoryview) -> None:
        self._data = data
        self._position = 0
        self._end = len(data)

    @property
    def position(self) -> int:
        """How many bytes have been read."""
        return self._position

    @property
    def remaining(self) -> int:
        """How many bytes are left."""
        return self._end - self._position

    def _advance(self, count: int) -> int:
        start = self._position
        if count < 0 or start + count > self._end:
            raise Malformed(f"wanted {count} bytes, {self._end - start} left")
        self._position = start + count
        return start

    def uint(self, size: int) -> int:
        """Read an unsigned integer of *size* bytes."""
        start = self._advance(size)
        return int.from_bytes(self._data[start : self._position], "big")

    def u8(self) -> int:
        """Read one byte."""
        return self._data[self._advance(1)]

    def u16(self) -> int:
        """Read a 16-bit unsigned integer."""
        return self.uint(2)

    def u24(self) -> int:
        """Read a 24-bit unsigned integer."""
        return self.uint(3)

    def u32(self) -> int:
        """Read a 32-bit unsigned integer."""
        return self.uint(4)

    def u64(self) -> int:
        """Read a 64-bit unsigned integer."""
        return self.uint(8)

    def take(self, count: int) -> bytes:
        """Read *count* bytes."""
        start = self._advance(count)
        return bytes(self._data[start : self._position])

    def skip(self, count: int) -> None:
        """Pass over *count* bytes."""
        self._advance(count)

    def rest(self) -> bytes:
        """Read all that is left."""
        return self.take(self.remaining)
