"""Perfect negotiation over signaling in memory: glare, late tracks, and what the other side may break."""

from contextlib import ExitStack
from functools import partial

import pytest
import trio
from support.peers import negotiating, open_two_peers, open_video, receive_media, session_of
from support.virtual_network import VirtualNetwork

import triortc
from triortc.protocol.session.events import SignalingState


async def test_messages_arrive_in_order_and_the_end_after_them(autojump_clock):
    left, right = triortc.open_memory_signaling()
    offer = triortc.SessionDescription("offer", "v=0")
    await left.send(offer)
    await left.send(None)
    await left.aclose()
    assert await right.receive() == offer
    assert await right.receive() is None
    with pytest.raises(trio.EndOfChannel):
        await right.receive()
    with pytest.raises(trio.BrokenResourceError):
        await right.send(None)


async def sleep_after(channel: triortc.MemorySignaling, seconds: float) -> None:
    """Let each message that is sent take its time."""
    send = channel.send

    async def slow(message: object) -> None:
        await trio.sleep(seconds)
        await send(message)

    channel.send = slow


@pytest.mark.parametrize("polite_sender", [False, True])
@pytest.mark.parametrize("delays", [(0.0, 0.0), (0.1, 0.0), (0.0, 0.1), (0.1, 0.1)])
async def test_both_sides_offer_at_once_and_both_are_heard(autojump_clock, polite_sender, delays):
    async with open_two_peers() as peers, trio.open_nursery() as nursery:
        with open_video() as (one, _), open_video() as (other, _):
            for peer, track in zip(peers, (one, other), strict=True):
                peer.add_track(track)
            for peer, channel, delay, polite in zip(
                peers,
                triortc.open_memory_signaling(),
                delays,
                (polite_sender, not polite_sender),
                strict=True,
            ):
                await sleep_after(channel, delay)
                nursery.start_soon(partial(triortc.negotiate, peer, channel, polite=polite))
            with trio.fail_after(10):
                for peer in peers:
                    await peer.wait_connected()
                while any(peer.negotiation_needed for peer in peers):  # noqa: ASYNC110
                    await trio.sleep(0.1)
            await trio.sleep(1)
            for peer in peers:
                assert peer.signaling_state is SignalingState.STABLE
                assert [it.current_direction for it in peer.transceivers] == ["sendrecv"]
                assert session_of(peer).ice.counters.unauthenticated == 0
            nursery.cancel_scope.cancel()


async def test_tracks_that_come_late_are_negotiated(autojump_clock):
    async with open_two_peers() as (sender, viewer), negotiating(sender, viewer):
        with ExitStack() as tracks:
            for number in range(3):
                track, _ = tracks.enter_context(open_video())
                receive_media(viewer, "video")
                transceiver = sender.add_track(track)
                with trio.fail_after(5):
                    await viewer.wait_connected()
                    while transceiver.current_direction is None:  # noqa: ASYNC110
                        await trio.sleep(0.1)
                assert transceiver.mid == str(number)


async def test_a_track_that_is_turned_down_later_is_not_offered_again(autojump_clock):
    async with open_two_peers() as (sender, viewer):
        with open_video() as (track, _):
            transceiver = sender.add_track(track)
            async with negotiating(sender, viewer):
                await viewer.wait_connected()
                viewer.transceivers[0].direction = "inactive"
                await trio.sleep(10)
            assert transceiver.current_direction == "inactive"
            assert not sender.negotiation_needed
            # Its offer, and its answer to the viewer's.
            version = session_of(sender).negotiation.local_description.session_version
            assert version == 1


@pytest.mark.parametrize("polite", [False, True])
@pytest.mark.parametrize("kind", ["offer", "rollback"])
async def test_a_broken_description_is_the_remote_sides_fault(autojump_clock, polite, kind):
    left, right = triortc.open_memory_signaling()
    async with open_two_peers() as (peer, _):
        await right.send(triortc.SessionDescription(kind, "nonsense"))
        with pytest.raises(triortc.RemoteProtocolError):
            await triortc.negotiate(peer, left, polite=polite)
        assert peer.signaling_state is SignalingState.STABLE


async def test_a_stray_answer_and_early_candidates_are_passed_over(autojump_clock):
    left, right = triortc.open_memory_signaling()
    async with open_two_peers() as (peer, _):
        await right.send(None)
        await right.send(triortc.SessionDescription("answer", "nonsense"))
        await right.aclose()
        await triortc.negotiate(peer, left, polite=True)
        assert peer.signaling_state is SignalingState.STABLE


async def test_negotiation_ends_with_the_peer_and_with_the_channel(autojump_clock):
    for end_peer in (True, False):
        left, right = triortc.open_memory_signaling()
        async with open_two_peers(VirtualNetwork()) as (peer, _), trio.open_nursery() as nursery:
            nursery.start_soon(partial(triortc.negotiate, peer, left, polite=True))
            await trio.testing.wait_all_tasks_blocked()
            with trio.fail_after(1):
                await (peer.aclose() if end_peer else right.aclose())


async def test_candidates_that_overtake_the_first_description_are_taken(autojump_clock):
    async with open_two_peers() as (sender, viewer), trio.open_nursery() as nursery:
        with open_video() as (track, _):
            sender.add_track(track)
            receive_media(viewer, "video")
            await sender.set_local_description()
            await sender.wait_ice_gathering_complete()
            left, right = triortc.open_memory_signaling()
            # The description alone has no candidates: all of them went ahead of it.
            bare = "".join(
                line
                for line in sender.local_description.sdp.splitlines(keepends=True)
                if not line.startswith(("a=candidate", "a=end-of-candidates"))
            )
            while (candidate := await sender.candidates.receive()) is not None:
                await left.send(candidate)
            await left.send(triortc.SessionDescription("offer", bare))
            nursery.start_soon(partial(triortc.negotiate, viewer, right, polite=True))
            while getattr(answer := await left.receive(), "type", None) != "answer":
                pass  # the viewer's own offer, which it has taken back, and its candidates
            await sender.set_remote_description(answer)
            with trio.fail_after(10):
                await viewer.wait_connected()
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize("others", [0, 1])
async def test_a_section_that_is_stopped_while_its_offer_waits_is_not_offered(autojump_clock, others):
    async with open_two_peers() as (alice, bob), negotiating(alice, bob):
        for _ in range(others):
            alice.add_transceiver("audio")
        await trio.sleep(1)
        async with alice._operations:  # somebody's description is being applied
            stopped = alice.add_transceiver("video")
            await trio.sleep(1)
            stopped.stop()
        await trio.sleep(1)
        assert [len(peer.transceivers) for peer in (alice, bob)] == [others, others]
        assert not alice.negotiation_needed
        alice.add_transceiver("video")
        with trio.fail_after(5):
            await bob.wait_connected()
