"""Two sessions and a bad line between them, in virtual time; no trio, no thread, no socket.

pair = SessionPair(seed=7, loss=0.1, delay=0.05)
pair.alice.add_transceiver(...)
pair.negotiate()
pair.run_until(lambda: pair.connected, limit=10)
"""

import heapq
import itertools
from collections.abc import Callable

from support.virtual_network import SeededEntropy

from triortc.protocol.dtls.certificate import Certificate
from triortc.protocol.rtp.srtp import Scratch
from triortc.protocol.session.events import ConnectionState, LocalCandidateFound, SessionEvent
from triortc.protocol.session.session import Session
from triortc.protocol.wire.clock import ClockAnchor
from triortc.protocol.wire.entropy import random_fraction
from triortc.protocol.wire.machine import Address, Transmit

START = 1_000_000.0
ADDRESSES: tuple[Address, Address] = (("10.0.0.1", 50_000), ("10.0.0.2", 50_000))


def make_session(seed: int, scratch: Scratch | None = None) -> Session:
    """Return a session whose clock stands at START, for a test that needs no network."""
    return Session(
        certificate=Certificate.generate(unix_time=1_700_000_000),
        anchor=ClockAnchor(monotonic=START, unix=1_700_000_000),
        entropy=SeededEntropy(seed),
        scratch=scratch or Scratch(),
    )


class End:
    """One session and what it has said."""

    def __init__(self, seed: int, local: Address) -> None:
        self.local = local
        self.scratch = Scratch()
        self.session = make_session(seed, self.scratch)
        self.events: list[SessionEvent] = []
        self.sent: list[tuple[bytes, Address]] = []

    def seen(self, kind: type[SessionEvent]) -> list[SessionEvent]:
        return [event for event in self.events if isinstance(event, kind)]


class SessionPair:
    """A simulation of two sessions.

    Attributes:
      alice, bob: the two ends; alice offers.
      now: the virtual time.
      loss, delay, jitter, duplicate: of the line, in each direction.
      blocked: while true nothing passes.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        loss: float = 0.0,
        delay: float = 0.02,
        jitter: float = 0.0,
        duplicate: float = 0.0,
    ) -> None:
        self.now = START
        self.loss, self.delay, self.jitter, self.duplicate = loss, delay, jitter, duplicate
        self.blocked = False
        self.ends = tuple(End(seed * 2 + index, address) for index, address in enumerate(ADDRESSES))
        self._entropy = SeededEntropy(seed ^ 0x5EED)
        self._order = itertools.count()
        self._line: list[tuple[float, int, End, bytes, Address]] = []
        self.trickle = True

    @property
    def alice(self) -> Session:
        return self.ends[0].session

    @property
    def bob(self) -> Session:
        return self.ends[1].session

    @property
    def connected(self) -> bool:
        return all(end.session.connection_state is ConnectionState.CONNECTED for end in self.ends)

    def negotiate(self) -> None:
        """Exchange offer and answer over signaling that loses nothing."""
        self.gather(self.ends[0], self.alice.create_offer)
        offer = self.alice.local_description
        assert offer is not None
        self.bob.set_remote_description(offer, self.now)
        self.gather(self.ends[1], self.bob.create_answer)
        answer = self.bob.local_description
        assert answer is not None
        self.alice.set_remote_description(answer, self.now)
        self.drain()

    def gather(self, end: End, create: Callable[[], object]) -> None:
        session = end.session
        session.set_local_description(create(), self.now)  # type: ignore[arg-type]
        session.add_host_address(end.local, self.now)
        session.end_of_bases(self.now)
        self.drain()

    def drain(self) -> None:
        """Put on the line what both ends have to send, and keep what they have to say."""
        for end in self.ends:
            while end.session.transmits:
                self._carry(end, end.session.transmits.popleft())
            end.scratch.clear()
            while end.session.events:
                end.events.append(end.session.events.popleft())

    def _carry(self, sender: End, transmit: Transmit) -> None:
        data = bytes(transmit.data)
        size = transmit.segment_size or len(data)
        for start in range(0, len(data), size):
            datagram = data[start : start + size]
            sender.sent.append((datagram, transmit.remote))
            copies = 2 if random_fraction(self._entropy) < self.duplicate else 1
            for _ in range(copies):
                self.send(datagram, transmit.local, transmit.remote)

    def send(self, datagram: bytes, source: Address, target: Address) -> None:
        """Put one datagram on the line."""
        if self.blocked or random_fraction(self._entropy) < self.loss:
            return
        due = self.now + self.delay + self.jitter * random_fraction(self._entropy)
        for end in self.ends:
            if end.local == target:
                heapq.heappush(self._line, (due, next(self._order), end, datagram, source))

    def step(self, limit: float) -> bool:
        """Go to the next moment at which something happens, at most to *limit*."""
        deadlines = [end.session.next_deadline() for end in self.ends]
        times = [deadline for deadline in deadlines if deadline is not None]
        if self._line:
            times.append(self._line[0][0])
        moment = min(times, default=limit + 1)
        if moment > limit:
            self.now = limit
            return False
        self.now = max(self.now, moment)
        while self._line and self._line[0][0] <= self.now:
            _, _, end, datagram, source = heapq.heappop(self._line)
            end.session.receive_datagram(datagram, end.local, source, self.now)
            self.drain()
        for end in self.ends:
            deadline = end.session.next_deadline()
            if deadline is not None and deadline <= self.now:
                end.session.handle_timeout(self.now)
        self.drain()
        return True

    def run_until(self, condition: Callable[[], bool], *, limit: float) -> bool:
        """Run until *condition* holds, at most *limit* virtual seconds; tell whether it holds."""
        end = self.now + limit
        while not condition():
            if not self.step(end):
                return condition()
        return True

    def run_for(self, seconds: float) -> None:
        """Let virtual time pass."""
        end = self.now + seconds
        while self.step(end):
            pass

    def candidates(self, index: int) -> list[object]:
        return [event.candidate for event in self.ends[index].seen(LocalCandidateFound)]  # type: ignore[union-attr]
