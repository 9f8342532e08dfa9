"""Viewers with limits share renditions, and change them while they watch."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from media_clips import Viewer, make_clip

from triortc.media.encodings import AV1, H264, VP8, VP9, Encoding, Limits, Opus
from triortc.media.local_track import LocalTrack
from triortc.media.open import open_media
from triortc.media.source import MediaFile, TestPattern
from triortc.media.subscription import Subscription
from triortc.protocol.rtp.frame import EncodedFrame

pytestmark = pytest.mark.realtime

PATTERN = TestPattern(size=(320, 240), framerate=30)


@asynccontextmanager
async def pattern_track(encoding: Encoding) -> AsyncIterator[LocalTrack]:
    with trio.fail_after(10):
        async with open_media(PATTERN, video=encoding, audio=None) as media:
            assert media.video is not None
            yield media.video


async def receive(subscription: Subscription, count: int) -> list[EncodedFrame]:
    return [await subscription.receive() for _ in range(count)]


def running(track: LocalTrack) -> list[Limits]:
    return [each.limits for each in track.statistics().renditions if each.encoder_running]


async def test_viewers_with_equal_limits_share_an_encoder() -> None:
    limits = Limits(max_bitrate=300_000, scale_resolution_down_by=2)
    async with pattern_track(VP8()) as track:
        with (
            track.subscribe(VP8(), limits=limits) as first,
            track.subscribe(VP8(), limits=limits) as second,
            track.subscribe(VP8()) as other,
        ):
            assert running(track) == [Limits(), limits]
            assert await receive(first, 5) == await receive(second, 5)
            assert (await other.receive()) not in await receive(first, 1)
        assert [each.limits for each in track.statistics().renditions] == [Limits()]


@pytest.mark.parametrize("encoding", [VP8(), VP9(), H264(), AV1(), Opus()])
async def test_a_viewer_who_wants_next_to_nothing_does_not_end_the_track_for_others(
    encoding: Encoding,
) -> None:
    limits = Limits(max_bitrate=1, scale_resolution_down_by=1000)
    with trio.fail_after(20):
        async with open_media(PATTERN, video=VP8() if encoding.kind == "audio" else encoding) as media:
            (track,) = (track for track in media.tracks if track.kind == encoding.kind)
            with track.subscribe(encoding, limits=limits) as poor, track.subscribe(encoding) as other:
                await receive(poor, 5)
                await receive(other, 5)


async def test_a_picture_is_scaled_for_whom_it_is_to_be() -> None:
    async with pattern_track(VP8()) as track:
        with track.subscribe(VP8(), limits=Limits(scale_resolution_down_by=2)) as subscription:
            (luma,) = Viewer(VP8()).decode(await subscription.receive())
        assert luma.shape == (120, 160)


async def test_a_viewer_gets_fewer_frames_per_second() -> None:
    async with pattern_track(VP8()) as track:
        with track.subscribe(VP8(), limits=Limits(max_framerate=10)) as subscription:
            times = [frame.time for frame in await receive(subscription, 8)]
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) > 0.06
    assert (times[-1] - times[0]) / 7 > 0.085


async def test_limits_that_bind_nothing_cost_no_encoder() -> None:
    async with pattern_track(VP8()) as track:
        generous = Limits(max_bitrate=9_000_000, max_framerate=60)
        with track.subscribe(VP8()), track.subscribe(VP8(), limits=generous):
            assert running(track) == [Limits()]


async def test_one_viewer_alone_changes_the_bitrate_of_its_encoder() -> None:
    encoding = H264(1_000_000)
    async with pattern_track(encoding) as track:
        with track.subscribe(encoding) as subscription:
            before = await receive(subscription, 3)
            track.set_limits(subscription, Limits(max_bitrate=200_000))
            after = await receive(subscription, 10)
            assert [(each.limits.max_bitrate, each.bitrate) for each in renditions(track)] == [
                (None, 1_000_000),
                (200_000, 200_000),
            ]
            track.set_limits(subscription, Limits())
            after += await receive(subscription, 3)
            assert running(track) == [Limits()]
    assert [frame.keyframe for frame in before + after] == [True] + [False] * 15
    stamps = [frame.timestamp for frame in before + after]
    assert stamps == sorted(set(stamps))


def renditions(track: LocalTrack) -> list:
    return list(track.statistics().renditions)


async def test_who_shares_an_encoder_gets_another_one_from_a_keyframe_on() -> None:
    async with pattern_track(VP8()) as track:
        with track.subscribe(VP8()) as stays, track.subscribe(VP8()) as goes:
            await receive(stays, 3)
            before = await receive(goes, 3)
            track.set_limits(goes, Limits(max_bitrate=200_000))
            queued = goes.depth
            after = await receive(goes, queued + 5)
            assert running(track) == [Limits(), Limits(200_000)]
            assert after[queued].keyframe
            track.set_limits(goes, Limits())
            assert running(track) == [Limits()]
            frames = before + after + await receive(goes, 8)
            assert len(await receive(stays, 3)) == 3
    stamps = [frame.timestamp for frame in frames]
    assert stamps == sorted(set(stamps))


async def test_another_size_while_watching_keeps_the_timeline() -> None:
    async with pattern_track(VP8()) as track:
        with track.subscribe(VP8()) as subscription:
            viewer = Viewer(VP8())
            frames = await receive(subscription, 3)
            track.set_limits(subscription, Limits(scale_resolution_down_by=4))
            frames += await receive(subscription, subscription.depth + 3)
        shapes = [luma.shape for frame in frames for luma in viewer.decode(frame)]
    assert (shapes[0], shapes[-1]) == ((240, 320), (60, 80))
    stamps = [frame.timestamp for frame in frames]
    assert stamps == sorted(set(stamps))


async def test_sound_heeds_the_bitrate_alone() -> None:
    with trio.fail_after(10):
        async with open_media(PATTERN, video=None) as media:
            assert media.audio is not None
            limits = Limits(max_bitrate=16_000, max_framerate=5, scale_resolution_down_by=3)
            with media.audio.subscribe(Opus(), limits=limits) as subscription:
                packets = await receive(subscription, 40)
                assert running(media.audio) == [Limits(max_bitrate=16_000)]
    assert sum(packet.size for packet in packets[10:]) * 8 * 50 / 30 < 30_000


async def test_frames_that_come_encoded_know_no_limits(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "c.webm", audio=None)
    async with open_media(MediaFile(clip, loop=True, transcode=False)) as media:
        track = media.video
        assert track is not None
        limits = Limits(max_framerate=1)
        with trio.fail_after(5), track.subscribe(track.encodings[0], limits=limits) as subscription:
            assert len(await receive(subscription, 15)) == 15


async def test_limits_of_a_track_that_has_ended_are_of_no_use(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "c.webm", audio=None, seconds=0.2)
    async with open_media(MediaFile(clip), audio=None) as media:
        track = media.video
        assert track is not None
        with trio.fail_after(5):
            subscription = track.subscribe(VP8(), limits=Limits(max_bitrate=100_000))
            await media.wait_ended()
            with subscription, pytest.raises(trio.EndOfChannel):
                await subscription.receive()


@pytest.mark.parametrize(
    "limits", [{"max_bitrate": 0}, {"max_framerate": 0}, {"scale_resolution_down_by": 0.5}]
)
def test_limits_that_leave_nothing_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="is"):
        Limits(**limits)
