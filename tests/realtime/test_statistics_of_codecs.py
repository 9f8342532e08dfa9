"""What encoders, decoders and players add to the figures, with real ones at work."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from support.peers import negotiating
from support.w3c_statistics import find_dangling, find_falling, find_missing, find_wrong_types

import triortc

pytestmark = pytest.mark.realtime

SIZE = (320, 240)


@asynccontextmanager
async def calling() -> AsyncIterator[tuple[triortc.Peer, triortc.Peer]]:
    """Let two peers on this machine send a test card and a tone to each other."""
    card = triortc.TestPattern(size=SIZE, framerate=30)
    async with triortc.open_media(card) as media, triortc.open_peer() as alice, triortc.open_peer() as bob:
        for peer in (alice, bob):
            peer.add_track(media.video)
            peer.add_track(media.audio)
        async with negotiating(alice, bob):
            with trio.fail_after(10):
                await alice.wait_connected()
                await bob.wait_connected()
            yield alice, bob


def find(peer: triortc.Peer, type: str, kind: str) -> dict[str, object]:
    report = peer.statistics().as_w3c()
    return next(stats for stats in report.values() if (stats["type"], stats.get("kind")) == (type, kind))


def mean_level(sound: dict[str, float]) -> float:
    return (sound["totalAudioEnergy"] / sound["totalSamplesDuration"]) ** 0.5


async def read(peer: triortc.Peer, seconds: float) -> None:
    """Decode all that *peer* receives for a while."""

    async def take(track: triortc.RemoteTrack) -> None:
        async with track.frames() as frames:
            async for _ in frames:
                pass

    with trio.move_on_after(seconds):
        async with trio.open_nursery() as nursery:
            for transceiver in peer.transceivers:
                assert transceiver.remote_track is not None
                nursery.start_soon(take, transceiver.remote_track)


async def test_with_media_at_work_every_mandatory_member_is_there():
    async with calling() as (alice, bob):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read, alice, 5)
            nursery.start_soon(read, bob, 5)
        report = alice.statistics().as_w3c()
        assert find_missing(report) == {"RTCIceCandidateStats.url"}, "there is no STUN server"
        assert find_wrong_types(report) == []
        assert find_dangling(report) == []


async def test_encoder_and_source_are_described():
    async with calling() as (alice, _):
        await trio.sleep(2.5)
        out, picture = find(alice, "outbound-rtp", "video"), find(alice, "media-source", "video")
        assert (out["frameWidth"], out["frameHeight"]) == (picture["width"], picture["height"]) == SIZE
        assert out["encoderImplementation"] == "libvpx"
        assert out["targetBitrate"] == triortc.VP8().bitrate
        assert 0 < out["totalEncodeTime"] < 10
        assert 0 <= out["framesEncoded"] - out["framesSent"] <= 8
        assert 5 <= out["framesPerSecond"] <= 33
        assert 5 <= picture["framesPerSecond"] <= 33
        sound = find(alice, "media-source", "audio")
        assert 1 < sound["totalSamplesDuration"] < 5
        assert 0 < mean_level(sound) < 1
        assert 0 <= sound["audioLevel"] < 1


async def test_decoding_and_playing_are_counted_and_stay_counted():
    async with calling() as (alice, bob):
        await trio.sleep(1)
        idle = find(bob, "inbound-rtp", "video"), find(bob, "inbound-rtp", "audio")
        assert idle[0]["framesDecoded"] == idle[1]["totalSamplesReceived"] == 0
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read, bob, 3)
            await trio.sleep(2.5)
            before = bob.statistics().as_w3c()
            picture = find(bob, "inbound-rtp", "video")
            assert picture["framesDecoded"] >= 20
            assert picture["keyFramesDecoded"] >= 1
            assert (picture["frameWidth"], picture["frameHeight"]) == SIZE
            assert 5 <= picture["framesPerSecond"] <= 40
            assert 0 < picture["totalDecodeTime"] < 10
            assert picture["decoderImplementation"] == "vp8"
            heard, played = find(bob, "inbound-rtp", "audio"), find(alice, "media-source", "audio")
            assert heard["totalSamplesReceived"] == pytest.approx(
                48_000 * heard["totalSamplesDuration"], rel=0.001
            )
            assert mean_level(heard) == pytest.approx(mean_level(played), rel=0.4)
            assert heard["jitterBufferDelay"] / heard["jitterBufferEmittedCount"] < 0.3
        await read(bob, 1)
        after = bob.statistics().as_w3c()
        assert list(find_falling(before, after)) == []
        assert find(bob, "inbound-rtp", "video")["framesDecoded"] > picture["framesDecoded"]


async def test_pictures_that_a_reader_is_too_slow_for_are_counted_apart():
    async with calling() as (_, bob):
        track = next(each.remote_track for each in bob.transceivers if each.kind == "video")
        async with track.frames():
            await trio.sleep(2)
        (queue,) = [queue for queue in bob.statistics().queues if queue.name == f"frames {track.mid}"]
        assert queue.drops >= 20
        assert find(bob, "inbound-rtp", "video")["framesDropped"] >= queue.drops


async def test_a_track_tells_of_its_source():
    async with triortc.open_media(triortc.TestPattern(size=SIZE)) as media:
        with media.audio.subscribe(media.audio.encodings[0]) as sound:
            for _ in range(50):
                await sound.receive()
        source = media.audio.statistics().source
        assert source.total_samples_duration >= 0.9
        assert source.audio_level > 0
        assert media.video.source_statistics().frames > 0
