"""Bad days of a source: one clear error, and nothing left."""

import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import pytest
import trio

from triortc.media import video_encoder
from triortc.media.encodings import AV1, H264, VP8, VP9, Encoding, Kind, Opus
from triortc.media.open import open_media
from triortc.media.reader import Captured
from triortc.media.source import Camera, MediaError, MediaFile, TestPattern
from triortc.protocol.wire.errors import LocalProtocolError

pytestmark = pytest.mark.realtime

PATTERN = TestPattern(size=(160, 120), framerate=60, tone=None)


@dataclass
class Dying:
    """A source that gives a few pictures and then fails; it counts what is open."""

    frames: int = 3
    opened: int = 0
    closed: int = 0
    closed_in: list[str] = field(default_factory=list)

    def open(self) -> "DyingReader":
        self.opened += 1
        return DyingReader(self)

    def __str__(self) -> str:
        return "dying"


class DyingReader:
    kinds: tuple[Kind, ...] = ("video",)
    live = True
    framerate = 60.0
    encodings: Mapping[Kind, Encoding] = {}

    def __init__(self, source: Dying) -> None:
        self._source = source
        self._pattern = PATTERN.open()

    def read(self, wanted: Collection[Kind] = ()) -> Captured | None:
        self._source.frames -= 1
        if self._source.frames < 0:
            raise MediaError("cannot read camera dying: No such device")
        return self._pattern.read()

    def close(self) -> None:
        self._source.closed += 1
        self._source.closed_in.append(threading.current_thread().name)


async def enter(*sources: object, **options: object) -> None:
    async with open_media(*sources, **options):
        pytest.fail("the body must not begin")


async def test_a_wrong_device_is_known_before_the_body() -> None:
    with pytest.raises(MediaError, match="cannot open camera /dev/none"):
        await enter(Camera("/dev/none"))


async def test_a_source_that_cannot_be_opened_closes_those_before_it() -> None:
    source = Dying()
    with pytest.raises(MediaError, match="No such file"):
        await enter(source, MediaFile("/no/such/file"))
    assert (source.opened, source.closed) == (1, 1)


async def test_a_missing_encoder_is_known_before_anything_is_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(video_encoder.av, "codecs_available", {"libopus"})
    source = Dying()
    with pytest.raises(MediaError, match="cannot encode VP8: this FFmpeg has no libvpx"):
        await enter(source)
    assert source.opened == 0


@pytest.mark.parametrize(
    ("sources", "options", "words"),
    [
        ((), {}, "at least one source"),
        ((PATTERN,), {"video": Opus()}, "is no video encoding"),
        ((PATTERN,), {"audio": [VP8()]}, "is no audio encoding"),
        ((PATTERN,), {"video": "vp8"}, "is no video encoding"),
        ((PATTERN,), {"video": VP8}, "is no video encoding"),
    ],
)
async def test_misuse_is_told_at_once(sources: tuple, options: dict, words: str) -> None:
    with pytest.raises(LocalProtocolError, match=words):
        await enter(*sources, **options)


@pytest.mark.parametrize("encoding", [VP8, VP9, H264, AV1, Opus])
@pytest.mark.parametrize("bitrate", [-5, 0, 5, 10**12])
async def test_a_bitrate_that_no_encoder_takes_is_refused_before_anybody_watches(
    encoding: type[VP8 | Opus], bitrate: int
) -> None:
    kind = encoding.kind
    with pytest.raises(MediaError, match=r"cannot encode .* bits per second"):
        await enter(TestPattern(), **{kind: encoding(bitrate=bitrate)})


async def watch_until_it_dies(source: Dying) -> None:
    async with open_media(source) as media:
        assert media.video is not None
        with media.video.subscribe(VP8()) as subscription:
            while True:
                await subscription.receive()


async def test_a_camera_that_dies_ends_the_block_with_its_error_bare() -> None:
    source = Dying()
    with trio.fail_after(5), pytest.raises(MediaError, match="No such device"):
        await watch_until_it_dies(source)
    assert (source.opened, source.closed) == (1, 1)
    assert source.closed_in[0] != threading.main_thread().name


async def test_the_error_of_the_body_leaves_bare_and_the_source_is_closed() -> None:
    source = Dying(frames=10_000)

    async def fail() -> None:
        async with open_media(source):
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    assert source.closed == 1


async def test_an_encoder_that_fails_ends_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(encoder: object, raw: object, *, keyframe: bool) -> None:
        raise MediaError("cannot encode VP8: no")

    monkeypatch.setattr(video_encoder.VideoEncoder, "encode", refuse)
    with trio.fail_after(5), pytest.raises(MediaError, match="cannot encode VP8: no"):
        await watch_until_it_dies(Dying(frames=10_000))


async def test_the_loop_runs_while_a_source_is_slow_to_open() -> None:
    class Slow(Dying):
        def open(self) -> DyingReader:
            time.sleep(0.3)
            return super().open()

    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await trio.sleep(0.01)
            ticks += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(tick)
        async with open_media(Slow(frames=10_000)):
            assert ticks >= 10
        nursery.cancel_scope.cancel()


async def test_a_viewer_after_the_block_is_refused() -> None:
    async with open_media(PATTERN) as media:
        track = media.video
        assert track is not None
    with pytest.raises(trio.ClosedResourceError):
        track.subscribe(VP8())
