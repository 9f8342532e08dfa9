"""Each codec that aiortc has, sent by each side and decoded by the other, in both roles."""

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

VIDEO = (triortc.VP8(), triortc.H264())
AUDIO = (triortc.Opus(), triortc.Opus(stereo=False), triortc.PCMU(), triortc.PCMA(), triortc.G722())
FRAMES = 60


def describe(value: object) -> str:
    if isinstance(value, triortc.Opus):
        return "opus stereo" if value.stereo else "opus mono"
    return value.name if isinstance(value, triortc.Encoding) else str(value)


@pytest.mark.parametrize("encoding", VIDEO, ids=describe)
@pytest.mark.parametrize("offerer", SIDES)
async def test_video_is_decoded_on_both_sides(
    offerer: Side, encoding: triortc.Encoding, measured: Callable[[str], None]
) -> None:
    seen: list[Sighting] = []

    async def look_at(track: triortc.RemoteTrack) -> None:
        seen.extend(await watch(track, FRAMES))

    async with open_call(video=encoding) as (peer, foreign, media):
        assert media.video is not None
        await foreign.ask("send", kind="video", codec=encoding.name)
        transceiver = peer.add_track(media.video)
        await negotiate(peer, foreign, offerer)
        [track] = await receive_tracks(peer, "video")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(look_at, track)
            [away] = await foreign.watch(0, frames=FRAMES)
        assert transceiver.codec == encoding.name
        assert await codec_received(track) == encoding.name.lower()
        dropped = frames_dropped(peer, media.video)

    here, there = sum_up(seen), sum_up(away.sightings)
    measured(f"aiortc to triortc: {here}; triortc to aiortc: {there}")
    assert here.missing == 0
    assert there.missing <= dropped
    for report in (here, there):
        assert report.count >= FRAMES - 3
        assert report.damaged <= 3


@pytest.mark.parametrize("encoding", AUDIO, ids=describe)
@pytest.mark.parametrize("offerer", SIDES)
async def test_sound_is_decoded_on_both_sides(offerer: Side, encoding: triortc.Encoding) -> None:
    heard: list[float] = []

    async def listen_to(track: triortc.RemoteTrack) -> None:
        heard.append(await listen(track, 1.5))

    async with open_call(audio=encoding) as (peer, foreign, media):
        assert media.audio is not None
        await foreign.ask("send", kind="audio", codec=encoding.name)
        transceiver = peer.add_track(media.audio)
        await negotiate(peer, foreign, offerer)
        [track] = await receive_tracks(peer, "audio")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen_to, track)
            [away] = await foreign.watch(0, frames=75)
        assert transceiver.codec == encoding.name
        assert await codec_received(track) == encoding.name.lower()

    assert heard == [pytest.approx(FOREIGN_TONE, abs=5)]
    assert away.frequency == pytest.approx(TONE, abs=5)
    assert away.seconds >= 1.4


async def codec_received(track: triortc.RemoteTrack) -> str:
    async with track.encoded_frames() as frames:
        return (await anext(frames)).codec
