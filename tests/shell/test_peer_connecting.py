"""Two peers on a virtual network: they connect, frames flow, and nothing is left of them."""

import re

import pytest
import trio
from support.leaks import Snapshot
from support.peers import (
    HOSTS,
    feed_frames,
    make_frame,
    negotiating,
    open_two_peers,
    open_video,
    packets_received,
    receive_media,
    session_of,
)
from support.virtual_network import VirtualNetwork

import triortc
from triortc.net.endpoint import using_network
from triortc.protocol.wire.errors import LocalProtocolError


def count_tasks() -> int:
    return trio.lowlevel.current_statistics().tasks_living


async def test_peers_connect_and_frames_flow(autojump_clock):
    async with open_two_peers() as (sender, viewer), trio.open_nursery() as nursery:
        with open_video() as (track, feed):
            transceiver = sender.add_track(track)
            receive_media(viewer, "video")
            async with negotiating(sender, viewer):
                await sender.wait_connected()
                await viewer.wait_connected()
                nursery.start_soon(feed_frames, feed)
                await trio.sleep(2)
            assert packets_received(viewer) >= 150
            assert (transceiver.mid, transceiver.codec, transceiver.current_direction) == (
                "0",
                "VP8",
                "sendonly",
            )
            nursery.cancel_scope.cancel()


async def test_frames_flow_over_a_lossy_line(autojump_clock):
    network = VirtualNetwork(seed=3, delay=0.03, jitter=0.02, loss=0.2, reorder=0.05)
    async with open_two_peers(network) as (sender, viewer), trio.open_nursery() as nursery:
        with open_video() as (track, feed):
            sender.add_track(track)
            receive_media(viewer, "video")
            nursery.start_soon(feed_frames, feed)
            async with negotiating(sender, viewer):
                await sender.wait_connected()
                await viewer.wait_connected()
                await trio.sleep(10)
            (stream,) = session_of(viewer).media.receive_streams.values()
            assert stream.packets_received > 600
            assert stream.packets_lost > 50
            nursery.cancel_scope.cancel()


async def test_nothing_is_left_of_a_peer(autojump_clock):
    network = VirtualNetwork(delay=0.01)
    tasks, around = count_tasks(), Snapshot.take()
    for _ in range(3):
        async with open_two_peers(network) as (sender, viewer):
            with open_video() as (track, _):
                sender.add_track(track)
                receive_media(viewer, "video")
                async with negotiating(sender, viewer):
                    await viewer.wait_connected()
        assert count_tasks() == tasks
        assert all(not host.endpoints for host in network.hosts)
    assert Snapshot.take().left_since(around) == []


async def test_a_stage_by_stage_negotiation_by_hand(autojump_clock):
    async with open_two_peers() as (sender, viewer):
        with open_video() as (track, _):
            sender.add_track(track)
            receive_media(viewer, "video")
            await sender.set_local_description()
            await sender.wait_ice_gathering_complete()
            await viewer.set_remote_description(sender.local_description)
            await viewer.set_local_description(viewer.create_answer())
            await viewer.wait_ice_gathering_complete()
            await sender.set_remote_description(viewer.local_description)
            with trio.fail_after(1):
                await sender.wait_connected()
                await viewer.wait_connected()
            assert [await sender.candidates.receive() is None for _ in range(2)] == [False, True]


async def test_trickled_candidates_connect_as_well(autojump_clock):
    async with open_two_peers() as (sender, viewer):
        with open_video() as (track, _):
            sender.add_track(track)
            receive_media(viewer, "video")
            offer = sender.create_offer()
            await sender.set_local_description(offer)
            await viewer.set_remote_description(offer)
            answer = viewer.create_answer()
            await viewer.set_local_description(answer)
            await sender.set_remote_description(answer)
            assert "a=candidate" not in offer.sdp + answer.sdp
            await viewer.add_ice_candidate(await sender.candidates.receive())
            with trio.fail_after(2):
                await sender.wait_connected()
                await viewer.wait_connected()


async def test_a_track_is_added_once(autojump_clock):
    async with open_two_peers() as (sender, _):
        with open_video() as (track, _feed):
            transceiver = sender.add_track(track)
            with pytest.raises(LocalProtocolError, match="added before"):
                sender.add_track(track)
            assert sender.transceivers == (transceiver,)


