"""Candidate pairs and the order in which they are checked (RFC 8445 §6.1)."""

import enum
from collections.abc import Iterator
from math import inf

from triortc.protocol.wire.machine import Address

from .candidate import IceCandidate
from .figures import PairFigures

MAX_PAIRS = 100
"""Pairs in a check list (RFC 8445 §6.1.2.5)."""


class PairState(enum.Enum):
    """How far the checks of a pair have come; the values are W3C's ``RTCStatsIceCandidatePairState``."""

    FROZEN = "frozen"
    WAITING = "waiting"
    IN_PROGRESS = "in-progress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


UNDER_WAY = frozenset({PairState.WAITING, PairState.IN_PROGRESS})
UNDECIDED = UNDER_WAY | {PairState.FROZEN}
_RESTING = frozenset({PairState.FROZEN, PairState.WAITING})
_TIERS = {"relay": 0, "srflx": 1, "prflx": 1, "host": 2}


class CandidatePair:
    """A socket of ours and an address of the remote peer.

    Server-reflexive candidates have no pairs of their own: what is sent from one leaves from its
    base (RFC 8445 §6.1.2.4). So a socket and a remote address name a pair.

    Attributes:
      local_base: the address of the socket.
      remote: the address to send to.
      local_candidate: our candidate as the remote sees it, known for good once a check succeeded.
      remote_candidate: the remote's candidate at ``remote``.
      priority: RFC 8445 §6.1.2.3; it depends on who is controlling.
      state: see :class:`PairState`.
      answered_at: when the last of our checks was answered; None when the pair is not valid.
      heard_at: when the last authentic check of the remote came over the pair.
      nominated_at: when it was last nominated; None when it never was.
      rtt: smoothed round trip in seconds, or None.
      sends: checks sent since the remote was heard of last, but for consent checks.
      is_checked: whether ``remote`` has proven to be the peer: it sent an authentic check or
        answered one of ours.
      check_id: transaction id of the latest check that is not for consent.
      figures: what it has carried and been checked by.
    """

    __slots__ = (
        "_host_candidate",
        "answered_at",
        "check_id",
        "figures",
        "foundation",
        "heard_at",
        "is_checked",
        "local_base",
        "local_candidate",
        "nominated_at",
        "priority",
        "remote",
        "remote_candidate",
        "rtt",
        "sends",
        "state",
    )

    def __init__(
        self,
        local_base: Address,
        remote: Address,
        local_candidate: IceCandidate,
        remote_candidate: IceCandidate,
        *,
        controlling: bool,
    ) -> None:
        self.local_base: Address = local_base
        self.remote: Address = remote
        self.local_candidate: IceCandidate = local_candidate
        self._host_candidate = local_candidate
        self.state: PairState = PairState.FROZEN
        self.answered_at: float | None = None
        self.heard_at: float = -inf
        self.nominated_at: float | None = None
        self.rtt: float | None = None
        self.sends: int = 0
        self.check_id: bytes = b""
        self.is_checked: bool = False
        self.figures: PairFigures = PairFigures()
        self.set_remote_candidate(remote_candidate, controlling=controlling)

    def set_remote_candidate(self, candidate: IceCandidate, *, controlling: bool) -> None:
        """Put the signalled candidate in the place of a peer-reflexive one at the same address."""
        self.remote_candidate: IceCandidate = candidate
        self.foundation: tuple[str, str] = (self._host_candidate.foundation, candidate.foundation)
        self.set_role(controlling=controlling)

    def set_role(self, *, controlling: bool) -> None:
        """Compute the priority again for a new role (RFC 8445 §6.1.2.3)."""
        mine, theirs = self._host_candidate.priority, self.remote_candidate.priority
        ours, his = (mine, theirs) if controlling else (theirs, mine)
        self.priority: int = (min(ours, his) << 32) + 2 * max(ours, his) + (ours > his)

    @property
    def tier(self) -> int:
        """How direct the pair is: 0 through a relay, 1 through a NAT, 2 from host to host."""
        return min(_TIERS[self.local_candidate.type], _TIERS[self.remote_candidate.type])

    @property
    def is_valid(self) -> bool:
        """Whether a check was answered, and none failed since."""
        return self.answered_at is not None

    def succeed(self, now: float, round_trip: float | None) -> None:
        """Note the answer to a check."""
        self.state = PairState.SUCCEEDED
        self.answered_at = now
        self.sends = 0
        self.figures.note_response(round_trip)
        if round_trip is not None:
            self.rtt = round_trip if self.rtt is None else self.rtt + (round_trip - self.rtt) / 8

    def fail(self) -> None:
        """Note that a check stayed without an answer."""
        self.state = PairState.FAILED
        self.answered_at = None
        self.nominated_at = None

    def doubt(self, *, answered_before: float) -> None:
        """Let the pair be valid no more when its last answer is that old."""
        if self.answered_at is not None and self.answered_at < answered_before:
            self.answered_at = None

    def __repr__(self) -> str:
        (here, port), (there, remote_port) = self.local_base, self.remote
        return f"<CandidatePair {here}:{port} → {there}:{remote_port} {self.state.value}>"


