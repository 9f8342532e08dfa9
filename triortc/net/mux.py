"""One UDP port for all peers of a broadcast: who gets which datagram."""

import errno
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final, Protocol

import trio

from triortc.handles import RunBound
from triortc.nursery import open_bare_nursery
from triortc.protocol.ice.stun import is_stun, message_is_request, peek_username_untrusted, transaction_id
from triortc.protocol.wire.errors import LocalProtocolError
from triortc.protocol.wire.machine import Address, Transmit

from .endpoint import MAX_BURST, Endpoint, EndpointStatistics, Network, current_network

MAX_TRANSACTIONS: Final = 256
"""STUN transactions remembered for one member: more than its check list can have under way."""

MAX_ROUTES: Final = 128
"""Checked addresses remembered for one member; beyond, the oldest is forgotten."""

MAX_UFRAGS: Final = 4
"""Local user name fragments of one member: the generations of its ICE restarts that may still matter."""

_PORT_ATTEMPTS: Final = 16
_LAST_STUN_BYTE: Final = 3


class Sink(Protocol):
    """Where a member's datagrams go: a peer."""

    def deliver(self, local: Address, burst: list[tuple[bytes, Address]]) -> None:
        """Take datagrams that came to the socket *local*, each with its source.

        It must neither block nor raise: it runs in the task that serves every other peer
        as well, so a peer keeps its own failures to itself.
        """
        ...


@dataclass(slots=True)
class SharedPortStatistics:
    """Datagrams that belong to nobody, by reason. They are dropped, and never answered.

    Attributes:
      malformed: a first byte of STUN, but no STUN; a request without a user name.
      unknown_ufrag: a STUN request for no member.
      unknown_transaction: a STUN message that is neither a request nor an awaited response.
      unrouted: DTLS, SRTP or anything else from an address that no member has checked.
      routes_taken: routes that went from an older member to a newer one.
    """

    malformed: int = 0
    unknown_ufrag: int = 0
    unknown_transaction: int = 0
    unrouted: int = 0
    routes_taken: int = 0


