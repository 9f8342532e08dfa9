"""Transceivers: directions, codecs, parameters, another track in the same stream, and the stop."""

import itertools
import math
from contextlib import ExitStack
from dataclasses import replace

import pytest
import trio
import trio.testing
from support.peers import feed_frames, negotiating, open_two_peers, open_video

import triortc
from triortc.media.local_track import open_fed_track


async def settle(*peers: triortc.Peer) -> None:
    """Wait until nobody has anything to negotiate, on the virtual clock."""
    await trio.sleep(1)
    with trio.fail_after(10):
        while any(peer.negotiation_needed for peer in peers):  # noqa: ASYNC110
            await trio.sleep(0.1)
    await trio.sleep(0.1)


def directions(peer: triortc.Peer) -> list[str | None]:
    return [transceiver.current_direction for transceiver in peer.transceivers]


async def test_a_direction_is_what_both_sides_want(autojump_clock):
    async with open_two_peers() as (alice, bob), negotiating(alice, bob):
        transceiver = alice.add_transceiver("video")
        await settle(alice, bob)
        assert (directions(alice), directions(bob)) == (["sendonly"], ["recvonly"])
        bob.transceivers[0].direction = "sendrecv"
        await settle(alice, bob)
        assert (directions(alice), directions(bob)) == (["sendrecv"], ["sendrecv"])
        transceiver.direction = "inactive"
        await settle(alice, bob)
        assert (directions(alice), directions(bob)) == (["inactive"], ["inactive"])


async def test_words_that_are_no_direction_or_kind_are_refused(autojump_clock):
    async with open_two_peers() as (alice, _):
        with pytest.raises(triortc.LocalProtocolError, match="sideways"):
            alice.add_transceiver("video", direction="sideways")
        with pytest.raises(triortc.LocalProtocolError, match="smell"):
            alice.add_transceiver("smell")
        transceiver = alice.add_transceiver("audio")
        with pytest.raises(triortc.LocalProtocolError):
            transceiver.direction = "both"
        assert transceiver.direction == "sendrecv"


async def test_a_stopped_transceiver_is_gone_on_both_sides_and_its_section_is_used_again(autojump_clock):
    async with open_two_peers() as (alice, bob), negotiating(alice, bob):
        stays = alice.add_transceiver("audio")
        goes = alice.add_transceiver("video")
        await settle(alice, bob)
        goes.stop()
        goes.stop()
        assert goes.stopped
        with pytest.raises(triortc.InvalidStateError):
            goes.direction = "sendonly"
        await settle(alice, bob)
        assert alice.transceivers == (stays,)
        assert [transceiver.kind for transceiver in bob.transceivers] == ["audio"]
        alice.add_transceiver("video")
        await settle(alice, bob)
        assert alice.local_description.sdp.count("m=") == 2
        assert [transceiver.kind for transceiver in bob.transceivers] == ["audio", "video"]


async def test_codecs_are_negotiated_in_the_preferred_order(autojump_clock):
    async with open_two_peers() as (alice, bob), negotiating(alice, bob):
        transceiver = alice.add_transceiver("video")
        transceiver.set_codec_preferences([triortc.VP9(), triortc.VP8()])
        with pytest.raises(triortc.LocalProtocolError):
            transceiver.set_codec_preferences([triortc.Opus()])
        await settle(alice, bob)
        assert transceiver.codec == "VP9"
        assert "H264" not in alice.local_description.sdp
        transceiver.set_codec_preferences([])
        await settle(alice, bob)


async def test_a_preference_that_a_track_does_not_come_in_is_refused(autojump_clock):
    async with open_two_peers() as (alice, _):
        with open_video() as (track, _feed):
            transceiver = alice.add_track(track)
            with pytest.raises(triortc.LocalProtocolError, match="comes in none"):
                transceiver.set_codec_preferences([triortc.H264()])


