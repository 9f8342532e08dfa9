"""What the remote side sends: tracks as they come, read as frames or packets, and their end."""

import itertools
from contextlib import ExitStack

import pytest
import trio
import trio.testing
from support.peers import feed_frames, make_vp8_frame, negotiating, open_two_peers, open_video, session_of
from support.virtual_network import VirtualNetwork

import triortc


async def test_a_track_comes_with_its_name_and_its_frames_in_order(autojump_clock):
    async with open_two_peers() as (alice, bob):
        with open_video() as (video, feed):
            alice.add_track(video, "stream")
            async with negotiating(alice, bob), trio.open_nursery() as nursery:
                track = await bob.tracks.receive()
                assert (track.kind, track.id, track.stream_ids) == ("video", video.id, ("stream",))
                nursery.start_soon(feed_frames, feed)
                async with track.encoded_frames() as frames:
                    received = [await anext(frames) for _ in range(60)]
                nursery.cancel_scope.cancel()
    assert received[0].keyframe
    steps = {b.timestamp - a.timestamp for a, b in itertools.pairwise(received)}
    assert steps == {3000}
    assert {frame.codec for frame in received} == {"vp8"}


async def test_both_sides_send_in_one_section(autojump_clock):
    async with open_two_peers() as peers, trio.open_nursery() as nursery:
        with ExitStack() as stack:
            feeds = []
            for peer in peers:
                video, feed = stack.enter_context(open_video())
                peer.add_track(video)
                feeds.append(feed)
            async with negotiating(*peers):
                for feed in feeds:
                    nursery.start_soon(feed_frames, feed)
                for peer in peers:
                    track = await peer.tracks.receive()
                    assert peer.transceivers[0].remote_track is track
                    async with track.encoded_frames() as frames:
                        await anext(frames)
                assert [len(peer.transceivers) for peer in peers] == [1, 1]
            nursery.cancel_scope.cancel()


async def test_frames_end_when_the_remote_side_removes_the_track(autojump_clock):
    async with open_two_peers() as (alice, bob):
        with open_video() as (video, feed):
            alice.add_track(video)
            async with negotiating(alice, bob), trio.open_nursery() as nursery:
                nursery.start_soon(feed_frames, feed)
                track = await bob.tracks.receive()
                with trio.fail_after(10):
                    async with track.encoded_frames() as frames:
                        await anext(frames)
                        alice.remove_track(video)
                        async for _ in frames:
                            pass
                assert track.ended
                assert bob.transceivers[0].remote_track is None
                alice.add_track(video)
                again = await bob.tracks.receive()
                assert again is not track
                async with again.encoded_frames() as frames:
                    await anext(frames)
                nursery.cancel_scope.cancel()


async def test_frames_and_tracks_end_with_a_peer_that_closes(autojump_clock):
    async with open_two_peers() as (alice, bob):
        with open_video() as (video, feed):
            alice.add_track(video)
            async with negotiating(alice, bob), trio.open_nursery() as nursery:
                nursery.start_soon(feed_frames, feed)
                with trio.fail_after(10):
                    async for track in bob.tracks:
                        async with track.encoded_frames() as frames:
                            await anext(frames)
                            await alice.aclose()
                            async for _ in frames:
                                pass
                nursery.cancel_scope.cancel()


async def test_a_lost_connection_is_raised_where_frames_are_read(autojump_clock):
    network = VirtualNetwork(delay=0.01)
    async with open_two_peers(network) as (alice, bob):
        with open_video() as (video, feed):
            alice.add_track(video)
            async with negotiating(alice, bob), trio.open_nursery() as nursery:
                nursery.start_soon(feed_frames, feed)
                track = await bob.tracks.receive()
                async with track.encoded_frames() as frames:
                    await anext(frames)
                    network.loss = 1.0
                    with trio.fail_after(60), pytest.raises(triortc.PeerFailed):
                        async for _ in frames:
                            pass
                nursery.cancel_scope.cancel()


async def test_packets_are_read_untouched(autojump_clock):
    async with open_two_peers() as (alice, bob):
        with open_video() as (video, feed):
            alice.add_track(video)
            async with negotiating(alice, bob):
                track = await bob.tracks.receive()
                await bob.wait_connected()
                await alice.wait_connected()
                async with track.rtp_packets() as packets:
                    await trio.testing.wait_all_tasks_blocked()
                    frame = make_vp8_frame(0)
                    feed.publish(frame)
                    received = [await packets.receive() for _ in frame.payloads]
    assert tuple(packet.payload for packet in received) == frame.payloads
    assert [packet.marker for packet in received] == [False] * (len(received) - 1) + [True]


async def test_an_unread_track_is_counted_and_no_more(autojump_clock):
    async with open_two_peers() as (alice, bob):
        with open_video() as (video, feed):
            alice.add_track(video)
            async with negotiating(alice, bob), trio.open_nursery() as nursery:
                nursery.start_soon(feed_frames, feed)
                await bob.wait_connected()
                await trio.sleep(30)
                (stream,) = session_of(bob).media.receive_streams.values()
                assert stream.packets_received > 1000
                assert all(not it.frames for it in session_of(bob).media.receiving.tracks)
                nursery.cancel_scope.cancel()


async def test_a_slow_reader_loses_frames_up_to_a_keyframe(autojump_clock):
    async with open_two_peers() as (alice, bob):
        with open_video() as (video, feed):
            alice.add_track(video)
            async with negotiating(alice, bob), trio.open_nursery() as nursery:
                nursery.start_soon(feed_frames, feed)
                track = await bob.tracks.receive()
                async with track.encoded_frames() as frames:
                    received = [await anext(frames)]
                    await trio.sleep(10)
                    received += [await anext(frames) for _ in range(80)]
                nursery.cancel_scope.cancel()
    jumps = [b for a, b in itertools.pairwise(received) if b.timestamp - a.timestamp != 3000]
    assert jumps
    assert all(frame.keyframe for frame in jumps)
