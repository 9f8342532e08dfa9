"""aiortc as the other side of a call, in both roles; what it shows is read from decoded pictures."""

from collections.abc import Callable

import pytest
import trio
from support.aiortc_calls import (
    FOREIGN_TONE,
    SIDES,
    TONE,
    Side,
    frames_dropped,
    listen,
    negotiate,
    open_call,
    receive_tracks,
    watch,
)
from support.cards import Sighting, sum_up

import triortc

pytestmark = pytest.mark.interop


@pytest.mark.parametrize("offerer", SIDES)
async def test_pictures_and_sound_go_both_ways(offerer: Side, measured: Callable[[str], None]) -> None:
    seen: list[Sighting] = []
    heard: list[float] = []

    async def look_at(track: triortc.RemoteTrack) -> None:
        seen.extend(await watch(track, 90))

    async def listen_to(track: triortc.RemoteTrack) -> None:
        heard.append(await listen(track, 2))

    async with open_call() as (peer, foreign, media):
        for track in media.tracks:
            await foreign.ask("send", kind=track.kind)
            peer.add_track(track)
        await negotiate(peer, foreign, offerer)
        video, audio = await receive_tracks(peer, "video", "audio")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(look_at, video)
            nursery.start_soon(listen_to, audio)
            pictures, sound = await foreign.watch(0, 1, frames=90)
        dropped = frames_dropped(peer, media.tracks[0])
        assert [each["direction"] for each in await foreign.ask("sections")] == ["sendrecv"] * 2
        assert [each.current_direction for each in peer.transceivers] == ["sendrecv"] * 2

    here, away = sum_up(seen), sum_up(pictures.sightings)
    measured(f"aiortc to triortc: {here}; triortc to aiortc: {away}")
    assert heard == [pytest.approx(FOREIGN_TONE, abs=5)]
    assert sound.frequency == pytest.approx(TONE, abs=5)
    assert here.missing == 0
    assert away.missing <= dropped
    for report in (here, away):
        assert report.count >= 85
        assert report.damaged <= 3
        assert -0.005 < report.delay < 1


async def test_one_that_can_do_all_codecs_only_receives() -> None:
    async with open_call() as (peer, foreign, _):
        for kind in ("video", "audio"):
            await foreign.ask("send", kind=kind)
        peer.add_transceiver("video", direction="recvonly")
        peer.add_transceiver("audio", direction="recvonly")
        await negotiate(peer, foreign, "triortc")
        video, audio = await receive_tracks(peer, "video", "audio")
        assert await listen(audio, 1) == pytest.approx(FOREIGN_TONE, abs=5)
        assert sum_up(await watch(video, 15)).missing == 0


async def test_one_that_can_do_all_codecs_is_only_sent_to() -> None:
    async with open_call() as (peer, foreign, media):
        for track in media.tracks:
            await foreign.ask("receive", kind=track.kind)
            peer.add_track(track)
        await negotiate(peer, foreign, "aiortc")
        assert [each.current_direction for each in peer.transceivers] == ["sendonly"] * 2
        pictures, sound = await foreign.watch(0, 1, frames=75)
    assert sum_up(pictures.sightings).count >= 70
    assert sound.frequency == pytest.approx(TONE, abs=5)


async def test_a_peer_that_is_killed_fails_within_35_s(measured: Callable[[str], None]) -> None:
    """Consent expires 30 s after the last answer (RFC 7675 §5.1); readers and waiters are told."""
    failures: list[triortc.PeerFailed] = []

    async def read(track: triortc.RemoteTrack) -> None:
        async with track.frames() as frames:
            try:
                async for _ in frames:
                    pass
            except triortc.PeerFailed as failure:
                failures.append(failure)

    async with open_call(seconds=60) as (peer, foreign, _):
        for kind in ("video", "audio"):
            await foreign.ask("send", kind=kind)
        await negotiate(peer, foreign, "aiortc")
        tracks = await receive_tracks(peer, "video", "audio")
        await watch(tracks[0], 5)
        async with trio.open_nursery() as nursery:
            for track in tracks:
                nursery.start_soon(read, track)
            killed = trio.current_time()
            foreign.process.kill()
            reason = await peer.wait_closed()
        took = trio.current_time() - killed
    measured(f"{took:.1f} s")
    assert 20 < took < 35
    assert reason.is_failure
    assert [failure.reason for failure in failures] == [reason] * 2


async def test_a_peer_that_closes_ends_what_is_read() -> None:
    async with open_call() as (peer, foreign, _):
        await foreign.ask("send", kind="video")
        await negotiate(peer, foreign, "aiortc")
        [track] = await receive_tracks(peer, "video")
        async with track.frames() as frames:
            await anext(frames)
            await foreign.ask("close")
            async for _ in frames:
                pass
        assert await peer.wait_closed() is triortc.CloseReason.REMOTE


async def test_aiortc_sees_a_peer_that_closes() -> None:
    async with open_call() as (peer, foreign, media):
        assert media.video is not None
        peer.add_track(media.video)
        await negotiate(peer, foreign, "triortc")
        await foreign.watch(0, frames=5)
        await peer.aclose()
        [rest] = await foreign.watch(0, frames=10_000)
        assert rest.ended
        await foreign.ask("wait_closed")
