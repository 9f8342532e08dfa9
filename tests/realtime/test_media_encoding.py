"""Encoders take whatever pictures and sound there are."""

import itertools
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import trio
from media_clips import FRAMERATE, HEIGHT, WIDTH, Viewer, make_clip

from triortc.media.encode import OpusEncoder, open_encoder
from triortc.media.inbox import Raw
from triortc.media.open import open_media
from triortc.media.pattern import Card, read_frame_number
from triortc.media.source import H264, VP8, MediaFile, Opus
from triortc.protocol.rtp.frame import EncodedFrame

pytestmark = pytest.mark.realtime

VIDEO = pytest.mark.parametrize("encoding", [VP8(), H264()], ids=lambda encoding: encoding.name)
NOON = datetime(2030, 1, 1, 12)


def picture(number: int, luma: np.ndarray | None = None) -> Raw:
    data = Card(WIDTH, HEIGHT).draw(number, number / FRAMERATE, NOON) if luma is None else luma
    frame = av.VideoFrame.from_numpy_buffer(data, format="yuv420p")
    return stamped(frame, number)


def stamped(frame: av.VideoFrame, number: int) -> Raw:
    frame.pts, frame.time_base = number * 90_000 // FRAMERATE, Fraction(1, 90_000)
    return Raw(frame, frame.pts, number / FRAMERATE)


def sound(timestamp: int, rate: int, layout: str, samples: int) -> Raw:
    channels = 2 if layout == "stereo" else 1
    frame = av.AudioFrame.from_ndarray(np.zeros((1, samples * channels), np.int16), "s16", layout)
    frame.sample_rate = rate
    return Raw(frame, timestamp, timestamp / 48_000)


def encode_pictures(encoding: VP8 | H264, raws: list[Raw], keyframes: set[int]) -> list[EncodedFrame]:
    encoder = open_encoder(encoding, FRAMERATE)
    encoded = [encoder.encode(raw, keyframe=number in keyframes)[0] for number, raw in enumerate(raws)]
    encoder.close()
    assert all(len(frames) == 1 for frames in encoded), "what goes in comes out at once"
    return [frame for frames in encoded for frame in frames]


@VIDEO
def test_a_keyframe_comes_when_it_is_asked_for_and_not_otherwise(encoding: VP8 | H264) -> None:
    frames = encode_pictures(encoding, [picture(number) for number in range(20)], {7, 13})
    assert [number for number, frame in enumerate(frames) if frame.keyframe] == [0, 7, 13]
    viewer = Viewer(encoding)
    late = [read_frame_number(luma) for frame in frames[7:] for luma in viewer.decode(frame)]
    assert late == list(range(7, 20)), "decoding can begin at a keyframe"


@VIDEO
def test_a_keyframe_leaves_the_picture_it_was_asked_of_alone(encoding: VP8 | H264) -> None:
    raw = picture(3)
    before = raw.frame.pict_type
    encode_pictures(encoding, [raw], {0})
    assert raw.frame.pict_type == before


@VIDEO
def test_pictures_of_an_odd_size_lose_a_line(encoding: VP8 | H264) -> None:
    raws = [stamped(av.VideoFrame(321, 241, "yuv420p"), number) for number in range(4)]
    viewer = Viewer(encoding)
    shapes = [
        luma.shape for frame in encode_pictures(encoding, raws, {0, 2}) for luma in viewer.decode(frame)
    ]
    assert shapes == [(240, 320)] * 4


@VIDEO
def test_another_size_begins_with_a_keyframe(encoding: VP8 | H264) -> None:
    large = [stamped(av.VideoFrame(640, 480, "yuv420p"), number) for number in (2, 3)]
    frames = encode_pictures(encoding, [picture(0), picture(1), *large], {0})
    assert [frame.keyframe for frame in frames] == [True, False, True, False]


def test_sound_may_change_its_form_on_the_way() -> None:
    encoder = OpusEncoder(Opus())
    forms = [(44_100, "stereo")] * 10 + [(48_000, "mono")] * 10 + [(8_000, "mono")] * 10
    stamps = []
    for number, (rate, layout) in enumerate(forms):
        frames, _ = encoder.encode(sound(number * 4800, rate, layout, rate // 10), keyframe=False)
        stamps += [frame.timestamp for frame in frames]
    encoder.close()
    steps = [later - earlier for earlier, later in itertools.pairwise(stamps)]
    assert len(stamps) >= 145
    assert min(steps) > 0
    assert max(steps) <= 2 * 960


async def test_motion_jpeg_in_full_range_becomes_video(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "m.avi", video="mjpeg", audio=None, seconds=0.5, strict="unofficial", q="3")
    async with open_media(MediaFile(clip)) as media:
        assert media.video is not None
        with trio.fail_after(10), media.video.subscribe(VP8()) as subscription:
            numbers = await Viewer(VP8()).watch(subscription, 10)
    assert None not in numbers
