"""A network in memory for shell tests: hosts, delay, loss and reordering on the trio clock.

It needs no task and no thread: a datagram is put into its receiver's inbox with the time
at which it becomes readable, and whoever waits for that inbox waits until then. Under
``autojump_clock`` an hour of bad network takes no time.

    network = VirtualNetwork(seed=7, delay=0.05, loss=0.1)
    with using_network(network.host("10.0.0.1")):
        async with open_peer() as alice: ...
"""

import errno
import hashlib
import heapq
import ipaddress
import os
import socket

import trio

from triortc.net.endpoint import MAX_BURST, MAX_DATAGRAM_SIZE, EndpointStatistics
from triortc.protocol.wire.entropy import Entropy, random_fraction
from triortc.protocol.wire.machine import Address, Transmit

FIRST_EPHEMERAL_PORT = 50_000
LARGEST_PAYLOAD = 65_507


class SeededEntropy:
    """The same bytes for the same seed, on every machine."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._block = 0
        self._left = b""

    def token_bytes(self, count: int) -> bytes:
        while len(self._left) < count:
            self._left += hashlib.sha256(b"%d %d" % (self._seed, self._block)).digest()
            self._block += 1
        token, self._left = self._left[:count], self._left[count:]
        return token


class VirtualNetwork:
    """Hosts that reach each other over one bad line. All attributes may be changed at any time.

    Attributes:
      delay: seconds from sender to receiver.
      jitter: at most so many seconds more, evenly spread; it may reorder.
      loss: the share of datagrams that are lost, 0…1.
      reorder: the share of datagrams that are held back by another delay plus 10 ms, 0…1.
      unplugged: addresses that neither send nor receive, as if the cable were out.
      names: what ``resolve`` finds for each name.
      lost: how many datagrams the line has lost.
      delivered: how many it has carried.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        delay: float = 0.0,
        jitter: float = 0.0,
        loss: float = 0.0,
        reorder: float = 0.0,
    ) -> None:
        self.delay = delay
        self.jitter = jitter
        self.loss = loss
        self.reorder = reorder
        self.unplugged: set[str] = set()
        self.names: dict[str, list[str]] = {}
        self.lost = 0
        self.delivered = 0
        self.entropy: Entropy = SeededEntropy(seed)
        self.hosts: list[VirtualHost] = []

    def host(self, *addresses: str) -> "VirtualHost":
        """Connect one more host. Loopback addresses, if any are given, reach itself alone."""
        created = VirtualHost(self, addresses)
        self.hosts.append(created)
        return created

    def find(self, sender: "VirtualHost", remote: Address) -> "VirtualEndpoint | None":
        """Return the endpoint that *remote* means to *sender*."""
        reachable = [sender] if is_loopback(remote[0]) else self.hosts
        for host in reachable:
            if remote in host.endpoints:
                return host.endpoints[remote]
        return None

    def carry(self, data: bytes, local: Address, receiver: "VirtualEndpoint") -> None:
        """Put one datagram on the line; it arrives late, out of order, or never."""
        if {local[0], receiver.local[0]} & self.unplugged or random_fraction(self.entropy) < self.loss:
            self.lost += 1
            return
        due = trio.current_time() + self.delay + self.jitter * random_fraction(self.entropy)
        if random_fraction(self.entropy) < self.reorder:
            due += self.delay + 0.01
        self.delivered += 1
        receiver.put(due, data, local)


class VirtualHost:
    """One host's view of a :class:`VirtualNetwork` (a ``triortc.net.endpoint.Network``)."""

    def __init__(self, network: VirtualNetwork, addresses: tuple[str, ...]) -> None:
        self.network = network
        self.endpoints: dict[Address, VirtualEndpoint] = {}
        self._addresses = addresses
        self._next_port = FIRST_EPHEMERAL_PORT

    def addresses(self) -> list[str]:
        return sorted(self._addresses, key=is_loopback)

    def move(self, *addresses: str) -> None:
        """Be in another network from now on; sockets stay bound to where they were."""
        self._addresses = addresses

    def open_endpoint(self, host: str, port: int = 0) -> "VirtualEndpoint":
        if host not in self._addresses:
            raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL), host)
        if port == 0:
            port, self._next_port = self._next_port, self._next_port + 1
        if (host, port) in self.endpoints:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), host)
        endpoint = VirtualEndpoint(self, (host, port))
        self.endpoints[host, port] = endpoint
        return endpoint

    async def resolve(self, host: str, port: int) -> list[Address]:
        await trio.sleep(2 * self.network.delay)
        try:
            return [(str(ipaddress.ip_address(host)), port)]
        except ValueError:
            if host not in self.network.names:
                raise socket.gaierror(socket.EAI_NONAME, "no such name") from None
            return [(address, port) for address in self.network.names[host]]


class VirtualEndpoint:
    """A UDP socket of a :class:`VirtualHost` (a ``triortc.net.endpoint.Endpoint``)."""

    def __init__(self, host: VirtualHost, local: Address) -> None:
        self.local = local
        self.statistics = EndpointStatistics()
        self.closed = False
        self.host = host
        self._inbox: list[tuple[float, int, bytes, Address]] = []  # a heap, by time and arrival
        self._arrivals = 0
        self._changed = trio.Event()

    def put(self, due: float, data: bytes, source: Address) -> None:
        """Make a datagram readable at *due*."""
        self._arrivals += 1
        heapq.heappush(self._inbox, (due, self._arrivals, data, source))
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def wait_readable(self) -> None:
        await trio.lowlevel.checkpoint()
        while not self.closed:
            due = self._inbox[0][0] if self._inbox else float("inf")
            if due <= trio.current_time():
                return
            with trio.move_on_at(due):
                await self._changed.wait()
        raise trio.ClosedResourceError

    def receive_burst(self, limit: int = MAX_BURST) -> list[tuple[bytes, Address]]:
        burst: list[tuple[bytes, Address]] = []
        now = trio.current_time()
        while self._inbox and self._inbox[0][0] <= now and len(burst) < limit:
            _, _, data, source = heapq.heappop(self._inbox)
            if not data:
                self.statistics.empty_drops += 1
            elif len(data) > MAX_DATAGRAM_SIZE:
                self.statistics.oversized_drops += 1
            else:
                burst.append((data, source))
        self.statistics.datagrams_received += len(burst)
        self.statistics.bytes_received += sum(len(data) for data, _ in burst)
        return burst

    def send_nowait(self, transmit: Transmit) -> bool:
        data = bytes(transmit.data)
        size = transmit.segment_size or max(len(data), 1)
        complete = True
        for start in range(0, max(len(data), 1), size):
            complete &= self._send_datagram(data[start : start + size], transmit.remote)
        return complete

    def _send_datagram(self, data: bytes, remote: Address) -> bool:
        if self.closed or (":" in self.local[0]) != (":" in remote[0]):
            self.statistics.errors += 1
        elif len(data) > LARGEST_PAYLOAD:
            self.statistics.too_big += 1
        else:
            self._carry(data, remote)
            return True
        self.statistics.send_drops += 1
        return False

    def _carry(self, data: bytes, remote: Address) -> None:
        self.statistics.datagrams_sent += 1
        self.statistics.bytes_sent += len(data)
        receiver = self.host.network.find(self.host, remote)
        if receiver is None or (is_loopback(self.local[0]) and receiver.host is not self.host):
            return
        self.host.network.carry(data, self.local, receiver)

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            del self.host.endpoints[self.local]
            self._inbox.clear()
            self._wake()


def is_loopback(host: str) -> bool:
    return host == "::1" or host.startswith("127.")