async def test_a_track_that_ends_leaves_the_peer_connected(autojump_clock):
    async with open_two_peers() as (sender, viewer):
        with open_video() as (track, feed):
            sender.add_track(track)
            receive_media(viewer, "video")
            async with negotiating(sender, viewer):
                await sender.wait_connected()
                await viewer.wait_connected()
                await trio.testing.wait_all_tasks_blocked()
                feed.publish(make_frame(0))
                feed.finish()
                await trio.sleep(60)
                assert packets_received(viewer) == 3
                assert sender.connection_state is triortc.ConnectionState.CONNECTED


async def test_a_track_whose_media_closes_leaves_the_peer_connected(autojump_clock):
    async with open_two_peers() as (sender, viewer):
        receive_media(viewer, "video")
        async with negotiating(sender, viewer):
            with open_video() as (track, _):
                sender.add_track(track)
                await sender.wait_connected()
                await viewer.wait_connected()
            await trio.sleep(10)
            assert sender.connection_state is triortc.ConnectionState.CONNECTED


async def test_a_watcher_that_sleeps_sees_only_the_latest_state(autojump_clock):
    seen = []
    async with open_two_peers() as (sender, viewer), sender.watch_connection_state() as states:
        with open_video() as (track, _):
            sender.add_track(track)
            receive_media(viewer, "video")
            seen.append(await anext(states))
            async with negotiating(sender, viewer):
                await sender.wait_connected()
                seen.append(await anext(states))
                viewer.close()
                seen.append(await anext(states))
    assert [state.value for state in seen] == ["new", "connected", "closed"]


async def test_a_peer_shows_its_state_and_its_path(autojump_clock):
    async with open_two_peers() as (sender, viewer):
        assert repr(sender) == "<Peer new>"
        with open_video() as (track, _):
            sender.add_track(track)
            async with negotiating(sender, viewer):
                await sender.wait_connected()
                await viewer.wait_connected()
                shown = r"<Peer connected 10\.0\.0\.1:\d+ → 10\.0\.0\.2:\d+ rtt=20ms video:sendonly>"
                assert re.fullmatch(shown, repr(sender))


async def test_statistics_have_the_browsers_names(autojump_clock):
    async with open_two_peers() as (sender, viewer), trio.open_nursery() as nursery:
        with open_video() as (track, feed):
            sender.add_track(track)
            nursery.start_soon(feed_frames, feed)
            async with negotiating(sender, viewer):
                await sender.wait_connected()
                await trio.sleep(10)
                statistics = sender.statistics()
            reports = {report["type"]: report for report in statistics.as_w3c().values()}
            assert reports["outbound-rtp"]["framesSent"] >= 80
            assert reports["remote-inbound-rtp"]["roundTripTime"] == pytest.approx(0.02, abs=0.005)
            assert reports["transport"]["dtlsState"] == "connected"
            assert reports["candidate-pair"]["currentRoundTripTime"] == pytest.approx(0.02)
            told = reports.pop("remote-inbound-rtp")
            assert statistics.timestamp - 4000 < told["timestamp"] < statistics.timestamp
            assert all(report["timestamp"] == statistics.timestamp for report in reports.values())
            queues = {queue.name for queue in statistics.queues}
            assert queues == {"dtls-srtp", "rtp.send 0", "tracks", "candidates"}
            assert {"unchecked", "ice_malformed", "dtls_clear_alerts", "srtp_replayed"} <= set(
                statistics.counters
            )
            with pytest.raises(AttributeError):
                statistics.timestamp = 0
            nursery.cancel_scope.cancel()


async def test_peers_of_different_hosts_may_be_opened_at_the_same_time(autojump_clock):
    network = VirtualNetwork()
    found = []

    async def gather(host: str) -> None:
        with using_network(network.host(host)), open_video() as (track, _):
            async with triortc.open_peer() as peer:
                peer.add_track(track)
                await peer.set_local_description()
                found.append((await peer.candidates.receive()).address == host)

    async with trio.open_nursery() as nursery:
        for host in HOSTS:
            nursery.start_soon(gather, host)
    assert found == [True, True]
