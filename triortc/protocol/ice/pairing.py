"""The candidates of both sides, and the pairs that are made of them (RFC 8445 §6.1.2)."""

from triortc.protocol.wire.machine import Address

from .candidate import IceCandidate, peer_reflexive, priority_of
from .checklist import CandidatePair, Checklist
from .local import LocalBase

MAX_REMOTE_CANDIDATES = 100
"""Addresses of one remote that are remembered."""


class Pairing:
    """Who could talk to whom.

    Attributes:
      bases: our sockets by address.
      remotes: the remote's candidates by canonical address.
      checklist: the pairs.
      controlling: whether we are; it decides the pairs' priorities.
    """

    __slots__ = ("bases", "checklist", "controlling", "remotes")

    def __init__(self, *, controlling: bool) -> None:
        self.bases: dict[Address, LocalBase] = {}
        self.remotes: dict[Address, IceCandidate] = {}
        self.checklist: Checklist = Checklist()
        self.controlling: bool = controlling

    def set_role(self, *, controlling: bool) -> None:
        """Compute all priorities again for a new role."""
        self.controlling = controlling
        for pair in self.checklist:
            pair.set_role(controlling=controlling)

    def add_base(self, address: Address, username_fragment: str) -> LocalBase:
        """Add a socket; those added first are preferred.

        Raises:
          LocalProtocolError: the address is not that of one host.
        """
        base = LocalBase(address, 0xFFFF - len(self.bases), username_fragment)
        self.bases[address] = base
        for remote, candidate in self.remotes.items():
            self._pair_if_reachable(base, remote, candidate)
        return base

    def add_remote(self, address: Address, candidate: IceCandidate) -> bool:
        """Add a candidate that was signalled; return False when there are too many."""
        known = self.remotes.get(address)
        if known is None and len(self.remotes) >= MAX_REMOTE_CANDIDATES:
            return False
        if known is not None and known.type != "prflx":
            return True
        self.remotes[address] = candidate
        for pair in self.checklist:
            if pair.remote == address:
                pair.set_remote_candidate(candidate, controlling=self.controlling)
        for base in self.bases.values():
            self._pair_if_reachable(base, address, candidate)
        return True

    def meet(self, base: LocalBase, remote: Address, priority: int | None) -> CandidatePair | None:
        """Return the pair for the source of an authentic check (RFC 8445 §7.3.1.3).

        Args:
          base: the socket it came to.
          remote: the source.
          priority: what the check says in PRIORITY.

        Returns:
          None when there is no room.
        """
        known = self.checklist.get(base.address, remote)
        if known is not None:
            return known
        candidate = self.remotes.get(remote)
        if candidate is None:
            if len(self.remotes) >= MAX_REMOTE_CANDIDATES and not self._forget_a_reflection():
                return None
            candidate = peer_reflexive(remote, priority_of("prflx", 0) if priority is None else priority)
            self.remotes[remote] = candidate
        return self._add_pair(base, remote, candidate, proven=True)

    def _forget_a_reflection(self) -> bool:
        """Drop the oldest address at which a remote that moves on and on was seen."""
        in_use = self.checklist.selected and self.checklist.selected.remote
        oldest = (at for at, seen in self.remotes.items() if seen.type == "prflx" and at != in_use)
        address = next(oldest, None)
        if address is None:
            return False
        del self.remotes[address]
        for pair in [pair for pair in self.checklist if pair.remote == address]:
            self.checklist.remove(pair)
        return True

    def _pair_if_reachable(self, base: LocalBase, remote: Address, candidate: IceCandidate) -> None:
        if base.may_reach(remote) and self.checklist.get(base.address, remote) is None:
            self._add_pair(base, remote, candidate, proven=False)

    def _add_pair(
        self, base: LocalBase, remote: Address, candidate: IceCandidate, *, proven: bool
    ) -> CandidatePair | None:
        pair = CandidatePair(base.address, remote, base.candidate, candidate, controlling=self.controlling)
        return pair if self.checklist.add(pair, proven=proven) else None
