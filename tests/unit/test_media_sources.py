"""Descriptions are inert: frozen, comparable, and light."""

import dataclasses
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from triortc.media.encodings import H264, VP8, Limits, Opus
from triortc.media.source import Camera, MediaError, MediaFile, Microphone, Screen, TestPattern

Description = VP8 | H264 | Opus | TestPattern | Camera | Microphone | MediaFile | Screen
DESCRIPTIONS: list[Description] = [
    VP8(),
    H264(),
    Opus(),
    TestPattern(),
    Camera(),
    Microphone(),
    MediaFile("clip.webm"),
    MediaFile("rtsp://camera/1", timeout=3, options=(("rtsp_transport", "udp"),)),
    Screen(":0", region=(0, 0, 640, 480)),
]


@pytest.mark.parametrize("description", DESCRIPTIONS, ids=repr)
def test_a_description_is_frozen_and_equal_to_its_likes(description: Description) -> None:
    assert description == dataclasses.replace(description)
    assert hash(description) == hash(dataclasses.replace(description))
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(description, dataclasses.fields(description)[0].name, None)


@pytest.mark.parametrize("description", DESCRIPTIONS, ids=repr)
def test_a_description_travels_to_other_processes(description: Description) -> None:
    assert pickle.loads(pickle.dumps(description)) == description


@pytest.mark.parametrize("framerate", [0, -30, 241])
def test_a_test_pattern_has_a_framerate_that_can_be_kept(framerate: int) -> None:
    with pytest.raises(ValueError, match=f"framerate of {framerate} is out of range"):
        TestPattern(framerate=framerate)


def test_describing_media_does_not_load_ffmpeg() -> None:
    program = (
        "import sys, triortc.media.source, triortc.media.open; print(*sys.modules.keys() & {'av', 'numpy'})"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.split() == []


@pytest.mark.parametrize("size", [(641, 480), (640, 482), (80, 60)])
def test_a_test_pattern_has_a_size_that_can_be_drawn(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"not {size[0]}x{size[1]}"):
        TestPattern(size=size)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (Camera("/dev/no-such-camera"), r"^cannot open camera /dev/no-such-camera at .*: No such file"),
        (Microphone("no-such-microphone"), r"^cannot open microphone no-such-microphone: "),
        (MediaFile("/no/such/file.webm"), r"^cannot open /no/such/file.webm: No such file"),
        (MediaFile("/etc/passwd"), r"^cannot open /etc/passwd: Invalid data"),
    ],
    ids=["camera", "microphone", "file", "not-media"],
)
@pytest.mark.skipif(sys.platform != "linux", reason="FFmpeg's devices have other names here")
def test_what_cannot_be_opened_is_one_clear_line(source: Camera | Microphone | MediaFile, words: str) -> None:
    with pytest.raises(MediaError, match=words) as raised:
        source.open()
    assert "\n" not in str(raised.value)


def test_an_application_that_opus_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="voip, audio, lowdelay"):
        Opus(application="music")  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_limits_are_numbers(number: float) -> None:
    with pytest.raises(ValueError, match="scale_resolution_down_by"):
        Limits(scale_resolution_down_by=number)
    with pytest.raises(ValueError, match="frame rate"):
        Limits(max_framerate=number)
