"""The shared port over real sockets on loopback: two peers, and a stranger who gets silence."""

import secrets
import socket

import pytest
import trio
import trio.testing

from triortc.net.mux import SharedPort, open_shared_port
from triortc.net.udp import SystemNetwork
from triortc.protocol.ice.stun import connectivity_check
from triortc.protocol.wire.machine import Address, Transmit

pytestmark = pytest.mark.realtime

MEDIA = b"\x80\xc9 an SRTCP packet"


class WaitingSink:
    """Collects, and wakes whoever waits for so many datagrams."""

    def __init__(self) -> None:
        self.received: list[tuple[bytes, Address]] = []
        self._changed = trio.Event()

    def deliver(self, local: Address, burst: list[tuple[bytes, Address]]) -> None:
        self.received += burst
        self._changed.set()
        self._changed = trio.Event()

    async def wait(self, count: int) -> list[tuple[bytes, Address]]:
        with trio.fail_after(5):
            while len(self.received) < count:
                await self._changed.wait()
        return self.received


def check(ufrag: str) -> bytes:
    return connectivity_check(
        secrets.token_bytes(12),
        username=f"{ufrag}:them",
        key=b"key",
        priority=1,
        controlling=True,
        tie_breaker=1,
        nominate=False,
    )


def garbage() -> list[bytes]:
    request = check("nobody")
    response = b"\x01\x01" + request[2:]
    first_bytes = [bytes([first]) + secrets.token_bytes(99) for first in range(256)]
    return [b"", bytes(3000), request, request[:19], request[:30], response, MEDIA, *first_bytes]


def dropped(port: SharedPort) -> int:
    mine = port.statistics
    socket_drops = port.endpoints[0].statistics
    return (
        mine.malformed
        + mine.unknown_ufrag
        + mine.unknown_transaction
        + mine.unrouted
        + socket_drops.empty_drops
        + socket_drops.oversized_drops
    )


async def test_each_peer_gets_its_own_and_a_stranger_reaches_nobody_and_hears_nothing() -> None:
    alice, bob = WaitingSink(), WaitingSink()
    network = SystemNetwork()
    viewers = [network.open_endpoint("127.0.0.1") for _ in range(3)]
    first, second, stranger = viewers
    async with open_shared_port(addresses=["127.0.0.1"]) as port:
        local = port.endpoints[0].local
        members = port.attach("alice", alice), port.attach("bob", bob)
        shapes = garbage()
        for data in shapes:
            stranger.send_nowait(Transmit(data, stranger.local, local))
        for viewer, ufrag, member in zip((first, second), ("alice", "bob"), members, strict=True):
            request = check(ufrag)
            viewer.send_nowait(Transmit(request, viewer.local, local))
            member.route(local, viewer.local)
            viewer.send_nowait(Transmit(MEDIA, viewer.local, local))
            sink = alice if ufrag == "alice" else bob
            assert await sink.wait(2) == [(request, viewer.local), (MEDIA, viewer.local)]
        assert dropped(port) == len(shapes)
        assert port.endpoints[0].statistics.datagrams_sent == 0
        assert stranger.receive_burst() == []
    for viewer in viewers:
        viewer.close()


async def test_an_answer_leaves_by_the_shared_port() -> None:
    viewer = SystemNetwork().open_endpoint("127.0.0.1")
    async with open_shared_port(addresses=["127.0.0.1"]) as port:
        (endpoint,) = port.attach("alice", WaitingSink()).endpoints
        assert endpoint.send_nowait(Transmit(b"aabbc", endpoint.local, viewer.local, 2))
        await viewer.wait_readable()
        assert viewer.receive_burst() == [(data, ("127.0.0.1", port.port)) for data in (b"aa", b"bb", b"c")]
    viewer.close()


async def test_the_default_is_a_socket_on_each_local_address_with_one_number() -> None:
    async with open_shared_port() as port:
        assert "127.0.0.1" in [endpoint.local[0] for endpoint in port.endpoints]
        assert {endpoint.local[1] for endpoint in port.endpoints} == {port.port}


async def test_a_port_that_another_program_has_is_one_os_error() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        with pytest.raises(OSError, match="in use"):
            async with open_shared_port(other.getsockname()[1]):
                pass
