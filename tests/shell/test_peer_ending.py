"""How a peer ends, and who hears of it: the other side, blocked calls, later calls."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from support.peers import (
    HOSTS,
    feed_frames,
    negotiating,
    open_two_peers,
    open_video,
    receive_media,
    session_of,
)
from support.virtual_network import VirtualNetwork

import triortc
from triortc.protocol.session.events import CloseReason

Pair = tuple[triortc.Peer, triortc.Peer]


@asynccontextmanager
async def connected(network: VirtualNetwork | None = None) -> AsyncIterator[Pair]:
    async with open_two_peers(network) as (sender, viewer), trio.open_nursery() as nursery:
        with open_video() as (track, feed):
            sender.add_track(track)
            receive_media(viewer, "video")
            nursery.start_soon(feed_frames, feed)
            async with negotiating(sender, viewer):
                await sender.wait_connected()
                await viewer.wait_connected()
            yield sender, viewer
            nursery.cancel_scope.cancel()


async def test_a_close_is_heard_at_once_by_the_other_side(autojump_clock):
    async with connected() as (sender, viewer):
        await sender.aclose()
        with trio.fail_after(0.02):
            assert await viewer.wait_closed() is CloseReason.REMOTE
        assert viewer.connection_state is triortc.ConnectionState.CLOSED
        with pytest.raises(triortc.PeerClosed) as caught:
            await viewer.wait_connected()
        assert caught.value.reason is CloseReason.REMOTE


class CancelAt(trio.abc.Instrument):
    """Cancels a scope after so many steps of whichever task."""

    def __init__(self, at: int, scope: trio.CancelScope) -> None:
        self.left = at
        self.scope = scope

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self.left -= 1
        if self.left == 0:
            self.scope.cancel()


@pytest.mark.parametrize("first", [1, 2, 3])
async def test_a_peer_may_be_cancelled_at_any_step_and_leaves_nothing(autojump_clock, first):
    network = VirtualNetwork(delay=0.01)
    tasks = trio.lowlevel.current_statistics().tasks_living
    for at in range(first, 150, 3):
        with trio.CancelScope() as scope:
            instrument = CancelAt(at, scope)
            trio.lowlevel.add_instrument(instrument)
            async with connected(network):
                await trio.sleep(0.5)
        trio.lowlevel.remove_instrument(instrument)
        assert trio.lowlevel.current_statistics().tasks_living == tasks
        assert all(not host.endpoints for host in network.hosts)


async def test_the_other_side_is_told_although_the_block_is_cancelled(autojump_clock):
    network = VirtualNetwork(delay=0.01)
    heard = trio.Event()
    async with trio.open_nursery() as outer:
        viewers = []

        async def view() -> None:
            async with connected(network) as (_, viewer):
                await trio.sleep(0.5)
                viewers.append(viewer)
                heard.set()
                await trio.sleep_forever()

        outer.start_soon(view)
        await heard.wait()
        (viewer,) = viewers
        sent = [endpoint for host in network.hosts for endpoint in host.endpoints.values()]
        before = [endpoint.statistics.datagrams_sent for endpoint in sent]
        outer.cancel_scope.cancel()
    after = [endpoint.statistics.datagrams_sent for endpoint in sent]
    # The viewer's close_notify; the sender's goodbye and close_notify.
    assert [late - early for late, early in zip(after, before, strict=True)] in ([2, 1], [1, 2])
    assert session_of(viewer).ended.reason is CloseReason.LOCAL


async def test_an_unplugged_peer_fails_with_what_was_tried(autojump_clock):
    network = VirtualNetwork(delay=0.01)
    network.unplugged.add(HOSTS[1])
    async with open_two_peers(network) as (sender, viewer):
        with open_video() as (track, _):
            sender.add_track(track)
            receive_media(viewer, "video")
            async with negotiating(sender, viewer):
                start = trio.current_time()
                with pytest.raises(triortc.IceFailed) as caught:
                    await sender.wait_connected()
                assert trio.current_time() - start <= 36
            assert any("10.0.0.1" in pair and "10.0.0.2" in pair for pair in caught.value.pairs)
            assert caught.value.reason is CloseReason.ICE_FAILED
            assert isinstance(caught.value, triortc.PeerFailed)
            assert await sender.wait_closed() is CloseReason.ICE_FAILED


async def test_a_wrong_fingerprint_fails_the_viewer(autojump_clock):
    async with open_two_peers() as (sender, viewer):
        with open_video() as (track, _):
            sender.add_track(track)
            receive_media(viewer, "video")
            await sender.set_local_description()
            sdp = sender.local_description.sdp
            start = sdp.index("sha-256 ") + 8
            forged = sdp.replace(sdp[start : start + 95], ":".join(["AB"] * 32))
            await viewer.set_remote_description(triortc.SessionDescription("offer", forged))
            await viewer.set_local_description()
            await sender.set_remote_description(viewer.local_description)
            with pytest.raises(triortc.PeerFailed, match="fingerprint") as caught:
                await viewer.wait_connected()
            assert caught.value.reason is CloseReason.DTLS_FAILED
            assert await viewer.wait_closed() is CloseReason.DTLS_FAILED
            with pytest.raises(triortc.PeerFailed):
                await sender.wait_connected()


async def test_a_peer_that_falls_silent_is_disconnected_and_then_failed(autojump_clock):
    network = VirtualNetwork(delay=0.01)
    async with connected(network) as (sender, _):
        network.unplugged.add(HOSTS[1])
        start = trio.current_time()
        async with sender.watch_connection_state() as states:
            seen = [await anext(states) for _ in range(2)]
            assert await sender.wait_closed() is CloseReason.CONSENT_LOST
        assert seen[1] is triortc.ConnectionState.DISCONNECTED
        assert trio.current_time() - start <= 31
        sent = [endpoint.statistics.datagrams_sent for endpoint in sender._gatherer._sockets]
        await trio.sleep(30)
        assert [endpoint.statistics.datagrams_sent for endpoint in sender._gatherer._sockets] == sent


WAITS = {
    "wait_connected": lambda peer: peer.wait_connected(),
    "wait_negotiation_needed": lambda peer: peer.wait_negotiation_needed(),
    "wait_ice_gathering_complete": lambda peer: peer.wait_ice_gathering_complete(),
    "candidates": lambda peer: peer.candidates.receive(),
}


@pytest.mark.parametrize("name", WAITS)
async def test_blocked_calls_end_with_the_peer(autojump_clock, name):
    ended = []

    async def wait(peer: triortc.Peer) -> None:
        with pytest.raises(trio.EndOfChannel):
            await WAITS[name](peer)
        ended.append(name)

    async with open_two_peers() as (peer, _), trio.open_nursery() as nursery:
        nursery.start_soon(wait, peer)
        await trio.testing.wait_all_tasks_blocked()
        peer.close()
    assert ended == [name]


async def test_whoever_waits_for_the_end_is_told_the_reason(autojump_clock):
    reasons = []

    async def wait(peer: triortc.Peer) -> None:
        reasons.append(await peer.wait_closed())

    async with open_two_peers() as (peer, _), trio.open_nursery() as nursery:
        nursery.start_soon(wait, peer)
        await trio.testing.wait_all_tasks_blocked()
        peer.close()
    assert reasons == [CloseReason.LOCAL]


async def test_after_the_block_every_call_says_that_it_is_closed(autojump_clock):
    async with open_two_peers() as (peer, _):
        offer = triortc.SessionDescription("offer", "")
    with open_video() as (track, _feed):
        for call in (
            lambda: peer.add_track(track),
            peer.create_offer,
            peer.create_answer,
            peer.watch_connection_state,
        ):
            with pytest.raises(trio.ClosedResourceError):
                call()
    for wait in (
        lambda: peer.set_local_description(),
        lambda: peer.set_remote_description(offer),
        lambda: peer.add_ice_candidate(None),
        peer.wait_connected,
        peer.wait_closed,
        peer.wait_negotiation_needed,
        peer.wait_ice_gathering_complete,
    ):
        with pytest.raises(trio.ClosedResourceError):
            await wait()
    await peer.aclose()
    assert peer.connection_state is triortc.ConnectionState.CLOSED
    assert repr(peer) == "<Peer closed>"
    peer.statistics()


async def test_a_track_whose_media_has_ended_leaves_the_peer_alive(autojump_clock):
    async with open_two_peers() as (sender, viewer):
        with open_video() as (track, _):
            sender.add_track(track)
        receive_media(viewer, "video")
        async with negotiating(sender, viewer):
            await sender.wait_connected()
            await trio.sleep(1)
            assert sender.connection_state is triortc.ConnectionState.CONNECTED
