"""The seam between peers and the network: what a socket and a host are to the rest."""

import contextvars
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from triortc.protocol.wire.machine import Address, Transmit

MAX_BURST = 64
"""Most datagrams that one wake-up takes from a socket."""

MAX_DATAGRAM_SIZE = 2048
"""Largest datagram, in bytes, that passes the first gate; an empty one does not pass either."""


@dataclass(slots=True)
class EndpointStatistics:
    """What went through one endpoint, and what did not.

    Attributes:
      datagrams_sent: datagrams the kernel took; each segment of a run is one.
      datagrams_received: datagrams handed up.
      bytes_sent: UDP payload of the datagrams sent.
      bytes_received: UDP payload of the datagrams received.
      send_drops: datagrams that were not sent, for whatever reason.
      empty_drops: datagrams received without payload.
      oversized_drops: datagrams received that are larger than :data:`MAX_DATAGRAM_SIZE`.
      scoped_drops: datagrams received from link-local IPv6 addresses.
      too_big: sends refused with EMSGSIZE: larger than the path's MTU allows.
      errors: other errors that the socket reported (ECONNREFUSED, EHOSTUNREACH, …).
    """

    datagrams_sent: int = 0
    datagrams_received: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    send_drops: int = 0
    empty_drops: int = 0
    oversized_drops: int = 0
    scoped_drops: int = 0
    too_big: int = 0
    errors: int = 0


class Endpoint(Protocol):
    """A bound UDP socket, or something that behaves like one."""

    @property
    def local(self) -> Address:
        """The address that the endpoint is bound to."""
        ...

    @property
    def statistics(self) -> EndpointStatistics:
        """Live counters."""
        ...

    async def wait_readable(self) -> None:
        """Wait until :meth:`receive_burst` is worth calling; always a checkpoint.

        Raises:
          trio.ClosedResourceError: the endpoint is closed, or was while this waited.
        """
        ...

    def receive_burst(self, limit: int = MAX_BURST) -> list[tuple[bytes, Address]]:
        """Take the datagrams that have arrived, at most *limit*, each with its source.

        Every datagram has 1 to :data:`MAX_DATAGRAM_SIZE` bytes. Errors of the network are
        counted, never raised.
        """
        ...

    def send_nowait(self, transmit: Transmit) -> bool:
        """Send a datagram, or a run of them, at once.

        What the kernel does not take is lost, like any packet, and counted: nobody waits.

        Returns:
          Whether all of it was sent.
        """
        ...

    def close(self) -> None:
        """Close the endpoint; a second time does nothing."""
        ...


class Network(Protocol):
    """A host's view of the network: where endpoints and names come from."""

    def addresses(self) -> list[str]:
        """Return the local unicast addresses to gather on, loopback last."""
        ...

    def open_endpoint(self, host: str, port: int = 0) -> Endpoint:
        """Bind an endpoint to a local address; port 0 lets the system choose.

        Raises:
          OSError: it cannot be bound.
        """
        ...

    async def resolve(self, host: str, port: int) -> list[Address]:
        """Look up a host's addresses, at least one, best first.

        Raises:
          OSError: there is no such name, or no answer.
        """
        ...


# A context variable and no RunVar: tasks that open peers of different hosts at the same time
# must not see each other's choice, and what they start inherits it.
_network: contextvars.ContextVar[Network] = contextvars.ContextVar("triortc network")


def current_network() -> Network:
    """Return the network that peers opened here use; the system's unless a test chose another."""
    network = _network.get(None)
    if network is None:
        from .udp import SystemNetwork

        network = SystemNetwork()
    return network


def set_network(network: Network) -> contextvars.Token[Network]:
    """Choose the network of this task and of those it starts from now on; for tests."""
    return _network.set(network)


def reset_network(token: contextvars.Token[Network]) -> None:
    """Undo the :func:`set_network` that returned *token*."""
    _network.reset(token)


@contextmanager
def using_network(network: Network) -> Iterator[None]:
    """Choose the network for the length of a block; for tests.

    A peer keeps the network that was current when it was opened.
    """
    token = _network.set(network)
    try:
        yield
    finally:
        _network.reset(token)
