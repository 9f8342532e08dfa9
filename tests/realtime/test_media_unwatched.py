"""With nobody watching nothing is decoded or drawn; who joins does not have to wait for it."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from media_clips import FRAMERATE, Viewer, make_clip

from triortc.media import containers, pattern
from triortc.media.containers import Decoder, open_container, read_packets
from triortc.media.encodings import VP8
from triortc.media.open import Media, open_media
from triortc.media.pattern import read_frame_number
from triortc.media.source import MediaFile, TestPattern

pytestmark = pytest.mark.realtime


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When packets were decoded."""
    times: list[float] = []
    decode = Decoder._decode

    def note(self: Decoder, packet: object) -> object:
        times.append(time.monotonic())
        return decode(self, packet)

    monkeypatch.setattr(Decoder, "_decode", note)
    return times


def long_clip(tmp_path: Path, seconds: float = 4, *, audio: str | None = "libopus", **options: str) -> Path:
    """Return a clip whose only keyframe is its first, and which has B-frames."""
    settings = {"preset": "ultrafast", "bf": "2", "g": "1000", "sc_threshold": "0"} | options
    return make_clip(tmp_path / "long.mp4", video="libx264", audio=audio, seconds=seconds, **settings)


async def join(media: Media, count: int = 5) -> tuple[float, list[int | None]]:
    """Return how long the first picture took, and the numbers of the first ones."""
    assert media.video is not None
    started = trio.current_time()
    with trio.fail_after(10), media.video.subscribe(VP8()) as subscription:
        first = await subscription.receive()
        waited = trio.current_time() - started
        viewer = Viewer(VP8())
        numbers = [read_frame_number(luma) for luma in viewer.decode(first)]
        return waited, numbers + await viewer.watch(subscription, count - 1)


async def test_a_file_that_nobody_watches_is_not_decoded_and_keeps_its_time(
    tmp_path: Path, decoded: list[float]
) -> None:
    async with open_media(MediaFile(long_clip(tmp_path, 2, g="30"))) as media:
        started = trio.current_time()
        with trio.fail_after(10):
            await media.wait_ended()
        assert 1.6 < trio.current_time() - started < 3
        assert decoded == []
        assert media.statistics()[0].source.frames >= 2 * FRAMERATE - 2


async def test_who_joins_between_two_keyframes_sees_the_present_at_once(
    tmp_path: Path, measured: Callable[[str], None]
) -> None:
    async with open_media(MediaFile(long_clip(tmp_path)), audio=None) as media:
        for seconds in (1.0, 1.0):  # and again, when the first has left
            await trio.sleep(seconds)
            waited, numbers = await join(media)
            measured(f"first picture after {waited * 1000:.0f} ms")
            assert waited < 1.0
            assert None not in numbers
            assert numbers == sorted(set(numbers))
        assert numbers[0] is not None
        assert numbers[0] > 1.7 * FRAMERATE


async def test_in_a_loop_the_second_round_can_be_joined(tmp_path: Path) -> None:
    async with open_media(MediaFile(long_clip(tmp_path, 1), loop=True)) as media:
        await trio.sleep(1.4)
        waited, numbers = await join(media)
    assert waited < 1.0
    assert None not in numbers
    assert numbers == sorted(set(numbers))


def test_what_is_held_for_joiners_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoded: list[float]
) -> None:
    monkeypatch.setattr(containers, "HELD_PACKETS", 20)
    container = open_container("open it", str(long_clip(tmp_path, 2, audio=None)))
    with container:
        stream = container.streams.video[0]
        decoder = Decoder(stream)
        packets = [packet for packet in read_packets(container, [stream], "read it") if packet.size]
        for packet in packets[:50]:
            decoder.skip(packet)
            assert len(decoder._held) <= 20
        assert len(decoded) == 30
        numbers = [
            read_frame_number(frame.to_ndarray()[: frame.height])
            for packet in packets[50:]
            for frame in decoder.decode(packet)
        ]
    assert None not in numbers
    assert numbers == sorted(set(numbers))


async def test_a_pattern_is_drawn_for_viewers_only(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    draw = pattern.Card.draw

    def note(self: pattern.Card, number: int, *rest: object) -> object:
        drawn.append(number)
        return draw(self, number, *rest)

    monkeypatch.setattr(pattern.Card, "draw", note)
    async with open_media(TestPattern(size=(320, 240)), audio=None) as media:
        await trio.sleep(0.5)
        assert drawn == []
        _, numbers = await join(media)
    assert numbers[0] is not None
    assert numbers[0] >= 13, "the numbers have gone on"
