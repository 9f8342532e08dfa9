"""Streams of servers: HLS is paced, RTSP is live; and each ends in time when its server hangs."""

import time
from collections.abc import Callable
from pathlib import Path

import av
import pytest
import trio
from media_clips import Viewer, make_clip
from media_servers import http_server, rtsp_server

from triortc.media.encodings import VP8
from triortc.media.open import open_media
from triortc.media.source import MediaError, MediaFile

pytestmark = pytest.mark.realtime


def make_hls(folder: Path, *, seconds: float = 3, ended: bool = True) -> str:
    """Write a playlist of segments of a second; return its name."""
    options = {"hls_time": "1", "hls_list_size": "0"} | ({} if ended else {"hls_flags": "omit_endlist"})
    clip = make_clip(
        folder / "clip.mp4", video="libx264", audio="aac", seconds=seconds, g="30", preset="ultrafast"
    )
    with (
        av.open(str(clip)) as source,
        av.open(str(folder / "live.m3u8"), "w", format="hls", options=options) as playlist,
    ):
        streams = {stream.index: playlist.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                playlist.mux(packet)
    return "live.m3u8"


async def watch(source: MediaFile, count: int) -> list[int | None]:
    async with open_media(source) as media:
        assert media.video is not None
        with trio.fail_after(15), media.video.subscribe(VP8()) as subscription:
            return await Viewer(VP8()).watch(subscription, count)


async def play_to_the_end(source: MediaFile) -> None:
    async with open_media(source) as media:
        with trio.fail_after(15):
            await media.wait_ended()


async def test_hls_is_played_at_its_pace_with_sound(tmp_path: Path) -> None:
    with http_server(tmp_path) as url:
        source = MediaFile(f"{url}/{make_hls(tmp_path)}")
        async with open_media(source) as media:
            assert [track.kind for track in media.tracks] == ["video", "audio"]
        started = trio.current_time()
        await play_to_the_end(source)
        assert 2.5 < trio.current_time() - started < 5
        numbers = await watch(source, 20)
    assert None not in numbers
    assert numbers == sorted(set(numbers))


async def test_an_hls_server_that_hangs_is_given_up(tmp_path: Path) -> None:
    name = make_hls(tmp_path)
    with http_server(tmp_path, hangs=True) as url:
        source = MediaFile(f"{url}/{name}", timeout=0.7)
        with pytest.raises(MediaError) as raised:
            await play_to_the_end(source)
    assert str(raised.value) == f"cannot read {url}/{name}: no answer in time"


async def test_what_an_http_server_says_is_the_reason(tmp_path: Path) -> None:
    with http_server(tmp_path) as url, pytest.raises(MediaError) as raised:
        await watch(MediaFile(f"{url}/missing.webm?key=1"), 1)
    assert str(raised.value) == f"cannot open {url}/missing.webm?…: Server returned 404 Not Found"


@pytest.mark.parametrize("transcode", [True, False])
async def test_rtsp_is_live(tmp_path: Path, transcode: bool, measured: Callable[[str], None]) -> None:
    clip = make_clip(tmp_path / "clip.webm", audio=None)
    with rtsp_server(clip, password="hunter2") as url:
        async with open_media(MediaFile(url, transcode=transcode)) as media:
            assert media.video is not None
            encoding = media.video.encodings[0]
            with trio.fail_after(10), media.video.subscribe(encoding) as subscription:
                started = trio.current_time()
                frames = [await subscription.receive() for _ in range(45)]
                assert trio.current_time() - started < 3
                measured(f"captured {(trio.current_time() - frames[-1].time) * 1000:.0f} ms ago")
                assert abs(trio.current_time() - frames[-1].time) < 0.5
    assert "hunter2" not in repr(MediaFile(url))
    assert frames[0].keyframe


@pytest.mark.parametrize(
    ("then", "reason"), [("hangs up", "the server has stopped sending"), ("is silent", "no answer in time")]
)
@pytest.mark.parametrize("watched", [True, False])
async def test_an_rtsp_camera_that_vanishes_is_an_error(
    tmp_path: Path, then: str, reason: str, watched: bool
) -> None:
    clip = make_clip(tmp_path / "clip.webm", audio=None)
    with rtsp_server(clip, frames=60, then=then) as url:
        source = MediaFile(url, timeout=2)
        with pytest.raises(MediaError, match=reason) as raised:
            await (watch(source, 10_000) if watched else play_to_the_end(source))
        vanished = time.monotonic()
        host = url.split("/")[2]
    assert str(raised.value) == f"cannot read rtsp://{host}/stream?…: {reason}"
    assert time.monotonic() - vanished < 1


async def test_a_host_that_does_not_exist_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        MediaError, match=r"^cannot open rtsp://no-such-host\.invalid/a: .*(known|resolution)"
    ):
        await watch(MediaFile("rtsp://no-such-host.invalid/a"), 1)


def test_a_live_stream_cannot_be_looped() -> None:
    with pytest.raises(ValueError, match=r"rtsp://…@camera/1 is live"):
        MediaFile("rtsp://me:hunter2@camera/1", loop=True)


@pytest.mark.parametrize("timeout", [0, -1])
def test_a_timeout_leaves_some_time(timeout: float) -> None:
    with pytest.raises(ValueError, match="leaves no time"):
        MediaFile("http://host/a", timeout=timeout)
