"""Encoders take whatever pictures there are, and give frames that decode."""

import dataclasses
import itertools
from datetime import datetime
from fractions import Fraction

import av
import pytest
from media_clips import FRAMERATE, HEIGHT, WIDTH, Viewer

from triortc.media.encoder import Stage
from triortc.media.encodings import AV1, H264, VP8, VP9, VideoEncoding
from triortc.media.inbox import Raw
from triortc.media.pattern import Card, read_frame_number
from triortc.media.source import MediaError
from triortc.protocol.rtp.frame import EncodedFrame

pytestmark = pytest.mark.realtime

VIDEO = pytest.mark.parametrize(
    "encoding",
    [VP8(), VP9(), H264(), H264(profile="main"), H264(profile="high", level="3.1"), AV1()],
    ids=lambda encoding: f"{encoding.name}-{getattr(encoding, 'profile', '')}",
)
NOON = datetime(2030, 1, 1, 12)


def picture(number: int, card: Card | None = None) -> Raw:
    data = (card or Card(WIDTH, HEIGHT)).draw(number, number / FRAMERATE, NOON)
    return stamped(av.VideoFrame.from_numpy_buffer(data, format="yuv420p"), number)


def stamped(frame: av.VideoFrame, number: int) -> Raw:
    frame.pts, frame.time_base = number * 90_000 // FRAMERATE, Fraction(1, 90_000)
    return Raw(frame, frame.pts, number / FRAMERATE)


def encode_pictures(encoding: VideoEncoding, raws: list[Raw], keyframes: set[int]) -> list[EncodedFrame]:
    stage = Stage(encoding, framerate=FRAMERATE)
    encoded = [stage.encode(raw, keyframe=number in keyframes)[0] for number, raw in enumerate(raws)]
    stage.close()
    assert all(len(frames) == 1 for frames in encoded), "what goes in comes out at once"
    return [frame for frames in encoded for frame in frames]


def shapes_of(encoding: VideoEncoding, frames: list[EncodedFrame]) -> list[tuple[int, ...]]:
    viewer = Viewer(encoding)
    return [luma.shape for frame in frames for luma in viewer.decode(frame)]


@VIDEO
def test_a_keyframe_comes_when_it_is_asked_for_and_not_otherwise(encoding: VideoEncoding) -> None:
    frames = encode_pictures(encoding, [picture(number) for number in range(20)], {7, 13})
    assert [number for number, frame in enumerate(frames) if frame.keyframe] == [0, 7, 13]
    assert [frame.timestamp for frame in frames] == [3000 * number for number in range(20)]
    assert [frame.time for frame in frames] == [number / FRAMERATE for number in range(20)]
    viewer = Viewer(encoding)
    late = [read_frame_number(luma) for frame in frames[7:] for luma in viewer.decode(frame)]
    assert late == list(range(7, 20)), "decoding can begin at a keyframe"


@VIDEO
def test_a_keyframe_leaves_the_picture_it_was_asked_of_alone(encoding: VideoEncoding) -> None:
    raw = picture(3)
    before = raw.frame.pict_type
    encode_pictures(encoding, [raw], {0})
    assert raw.frame.pict_type == before


@VIDEO
def test_pictures_of_an_odd_size_lose_a_line(encoding: VideoEncoding) -> None:
    raws = [stamped(av.VideoFrame(321, 241, "yuv420p"), number) for number in range(4)]
    assert shapes_of(encoding, encode_pictures(encoding, raws, {0, 2})) == [(240, 320)] * 4


@VIDEO
def test_another_size_begins_with_a_keyframe(encoding: VideoEncoding) -> None:
    large = [stamped(av.VideoFrame(640, 480, "yuv420p"), number) for number in (2, 3)]
    frames = encode_pictures(encoding, [picture(0), picture(1), *large], {0})
    assert [frame.keyframe for frame in frames] == [True, False, True, False]
    assert shapes_of(encoding, frames) == [(240, 320)] * 2 + [(480, 640)] * 2


