"""The timestamps of one track as one line, whatever streams and clocks they come from."""

from math import inf

from triortc.protocol.wire.serial import distance32

MAX_JUMP = 10.0
"""Seconds by which timestamps and arrivals may differ, from one frame to the next; a sender
that differs more has begun anew."""


class Timeline:
    """Unwraps 32-bit timestamps, and joins them where a stream begins anew.

    At a joint, be it another SSRC, another clock rate or a sender that restarts, time goes on
    by as much as has passed between the arrivals.
    """

    __slots__ = ("_arrival", "_joint", "_last", "_rate", "_ticks", "_time")

    def __init__(self) -> None:
        self._rate = 0
        self._last = 0
        self._ticks = 0
        self._arrival = 0.0
        self._time = -inf
        self._joint = False

    def begin_anew(self) -> None:
        """Expect timestamps that have nothing to do with those before."""
        self._joint = True

    def place(self, timestamp: int, clock_rate: int, arrival: float) -> tuple[int, float]:
        """Return where the next frame lies.

        Args:
          timestamp: 32 bits.
          clock_rate: RTP ticks per second.
          arrival: of its first packet, seconds.

        Returns:
          its timestamp, unwrapped; and its arrival, never before an earlier frame's.
        """
        if self._rate:
            elapsed = arrival - self._arrival
            step = distance32(timestamp, self._last)
            if self._joint or clock_rate != self._rate or abs(step / clock_rate - elapsed) > MAX_JUMP:
                ticks = self._ticks * clock_rate // self._rate + max(1, round(elapsed * clock_rate))
            else:
                ticks = self._ticks + step
        else:
            ticks = timestamp
        self._joint = False
        self._rate, self._last, self._ticks, self._arrival = clock_rate, timestamp, ticks, arrival
        if arrival > self._time:
            self._time = arrival
        return ticks, self._time
