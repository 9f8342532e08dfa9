"""What is shown of a URL, and how long its protocol may take."""

import pytest

from triortc.media.source import MediaFile
from triortc.media.urls import is_live, protocol_options, public_name, timeouts


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("film.mp4", "film.mp4"),
        ("what?.mp4", "what?.mp4"),
        (r"C:\films\a@b.mp4", r"C:\films\a@b.mp4"),
        ("http://host:8080/a/b.webm", "http://host:8080/a/b.webm"),
        ("http://host/@user/b.webm", "http://host/@user/b.webm"),
        ("rtsp://me:hunter2@camera/1", "rtsp://…@camera/1"),
        ("rtsp://me:hunt@er2@camera/1", "rtsp://…@camera/1"),
        ("RTSP://me@camera", "RTSP://…@camera"),
        ("http://host/a.m3u8?token=hunter2#t", "http://host/a.m3u8?…"),
        (
            "rtsp://camera/user=a&password=hunter2&channel=1.sdp",
            "rtsp://camera/user=a&password=…&channel=1.sdp",
        ),
        ("cache:https://me:hunter2@host/a", "cache:https://…@host/a"),
    ],
)
def test_secrets_are_left_out(path: str, shown: str) -> None:
    assert public_name(path) == shown
    assert "hunter2" not in repr(MediaFile(path))


def test_the_repr_of_a_file_says_what_was_said() -> None:
    assert repr(MediaFile("a.mp4")) == str(MediaFile("a.mp4")) == "MediaFile('a.mp4')"
    told = repr(
        MediaFile("a", loop=True, transcode=False, timeout=2, options=(("headers", "Cookie: hunter2"),))
    )
    assert told == "MediaFile('a', loop=True, transcode=False, timeout=2, options=…)"


@pytest.mark.parametrize(
    ("path", "live", "limits"),
    [
        ("film.mp4", False, (10, 2)),
        (r"C:\film.mp4", False, (10, 2)),
        ("rtsp://camera/1", True, (10, 5)),
        ("RTSPS://camera/1", True, (10, 5)),
        ("srt://host:9000", True, (10, 5)),
        ("https://host/film.webm", False, (10, 10)),
        ("https://host/live.m3u8?key=1", False, (10, 15)),
    ],
)
def test_each_protocol_has_its_own_patience(path: str, live: bool, limits: tuple[float, float]) -> None:
    assert is_live(path) == live
    assert timeouts(path) == limits


def test_ffmpeg_is_told_in_each_protocols_own_words() -> None:
    assert protocol_options("rtsp://camera", 1.5) == {"timeout": "2500000", "rtsp_flags": "prefer_tcp"}
    assert protocol_options("https://host/a", 10) == {"rw_timeout": "11000000"}
    assert protocol_options("a.mp4", 2) == {}
