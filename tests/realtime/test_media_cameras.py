"""Reading devices; FFmpeg's own test sources stand in for them."""

import errno
import os
from collections.abc import Callable

import av
import pytest

from triortc.media import devices
from triortc.media.containers import open_container
from triortc.media.devices import DeviceReader, open_camera
from triortc.media.encodings import Kind
from triortc.media.source import Camera, MediaError

pytestmark = pytest.mark.realtime

PICTURES = "testsrc=size=320x240:rate=30"
SOUND = "sine=frequency=440:sample_rate=44100"

Opener = Callable[..., av.container.InputContainer]


def reader(graph: str, kind: Kind = "video") -> DeviceReader:
    return DeviceReader(open_container("open it", graph, format_name="lavfi"), kind, "open it")


def stand_in(*failures: av.FFmpegError, tried: list[dict[str, str]] | None = None) -> Opener:
    """Open a test source instead of a camera, after some failures."""
    left = list(failures)

    def open_instead(what: str, name: str, *, format_name: str, options: dict[str, str]) -> object:
        if tried is not None:
            tried.append(options)
        if left:
            error = left.pop(0)
            raise MediaError(f"cannot {what}: {error.strerror}") from error
        return open_container(what, PICTURES, format_name="lavfi")

    return open_instead


def failure(code: int) -> av.FFmpegError:
    kind = {errno.EINVAL: av.error.ArgumentError, errno.EBUSY: av.error.OSError}[code]
    return kind(code, os.strerror(code))


@pytest.mark.parametrize("pixels", ["yuv420p", "yuyv422", "yuvj422p", "rgb24", "nv12"])
def test_pictures_come_as_encoders_want_them(pixels: str) -> None:
    camera = reader(f"{PICTURES},format={pixels}")
    captured = [camera.read() for _ in range(3)]
    camera.close()
    assert [item.frame.format.name for item in captured] == ["yuv420p"] * 3
    assert [round(item.seconds * 30) for item in captured] == [0, 1, 2]
    assert (camera.kinds, camera.framerate, camera.live) == (("video",), 30.0, True)


def test_a_microphone_gives_sound_as_it_is() -> None:
    microphone = reader(SOUND, "audio")
    piece = microphone.read()
    microphone.close()
    assert piece.kind == "audio"
    assert piece.frame.sample_rate == 44_100


def test_a_device_that_stops_says_so() -> None:
    camera = reader(f"{PICTURES}:duration=0.1")
    for _ in range(3):
        camera.read()
    with pytest.raises(MediaError, match="cannot read it: the device has stopped"):
        camera.read()
    camera.close()


def test_a_device_of_the_other_kind_is_refused() -> None:
    with pytest.raises(MediaError, match="cannot open it: the device gives no audio"):
        reader(PICTURES, "audio")


@pytest.mark.skipif(os.name != "posix" or os.uname().sysname != "Linux", reason="v4l2's options")
@pytest.mark.parametrize(("width", "first"), [(640, "yuyv422"), (1280, "mjpeg")])
def test_a_camera_is_asked_for_the_format_that_fits_and_then_for_others(
    monkeypatch: pytest.MonkeyPatch, width: int, first: str
) -> None:
    tried: list[dict[str, str]] = []
    wrong = failure(errno.EINVAL)
    monkeypatch.setattr(devices, "open_container", stand_in(wrong, wrong, tried=tried))
    open_camera(Camera(size=(width, 480))).close()
    assert [options.get("input_format") for options in tried][::2] == [first, None]
    assert tried[0] | {"input_format": ""} == {
        "video_size": f"{width}x480",
        "framerate": "30",
        "input_format": "",
    }


def test_a_busy_camera_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[dict[str, str]] = []
    monkeypatch.setattr(devices, "open_container", stand_in(failure(errno.EBUSY), tried=tried))
    with pytest.raises(MediaError, match=r"camera .*: Device or resource busy"):
        open_camera(Camera("front"))
    assert len(tried) == 1