class MemberEndpoint:
    """One socket of a shared port, as one member sees it (an :class:`.endpoint.Endpoint`).

    Attributes:
      local: the socket's address.
      statistics: what went through it for this member.
    """

    __slots__ = ("_endpoint", "_member", "local", "statistics")

    def __init__(self, member: "SharedPortMember", endpoint: Endpoint) -> None:
        self.local: Address = endpoint.local
        self.statistics: EndpointStatistics = EndpointStatistics()
        self._endpoint = endpoint
        self._member = member

    async def wait_readable(self) -> None:
        """Not for members: their sinks are handed what arrives.

        Raises:
          RuntimeError: always.
        """
        raise RuntimeError("a shared port is read by its own tasks; datagrams come to the sink")

    def receive_burst(self, limit: int = MAX_BURST) -> list[tuple[bytes, Address]]:
        """Return nothing: what arrives goes to the sink."""
        return []

    def send_nowait(self, transmit: Transmit) -> bool:
        """Send through the shared socket; nothing is sent for a member that has left."""
        data, _, _, segment_size = transmit
        size = len(data)
        if segment_size is None:
            count = 1
            if data[0] == 0 and is_stun(data) and message_is_request(data):
                self._member.note_transaction(transaction_id(data))
        else:
            count = -(-size // segment_size)
        statistics = self.statistics
        if self._member.detached or not self._endpoint.send_nowait(transmit):
            statistics.send_drops += count
            return False
        statistics.datagrams_sent += count
        statistics.bytes_sent += size
        return True

    def close(self) -> None:
        """Do nothing: the socket belongs to the shared port."""


class _Tables:
    """Who gets what: names, transactions under way, and checked remote addresses by socket."""

    __slots__ = ("routes", "statistics", "transactions", "ufrags")

    def __init__(self, sockets: Iterable[Address]) -> None:
        self.ufrags: dict[str, SharedPortMember] = {}
        self.transactions: dict[bytes, SharedPortMember] = {}
        self.routes: dict[Address, dict[Address, SharedPortMember]] = {local: {} for local in sockets}
        self.statistics: SharedPortStatistics = SharedPortStatistics()


class SharedPortMember:
    """One peer's share of a port; made by :meth:`SharedPort.attach`.

    Attributes:
      endpoints: the port's sockets, as this member may use them.
      detached: whether the member has left.
      serial: a later member has a higher one.
    """

    def __init__(self, sockets: Iterable[Endpoint], tables: _Tables, sink: Sink, serial: int) -> None:
        self.endpoints: tuple[Endpoint, ...] = tuple(MemberEndpoint(self, socket) for socket in sockets)
        self.detached: bool = False
        self.serial = serial
        self._sink = sink
        self._tables = tables
        self._by_local = {endpoint.local: endpoint for endpoint in self.endpoints}
        # What this member has in the tables. Dictionaries as ordered sets: the first key is the oldest.
        self._ufrags: dict[str, None] = {}
        self._transactions: dict[bytes, None] = {}
        self._routes: dict[tuple[Address, Address], None] = {}

    def add_ufrag(self, ufrag: str) -> None:
        """Let STUN requests for one more local user name fragment (an ICE restart) come here.

        Only the newest :data:`MAX_UFRAGS` are kept.

        Raises:
          LocalProtocolError: the fragment is in use.
          trio.ClosedResourceError: the member has left.
        """
        if self.detached:
            raise trio.ClosedResourceError("this peer has left the shared port")
        if ufrag in self._tables.ufrags:
            raise LocalProtocolError("this user name fragment is in use")
        self._tables.ufrags[ufrag] = self
        self._ufrags[ufrag] = None
        if len(self._ufrags) > MAX_UFRAGS:
            oldest = next(iter(self._ufrags))
            del self._ufrags[oldest], self._tables.ufrags[oldest]

    def remove_ufrag(self, ufrag: str) -> None:
        """Let STUN requests for a user name fragment come here no more: its ICE restart was given up."""
        if ufrag in self._ufrags:
            del self._ufrags[ufrag], self._tables.ufrags[ufrag]

    def route(self, local: Address, remote: Address) -> None:
        """Let everything that *remote* sends to the socket *local* come here.

        To be called for checked addresses only. When two members claim the same pair, it is
        the newer member's: a browser that came back from the same port.
        """
        routes = self._tables.routes[local]
        holder = routes.get(remote, self)
        if self.detached or holder.serial > self.serial:
            return
        if holder is not self:
            self._tables.statistics.routes_taken += 1
        routes[remote] = self
        self._routes.pop((local, remote), None)
        self._routes[local, remote] = None
        if len(self._routes) > MAX_ROUTES:
            self._forget_route(*next(iter(self._routes)))

    def _forget_route(self, local: Address, remote: Address) -> None:
        del self._routes[local, remote]
        routes = self._tables.routes[local]
        if routes.get(remote) is self:
            del routes[remote]

    def note_transaction(self, transaction: bytes) -> None:
        """Let the response to a STUN request come here."""
        if self.detached:
            return
        self._tables.transactions[transaction] = self
        self._transactions[transaction] = None
        if len(self._transactions) > MAX_TRANSACTIONS:
            self.forget_transaction(next(iter(self._transactions)))

    def forget_transaction(self, transaction: bytes) -> None:
        """Let no response to it come here: the first one has come, or it was too long ago."""
        self._transactions.pop(transaction, None)
        self._tables.transactions.pop(transaction, None)

    def deliver(self, local: Address, burst: list[tuple[bytes, Address]]) -> None:
        """Count datagrams and hand them to the sink."""
        statistics = self._by_local[local].statistics
        statistics.datagrams_received += len(burst)
        statistics.bytes_received += sum([len(data) for data, _ in burst])
        self._sink.deliver(local, burst)

    def detach(self) -> None:
        """Leave the port: from now on nothing comes in and nothing goes out."""
        self.detached = True
        for ufrag in self._ufrags:
            del self._tables.ufrags[ufrag]
        self._ufrags.clear()
        for transaction in list(self._transactions):
            self.forget_transaction(transaction)
        for local, remote in list(self._routes):
            self._forget_route(local, remote)


class SharedPort(RunBound):
    """One UDP port, a socket per local address, and the peers behind it.

    A datagram's first byte tells its protocol (RFC 7983 §7). STUN requests go by the user
    name fragment they are addressed to, STUN responses by the transaction they answer, all
    else by the checked address it comes from.

    Attributes:
      endpoints: the sockets.
      port: the port they share.
      statistics: datagrams that were nobody's.
    """

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        super().__init__()
        self.endpoints: tuple[Endpoint, ...] = tuple(endpoints)
        self.port: int = self.endpoints[0].local[1]
        self._attached = 0
        self._tables = _Tables(endpoint.local for endpoint in self.endpoints)
        self.statistics: SharedPortStatistics = self._tables.statistics

    def __repr__(self) -> str:
        hosts = " ".join(endpoint.local[0] for endpoint in self.endpoints)
        return f"<SharedPort {self.port} on {hosts}>"

    def attach(self, ufrag: str, sink: Sink) -> SharedPortMember:
        """Add a peer with its local user name fragment.

        Raises:
          LocalProtocolError: the fragment is in use.
          WrongRunError: the port belongs to another ``trio.run``.
        """
        self._check_run()
        self._attached += 1
        member = SharedPortMember(self.endpoints, self._tables, sink, self._attached)
        member.add_ufrag(ufrag)
        return member

    def sort_untrusted(self, local: Address, burst: list[tuple[bytes, Address]]) -> None:
        """Hand each datagram that came to *local* to the member it is for; never raises."""
        routes = self._tables.routes[local]
        batches: dict[SharedPortMember, list[tuple[bytes, Address]]] = {}
        for datagram in burst:
            data, remote = datagram
            if data[0] > _LAST_STUN_BYTE:
                member = routes.get(remote)
                if member is None:
                    self.statistics.unrouted += 1
                    continue
            else:
                member = self._find_stun_member(data)
                if member is None:
                    continue
            batch = batches.get(member)
            if batch is None:
                batches[member] = [datagram]
            else:
                batch.append(datagram)
        for member, batch in batches.items():
            if not member.detached:  # an earlier one's deliver may have closed its peer
                member.deliver(local, batch)

    def _find_stun_member(self, data: bytes) -> SharedPortMember | None:
        if not is_stun(data):
            self.statistics.malformed += 1
            return None
        if message_is_request(data):
            return self._find_requested(data)
        transaction = transaction_id(data)
        member = self._tables.transactions.get(transaction)
        if member is None:
            self.statistics.unknown_transaction += 1
        else:
            member.forget_transaction(transaction)
        return member

    def _find_requested(self, data: bytes) -> SharedPortMember | None:
        ufrag = peek_username_untrusted(data)
        if ufrag is None:
            self.statistics.malformed += 1
            return None
        member = self._tables.ufrags.get(ufrag)
        if member is None:
            self.statistics.unknown_ufrag += 1
        return member

    async def _run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Receive for ever, one task per socket."""
        async with open_bare_nursery() as nursery:
            for endpoint in self.endpoints:
                nursery.start_soon(self._receive, endpoint, name=f"port.receive {endpoint.local[0]}")
            task_status.started()

    async def _receive(self, endpoint: Endpoint) -> None:
        while True:
            await endpoint.wait_readable()
            self.sort_untrusted(endpoint.local, endpoint.receive_burst())

    def close(self) -> None:
        """Close all sockets; a second time does nothing."""
        for endpoint in self.endpoints:
            endpoint.close()


@asynccontextmanager
async def open_shared_port(
    udp_port: int = 0, *, addresses: Sequence[str] | None = None
) -> AsyncIterator[SharedPort]:
    """Open one UDP port for any number of peers; after the block nothing of it is left.

    Args:
      udp_port: the port; 0 lets the system choose one that is free on every address.
      addresses: the local addresses to bind; all that peers gather on, by default. One that
        has gone meanwhile is left out.

    Raises:
      OSError: the port is taken on one of the addresses, or none of them can be bound.
    """
    network = current_network()
    shared = SharedPort(_bind(network, udp_port, addresses or network.addresses()))
    try:
        async with open_bare_nursery() as nursery:
            nursery.start_soon(shared._run, name="shared port")
            yield shared
            nursery.cancel_scope.cancel()
    finally:
        shared.close()


def _bind(network: Network, port: int, hosts: Sequence[str]) -> list[Endpoint]:
    for _ in range(_PORT_ATTEMPTS - 1):
        try:
            return _bind_all(network, port, hosts)
        except OSError as error:
            if port or error.errno != errno.EADDRINUSE:
                raise
    return _bind_all(network, port, hosts)


def _bind_all(network: Network, port: int, hosts: Sequence[str]) -> list[Endpoint]:
    bound: list[Endpoint] = []
    with ExitStack() as undo:
        for host in hosts:
            try:
                endpoint = network.open_endpoint(host, port)
            except OSError as error:
                if error.errno != errno.EADDRNOTAVAIL:
                    raise
                continue
            undo.callback(endpoint.close)
            bound.append(endpoint)
            port = endpoint.local[1]
        if not bound:
            raise OSError(errno.EADDRNOTAVAIL, "none of the local addresses can be bound")
        undo.pop_all()
    return bound
