"""NTP time from a monotonic clock, anchored once."""

from dataclasses import dataclass

NTP_EPOCH_OFFSET = 2_208_988_800
"""Seconds from 1900-01-01 (NTP) to 1970-01-01 (Unix)."""


@dataclass(frozen=True, slots=True)
class ClockAnchor:
    """One reading of two clocks, so that the wall clock is never read again.

    A jump of the wall clock therefore changes nothing in a running session.

    Attributes:
      monotonic: seconds on the clock that all machines are driven by.
      unix: the wall clock at that instant, seconds since 1970.
    """

    monotonic: float
    unix: float

    def unix_time(self, now: float) -> float:
        """Return the wall clock at *now*, seconds since 1970."""
        return self.unix + (now - self.monotonic)

    def ntp(self, now: float) -> int:
        """Return the 64-bit NTP timestamp of *now* (RFC 3550 §4)."""
        return int((self.unix_time(now) + NTP_EPOCH_OFFSET) * (1 << 32)) & 0xFFFFFFFFFFFFFFFF


def compact_ntp(ntp: int) -> int:
    """Return the middle 32 bits of a 64-bit NTP timestamp (RFC 3550 §4)."""
    return (ntp >> 16) & 0xFFFFFFFF


def compact_to_seconds(compact: int) -> float:
    """Return a compact NTP difference, in units of 1/65536 s, as seconds."""
    return compact / 65536
