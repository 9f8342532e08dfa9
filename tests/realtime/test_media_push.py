"""The push source: a door for threads, bounded, and shut when its block has ended."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import av
import numpy as np
import pytest
import trio
from media_clips import Viewer

from triortc.handles import WrongRunError
from triortc.media.encodings import VP8, Opus
from triortc.media.open import open_media
from triortc.media.pattern import SAMPLE_RATE, Tone
from triortc.media.push import PushSource, open_push_source
from triortc.protocol.wire.errors import LocalProtocolError

pytestmark = pytest.mark.realtime

GREY = np.full((120, 160, 3), 128, np.uint8)


def piece(number: int) -> av.AudioFrame:
    sound = av.AudioFrame.from_ndarray(Tone(440).chunk(number * 960), format="s16", layout="stereo")
    sound.sample_rate = SAMPLE_RATE
    return sound


@contextmanager
def pushing(source: PushSource, make: Callable[[int], object], interval: float) -> Iterator[list[Exception]]:
    """Push from a thread of its own, as a camera library would, until it is refused or told to stop."""
    ended: list[Exception] = []
    stop = threading.Event()

    def push() -> None:
        began = time.monotonic()
        for number in itertools.count():
            try:
                source.push(make(number))
            except trio.ClosedResourceError as error:
                ended.append(error)
                return
            if stop.wait(max(0, began + (number + 1) * interval - time.monotonic())):
                return

    thread = threading.Thread(target=push)
    thread.start()
    try:
        yield ended
    finally:
        stop.set()
        thread.join()


async def test_pictures_from_a_thread_are_seen() -> None:
    picture = GREY.copy()

    def fade(number: int) -> np.ndarray:
        picture[:] = number * 2 % 200  # the same array again and again
        return picture

    async with open_push_source() as source, open_media(source) as media:
        with pushing(source, fade, 0.02):
            assert media.video is not None
            with trio.fail_after(10), media.video.subscribe(VP8()) as subscription:
                frames = [await subscription.receive() for _ in range(20)]
            assert abs(trio.current_time() - frames[-1].time) < 0.3
        viewer = Viewer(VP8())
        shades = [luma.mean() for frame in frames for luma in viewer.decode(frame)]
    assert shades[-1] > shades[0] + 10
    steps = [later.timestamp - before.timestamp for before, later in itertools.pairwise(frames)]
    assert 0.015 < sum(steps) / len(steps) / 90_000 < 0.06


async def test_sound_in_bursts_comes_out_even() -> None:
    async with open_push_source("audio") as source, open_media(source) as media:

        def burst(number: int) -> av.AudioFrame:
            for early in range(number * 4, number * 4 + 3):
                source.push(piece(early))
            return piece(number * 4 + 3)

        with pushing(source, burst, 0.08):
            assert media.audio is not None
            with trio.fail_after(10), media.audio.subscribe(Opus()) as subscription:
                packets = [await subscription.receive() for _ in range(60)]
    assert {later.timestamp - before.timestamp for before, later in itertools.pairwise(packets)} == {960}


@pytest.mark.parametrize(("kind", "make", "capacity"), [("video", lambda _: GREY, 1), ("audio", piece, 10)])
async def test_what_nobody_takes_is_bounded_and_counted(
    kind: str, make: Callable[[int], object], capacity: int
) -> None:
    async with open_push_source(kind) as source:
        for number in range(100):
            source.push(make(number))  # from the loop's own thread, which works as well
        assert (source.depth, source.frames_dropped) == (capacity, 100 - capacity)


async def test_a_loop_that_is_stuck_costs_no_memory() -> None:
    async with open_push_source() as source, open_media(source):
        with pushing(source, lambda _: GREY, 0):
            time.sleep(0.2)  # noqa: ASYNC251  (that is the point)
            assert source.depth <= 1
            assert source.frames_dropped > 100


async def test_the_end_ends_the_track_and_shuts_the_door() -> None:
    async with open_push_source() as source, open_media(source) as media:
        source.push(GREY)
        await trio.to_thread.run_sync(source.end)
        with trio.fail_after(5):
            await media.wait_ended()
        with pytest.raises(trio.ClosedResourceError):
            source.push(GREY)


async def test_after_its_block_a_thread_is_refused() -> None:
    async with open_push_source() as source:
        with pushing(source, lambda _: GREY, 0.01) as ended:
            source.end()
            with trio.fail_after(5):
                while not ended:  # noqa: ASYNC110
                    await trio.sleep(0.01)
    with pytest.raises(trio.ClosedResourceError):
        await trio.to_thread.run_sync(source.push, GREY)
    assert "ended" in repr(source)


def test_after_its_run_it_is_refused_and_in_another_run_it_cannot_be_opened() -> None:
    async def carry() -> PushSource:
        async with open_push_source() as source:
            return source

    async def use(source: PushSource) -> None:
        async with open_media(source):
            pytest.fail("the body must not begin")

    source = trio.run(carry)
    with pytest.raises(trio.ClosedResourceError):
        source.push(GREY)
    with pytest.raises(WrongRunError):
        trio.run(use, source)


async def test_one_block_at_a_time_reads_it() -> None:
    async with open_push_source() as source:
        async with open_media(source):
            with pytest.raises(trio.BusyResourceError):
                async with open_media(source):
                    pytest.fail("the body must not begin")
        async with open_media(source) as media:
            assert media.video is not None
            with (
                trio.fail_after(10),
                media.video.subscribe(VP8()) as subscription,
                pushing(source, lambda _: GREY, 0.02),
            ):
                assert (await subscription.receive()).keyframe


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ("a picture", TypeError),
        (None, TypeError),
        (piece(0), TypeError),
        (GREY[:, :, 0], ValueError),
        (GREY.astype(np.float32), ValueError),
        (GREY[:0], ValueError),
    ],
    ids=["text", "none", "sound", "grey", "float", "empty"],
)
async def test_what_is_no_picture_is_refused_at_your_line(given: object, error: type[Exception]) -> None:
    async with open_push_source() as source:
        with pytest.raises(error, match=r"push\(\) gave"):
            source.push(given)
        assert source.depth == 0


async def test_a_source_of_neither_kind_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="video or audio"):
        async with open_push_source("text"):
            pytest.fail("the body must not begin")
