"""ICE restarts of whole peers: media flows on, from whichever side, and into another network."""

import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trio
from support.peers import HOSTS, feed_frames, negotiating, open_video, session_of
from support.virtual_network import VirtualHost, VirtualNetwork

import triortc
from triortc.net.endpoint import using_network

MAX_GAP = 0.5
ROLLBACK = triortc.SessionDescription("rollback")


@dataclass
class Call:
    """Two peers that send each other video.

    Attributes:
      heard: when frames came, by who got them.
      states: which connection states each of them has seen.
    """

    network: VirtualNetwork
    hosts: list[VirtualHost]
    alice: triortc.Peer
    bob: triortc.Peer
    heard: dict[triortc.Peer, list[float]] = field(default_factory=dict)
    states: dict[triortc.Peer, list[str]] = field(default_factory=dict)

    @property
    def peers(self) -> tuple[triortc.Peer, triortc.Peer]:
        return self.alice, self.bob

    def ufrags(self) -> list[str]:
        return [session_of(peer).ice.local_parameters.ufrag for peer in self.peers]

    def in_use(self) -> list[str | None]:
        pairs = [session_of(peer).ice.selected_pair for peer in self.peers]
        return [None if pair is None else pair.local_candidate.username_fragment for pair in pairs]

    def gap(self) -> float:
        """The longest time that somebody waited for a frame; until now."""
        times = [[*heard, trio.current_time()] for heard in self.heard.values()]
        return max(b - a for heard in times for a, b in itertools.pairwise(heard))

    async def listen(self, peer: triortc.Peer) -> None:
        track = await peer.tracks.receive()
        async with track.encoded_frames() as frames:
            async for _ in frames:
                self.heard.setdefault(peer, []).append(trio.current_time())

    async def watch(self, peer: triortc.Peer) -> None:
        async with peer.watch_connection_state() as states:
            async for state in states:
                self.states.setdefault(peer, []).append(state.value)

    async def wait_restarted(self, before: list[str]) -> None:
        with trio.fail_after(10):
            while set(self.in_use()) & {*before, None} or self.in_use() != self.ufrags():  # noqa: ASYNC110
                await trio.sleep(0.05)


@asynccontextmanager
async def calling(*, shared: bool = False, delay: float = 0.02) -> AsyncIterator[Call]:
    network = VirtualNetwork(delay=delay)
    hosts = [network.host(address) for address in HOSTS]
    async with AsyncExitStack() as stack:
        with using_network(hosts[0]):
            port = await stack.enter_async_context(triortc.open_shared_port()) if shared else None
            alice = await stack.enter_async_context(triortc.open_peer(port=port))
        with using_network(hosts[1]):
            bob = await stack.enter_async_context(triortc.open_peer())
        nursery = await stack.enter_async_context(trio.open_nursery())
        call = Call(network, hosts, alice, bob)
        with ExitStack() as tracks:
            for peer in call.peers:
                track, feed = tracks.enter_context(open_video())
                peer.add_track(track)
                nursery.start_soon(feed_frames, feed)
                nursery.start_soon(call.listen, peer)
            async with negotiating(alice, bob):
                for peer in call.peers:
                    await peer.wait_connected()
                    nursery.start_soon(call.watch, peer)
                await trio.sleep(1)
                assert set(call.heard) == {alice, bob}
                yield call
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("shared", [False, True], ids=["own sockets", "shared port"])
@pytest.mark.parametrize("who", ["alice", "bob", "both"])
async def test_media_flows_on_through_a_restart(autojump_clock, who, shared):
    async with calling(shared=shared) as call:
        for _ in range(3):
            before = call.ufrags()
            for name in ("alice", "bob"):
                if who in (name, "both"):
                    getattr(call, name).restart_ice()
            await call.wait_restarted(before)
            await trio.sleep(1)
            assert not set(before) & set(call.ufrags())
        await trio.sleep(40)  # nobody's consent has been left behind
        assert call.gap() <= MAX_GAP
        assert all(seen == ["connected"] for seen in call.states.values())


@pytest.mark.parametrize("who", ["alice", "bob"])
async def test_a_peer_that_has_moved_to_another_network_restarts_and_goes_on(autojump_clock, who):
    async with calling() as call:
        peer = getattr(call, who)
        place = call.peers.index(peer)
        before = call.ufrags()
        call.network.unplugged.add(HOSTS[place])
        call.hosts[place].move("10.0.1.9")
        with trio.fail_after(10):
            while peer.connection_state.value != "disconnected":  # noqa: ASYNC110
                await trio.sleep(0.1)
        moved = trio.current_time()
        peer.restart_ice()
        await call.wait_restarted(before)
        with trio.fail_after(2):
            await peer.wait_connected()
        await trio.sleep(40)
        resumed = [next(time for time in call.heard[it] if time > moved) - moved for it in call.peers]
        assert max(resumed) <= 1
        assert call.states[peer] == ["connected", "disconnected", "connecting", "connected"]
        assert all(seen[-1] == "connected" for seen in call.states.values())
        assert session_of(peer).ice.selected_pair.local_base[0] == "10.0.1.9"
        assert "10.0.1.9" in peer.local_description.sdp
        assert HOSTS[place] not in peer.local_description.sdp


async def test_restarts_that_are_taken_back_cost_nothing(autojump_clock):
    async with calling(shared=True) as call:
        before = call.ufrags()
        for _ in range(10):
            await call.alice.set_local_description(call.alice.create_offer(ice_restart=True))
            await call.alice.set_local_description(ROLLBACK)
        assert call.ufrags() == before
        await trio.sleep(60)
        assert call.gap() <= MAX_GAP
        assert all(seen == ["connected"] for seen in call.states.values())


async def test_a_restart_is_needed_until_it_is_negotiated(autojump_clock):
    async with calling() as call:
        before = call.ufrags()
        call.alice.restart_ice()
        assert call.alice.negotiation_needed
        assert call.ufrags() == before
        await call.wait_restarted(before)
        await trio.sleep(1)
        assert not any(peer.negotiation_needed for peer in call.peers)


async def test_before_the_first_description_there_is_nothing_to_restart(autojump_clock):
    async with triortc.open_peer() as peer:
        peer.restart_ice()
        assert not peer.negotiation_needed
