"""Sources of one's own: `open`, blocking `read` and `close`, and nothing more."""

import itertools
import pickle
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

import av
import numpy as np
import pytest
import trio
from media_clips import HEIGHT, WIDTH, Viewer

from triortc.media.encodings import VP8, Opus
from triortc.media.open import open_media
from triortc.media.pattern import SAMPLE_RATE, Card, Tone
from triortc.media.source import AudioSource, VideoSource

pytestmark = pytest.mark.realtime


@dataclass(frozen=True)
class Cards(VideoSource):
    count: int = 1_000_000
    live: bool = True
    stamped: bool = False

    def open(self) -> "CardReader":
        return CardReader(self)


class CardReader:
    framerate = 50.0

    def __init__(self, cards: Cards) -> None:
        self._cards = cards
        self._card = Card(WIDTH, HEIGHT)
        self._number = 0
        self.live = cards.live

    def read(self) -> av.VideoFrame | None:
        assert threading.current_thread() is not threading.main_thread()
        if self._cards.live:
            time.sleep(0.02)
        if self._number == self._cards.count:
            return None
        picture = self._card.draw(self._number, self._number / 50, datetime(2030, 1, 1))
        frame = av.VideoFrame.from_numpy_buffer(picture, format="yuv420p")
        if self._cards.stamped:
            frame.pts, frame.time_base = self._number * 100, Fraction(1, 1000)
        self._number += 1
        return frame

    def close(self) -> None:
        assert threading.current_thread() is not threading.main_thread()


@dataclass(frozen=True)
class Hum(AudioSource):
    live: bool = True

    def open(self) -> "HumReader":
        return HumReader(self.live)


class HumReader:
    def __init__(self, live: bool) -> None:
        self.live = live
        self._firsts = itertools.count(0, 960)
        self._began = time.monotonic()

    def read(self) -> av.AudioFrame:
        first = next(self._firsts)
        if self.live:
            time.sleep(max(0, self._began + first / SAMPLE_RATE - time.monotonic()))
        piece = av.AudioFrame.from_ndarray(Tone(440).chunk(first), "s16", "stereo")
        piece.sample_rate = SAMPLE_RATE
        return piece

    def close(self) -> None:
        pass


class PlainSource:
    """It inherits from nothing, and has nothing but what is needed."""

    def open(self) -> "PlainSource":
        return self

    def read(self) -> np.ndarray:
        time.sleep(0.02)
        return np.full((120, 160, 3), 200, np.uint8)

    def close(self) -> None:
        pass


@pytest.mark.parametrize("live", [True, False])
async def test_pictures_of_ones_own_are_seen_in_order(live: bool) -> None:
    async with open_media(Cards(live=live)) as media:
        assert media.video is not None
        with trio.fail_after(10), media.video.subscribe(VP8()) as subscription:
            numbers = await Viewer(VP8()).watch(subscription, 20)
    assert None not in numbers
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize(("stamped", "seconds"), [(False, 0.2), (True, 1.0)])
async def test_what_is_there_already_is_paced_by_its_timestamps_or_its_number(
    stamped: bool, seconds: float
) -> None:
    started = trio.current_time()
    async with open_media(Cards(11, live=False, stamped=stamped)) as media:
        with trio.fail_after(10):
            await media.wait_ended()
    assert seconds - 0.05 < trio.current_time() - started < seconds + 0.7


@pytest.mark.parametrize("live", [True, False])
async def test_sound_of_ones_own_is_even(live: bool) -> None:
    async with open_media(Hum(live)) as media:
        assert media.audio is not None
        with trio.fail_after(10), media.audio.subscribe(Opus()) as subscription:
            packets = [await subscription.receive() for _ in range(40)]
    assert {later.timestamp - before.timestamp for before, later in itertools.pairwise(packets)} == {960}


async def test_nothing_need_be_inherited() -> None:
    async with open_media(PlainSource()) as media:
        assert media.video is not None
        with trio.fail_after(10), media.video.subscribe(VP8()) as subscription:
            assert (await subscription.receive()).keyframe


def test_a_source_of_ones_own_is_a_description_like_any_other() -> None:
    assert pickle.loads(pickle.dumps(Cards(3))) == Cards(3) != Cards(4)