@pytest.mark.parametrize(("scale", "shape"), [(2, (120, 160)), (1.5, (160, 212)), (1000, (2, 2))])
def test_pictures_are_scaled_down(scale: float, shape: tuple[int, int]) -> None:
    stage = Stage(H264(), framerate=FRAMERATE, scale=scale)
    frames = [frame for number in range(2) for frame in stage.encode(picture(number))[0]]
    stage.close()
    assert shapes_of(H264(), frames) == [shape] * 2
    assert [frame.timestamp for frame in frames] == [0, 3000]


def bitrates(encoding: VideoEncoding, plan: list[int]) -> tuple[list[float], list[int]]:
    """Return the bitrate in the third half second of each in *plan*, and where keyframes came."""
    card, stage = Card(640, 360, grain=4), Stage(encoding, framerate=FRAMERATE)
    sizes: list[int] = []
    keyframes: list[int] = []
    for number, bitrate in enumerate(bitrate for bitrate in plan for _ in range(45)):
        (frame,), _ = stage.encode(picture(number, card), bitrate=bitrate)
        assert frame.timestamp == 3000 * number
        sizes.append(frame.size)
        keyframes += [number] * frame.keyframe
    stage.close()
    ends = range(45, len(sizes) + 1, 45)
    return [sum(sizes[end - 15 : end]) * 8 * 2 for end in ends], keyframes


@pytest.mark.parametrize(
    ("encoding", "in_place"),
    [(VP8(900_000), False), (VP9(900_000), False), (AV1(900_000), False), (H264(900_000), True)],
    ids=lambda value: getattr(value, "name", None),
)
def test_another_bitrate_takes_effect_within_two_seconds(encoding: VideoEncoding, in_place: bool) -> None:
    plan = [900_000, 300_000, 900_000]
    measured, keyframes = bitrates(encoding, plan)
    for wanted, given in zip(plan, measured, strict=True):
        assert 0.6 * wanted < given < 1.4 * wanted
    assert keyframes == ([0] if in_place else [0, 45, 90])


def test_h264_begins_anew_for_a_bitrate_above_its_own() -> None:
    assert bitrates(H264(300_000), [300_000, 900_000])[1] == [0, 45]


def test_an_encoder_that_begins_below_its_bitrate_can_be_raised_in_place() -> None:
    measured, keyframes = bitrates(H264(1_000_000), [300_000, 300_000, 900_000])
    assert keyframes == [0]
    assert measured[1] < 420_000
    assert measured[2] > 540_000


@pytest.mark.parametrize(
    ("profile", "level", "expected"),
    [("baseline", "3.1", "42c01f"), ("main", "4", "4d4028"), ("high", "2.1", "640015")],
)
def test_a_stream_of_h264_says_its_profile_and_level(profile: str, level: str, expected: str) -> None:
    (frame,) = encode_pictures(H264(profile=profile, level=level), [picture(0)], set())
    sets = frame.payloads[0]
    assert sets[0] & 0x1F == 24, "parameter sets travel together"
    assert sets[4:7].hex() == expected


@pytest.mark.parametrize(
    ("encoding", "size", "message"),
    [
        (H264(level="3.1"), (1920, 1080), "1920x1080 is beyond level 3.1"),
        (H264(level="3"), (720, 576), "720x576 at 30 frames per second is beyond level 3"),
        (H264(30_000_000, level="3.1"), (640, 480), "30000000 bits per second are beyond level 3.1"),
    ],
)
def test_what_is_beyond_the_level_is_refused(encoding: H264, size: tuple[int, int], message: str) -> None:
    with pytest.raises(MediaError, match=message):
        encode_pictures(encoding, [stamped(av.VideoFrame(*size, "yuv420p"), 0)], set())


def test_an_encoder_that_does_not_exist_is_named() -> None:
    with pytest.raises(MediaError, match="cannot encode VP8: this FFmpeg has no libnothing"):
        Stage(dataclasses.replace(VP8(), encoder="libnothing"))


def test_frames_of_all_codecs_come_in_equal_packets() -> None:
    for encoding in (VP8(), VP9(), H264(), AV1()):
        raws = [picture(number, Card(640, 360, grain=9)) for number in range(2)]
        for frame in encode_pictures(encoding, raws, set()):
            sizes = [len(payload) for payload in frame.payloads]
            assert all(first >= second for first, second in itertools.pairwise(sizes[1:]))
            assert len(set(sizes[1:-1])) <= 1
