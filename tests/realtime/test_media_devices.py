"""A wrong device, file or URL is one clear line, and in time."""

import socket
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from triortc.media.source import Camera, MediaError, MediaFile, Microphone, Source

pytestmark = [
    pytest.mark.realtime,
    pytest.mark.skipif(sys.platform != "linux", reason="FFmpeg's devices have other names here"),
]

SUBTITLE = "1\n00:00:00,000 --> 00:00:01,000\nhello\n\n"


def refusal(source: Source) -> str:
    with pytest.raises(MediaError) as raised:
        source.open()
    message = str(raised.value)
    assert "\n" not in message
    return message


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_missing_camera_is_named_with_what_was_asked_of_it() -> None:
    message = refusal(Camera("/dev/video99", size=(640, 480), framerate=25))
    assert message == "cannot open camera /dev/video99 at 640x480 and 25 frames/s: No such file or directory"


@pytest.mark.parametrize("device", ["/dev/null", "/etc/passwd"])
def test_what_is_no_camera_is_said_to_be_none(device: str) -> None:
    assert refusal(Camera(device)).endswith(": it is no device of this kind")


def test_a_missing_microphone_is_named() -> None:
    assert refusal(Microphone("no-such-microphone")).startswith("cannot open microphone no-such-microphone: ")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.webm", "", "Invalid data found when processing input"),
        ("broken.mp4", "\0\0\0\x18ftypmp42", "Invalid data found when processing input"),
        ("notes.txt", "hello\n" * 100, "there is neither video nor audio in it"),
        ("subtitles.srt", SUBTITLE, "there is neither video nor audio in it"),
    ],
)
def test_a_file_that_cannot_be_played_says_why(tmp_path: Path, name: str, content: str, reason: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    assert refusal(MediaFile(path)) == f"cannot open {path}: {reason}"


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    assert refusal(MediaFile(tmp_path)) == f"cannot open {tmp_path}: Is a directory"


def test_a_url_that_nobody_serves_is_refused() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/clip.webm"
        assert refusal(MediaFile(url)) == f"cannot open {url}: Connection refused"


@pytest.mark.parametrize("scheme", ["http", "rtsp", "rtmp"])
@pytest.mark.parametrize("path", ["clip.webm", "live.m3u8"])
def test_a_url_that_hangs_is_given_up(silent_port: int, scheme: str, path: str) -> None:
    url = f"{scheme}://127.0.0.1:{silent_port}/{path}"
    started = time.monotonic()
    assert refusal(MediaFile(url, timeout=0.3)) == f"cannot open {url}: no answer in time"
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("scheme", ["http", "rtsp", "rtmp"])
def test_no_password_is_shown(silent_port: int, scheme: str, caplog: pytest.LogCaptureFixture) -> None:
    source = MediaFile(f"{scheme}://me:hunter2@127.0.0.1:{silent_port}/a?token=hunter2", timeout=0.2)
    with pytest.raises(MediaError, match=r"…@127\.0\.0\.1:\d+/a") as raised:
        source.open()
    told = [*traceback.format_exception(raised.value), repr(source), str(source), caplog.text]
    assert "hunter2" not in "".join(told)


def test_an_unknown_protocol_is_named() -> None:
    assert refusal(MediaFile("gopher9://host/clip")) == "cannot open gopher9://host/clip: Protocol not found"
