"""Candidates from sockets and from STUN servers; a dead server delays nobody."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from support.peers import open_video
from support.virtual_network import VirtualEndpoint, VirtualNetwork

import triortc
from triortc.net.endpoint import using_network
from triortc.protocol.ice import stun
from triortc.protocol.wire.machine import Transmit

SERVER = "198.51.100.1"
OUTSIDE = ("203.0.113.7", 61_000)
CONFIG = triortc.PeerConfig(ice_servers=(triortc.IceServer("stun:stun.example"),))


async def answer(endpoint: VirtualEndpoint) -> None:
    """Be a STUN server that sees everybody at one address."""
    while True:
        await endpoint.wait_readable()
        for data, source in endpoint.receive_burst():
            reply = stun.binding_success(stun.transaction_id(data), OUTSIDE, None)
            endpoint.send_nowait(Transmit(reply, endpoint.local, source))


@asynccontextmanager
async def gathering(
    network: VirtualNetwork, addresses: tuple[str, ...] = ("10.0.0.1",)
) -> AsyncIterator[triortc.Peer]:
    with using_network(network.host(*addresses)), open_video() as (track, _):
        async with triortc.open_peer(CONFIG) as peer:
            peer.add_track(track)
            await peer.set_local_description()
            yield peer


async def test_a_stun_server_tells_the_address_outside(autojump_clock):
    network = VirtualNetwork(delay=0.02)
    network.names["stun.example"] = [SERVER]
    endpoint = network.host(SERVER).open_endpoint(SERVER, 3478)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer, endpoint)
        async with gathering(network) as peer:
            host, reflexive, end = [await peer.candidates.receive() for _ in range(3)]
            assert (host.type, host.address) == ("host", "10.0.0.1")
            assert (reflexive.type, reflexive.address, reflexive.port) == ("srflx", *OUTSIDE)
            assert (reflexive.related_address, reflexive.sdp_mid) == ("10.0.0.1", "0")
            assert end is None
            assert peer.ice_gathering_state is triortc.IceGatheringState.COMPLETE
        nursery.cancel_scope.cancel()


async def test_a_dead_stun_server_delays_no_host_candidate(autojump_clock):
    network = VirtualNetwork(delay=0.02)
    network.names["stun.example"] = [SERVER]
    start = trio.current_time()
    async with gathering(network) as peer:
        assert (await peer.candidates.receive()).type == "host"
        assert trio.current_time() == start
        await peer.wait_ice_gathering_complete()
        assert 5 <= trio.current_time() - start <= 9.5


async def test_a_name_that_nobody_knows_ends_gathering_at_once(autojump_clock):
    start = trio.current_time()
    async with gathering(VirtualNetwork(delay=0.02)) as peer:
        await peer.wait_ice_gathering_complete()
        assert trio.current_time() - start <= 0.05
        assert [(await peer.candidates.receive()) is None for _ in range(2)] == [False, True]


async def test_a_peer_that_ends_while_a_name_is_looked_up_ends_quietly(autojump_clock):
    network = VirtualNetwork(delay=1.0)
    network.names["stun.example"] = [SERVER]
    async with gathering(network) as peer:
        with peer._driver.turn() as session:
            session.close(trio.current_time())
        await trio.sleep(30)
        assert peer.connection_state is triortc.ConnectionState.CLOSED
        assert peer.ice_gathering_state is triortc.IceGatheringState.GATHERING


async def test_a_cancelled_gathering_leaves_no_socket(autojump_clock):
    network = VirtualNetwork(delay=1.0)
    network.names["stun.example"] = [SERVER]
    with trio.move_on_after(0.5):
        async with gathering(network) as peer:
            await peer.wait_ice_gathering_complete()
    assert all(not host.endpoints for host in network.hosts)


async def test_a_server_outside_is_not_asked_from_loopback_or_in_another_family(autojump_clock):
    network = VirtualNetwork(delay=0.02)
    network.names["stun.example"] = [SERVER]
    endpoint = network.host(SERVER).open_endpoint(SERVER, 3478)
    start = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer, endpoint)
        async with gathering(network, ("10.0.0.1", "fd00::1", "127.0.0.1")) as peer:
            await peer.wait_ice_gathering_complete()
            assert trio.current_time() - start < 0.5
        nursery.cancel_scope.cancel()
