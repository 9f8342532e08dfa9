"""The sockets of a peer, and the candidates that come of them."""

from collections.abc import Sequence
from ipaddress import ip_address

import trio

from triortc.net.endpoint import Endpoint, Network
from triortc.net.mux import SharedPort, SharedPortMember
from triortc.nursery import open_bare_nursery
from triortc.protocol.wire.machine import Address

from .config import IceServer
from .driver import Driver


class Gatherer:
    """Binds a peer's sockets, or borrows a shared port's, and asks STUN servers about them.

    Args:
      driver: whose session to tell of bases and servers.
      network: where to bind.
      nursery: for the receiving tasks and the asking.
      port: a port to share; None binds sockets of the peer's own.
    """

    def __init__(
        self, driver: Driver, network: Network, nursery: trio.Nursery, port: SharedPort | None
    ) -> None:
        self._driver = driver
        self._network = network
        self._nursery = nursery
        self._sockets: list[Endpoint] = []
        self._member: SharedPortMember | None = None
        self._started = False
        if port is not None:
            self._member = port.attach(driver.session.ice.local_parameters.ufrag, driver)

    def start(self, servers: Sequence[IceServer]) -> None:
        """Bind, tell of host candidates, and look for others; only the first call does anything."""
        if self._started:
            return
        self._started = True
        self._gather(servers)

    def restart(self, ufrag: str, servers: Sequence[IceServer]) -> None:
        """Gather for a new generation (RFC 8445 §9).

        The sockets are the same, under new credentials. This host may be in another network by
        now: addresses that are new are bound as well, and those that have gone are left out.
        """
        if self._member is not None:
            self._member.add_ufrag(ufrag)
        if self._started:
            self._gather(servers)

    def roll_back_restart(self, ufrag: str) -> None:
        """Give a generation up; a shared port keeps but few names of each peer."""
        if self._member is not None:
            self._member.remove_ufrag(ufrag)

    def route(self, local: Address, remote: Address) -> None:
        """Claim what *remote* sends to a shared socket: its address has been checked."""
        if self._member is not None:
            self._member.route(local, remote)

    @property
    def sockets(self) -> Sequence[Endpoint]:
        """The peer's own; those of a shared port are nobody's."""
        return self._sockets

    def close(self) -> None:
        """Give sockets back; their tasks end with them."""
        if self._member is not None:
            self._member.detach()
        for endpoint in self._sockets:
            endpoint.close()

    def _bind(self) -> list[Address]:
        """Return the addresses of all sockets that can be of use."""
        if self._member is not None:
            endpoints: Sequence[Endpoint] = self._member.endpoints
        else:
            addresses = self._network.addresses()
            self._open_sockets(addresses)
            endpoints = [endpoint for endpoint in self._sockets if endpoint.local[0] in addresses]
        self._driver.endpoints.update({endpoint.local: endpoint for endpoint in endpoints})
        return [endpoint.local for endpoint in endpoints]

    def _open_sockets(self, addresses: Sequence[str]) -> None:
        bound = {endpoint.local[0] for endpoint in self._sockets}
        for address in addresses:
            if address in bound:
                continue
            try:
                endpoint = self._network.open_endpoint(address)
            except OSError:
                # An interface that went away meanwhile is no reason to fail the others.
                continue
            self._sockets.append(endpoint)
            self._nursery.start_soon(
                self._driver.run_receive, endpoint, name=f"ice.receive {endpoint_name(endpoint.local)}"
            )

    def _gather(self, servers: Sequence[IceServer]) -> None:
        bases = self._bind()
        with self._driver.join_turn() as session:
            now = trio.current_time()
            for base in bases:
                session.add_host_address(base, now)
            if not servers:
                session.end_of_bases(now)
        if servers:
            self._nursery.start_soon(self._gather_server_reflexive, servers, bases, name="ice.gather")

    async def _gather_server_reflexive(self, servers: Sequence[IceServer], bases: list[Address]) -> None:
        """Ask every STUN server from every socket; a dead one delays nobody else."""
        async with open_bare_nursery() as nursery:
            for server in servers:
                for host, port in server.addresses():
                    nursery.start_soon(self._ask_server, host, port, bases, name=f"ice.gather {host}")
        with self._driver.turn() as session:
            session.end_of_bases(trio.current_time())

    async def _ask_server(self, host: str, port: int, bases: list[Address]) -> None:
        try:
            addresses = await self._network.resolve(host, port)
        except OSError:
            return
        url = f"stun:{endpoint_name((host, port))}"
        with self._driver.turn() as session:
            now = trio.current_time()
            for base in bases:
                server = next((address for address in addresses if _can_reach(base, address)), None)
                if server is not None:
                    session.gather_server_reflexive(base, server, now, url)


def endpoint_name(address: Address) -> str:
    """Write an address down as people do."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _can_reach(base: Address, server: Address) -> bool:
    """Whether a socket and a server are of one family, and both or neither on loopback."""
    one, other = ip_address(base[0]), ip_address(server[0])
    return one.version == other.version and one.is_loopback == other.is_loopback
