"""Async generators as sources: descriptions outside, tasks of their own inside, closed with the block."""

import itertools
import math
import pickle
from collections.abc import AsyncIterator
from datetime import datetime

import av
import numpy as np
import pytest
import trio
from media_clips import HEIGHT, WIDTH, Viewer

from triortc.media.encodings import VP8, Opus
from triortc.media.generator import audio_source, video_source
from triortc.media.open import Media, open_media
from triortc.media.pattern import Card, Tone

pytestmark = pytest.mark.realtime


def card(number: int) -> av.VideoFrame:
    picture = Card(WIDTH, HEIGHT).draw(number, number / 30, datetime(2030, 1, 1))
    return av.VideoFrame.from_numpy_buffer(picture, format="yuv420p")


@video_source
async def cards(count: float = math.inf, framerate: float = 50) -> AsyncIterator[av.VideoFrame]:
    """Give numbered cards."""
    for number in itertools.count():
        if number >= count:
            return
        yield card(number)
        await trio.sleep(1 / framerate)


@video_source
async def colours(*shades: tuple[int, int, int]) -> AsyncIterator[np.ndarray]:
    picture = np.zeros((120, 161, 3), np.uint8)
    while True:
        for shade in shades:
            picture[:] = shade  # the very same array again and again
            yield picture
            await trio.sleep(0.02)


@audio_source
async def hum(rate: int = 44_100) -> AsyncIterator[av.AudioFrame]:
    """Give sound as fast as it is taken."""
    for first in itertools.count(0, 960):
        piece = av.AudioFrame.from_ndarray(Tone(440).chunk(first), format="s16", layout="stereo")
        piece.sample_rate = rate
        yield piece


SOURCE = cards()  # at module level, before any run, on purpose


async def watch(media: Media, count: int) -> list[int | None]:
    assert media.video is not None
    with trio.fail_after(10), media.video.subscribe(VP8()) as subscription:
        return await Viewer(VP8()).watch(subscription, count)


async def watch_cards() -> list[int | None]:
    async with open_media(SOURCE) as media:
        return await watch(media, 10)


def test_one_generator_source_works_in_two_runs() -> None:
    for _ in range(2):
        numbers = trio.run(watch_cards)
        assert None not in numbers
        assert numbers == sorted(set(numbers))


def test_what_the_decorator_makes_is_a_description() -> None:
    assert cards(3) == cards(3) != cards(4)
    assert hash(cards(3)) == hash(cards(3))
    assert repr(cards(3, framerate=5)) == "cards(3, framerate=5)"
    assert cards.__doc__ == "Give numbered cards."
    with pytest.raises(AttributeError):
        cards(3).arguments = ()
    assert pickle.loads(pickle.dumps(cards(3))) == cards(3)


def test_misuse_of_the_decorator_is_told_at_once() -> None:
    with pytest.raises(TypeError, match="is no async generator function"):
        video_source(lambda: None)
    with pytest.raises(TypeError, match="speed"):
        cards(speed=5)


async def test_the_generators_end_ends_the_track() -> None:
    async with open_media(cards(5)) as media:
        with trio.fail_after(5):
            await media.wait_ended()
        assert media.ended


async def test_timestamps_are_those_of_the_yields() -> None:
    async with open_media(cards(framerate=20)) as media:
        assert media.video is not None
        with trio.fail_after(10), media.video.subscribe(VP8()) as subscription:
            frames = [await subscription.receive() for _ in range(20)]
            assert abs(trio.current_time() - frames[-1].time) < 0.2
    steps = [(later.timestamp - before.timestamp) / 90_000 for before, later in itertools.pairwise(frames)]
    assert 0.04 < sum(steps) / len(steps) < 0.07


async def test_an_array_may_be_used_again_and_need_not_be_even() -> None:
    async with open_media(colours((255, 255, 255), (0, 0, 0))) as media:
        assert media.video is not None
        with trio.fail_after(10), media.video.subscribe(VP8()) as subscription:
            viewer = Viewer(VP8())
            shades = [luma.mean() for _ in range(20) for luma in viewer.decode(await subscription.receive())]
    assert min(shades) < 30 < 220 < max(shades)
    assert all(shade < 50 or shade > 200 for shade in shades)


async def test_sound_is_laid_end_to_end_and_a_generator_that_hurries_is_held_up() -> None:
    async with open_media(hum()) as media:
        assert media.audio is not None
        with trio.fail_after(10), media.audio.subscribe(Opus()) as subscription:
            await subscription.receive()
            started = trio.current_time()
            packets = [await subscription.receive() for _ in range(50)]
            assert 0.7 < trio.current_time() - started < 1.5
        assert subscription.frames_dropped == 0
    assert {later.timestamp - before.timestamp for before, later in itertools.pairwise(packets)} == {960}


async def test_its_finally_runs_when_the_block_ends_and_when_it_is_cancelled() -> None:
    closed: list[str] = []

    @video_source
    async def tidy(where: str) -> AsyncIterator[av.VideoFrame]:
        try:
            while True:
                yield card(0)
                if where == "in its own await":
                    await trio.sleep_forever()
        finally:
            closed.append(where)

    for where in ("at the yield", "in its own await"):
        async with open_media(tidy(where)):
            await trio.sleep(0.05)
        with trio.move_on_after(0.05) as scope:
            async with open_media(tidy(where)):
                await trio.sleep_forever()
        assert scope.cancelled_caught
    assert closed == ["at the yield"] * 2 + ["in its own await"] * 2


async def test_a_yield_is_a_checkpoint_for_the_scopes_and_nurseries_around_it() -> None:
    left: list[str] = []

    @video_source
    async def structured() -> AsyncIterator[av.VideoFrame]:
        with trio.move_on_after(0.2):
            while True:
                yield card(1)
        left.append("scope")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            for _ in range(3):
                yield card(2)
            nursery.cancel_scope.cancel()
        left.append("nursery")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            while True:
                yield card(3)

    async with open_media(structured()):
        with trio.fail_after(5):
            while len(left) < 2:  # noqa: ASYNC110  (lists tell nobody)
                await trio.sleep(0.01)
    assert left == ["scope", "nursery"]


async def test_a_generator_that_nobody_watches_does_not_hold_the_loop() -> None:
    @video_source
    async def restless() -> AsyncIterator[av.VideoFrame]:
        while True:
            yield frame

    frame = card(0)
    async with open_media(restless()):
        started = trio.current_time()
        await trio.sleep(0.05)
        assert trio.current_time() - started < 0.2
