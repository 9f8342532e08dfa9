"""The fault matrix of sources: whatever fails, and whenever, arrives in who opened it, as it was raised."""

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import numpy as np
import pytest
import trio

from triortc.media.encodings import VP8
from triortc.media.generator import audio_source, video_source
from triortc.media.open import open_media
from triortc.media.push import open_push_source
from triortc.media.source import MediaError
from triortc.nursery import open_bare_nursery
from triortc.protocol.wire.errors import LocalProtocolError

pytestmark = pytest.mark.realtime

PICTURE = np.full((120, 160, 3), 100, np.uint8)
JUNK = "a picture"


class Unplugged(RuntimeError):
    """What a stranger's library raises."""


@dataclass(frozen=True)
class Faulty:
    """A source with one fault; it tells how often it was closed."""

    fault: str
    closed: list[str]

    def open(self) -> object:
        if self.fault == "open raises":
            raise Unplugged("open")
        if self.fault == "open gives nothing":
            return None
        return FaultyReader(self)


class FaultyReader:
    def __init__(self, source: Faulty) -> None:
        self._source = source
        self._reads = 0

    def read(self) -> object:
        self._reads += 1
        fault = self._source.fault
        if fault == "first read raises" or (fault == "later read raises" and self._reads > 3):
            raise Unplugged("read")
        if fault == "read says that the device is gone" and self._reads > 3:
            raise MediaError("cannot read camera: No such device")
        junk = {"read gives junk": JUNK, "read gives a grey picture": PICTURE[:, :, 0]}
        return junk.get(fault, PICTURE)

    def close(self) -> None:
        self._source.closed.append(self._source.fault)
        if self._source.fault == "close raises":
            raise Unplugged("close")


@video_source
async def faulty_pictures(fault: str) -> AsyncIterator[object]:
    if fault == "raises at once":
        raise Unplugged("generator")
    for _ in range(3):
        yield PICTURE
        await trio.sleep(0.01)
    if fault == "raises later":
        raise Unplugged("generator")
    if fault == "a task of its own raises":
        async with open_bare_nursery() as nursery:
            nursery.start_soon(fail)
            while True:
                yield PICTURE
    if fault == "yields junk":
        yield JUNK
    try:
        yield PICTURE
        await trio.sleep_forever()
    finally:
        if fault == "its finally raises":
            raise Unplugged("finally")


@audio_source
async def pictures_for_sound() -> AsyncIterator[object]:
    yield PICTURE


async def fail() -> None:
    await trio.sleep(0.02)
    raise Unplugged("task")


async def watch(source: object, seconds: float) -> None:
    async with open_media(source) as media:
        for track in media.tracks:
            if track.kind == "video":
                with trio.move_on_after(seconds), track.subscribe(VP8()) as subscription:
                    while True:
                        await subscription.receive()
        await trio.sleep(0.05 if 0 < seconds < 1 else 5)


READER_FAULTS = {
    "open raises": (Unplugged, "open", 0),
    "open gives nothing": (TypeError, "which cannot be read and closed", 0),
    "first read raises": (Unplugged, "read", 1),
    "later read raises": (Unplugged, "read", 1),
    "read says that the device is gone": (MediaError, "No such device", 1),
    "read gives junk": (TypeError, "gave a str, which is no video frame", 1),
    "read gives a grey picture": (ValueError, "array of uint8, 120x160;", 1),
}


@pytest.mark.parametrize("fault", READER_FAULTS)
async def test_the_fault_of_a_reader_leaves_the_block_typed_and_the_reader_is_closed(fault: str) -> None:
    error, words, closed = READER_FAULTS[fault]
    source = Faulty(fault, [])
    with trio.fail_after(5), pytest.raises(error, match=words) as raised:
        await watch(source, 10)
    assert type(raised.value) is error, "bare, and not something that derives from it"
    assert source.closed == [fault] * closed


async def test_a_close_that_fails_is_not_hidden() -> None:
    source = Faulty("close raises", [])
    with trio.fail_after(5), pytest.raises(Unplugged, match="close"):
        await watch(source, 0.1)
    assert source.closed == ["close raises"]


GENERATOR_FAULTS = {
    "raises at once": (Unplugged, "generator"),
    "raises later": (Unplugged, "generator"),
    "a task of its own raises": (Unplugged, "task"),
    "yields junk": (
        TypeError,
        re.escape("faulty_pictures('yields junk') gave a str, which is no video frame"),
    ),
}


@pytest.mark.parametrize("watched", [True, False], ids=["watched", "unwatched"])
@pytest.mark.parametrize("fault", GENERATOR_FAULTS)
async def test_the_fault_of_a_generator_leaves_the_block_typed(fault: str, watched: bool) -> None:
    error, words = GENERATOR_FAULTS[fault]
    with trio.fail_after(5), pytest.raises(error, match=words):
        await watch(faulty_pictures(fault), 10 if watched else 0)


async def test_a_finally_that_fails_is_not_hidden() -> None:
    with trio.fail_after(5), pytest.raises(Unplugged, match="finally"):
        await watch(faulty_pictures("its finally raises"), 0.2)


async def test_a_generator_of_the_other_kind_is_told() -> None:
    with trio.fail_after(5), pytest.raises(TypeError, match="gave a ndarray, which is no audio frame"):
        await watch(pictures_for_sound(), 10)


async def test_junk_is_told_to_the_generator_at_its_yield() -> None:
    told: list[TypeError] = []

    @video_source
    async def corrected() -> AsyncIterator[object]:
        try:
            yield JUNK
        except TypeError as error:
            told.append(error)
        yield PICTURE

    async with open_media(corrected()) as media:
        with trio.fail_after(5):
            await media.wait_ended()
    assert len(told) == 1


@pytest.mark.parametrize(
    "source", [None, "/dev/video0", faulty_pictures, VP8()], ids=["none", "name", "factory", "encoding"]
)
async def test_what_is_no_source_is_refused_at_once(source: object) -> None:
    with pytest.raises(LocalProtocolError, match="is no source"):
        async with open_media(source):
            pytest.fail("the body must not begin")


@pytest.mark.parametrize(
    "make", [lambda: Faulty("later read raises", []), lambda: faulty_pictures("raises later")]
)
async def test_the_other_sources_of_the_block_are_closed(make: Callable[[], object]) -> None:
    good = Faulty("none", [])
    with trio.fail_after(5), pytest.raises(Unplugged):
        async with open_media(good, make()):
            await trio.sleep_forever()
    assert good.closed == ["none"]


async def test_a_push_after_the_end_is_refused_and_the_others_go_on() -> None:
    async with (
        open_push_source() as ended,
        open_push_source() as source,
        open_media(ended, source) as media,
    ):
        ended.end()
        with pytest.raises(trio.ClosedResourceError):
            ended.push(PICTURE)
        source.push(PICTURE)
        with trio.fail_after(5):
            await media.tracks[0].wait_ended()
        assert not media.tracks[1].ended