class Checklist:
    """All pairs, and which of them to check next.

    Attributes:
      selected: the pair that data is sent to, or None.
    """

    __slots__ = ("_pairs", "_triggered", "selected")

    def __init__(self) -> None:
        self.selected: CandidatePair | None = None
        self._pairs: dict[tuple[Address, Address], CandidatePair] = {}
        self._triggered: dict[CandidatePair, None] = {}

    def __iter__(self) -> Iterator[CandidatePair]:
        return iter(self._pairs.values())

    def __len__(self) -> int:
        return len(self._pairs)

    def __contains__(self, pair: CandidatePair | None) -> bool:
        return pair is not None and self._pairs.get((pair.local_base, pair.remote)) is pair

    def get(self, local: Address, remote: Address) -> CandidatePair | None:
        """Return the pair of these addresses."""
        return self._pairs.get((local, remote))

    def add(self, pair: CandidatePair, *, proven: bool) -> bool:
        """Add a pair; it waits unless one of its foundation is under way (RFC 8838 §12).

        Args:
          proven: the remote address has sent an authentic check, so the pair may take the
            place of any that has nothing to show.

        Returns:
          False when the list is full of better ones.
        """
        if len(self._pairs) >= MAX_PAIRS and not self._make_room(pair, proven=proven):
            return False
        kin = {other.state for other in self if other.foundation == pair.foundation}
        blocked = kin & UNDER_WAY and PairState.SUCCEEDED not in kin
        pair.state = PairState.FROZEN if blocked else PairState.WAITING
        self._pairs[pair.local_base, pair.remote] = pair
        return True

    def _make_room(self, pair: CandidatePair, *, proven: bool) -> bool:
        idle = [other for other in self if not other.is_valid and other.state is not PairState.IN_PROGRESS]
        victims = (other for other in idle if other is not self.selected)
        victim = min(victims, key=lambda other: (other.is_checked, other.priority), default=None)
        if victim is None or (victim.priority >= pair.priority and not proven):
            return False
        self.remove(victim)
        return True

    def remove(self, pair: CandidatePair) -> None:
        """Forget a pair."""
        self._pairs.pop((pair.local_base, pair.remote), None)
        self._triggered.pop(pair, None)

    def trigger(self, pair: CandidatePair) -> None:
        """Check *pair*, whose remote was heard of, before all that are not triggered (RFC 8445 §6.1.4.1)."""
        pair.state = PairState.WAITING
        pair.sends = 0
        self._triggered.setdefault(pair)

    def has_work(self, *, above: int) -> bool:
        """Return whether :meth:`next_check` has a pair."""
        return bool(self._triggered) or any(pair.state in _RESTING and pair.tier > above for pair in self)

    def next_check(self, *, above: int) -> CandidatePair | None:
        """Return the pair to check now (RFC 8445 §6.1.4.2), or None.

        A frozen pair's turn comes when none is waiting. The RFC would hold it back until its kin
        has failed, seconds later: with one component nothing is to be learned by that, and a
        remote that gives all candidates one foundation would be checked one by one.

        Args:
          above: pass over pairs of this tier and below that are not triggered.
        """
        if self._triggered:
            pair = next(iter(self._triggered))
            del self._triggered[pair]
            return pair
        resting = (pair for pair in self if pair.state in _RESTING and pair.tier > above)
        return max(resting, key=lambda pair: (pair.state is PairState.WAITING, pair.priority), default=None)

    def succeed(self, pair: CandidatePair, now: float, round_trip: float | None) -> None:
        """Note the answer to a check of *pair*, and let its kin be checked (RFC 8445 §7.2.5.3.3)."""
        pair.succeed(now, round_trip)
        self._triggered.pop(pair, None)
        for other in self:
            if other.state is PairState.FROZEN and other.foundation == pair.foundation:
                other.state = PairState.WAITING

    def start_again(self, *, answered_before: float) -> None:
        """Check all pairs anew, but the selected one and those that were answered since."""
        for pair in self:
            if pair is not self.selected and pair.state is not PairState.IN_PROGRESS:
                pair.doubt(answered_before=answered_before)
                if not pair.is_valid:
                    pair.state = PairState.WAITING
                    pair.sends = 0

    def best_valid(self, *, heard_after: float | None = None, above: int = -1) -> CandidatePair | None:
        """Return the best valid pair but the selected one: if told so, heard after a time or above a tier."""
        others = (pair for pair in self if pair.is_valid and pair is not self.selected)
        heard = (pair for pair in others if heard_after is None or pair.heard_at > heard_after)
        return max((pair for pair in heard if pair.tier > above), key=_priority, default=None)

    def may_be_beaten(self, pair: CandidatePair) -> bool:
        """Return whether a pair of higher priority could still become valid."""
        return any(other.priority > pair.priority and other.state in UNDECIDED for other in self)

    def has_failed(self) -> bool:
        """Return whether there were pairs, and all of them failed."""
        return bool(self._pairs) and all(pair.state is PairState.FAILED for pair in self)

    def count_under_way(self) -> int:
        """Return how many pairs are waiting or in progress."""
        return sum(pair.state in UNDER_WAY for pair in self)


def _priority(pair: CandidatePair) -> int:
    return pair.priority
