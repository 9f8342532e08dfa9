"""An encoder of one's own: a frozen description, and what it opens."""

import threading
from dataclasses import dataclass
from typing import ClassVar

import av
import pytest
import trio
from media_clips import Viewer

from triortc.media.encoder import Coded, Encoder
from triortc.media.encodings import Kind, Limits, Parameters
from triortc.media.inbox import Raw
from triortc.media.open import open_media
from triortc.media.source import MediaError, TestPattern
from triortc.protocol.wire.errors import LocalProtocolError

pytestmark = pytest.mark.realtime

PATTERN = TestPattern(size=(320, 240), framerate=30)


@dataclass(frozen=True)
class Intra:
    """H.264 in keyframes alone, at a fixed quality."""

    bitrate: int = 5_000_000
    broken: bool = False

    name: ClassVar[str] = "H264"
    kind: ClassVar[Kind] = "video"
    clock_rate: ClassVar[int] = 90_000
    channels: ClassVar[int | None] = None
    fmtp: ClassVar[Parameters] = (("packetization-mode", "1"), ("profile-level-id", "42e01f"))

    def open_encoder(self, framerate: float) -> Encoder:
        if self.broken:
            raise MediaError("cannot encode: the licence has run out")
        return IntraEncoder()


class IntraEncoder:
    def __init__(self) -> None:
        self.bitrates: list[int] = []
        self._context: av.VideoCodecContext | None = None

    def encode(self, raw: Raw, *, keyframe: bool) -> list[Coded]:
        assert threading.current_thread() is not threading.main_thread()
        if self._context is None:
            self._context = av.CodecContext.create("libx264", "w")
            self._context.width, self._context.height = raw.frame.width, raw.frame.height
            self._context.pix_fmt, self._context.time_base = "yuv420p", raw.frame.time_base
            self._context.gop_size = 1
            self._context.options = {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline"}
        packets = self._context.encode(raw.frame)
        return [Coded(bytes(packet), raw.timestamp, raw.time, keyframe=True) for packet in packets]

    def set_bitrate(self, bitrate: int) -> None:
        self.bitrates.append(bitrate)

    def close(self) -> None:
        self._context = None


async def test_it_encodes_for_viewers() -> None:
    async with open_media(PATTERN, video=Intra(), audio=None) as media:
        assert media.video is not None
        with trio.fail_after(10), media.video.subscribe(Intra()) as subscription:
            numbers = await Viewer(Intra()).watch(subscription, 10)
    assert None not in numbers


async def test_it_gets_pictures_in_the_size_that_viewers_want() -> None:
    async with open_media(PATTERN, video=Intra(), audio=None) as media:
        assert media.video is not None
        limits = Limits(max_bitrate=100_000, scale_resolution_down_by=2)
        with trio.fail_after(10), media.video.subscribe(Intra(), limits=limits) as subscription:
            (luma,) = Viewer(Intra()).decode(await subscription.receive())
    assert luma.shape == (120, 160)


async def test_one_that_does_not_open_is_known_before_the_body() -> None:
    with pytest.raises(MediaError, match="the licence has run out"):
        async with open_media(PATTERN, video=Intra(broken=True)):
            pytest.fail("the body ran")


@pytest.mark.parametrize("nonsense", ["vp8", 7, object()])
async def test_what_is_no_encoding_is_refused(nonsense: object) -> None:
    with pytest.raises(LocalProtocolError, match="is no video encoding"):
        async with open_media(PATTERN, video=nonsense):
            pytest.fail("the body ran")