async def test_another_track_goes_on_in_the_same_stream(autojump_clock):
    async with open_two_peers() as (alice, bob), trio.open_nursery() as nursery:
        with open_video() as (first, first_feed), open_video() as (second, second_feed):
            transceiver = alice.add_track(first)
            nursery.start_soon(feed_frames, first_feed)
            async with negotiating(alice, bob):
                track = await bob.tracks.receive()
                async with track.encoded_frames() as frames:
                    received = [await anext(frames) for _ in range(30)]
                    transceiver.replace_track(second)
                    await trio.sleep(2)
                    nursery.start_soon(feed_frames, second_feed)
                    received += [await anext(frames) for _ in range(60)]
                    assert alice.negotiation_needed is False
                    (sent,) = (it for it in alice.statistics().stats if it.type == "outbound-rtp")
        nursery.cancel_scope.cancel()
    assert sent.frames_sent >= 90
    # Timestamps follow the clock over the change: two seconds are 180,000 ticks.
    steps = [b.timestamp - a.timestamp for a, b in itertools.pairwise(received)]
    assert all(step > 0 for step in steps)
    assert max(steps) == pytest.approx(180_000, abs=9_000)


async def test_a_track_that_does_not_fit_cannot_replace_another(autojump_clock):
    async with open_two_peers() as (alice, bob):
        with ExitStack() as stack:
            video, _ = stack.enter_context(open_video())
            audio, _ = stack.enter_context(open_fed_track("audio", [triortc.Opus()]))
            other, _ = stack.enter_context(open_fed_track("video", [triortc.H264()]))
            transceiver = alice.add_track(video)
            with pytest.raises(triortc.LocalProtocolError, match="kind audio"):
                transceiver.replace_track(audio)
            async with negotiating(alice, bob):
                await settle(alice, bob)
                with pytest.raises(triortc.LocalProtocolError, match="does not come in the codec"):
                    transceiver.replace_track(other)
            assert transceiver.track is video
            transceiver.replace_track(None)
            assert transceiver.track is None


async def test_inactive_parameters_send_nothing_and_old_ones_are_refused(autojump_clock):
    async with open_two_peers() as (alice, bob), trio.open_nursery() as nursery:
        with open_video() as (video, feed):
            transceiver = alice.add_track(video)
            nursery.start_soon(feed_frames, feed)
            async with negotiating(alice, bob):
                track = await bob.tracks.receive()
                async with track.encoded_frames() as frames:
                    await anext(frames)
                    before = transceiver.get_parameters()
                    (encoding,) = before.encodings
                    transceiver.set_parameters(replace(before, encodings=(replace(encoding, active=False),)))
                    await trio.sleep(1)
                    with trio.move_on_after(5) as silence:
                        while True:
                            await anext(frames)
                    assert silence.cancelled_caught
                    with pytest.raises(triortc.InvalidStateError):
                        transceiver.set_parameters(before)
                    now = transceiver.get_parameters()
                    with pytest.raises(triortc.LocalProtocolError):
                        transceiver.set_parameters(replace(now, encodings=()))
                    transceiver.set_parameters(replace(now, encodings=(encoding,)))
                    with trio.fail_after(5):
                        await anext(frames)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_bitrate": 0},
        {"max_framerate": -1},
        {"max_framerate": math.nan},
        {"scale_resolution_down_by": 0.5},
        {"scale_resolution_down_by": math.nan},
        {"scale_resolution_down_by": math.inf},
        {"rid": "a b"},
    ],
)
def test_parameters_that_mean_nothing_are_refused(wrong):
    with pytest.raises(triortc.LocalProtocolError):
        triortc.EncodingParameters(**wrong)


async def test_several_encodings_arrive_as_several_layers_of_one_track(autojump_clock):
    rids = ("low", "mid", "high")
    async with open_two_peers() as (alice, bob), trio.open_nursery() as nursery:
        with open_video() as (video, feed):
            encodings = [triortc.EncodingParameters(rid=rid) for rid in rids]
            transceiver = alice.add_transceiver(video, direction="sendonly", send_encodings=encodings)
            scales = [each.scale_resolution_down_by for each in transceiver.get_parameters().encodings]
            assert scales == [4, 2, 1]
            nursery.start_soon(feed_frames, feed)
            async with negotiating(alice, bob):
                track = await bob.tracks.receive()
                assert track.rids == rids
                with trio.fail_after(10):
                    for rid in rids:
                        async with track.encoded_frames(rid) as frames:
                            assert (await anext(frames)).rid == rid
                with pytest.raises(triortc.LocalProtocolError, match="has no encoding 'huge'"):
                    track.request_keyframe("huge")
        nursery.cancel_scope.cancel()
