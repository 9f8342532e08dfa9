"""Serial number arithmetic (RFC 1982) for RTP's 16- and 32-bit counters."""


def add16(value: int, increment: int) -> int:
    """Return *value* + *increment* modulo 2**16."""
    return (value + increment) & 0xFFFF


def distance16(newer: int, older: int) -> int:
    """Return the signed distance from *older* to *newer*, in -32768…32767."""
    return ((newer - older + 0x8000) & 0xFFFF) - 0x8000


def add32(value: int, increment: int) -> int:
    """Return *value* + *increment* modulo 2**32."""
    return (value + increment) & 0xFFFFFFFF


def distance32(newer: int, older: int) -> int:
    """Return the signed distance from *older* to *newer*, in -2**31…2**31-1."""
    return ((newer - older + 0x80000000) & 0xFFFFFFFF) - 0x80000000


class Unwrapper16:
    """Turns 16-bit serial numbers into integers that never wrap.

    Each number is taken as the nearest one to the highest seen so far.
    """

    __slots__ = ("highest",)

    def __init__(self) -> None:
        self.highest: int | None = None

    def unwrap(self, value: int) -> int:
        """Return the unwrapped number, and remember it if it is the highest."""
        if self.highest is None:
            self.highest = value
            return value
        unwrapped = self.highest + distance16(value, self.highest & 0xFFFF)
        if unwrapped > self.highest:
            self.highest = unwrapped
        return unwrapped
