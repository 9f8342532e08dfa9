"""ICE agents on a bad network in virtual time, replayable by its seed; NATs and a STUN server if wanted."""

import hashlib
import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from triortc.protocol.ice import stun
from triortc.protocol.ice.agent import IceAgent, IceEvent, IceRole, LocalCandidate
from triortc.protocol.ice.candidate import IceCandidate
from triortc.protocol.wire.entropy import random_fraction
from triortc.protocol.wire.machine import Address, Transmit
from triortc.protocol.wire.timers import earliest

STUN_SERVER = ("198.51.100.99", 3478)


class SeededEntropy:
    """Random bytes that follow from a seed."""

    def __init__(self, seed: object) -> None:
        self._seed = seed
        self._count = 0

    def token_bytes(self, count: int) -> bytes:
        self._count += 1
        return hashlib.shake_128(f"{self._seed}/{self._count}".encode()).digest(count)


class Datagram(NamedTuple):
    """What crossed, or tried to cross, the network: addresses as seen on the public side."""

    time: float
    data: bytes
    source: Address
    destination: Address


@dataclass
class Nat:
    """One public address; a mapping per inside address, open to those whom it has written to."""

    public: str
    next_port: int = 40_000
    mappings: dict[Address, Address] = field(default_factory=dict)
    opened: set[tuple[Address, Address]] = field(default_factory=set)

    def outward(self, inside: Address, destination: Address) -> Address:
        if inside not in self.mappings:
            self.mappings[inside] = (self.public, self.next_port)
            self.next_port += 1
        outside = self.mappings[inside]
        self.opened.add((outside, destination))
        return outside

    def inward(self, outside: Address, source: Address) -> Address | None:
        if (outside, source) not in self.opened:
            return None
        inside = (inside for inside, mapped in self.mappings.items() if mapped == outside)
        return next(inside, None)

    def rebind(self) -> None:
        """Forget all mappings, as a NAT does that was restarted."""
        self.mappings.clear()
        self.opened.clear()


@dataclass(eq=False)
class Peer:
    """An agent with its place in the network."""

    agent: IceAgent
    bases: tuple[Address, ...]
    nat: Nat | None
    events: list[tuple[float, IceEvent]] = field(default_factory=list)

    def candidates(self) -> list[IceCandidate]:
        return [event.candidate for _, event in self.events if isinstance(event, LocalCandidate)]

    def happened(self, kind: type) -> list[tuple[float, IceEvent]]:
        return [(time, event) for time, event in self.events if isinstance(event, kind)]


class IceNetwork:
    """Carries datagrams between peers; whatever has no receiver vanishes."""

    machine: type[Any] = IceAgent

    def __init__(
        self, seed: object = 0, *, loss: float = 0.0, delay: tuple[float, float] = (0.01, 0.01)
    ) -> None:
        self.now = 0.0
        self.loss = loss
        self.delay = delay
        self.allows: Callable[[Datagram], bool] = lambda datagram: True
        self.sent: list[Datagram] = []
        self.peers: list[Peer] = []
        self._seed = seed
        self._entropy = SeededEntropy(f"network {seed}")
        self._pending: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def add(self, role: IceRole, *hosts: str, nat: Nat | None = None) -> Peer:
        """Add a peer with a socket at each of *hosts*."""
        number = len(self.peers)
        agent = self.machine(role=role, entropy=SeededEntropy(f"peer {number} {self._seed}"))
        peer = Peer(agent, tuple((host, 5000 + number) for host in hosts), nat)
        self.peers.append(peer)
        for base in peer.bases:
            agent.add_host_candidate(base, self.now)
        self._drain()
        return peer

    def introduce(self, peer: Peer, other: Peer, candidates: Iterable[IceCandidate] | None = None) -> None:
        """Tell *peer* all of *other* at once."""
        peer.agent.set_remote_parameters(other.agent.local_parameters, lite=False, now=self.now)
        for candidate in other.candidates() if candidates is None else candidates:
            peer.agent.add_remote_candidate(candidate, self.now)
        peer.agent.end_of_remote_candidates(self.now)
        self._drain()

    def at(self, time: float, action: Callable[[], None]) -> None:
        """Do something at a time."""
        self._count += 1
        heapq.heappush(self._pending, (time, self._count, action))

    def run_until(self, condition: Callable[[], bool], limit: float) -> bool:
        """Let time pass until *condition* holds; return False when *limit* seconds were not enough."""
        end, standing = self.now + limit, 0
        while not condition():
            time = self._next_time()
            if time is None or time > end:
                self.now = end
                return condition()
            standing = standing + 1 if time <= self.now else 0
            assert standing < 1000, "time stands still: a deadline is never met"
            self.now = max(self.now, time)
            self._step()
        return True

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.run_until(lambda: False, seconds)

    def inject(self, data: bytes, source: Address, peer: Peer, base: Address | None = None) -> list[Transmit]:
        """Hand a datagram to a peer; return what the peer says at once."""
        peer.agent.receive_stun(data, base or peer.bases[0], source, self.now)
        said = list(peer.agent.transmits)
        self._drain()
        return said

    def _next_time(self) -> float | None:
        alarms = [peer.agent.next_deadline() for peer in self.peers]
        return earliest(self._pending[0][0] if self._pending else None, *alarms)

    def _step(self) -> None:
        while self._pending and self._pending[0][0] <= self.now:
            heapq.heappop(self._pending)[2]()
            self._drain()
        for peer in self.peers:
            deadline = peer.agent.next_deadline()
            if deadline is not None and deadline <= self.now:
                peer.agent.handle_timeout(self.now)
        self._drain()

    def _drain(self) -> None:
        for peer in self.peers:
            while peer.agent.events:
                peer.events.append((self.now, peer.agent.events.popleft()))
            while peer.agent.transmits:
                self._send(peer, peer.agent.transmits.popleft())

    def _send(self, peer: Peer, transmit: Transmit) -> None:
        assert transmit.local in peer.bases
        to = transmit.remote
        source = transmit.local if peer.nat is None else peer.nat.outward(transmit.local, to)
        datagram = Datagram(self.now, bytes(transmit.data), source, to)
        self.sent.append(datagram)
        if random_fraction(self._entropy) < self.loss or not self.allows(datagram):
            return
        shortest, longest = self.delay
        delay = shortest + (longest - shortest) * random_fraction(self._entropy)
        self.at(self.now + delay, lambda: self._deliver(datagram))

    def _deliver(self, datagram: Datagram) -> None:
        if datagram.destination == STUN_SERVER:
            self._answer_as_server(datagram)
        for peer in self.peers:
            to: Address | None = datagram.destination
            if peer.nat is not None:
                to = peer.nat.inward(datagram.destination, datagram.source)
            if to in peer.bases:
                peer.agent.receive_stun(datagram.data, to, datagram.source, self.now)

    def _answer_as_server(self, question: Datagram) -> None:
        data = stun.binding_success(stun.transaction_id(question.data), question.source, None)
        answer = Datagram(self.now, data, STUN_SERVER, question.source)
        self.at(self.now + self.delay[0], lambda: self._deliver(answer))
