"""aiortc and changes in the middle of a call: tracks added and removed, directions, stopped transceivers."""

import pytest
import trio
from support.aiortc_calls import (
    FOREIGN_TONE,
    SIDES,
    TONE,
    ForeignPeer,
    Side,
    listen,
    negotiate,
    open_call,
    receive_tracks,
    watch,
)
from support.cards import sum_up

import triortc

pytestmark = pytest.mark.interop

# aiortc's second offer numbers its codecs anew, if the first one was not its own, and then it does not
# know what comes under the new numbers: so most calls here begin with its offer.
ORDERS: list[tuple[Side, Side]] = [("aiortc", "aiortc"), ("aiortc", "triortc"), ("triortc", "triortc")]


@pytest.mark.parametrize(("first", "then"), ORDERS)
async def test_both_sides_add_sound_to_pictures(first: Side, then: Side) -> None:
    async with open_call() as (peer, foreign, media):
        assert media.video is not None
        assert media.audio is not None
        await foreign.ask("send", kind="video")
        peer.add_track(media.video)
        await negotiate(peer, foreign, first)
        [video] = await receive_tracks(peer, "video")
        before = await watch(video, 15)

        await foreign.ask("send", kind="audio")
        peer.add_track(media.audio)
        assert peer.negotiation_needed
        await negotiate(peer, foreign, then)
        assert not peer.negotiation_needed
        [audio] = await receive_tracks(peer, "audio")
        assert await listen(audio, 1) == pytest.approx(FOREIGN_TONE, abs=5)
        sum_up(before + await watch(video, 15))
        pictures, sound = await foreign.watch(0, 1, frames=60)
    assert sum_up(pictures.sightings).count >= 55
    assert sound.frequency == pytest.approx(TONE, abs=5)


async def test_a_peer_that_numbers_its_codecs_anew_is_understood() -> None:
    async with open_call() as (peer, foreign, media):
        assert media.video is not None
        assert media.audio is not None
        await foreign.ask("send", kind="video")
        peer.add_track(media.video)
        await negotiate(peer, foreign, "triortc")
        [video] = await receive_tracks(peer, "video")
        before = await watch(video, 15)

        await foreign.ask("send", kind="audio")
        peer.add_track(media.audio)
        await negotiate(peer, foreign, "aiortc")
        [audio] = await receive_tracks(peer, "audio")
        assert await listen(audio, 1) == pytest.approx(FOREIGN_TONE, abs=5)
        sum_up(before + await watch(video, 15))
        [sound] = await foreign.watch(1, frames=30)
    assert sound.frequency == pytest.approx(TONE, abs=5)


@pytest.mark.parametrize(("first", "then"), ORDERS)
async def test_triortc_removes_a_track_and_sends_it_again(first: Side, then: Side) -> None:
    async with open_call() as (peer, foreign, media):
        assert media.video is not None
        await foreign.ask("send", kind="video")
        peer.add_track(media.video)
        await negotiate(peer, foreign, first)
        await foreign.watch(0, frames=15)

        peer.remove_track(media.video)
        await negotiate(peer, foreign, then)
        assert peer.transceivers[0].current_direction == "recvonly"
        assert await is_quiet(foreign, 0)
        [track] = await receive_tracks(peer, "video")
        assert sum_up(await watch(track, 15)).missing == 0

        peer.transceivers[0].replace_track(media.video)
        peer.transceivers[0].direction = "sendrecv"
        await negotiate(peer, foreign, then)
        [again] = await foreign.watch(0, frames=15)
        assert sum_up(again.sightings).count >= 14


@pytest.mark.parametrize("then", SIDES)
async def test_aiortc_removes_a_track_and_sends_another(then: Side) -> None:
    async with open_call() as (peer, foreign, _):
        await foreign.ask("send", kind="video")
        await negotiate(peer, foreign, "aiortc")
        [track] = await receive_tracks(peer, "video")
        async with track.frames(lossless=True) as frames:
            await anext(frames)
            await foreign.ask("stop_sending", index=0)
            await negotiate(peer, foreign, then)
            async for _ in frames:
                pass
        assert track.ended

        await foreign.ask("send", kind="video")
        await negotiate(peer, foreign, then)
        [other] = await receive_tracks(peer, "video")
        assert sum_up(await watch(other, 15)).missing == 0


@pytest.mark.parametrize(("first", "then"), ORDERS)
@pytest.mark.parametrize("holder", SIDES)
async def test_a_call_is_held_and_taken_up(holder: Side, first: Side, then: Side) -> None:
    async def direct(direction: str) -> None:
        if holder == "triortc":
            transceiver.direction = direction
        else:
            await foreign.ask("direct", index=0, direction=direction)
        await negotiate(peer, foreign, then)
        assert transceiver.current_direction == direction

    async with open_call() as (peer, foreign, media):
        assert media.video is not None
        await foreign.ask("send", kind="video")
        transceiver = peer.add_track(media.video)
        await negotiate(peer, foreign, first)
        [track] = await receive_tracks(peer, "video")
        await watch(track, 15)

        await direct("inactive")
        await track.wait_ended()
        assert await is_quiet(foreign, 0)

        await direct("sendrecv")
        [again] = await receive_tracks(peer, "video")
        assert sum_up(await watch(again, 15)).missing == 0
        [away] = await foreign.watch(0, frames=15)
        assert sum_up(away.sightings).count >= 14


@pytest.mark.parametrize("then", SIDES)
async def test_pictures_go_on_when_aiortc_stops_the_sound(then: Side) -> None:
    """It says goodbye by RTCP, and goes on to offer the section, which is free to send nothing."""
    async with open_call() as (peer, foreign, media):
        for track in media.tracks:
            await foreign.ask("send", kind=track.kind)
            peer.add_track(track)
        await negotiate(peer, foreign, "aiortc")
        video, _ = await receive_tracks(peer, "video", "audio")
        before = await watch(video, 15)

        await foreign.ask("stop", index=1)
        await negotiate(peer, foreign, then)
        sum_up(before + await watch(video, 15))
        [pictures] = await foreign.watch(0, frames=15)
        assert sum_up(pictures.sightings).count >= 14


async def test_a_call_goes_on_when_aiortc_ignores_an_ice_restart() -> None:
    """It answers with the credentials that it has, and with no new candidates."""
    async with open_call() as (peer, foreign, media):
        assert media.video is not None
        await foreign.ask("send", kind="video")
        peer.add_track(media.video)
        await negotiate(peer, foreign, "triortc")
        [track] = await receive_tracks(peer, "video")
        await watch(track, 15)

        peer.restart_ice()
        await negotiate(peer, foreign, "triortc")
        await foreign.watch(0, frames=0)
        assert sum_up(await watch(track, 90)).missing == 0
        [away] = await foreign.watch(0, frames=60)
        assert sum_up(away.sightings).count >= 55
        assert peer.connection_state is triortc.ConnectionState.CONNECTED


async def is_quiet(foreign: ForeignPeer, section: int) -> bool:
    """Return whether nothing comes for half a second, once what was under way has come."""
    await trio.sleep(0.3)
    await foreign.watch(section, frames=0)
    await trio.sleep(0.5)
    [rest] = await foreign.watch(section, frames=0)
    return rest.count == 0
