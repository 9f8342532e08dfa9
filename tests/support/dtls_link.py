"""Two DTLS transports over a bad network in virtual time, replayable by its seed."""

import hashlib
import heapq
from collections.abc import Callable
from dataclasses import dataclass

from triortc.protocol.dtls.certificate import Certificate
from triortc.protocol.dtls.transport import (
    DtlsApplicationData,
    DtlsRole,
    DtlsState,
    DtlsTransport,
)
from triortc.protocol.wire.entropy import random_fraction
from triortc.protocol.wire.timers import earliest

CERTIFICATES = [Certificate.generate(unix_time=1.7e9) for _ in range(2)]

Filter = Callable[[float, DtlsTransport, bytes], bool]
"""Given the time, the sender and a datagram, tells whether the network may carry it."""


class SeededEntropy:
    """Random bytes that follow from a seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._count = 0

    def token_bytes(self, count: int) -> bytes:
        self._count += 1
        return hashlib.shake_128(f"{self._seed}/{self._count}".encode()).digest(count)


@dataclass(frozen=True)
class Weather:
    loss: float = 0.3
    duplication: float = 0.1
    shortest: float = 0.010
    longest: float = 0.060


class Link:
    """A client, a server, and the network between them."""

    def __init__(
        self,
        seed: int,
        weather: Weather | None = None,
        rtt: float | None = None,
        certificates: dict[str, Certificate] | None = None,
    ) -> None:
        self.now = 0.0
        self.entropy = SeededEntropy(seed)
        self.filter: Filter = lambda now, sender, data: True
        shown = certificates or {}
        self.client, self.server = (
            DtlsTransport(
                certificate=shown.get(role.value, mine),
                role=role,
                remote_fingerprints=theirs.fingerprints,
            )
            for role, mine, theirs in (
                (DtlsRole.CLIENT, CERTIFICATES[0], CERTIFICATES[1]),
                (DtlsRole.SERVER, CERTIFICATES[1], CERTIFICATES[0]),
            )
        )
        self._weather = weather or Weather()
        self._in_flight: list[tuple[float, int, DtlsTransport, bytes]] = []
        self._count = 0
        self.server.start(0.0, rtt=rtt)
        self.client.start(0.0, rtt=rtt)

    @property
    def connected(self) -> bool:
        return self.client.state is self.server.state is DtlsState.CONNECTED

    def other(self, transport: DtlsTransport) -> DtlsTransport:
        return self.server if transport is self.client else self.client

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Let virtual time pass, at most *seconds* of it."""
        end = self.now + seconds
        while not until():
            self._carry()
            arrival = self._in_flight[0][0] if self._in_flight else None
            moment = earliest(arrival, self.client.next_deadline(), self.server.next_deadline())
            if moment is None or moment > end:
                self.now = end
                return
            self.now = max(self.now, moment)
            self._step()

    def inject(self, receiver: DtlsTransport, data: bytes) -> None:
        """Deliver a datagram that the other end never sent."""
        receiver.receive_datagram(data, self.now)

    def _step(self) -> None:
        while self._in_flight and self._in_flight[0][0] <= self.now:
            _, _, receiver, data = heapq.heappop(self._in_flight)
            receiver.receive_datagram(data, self.now)
        for transport in (self.client, self.server):
            transport.handle_timeout(self.now)

    def _carry(self) -> None:
        for sender in (self.client, self.server):
            while sender.datagrams:
                data = sender.datagrams.popleft()
                assert len(data) <= 1200
                if self.filter(self.now, sender, data) and self._chance() >= self._weather.loss:
                    self._post(sender, data)
                    if self._chance() < self._weather.duplication:
                        self._post(sender, data)

    def _post(self, sender: DtlsTransport, data: bytes) -> None:
        weather = self._weather
        delay = weather.shortest + self._chance() * (weather.longest - weather.shortest)
        self._count += 1
        heapq.heappush(self._in_flight, (self.now + delay, self._count, self.other(sender), data))

    def _chance(self) -> float:
        return random_fraction(self.entropy)


def heard(transport: DtlsTransport) -> list[bytes]:
    """Return the application data among the events."""
    return [event.data for event in transport.events if isinstance(event, DtlsApplicationData)]
