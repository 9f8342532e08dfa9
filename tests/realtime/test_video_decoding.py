"""Pictures come out of what a remote peer sends, and broken frames do no harm."""

from collections.abc import Callable

import av
import numpy as np
import pytest
import trio
from coded_streams import FRAMERATE, HEIGHT, VIDEO_ENCODERS, WIDTH, at_once, cards, in_real_time, video

from triortc.media.pattern import read_frame_number
from triortc.media.source import MediaError
from triortc.media.video_decoder import MAX_PIXELS, VideoDecoder
from triortc.media.video_frames import open_video_frames
from triortc.protocol.rtp.frame import ReceivedFrame
from triortc.protocol.wire.errors import LocalProtocolError

pytestmark = pytest.mark.realtime

CODECS = pytest.mark.parametrize("codec", VIDEO_ENCODERS)


def number_of(picture: av.VideoFrame) -> int | None:
    return read_frame_number(picture.to_ndarray(format="gray"))


def nothing() -> None:
    pass


def garbled(frame: ReceivedFrame, data: bytes) -> ReceivedFrame:
    return ReceivedFrame(
        [data], timestamp=frame.timestamp, time=frame.time, keyframe=frame.keyframe, codec=frame.codec
    )


@CODECS
def test_what_goes_in_comes_out_at_once_and_in_order(codec: str) -> None:
    decoder = VideoDecoder()
    for number, frame in enumerate(video(codec, cards(20))):
        (picture,) = decoder.decode(frame)
        assert number_of(picture) == number
        assert picture.pts == frame.timestamp
        assert picture.time == pytest.approx(number / FRAMERATE, abs=1e-4)
    assert decoder.statistics.frames_decoded == 20
    assert decoder.statistics.key_frames_decoded == 1
    assert (decoder.statistics.frame_width, decoder.statistics.frame_height) == (WIDTH, HEIGHT)
    assert decoder.statistics.total_decode_time > 0


@CODECS
def test_decoding_begins_at_a_keyframe(codec: str) -> None:
    decoder = VideoDecoder()
    frames = video(codec, cards(5))
    assert [decoder.decode(frame) for frame in frames[2:]] == [[]] * 3
    assert decoder.needs_keyframe
    assert decoder.statistics.frames_dropped == 3
    assert len(decoder.decode(frames[0])) == 1
    assert not decoder.needs_keyframe


@CODECS
def test_a_broken_frame_is_counted_and_a_keyframe_mends_it(codec: str) -> None:
    decoder = VideoDecoder()
    frames = video(codec, cards(6))
    decoder.decode(frames[0])
    for data in (b"", b"\x00", b"\xff" * 5):
        decoder.decode(garbled(frames[1], data))
    assert decoder.needs_keyframe
    assert decoder.statistics.frames_corrupt >= 1
    assert decoder.decode(frames[2]) == []
    assert number_of(decoder.decode(frames[0])[0]) == 0
    assert number_of(decoder.decode(frames[1])[0]) == 1


@CODECS
def test_no_garbage_raises(codec: str) -> None:
    decoder = VideoDecoder(format="rgb24")
    noise = np.random.default_rng(7)
    frames = video(codec, cards(8))
    for _ in range(200):
        frame = frames[noise.integers(len(frames))]
        payloads = [bytearray(payload) for payload in frame.payloads]
        for _ in range(noise.integers(1, 20)):
            payload = payloads[noise.integers(len(payloads))]
            payload[noise.integers(len(payload))] = noise.integers(256)
        broken = ReceivedFrame(
            list(map(bytes, payloads)),
            timestamp=frame.timestamp,
            time=0,
            keyframe=frame.keyframe,
            codec=codec,
        )
        decoder.decode(broken)
    assert number_of(decoder.decode(frames[0])[0]) == 0


def test_a_picture_that_claims_to_be_enormous_is_refused() -> None:
    decoder = VideoDecoder()
    (frame,) = video("vp8", cards(1))
    payload = bytearray(frame.payloads[0])
    place = payload.index(b"\x9d\x01\x2a") + 3
    payload[place : place + 4] = (0x3FFF).to_bytes(2, "little") * 2
    assert MAX_PIXELS < 0x3FFF**2
    assert decoder.decode(garbled(frame, bytes(payload))) == []
    assert decoder.statistics.frames_corrupt == 1


