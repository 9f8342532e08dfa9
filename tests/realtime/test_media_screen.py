"""Screens: a real one in memory (Xvfb), with a picture of known colours on it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import trio
from media_clips import Viewer

from triortc.media import screen as screens
from triortc.media.encodings import VP8
from triortc.media.open import open_media
from triortc.media.source import MediaError, Screen

pytestmark = pytest.mark.realtime

needs_x = pytest.mark.skipif(
    sys.platform != "linux" or (shutil.which("Xvfb") is None and not os.environ.get("CI")),
    reason="Xvfb is not installed",
)


@contextmanager
def x_server() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start an X server of 640x480 white pixels; yields its display."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "640x480x24", "-nolisten", "tcp", "-wr"]
    process = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        with open(reading, "rb") as told:  # noqa: PTH123  (a descriptor)
            yield f":{told.readline().decode().strip()}", process
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    with x_server() as (name, _):
        yield name


async def see(source: Screen) -> tuple[tuple[int, ...], float, list[float]]:
    """Return the shape and the mean luma of a picture, and the times of some.

    FFmpeg looks at half a second of pictures first, and gives them all at once then.
    """
    async with open_media(source) as media:
        assert media.video is not None
        with trio.fail_after(10), media.video.subscribe(VP8()) as subscription:
            frames = [await subscription.receive() for _ in range(30)]
    viewer = Viewer(VP8())
    luma = [luma for frame in frames for luma in viewer.decode(frame)][-1]
    return luma.shape, luma.mean(), [frame.time for frame in frames[20:]]


@needs_x
async def test_a_whole_screen_is_seen_at_its_rate(display: str) -> None:
    shape, brightness, times = await see(Screen(display, framerate=20))
    assert shape == (480, 640)
    assert brightness > 220
    assert 0.3 < times[-1] - times[0] < 0.7


@needs_x
async def test_a_region_is_seen_alone(display: str) -> None:
    shape, _, _ = await see(Screen(display, region=(100, 50, 321, 200)))
    assert shape == (200, 320)


@needs_x
async def test_the_pointer_is_seen_only_if_wanted(display: str) -> None:
    middle = (310, 230, 20, 20)  # an X server without windows shows its cross there
    _, with_pointer, _ = await see(Screen(display, region=middle))
    _, without, _ = await see(Screen(display, region=middle, cursor=False))
    assert with_pointer < without - 5


@needs_x
async def test_the_display_of_the_environment_is_taken(display: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", display)
    assert (await see(Screen()))[0] == (480, 640)


@needs_x
async def test_a_screen_that_vanishes_is_an_error() -> None:
    async def see_it_go() -> None:
        async with open_media(Screen(display)) as media:
            assert media.video is not None
            with media.video.subscribe(VP8()) as subscription:
                await subscription.receive()
                process.terminate()
                while True:
                    await subscription.receive()

    with (
        x_server() as (display, process),
        trio.fail_after(10),
        pytest.raises(MediaError, match=rf"^cannot read screen {display}: "),
    ):
        await see_it_go()


@pytest.mark.skipif(sys.platform != "linux", reason="x11grab's messages")
@pytest.mark.parametrize(
    ("source", "message"),
    [
        (Screen(":99"), "cannot open screen :99: Input/output error"),
        (Screen(), "cannot open a screen: $DISPLAY names none, so there is no X server here"),
    ],
    ids=["missing", "unnamed"],
)
def test_a_missing_screen_is_one_line(source: Screen, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(MediaError) as raised:
        source.open()
    assert str(raised.value) == message


@needs_x
@pytest.mark.parametrize("region", [(600, 0, 100, 100), (-1, 0, 100, 100)])
async def test_a_region_beyond_the_screen_is_refused(display: str, region: tuple[int, int, int, int]) -> None:
    with pytest.raises(MediaError, match=r"^cannot open screen "):
        await see(Screen(display, region=region))


@pytest.mark.parametrize(
    ("platform", "source", "wanted"),
    [
        (
            "darwin",
            Screen("1", cursor=False),
            ("Capture screen 1:none", "avfoundation", {"capture_cursor": "0"}),
        ),
        ("win32", Screen(), ("desktop", "gdigrab", {"draw_mouse": "1", "framerate": "30"})),
        (
            "win32",
            Screen("title=Notes", region=(10, 20, 300, 200)),
            ("title=Notes", "gdigrab", {"offset_x": "10", "offset_y": "20", "video_size": "300x200"}),
        ),
    ],
)
def test_other_systems_are_asked_in_their_own_words(
    monkeypatch: pytest.MonkeyPatch, platform: str, source: Screen, wanted: tuple[str, str, dict[str, str]]
) -> None:
    monkeypatch.setattr(screens.sys, "platform", platform)
    name, format_name, options = screens._screen_input(source)
    assert (name, format_name) == wanted[:2]
    assert wanted[2].items() <= options.items()


def test_a_region_is_refused_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screens.sys, "platform", "darwin")
    with pytest.raises(MediaError, match="AVFoundation has no such thing"):
        Screen(region=(0, 0, 10, 10)).open()


@pytest.mark.parametrize("wrong", [{"region": (0, 0, 1, 10)}, {"framerate": 0}])
def test_a_screen_that_cannot_be_is_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"nothing in it|out of range"):
        Screen(**wrong)
