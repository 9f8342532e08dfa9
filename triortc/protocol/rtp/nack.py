"""Which packets are missing, and when to ask for them again (RFC 4585 §6.2.1)."""

from math import inf

MAX_MISSING = 1000
"""Missing packets that are remembered; more of them ask for a keyframe instead."""

MAX_RETRIES = 10
"""How often one packet is asked for."""

MAX_GAP = 128
"""More packets than this, missing in a row, are not asked for: a keyframe is cheaper."""

UNKNOWN_ROUND_TRIP = 0.1
"""Seconds, until a round trip has been measured."""

MIN_TOLERANCE = 0.005
MAX_TOLERANCE = 0.100
"""How long a missing packet may merely be late, seconds; it follows the reordering that is seen."""

MIN_INTERVAL = 0.020
"""Shortest time between two requests for one packet, seconds: a retransmission takes its time."""

BATCH = 0.004
"""Requests that are due within this time, seconds, leave together."""

TOLERANCE_HALF_LIFE = 5.0
"""Seconds after which half of it is forgotten."""


class _Missing:
    """One missing packet."""

    __slots__ = ("due", "retries", "since")

    def __init__(self, since: float, due: float) -> None:
        self.since = since
        self.due = due
        self.retries = 0


class NackList:
    """The missing packets of one stream, by unwrapped sequence number.

    Args:
      rtx: whether retransmissions come as such (RFC 4588), not as the packet itself again.

    Attributes:
      deadline: when :meth:`take_due` has something to ask for, seconds; infinite when not.
    """

    __slots__ = ("_learned", "_missing", "_rtx", "_tolerance", "deadline")

    def __init__(self, *, rtx: bool) -> None:
        self.deadline: float = inf
        self._missing: dict[int, _Missing] = {}
        self._rtx = rtx
        self._tolerance = MIN_TOLERANCE
        self._learned = 0.0

    def __len__(self) -> int:
        return len(self._missing)

    def tolerance(self, now: float) -> float:
        """Return how long a missing packet is awaited before it is asked for, seconds."""
        faded: float = self._tolerance * 0.5 ** ((now - self._learned) / TOLERANCE_HALF_LIFE)
        return max(faded, MIN_TOLERANCE)

    def add(self, first: int, end: int, now: float) -> bool:
        """Note that the packets from *first* up to *end* are missing.

        Returns:
          False when they are too many to ask for; then none of them is noted.
        """
        if end - first > MAX_GAP or len(self._missing) + end - first > MAX_MISSING:
            return False
        due = now + self.tolerance(now)
        for sequence in range(first, end):
            self._missing[sequence] = _Missing(now, due)
        self.deadline = min(self.deadline, due)
        return True

    def found(self, sequence: int, now: float, *, repaired: bool) -> None:
        """Note that a packet has come late, *repaired* or by itself: then it was only reordered."""
        missing = self._missing.pop(sequence, None)
        if missing is None:
            return
        if not self._missing:
            self.deadline = inf
        if not repaired and (self._rtx or missing.retries == 0):
            self._learn(now - missing.since, now)

    def _learn(self, late: float, now: float) -> None:
        """Tolerate the reordering that is common here."""
        self._tolerance = max(min(1.25 * late, MAX_TOLERANCE), self.tolerance(now))
        self._learned = now

    def forget_before(self, sequence: int) -> None:
        """Ask no more for packets before *sequence*."""
        if self._missing:
            self._missing = {number: it for number, it in self._missing.items() if number >= sequence}
            self._update_deadline()

    def clear(self) -> None:
        """Ask for nothing any more."""
        self._missing.clear()
        self.deadline = inf

    def take_due(self, now: float, round_trip: float | None) -> list[int]:
        """Return the packets to ask for at *now*, in order; the ones asked for in vain are dropped."""
        if now < self.deadline:
            return []
        interval = retry_interval(round_trip)
        due: list[int] = []
        for sequence, missing in list(self._missing.items()):
            if missing.due > now + BATCH:
                continue
            if missing.retries >= MAX_RETRIES:
                del self._missing[sequence]
                continue
            missing.retries += 1
            missing.due = now + interval
            due.append(sequence)
        self._update_deadline()
        return sorted(due)

    def _update_deadline(self) -> None:
        self.deadline = min((missing.due for missing in self._missing.values()), default=inf)


def retry_interval(round_trip: float | None) -> float:
    """Return the time after which a request has been in vain, seconds."""
    round_trip = UNKNOWN_ROUND_TRIP if round_trip is None else round_trip
    return max(MIN_INTERVAL, 1.1 * round_trip + 0.005)