@pytest.mark.parametrize(("format", "shape"), [("rgb24", (3,)), ("bgr24", (3,)), ("gray", ())])
def test_pictures_come_in_the_format_wanted(format: str, shape: tuple[int, ...]) -> None:
    decoder = VideoDecoder(format=format)
    for number, frame in enumerate(video("vp8", cards(3))):
        (picture,) = decoder.decode(frame)
        assert picture.format.name == format
        assert picture.to_ndarray().shape == (HEIGHT, WIDTH, *shape)
        assert picture.pts == frame.timestamp
        assert number_of(picture) == number


def test_the_codec_and_the_size_may_change_on_the_way() -> None:
    decoder = VideoDecoder()
    for codec, size in (("vp8", (320, 240)), ("vp8", (640, 480)), ("h264", (320, 240)), ("vp9", (160, 120))):
        for frame in video(codec, cards(3, *size)):
            (picture,) = decoder.decode(frame)
            assert (picture.width, picture.height) == size
    assert decoder.statistics.frames_dropped == 0


def test_unknown_codecs_and_formats_are_named() -> None:
    with pytest.raises(MediaError, match="cannot decode theora"):
        VideoDecoder().decode(ReceivedFrame([b"x"], timestamp=0, time=0, keyframe=True, codec="theora"))
    with pytest.raises(LocalProtocolError, match="rgb25"):
        VideoDecoder(format="rgb25")


async def test_lossless_frames_are_all_there() -> None:
    frames = at_once(video("vp8", cards(40)))
    numbers = []
    with trio.fail_after(10):
        async with open_video_frames(frames, lossless=True, on_keyframe_needed=nothing) as pictures:
            async for picture in pictures:
                await trio.sleep(0.002)
                numbers.append(number_of(picture))
    assert numbers == list(range(40))
    assert pictures.statistics.frames_dropped == 0


async def test_a_slow_reader_has_the_latest_pictures(measured: Callable[[str], None]) -> None:
    frames = in_real_time(video("h264", cards(45)))
    numbers, ages = [], []
    start = trio.current_time()
    with trio.fail_after(10):
        async with open_video_frames(frames, on_keyframe_needed=nothing) as pictures:
            async for picture in pictures:
                assert picture.time is not None
                ages.append(trio.current_time() - start - picture.time)
                numbers.append(number_of(picture))
                await trio.sleep(0.2)
    assert numbers == sorted(set(numbers))
    assert len(numbers) <= 12
    assert pictures.statistics.frames_dropped == 45 - len(numbers)
    measured(f"a reader of 5 frames/s sees pictures that are up to {max(ages) * 1000:.0f} ms old")


async def test_a_keyframe_is_asked_for_where_there_is_none() -> None:
    asked: list[float] = []
    frames = video("vp8", cards(6))
    stream = at_once([*frames[1:3], frames[0], frames[1], garbled(frames[2], b""), frames[3]])
    with trio.fail_after(10):
        async with open_video_frames(
            stream, lossless=True, on_keyframe_needed=lambda: asked.append(trio.current_time())
        ) as pictures:
            numbers = [number_of(picture) async for picture in pictures]
    assert numbers == [0, 1]
    assert len(asked) == 4


async def test_the_reader_learns_why_the_frames_end() -> None:
    async def failing() -> object:
        yield video("vp8", cards(1))[0]
        raise trio.BrokenResourceError("the connection failed")

    with trio.fail_after(10):
        async with open_video_frames(failing(), on_keyframe_needed=nothing) as pictures:
            await anext(pictures)
            with pytest.raises(trio.BrokenResourceError, match="failed"):
                await anext(pictures)


async def watch_to_the_end(frame: ReceivedFrame) -> None:
    with trio.fail_after(10):
        async with open_video_frames(at_once([frame]), on_keyframe_needed=nothing) as pictures:
            async for _ in pictures:
                pass


async def test_a_codec_without_decoder_leaves_the_block_as_one_error() -> None:
    frame = ReceivedFrame([b"x"], timestamp=0, time=0, keyframe=True, codec="theora")
    with pytest.raises(MediaError):
        await watch_to_the_end(frame)


async def test_the_block_may_be_left_while_a_picture_waits() -> None:
    with trio.fail_after(10):
        async with open_video_frames(
            at_once(video("vp8", cards(30))), lossless=True, on_keyframe_needed=nothing
        ) as pictures:
            await anext(pictures)
            await pictures.aclose()
            with pytest.raises(trio.ClosedResourceError):
                await anext(pictures)
