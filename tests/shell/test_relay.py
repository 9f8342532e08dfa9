"""What one peer sends, sent on to others as it is."""

import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import trio
from support.peers import feed_frames, make_vp8_frame, negotiating, open_two_peers, open_video
from support.virtual_network import VirtualNetwork

import triortc
from triortc.media.local_track import Feed
from triortc.net.endpoint import using_network


@asynccontextmanager
async def open_pair(network: VirtualNetwork, *hosts: str) -> AsyncIterator[tuple[triortc.Peer, triortc.Peer]]:
    async with AsyncExitStack() as stack:
        peers = []
        for host in hosts:
            with using_network(network.host(host)):
                peers.append(await stack.enter_async_context(triortc.open_peer()))
        await stack.enter_async_context(negotiating(*peers))
        yield tuple(peers)


async def feed_few_keyframes(feed: Feed) -> None:
    """Publish a keyframe every four seconds, and other frames between."""
    for number in itertools.count():
        if number % 10 or number % 120 == 0:
            feed.publish(make_vp8_frame(number))
        await trio.sleep(1 / 30)


async def test_frames_go_on_to_another_peer_untouched_and_end_with_the_first(autojump_clock):
    network = VirtualNetwork(delay=0.01)
    async with (
        open_pair(network, "10.0.0.1", "10.0.0.2") as (alice, server),
        open_pair(network, "10.0.0.3", "10.0.0.4") as (other, bob),
        trio.open_nursery() as nursery,
    ):
        with open_video() as (video, feed):
            alice.add_track(video)
            nursery.start_soon(feed_frames, feed)
            async with triortc.open_relay(await server.tracks.receive()) as relayed:
                other.add_track(relayed)
                track = await bob.tracks.receive()
                with trio.fail_after(20):
                    async with track.encoded_frames() as frames:
                        first = await anext(frames)
                        assert first.keyframe
                        second = await anext(frames)
                        assert second.timestamp - first.timestamp == 3000
                        assert second.payloads[0][4:] != first.payloads[0][4:]
                        alice.remove_track(video)
                        await relayed.wait_ended()
        nursery.cancel_scope.cancel()


async def test_a_viewers_wish_for_a_keyframe_reaches_the_sender(autojump_clock):
    network = VirtualNetwork(delay=0.01)
    async with (
        open_pair(network, "10.0.0.1", "10.0.0.2") as (alice, server),
        trio.open_nursery() as nursery,
    ):
        with open_video() as (video, feed):
            alice.add_track(video)
            nursery.start_soon(feed_few_keyframes, feed)
            async with triortc.open_relay(await server.tracks.receive()) as relayed:
                await trio.sleep(5)
                feed.keyframe_wanted(trio.current_time())
                (encoding,) = relayed.encodings
                with relayed.subscribe(encoding):
                    await trio.sleep(2)
                    assert feed.keyframe_wanted(trio.current_time())
        nursery.cancel_scope.cancel()


async def test_a_track_that_ends_without_a_frame_is_relayed_as_an_ended_one(autojump_clock):
    async with open_two_peers() as (alice, bob):
        with open_video() as (video, _feed):
            alice.add_track(video)
            async with negotiating(alice, bob):
                track = await bob.tracks.receive()
                await alice.wait_connected()
                await bob.wait_connected()
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(alice.aclose)
                    async with triortc.open_relay(track) as relayed:
                        await relayed.wait_ended()
