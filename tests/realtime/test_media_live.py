"""The test pattern through real encoders: encoded once, in any run and any thread."""

import itertools
import threading

import numpy as np
import pytest
import trio
from media_clips import Viewer

from triortc.media.encodings import H264, VP8, Encoding, Opus
from triortc.media.local_track import LocalTrack
from triortc.media.open import open_media
from triortc.media.source import TestPattern
from triortc.media.subscription import Subscription
from triortc.protocol.rtp.frame import EncodedFrame

pytestmark = pytest.mark.realtime

PATTERN = TestPattern(size=(320, 240), framerate=30)  # at module level, before any run, on purpose
PLAIN = VP8()


def video_of(media: object) -> LocalTrack:
    track = media.video
    assert track is not None
    return track


async def watch_pattern(encoding: VP8 | H264 = PLAIN, count: int = 10) -> list[int | None]:
    async with open_media(PATTERN, video=encoding) as media:
        with video_of(media).subscribe(encoding) as subscription:
            return await Viewer(encoding).watch(subscription, count)


@pytest.mark.parametrize("encoding", [VP8(), H264()], ids=lambda encoding: encoding.name)
async def test_numbered_frames_arrive_in_order(encoding: VP8 | H264) -> None:
    with trio.fail_after(10):
        numbers = await watch_pattern(encoding, 30)
    assert None not in numbers
    assert numbers == sorted(set(numbers))
    assert numbers[-1] - numbers[0] < 90


async def test_sound_arrives_with_even_timestamps() -> None:
    async with open_media(PATTERN) as media:
        assert media.audio is not None
        with trio.fail_after(10), media.audio.subscribe(Opus()) as subscription:
            packets = [await subscription.receive() for _ in range(50)]
    steps = [later.timestamp - earlier.timestamp for earlier, later in itertools.pairwise(packets)]
    assert set(steps) == {960}
    viewer = Viewer(Opus())
    sound = np.concatenate([samples for packet in packets for samples in viewer.decode(packet)], axis=1)
    left = sound[0, ::2][12_000:]
    spectrum = np.abs(np.fft.rfft(left))
    assert abs(np.fft.rfftfreq(len(left), 1 / 48_000)[spectrum.argmax()] - 440) < 10


async def test_one_encoder_serves_every_viewer_and_ends_with_the_last() -> None:
    async with open_media(PATTERN, audio=None) as media:
        track = video_of(media)
        seen: list[list[EncodedFrame]] = [[] for _ in range(5)]

        async def view(frames: list[EncodedFrame]) -> None:
            with track.subscribe(VP8()) as subscription:
                while len(frames) < 20:
                    frames.append(await subscription.receive())

        assert not track.statistics().renditions[0].encoder_running
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                for frames in seen:
                    nursery.start_soon(view, frames)
                await trio.sleep(0.2)
                assert track.statistics().renditions[0].encoder_running
        assert all(mine is theirs for frames in seen for mine, theirs in zip(frames, seen[0], strict=True))
        statistics = track.statistics().renditions[0]
        assert not statistics.encoder_running
        assert statistics.frames < 40
        assert statistics.encode_seconds > 0


async def test_a_second_viewer_after_the_first_has_left_gets_video_at_once() -> None:
    async with open_media(PATTERN, audio=None) as media:
        for _ in range(3):
            with trio.fail_after(5), video_of(media).subscribe(VP8()) as subscription:
                assert (await subscription.receive()).keyframe
                assert None not in await Viewer(VP8()).watch(subscription, 0)


async def test_a_joiner_gets_a_forced_keyframe_and_the_rate_is_limited() -> None:
    async with open_media(PATTERN, audio=None) as media:
        track = video_of(media)
        with trio.fail_after(10), track.subscribe(VP8()) as first:
            frames: list[EncodedFrame] = []
            async with trio.open_nursery() as nursery:

                @nursery.start_soon
                async def join_all_the_time() -> None:
                    while len(frames) < 60:
                        with track.subscribe(VP8()) as joiner:
                            assert (await joiner.receive()).keyframe

                while len(frames) < 60:
                    frames.append(await first.receive())
        times = [frame.time for frame in frames if frame.keyframe]
        assert len(times) >= 3
        assert min(later - earlier for earlier, later in itertools.pairwise(times)) > 0.45


async def test_two_encodings_of_one_track_run_side_by_side() -> None:
    encodings = (VP8(), H264(bitrate=500_000))
    async with open_media(PATTERN, video=encodings, audio=None) as media:
        track = video_of(media)

        async def view(encoding: Encoding) -> None:
            with track.subscribe(encoding) as subscription:
                assert None not in await Viewer(encoding).watch(subscription, 15)

        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                for encoding in encodings:
                    nursery.start_soon(view, encoding)


async def test_video_and_sound_are_on_one_clock() -> None:
    async with open_media(PATTERN) as media:
        assert media.audio is not None

        async def last_of(subscription: Subscription, count: int) -> EncodedFrame:
            for _ in range(count):
                frame = await subscription.receive()
            return frame

        with (
            trio.fail_after(10),
            video_of(media).subscribe(VP8()) as pictures,
            media.audio.subscribe(Opus()) as sound,
        ):
            picture, piece = await last_of(pictures, 30), await last_of(sound, 10)
        offset = picture.time - picture.timestamp / 90_000 - (piece.time - piece.timestamp / 48_000)
        assert abs(offset) < 0.02


def test_one_description_works_in_two_successive_runs() -> None:
    for _ in range(2):
        assert None not in trio.run(watch_pattern)


def test_one_description_works_in_two_threads_at_the_same_time() -> None:
    seen: list[list[int | None]] = []
    threads = [
        threading.Thread(target=lambda: seen.append(trio.run(watch_pattern, VP8(), 30))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 2
    assert all(None not in numbers for numbers in seen)


async def test_cancelling_anywhere_leaves_nothing_running() -> None:
    for delay in (0, 0.001, 0.01, 0.03, 0.05, 0.1, 0.2):
        started = trio.current_time()
        with trio.move_on_after(delay) as scope:
            await watch_pattern(count=10_000)
        assert scope.cancelled_caught
        assert trio.current_time() - started < 1.5
