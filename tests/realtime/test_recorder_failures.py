"""Full and slow disks, killed programs and cancellation: what becomes of the file, and who is told."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import pytest
import trio
from support.recordings import (
    assert_sound,
    pictures,
    play,
    probe,
    record,
    scripted,
    seen,
    sound,
    times,
)

import triortc
from triortc.media import muxing
from triortc.media.encodings import H264, VP8
from triortc.media.recorder import Recorder, open_recorder
from triortc.media.recording_format import RecorderError
from triortc.media.source import TestPattern

pytestmark = pytest.mark.realtime

PROGRAM = """
import sys, trio, triortc
from triortc.media.recorder import Recorder, open_recorder

async def main(path, video):
    pattern = triortc.TestPattern(size=(320, 240))
    async with triortc.open_media(pattern, video=video) as media, open_recorder(path) as recorder:
        for track in media.tracks:
            if not (path.endswith("wav") and track.kind == "video"):
                recorder.add_track(track)
        while True:
            print(recorder.statistics().duration, flush=True)
            await trio.sleep(0.05)

trio.run(main, sys.argv[1], triortc.H264() if sys.argv[1].endswith("mp4") else triortc.VP8())
"""


@pytest.mark.parametrize("name", ["call.webm", "call.mkv", "call.mp4", "call.wav"])
def test_a_file_of_a_program_that_was_killed_plays(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    command = [sys.executable, "-c", PROGRAM, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        duration = next(float(line) for line in process.stdout if float(line) > 3)
        process.send_signal(signal.SIGKILL)
    if name.endswith("wav"):
        assert float(probe(path)["format"]["duration"]) > duration - 1
        return
    assert_sound(path)
    assert times(path, "video")[-1] > duration - 1
    assert times(path, "audio")[-1] > duration - 1
    numbers = [number for _, number in seen(path)]
    assert None not in numbers
    assert numbers == sorted(set(numbers))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with room for 600 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(command, capture_output=True).returncode:
        assert not os.environ.get("CI"), "CI can mount"
        pytest.skip("only root can mount a small disk")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("name", ["call.webm", "call.mp4", "call.wav"])
async def test_a_full_disk_ends_the_recorder_alone(
    small_disk: Path, name: str, measured: Callable[[str], None]
) -> None:
    path = small_disk / name
    pattern = TestPattern(size=(640, 480))
    video = H264() if name.endswith("mp4") else VP8()

    async def call(media: triortc.Media) -> None:
        async with open_recorder(path) as recorder:
            opened.append(recorder)
            for track in media.tracks:
                if track.kind == "audio" or not name.endswith("wav"):
                    recorder.add_track(track)
            with trio.fail_after(20):
                assert await recorder.wait_failed() is recorder.failure
            with pytest.raises(trio.BrokenResourceError):
                recorder.add_track(media.tracks[0])
            frames = media.statistics()[0].source.frames
            await trio.sleep(0.5)
            assert media.statistics()[0].source.frames > frames + 5  # the media go on
            assert not any(track.renditions[0].subscribers for track in media.statistics())

    opened: list[Recorder] = []
    async with triortc.open_media(pattern, video=video) as media:
        with pytest.raises(RecorderError, match="No space left on device") as raised:
            await call(media)
    [recorder] = opened
    assert raised.value is recorder.failure
    assert raised.value.errno == errno.ENOSPC
    statistics = recorder.statistics()
    measured(f"{name}: {statistics.duration:.2f} s recorded, {_playable(path):.2f} s of them play")
    assert _playable(path) > statistics.duration - 1


def _playable(path: Path) -> float:
    with av.open(str(path)) as container:
        return max(frame.time for frame in container.decode())


async def test_a_disk_that_is_full_from_the_beginning_is_told_within_a_second(tmp_path: Path) -> None:
    path = tmp_path / "call.webm"
    path.symlink_to("/dev/full")
    with pytest.raises(RecorderError) as raised:
        async with open_recorder(path) as recorder:
            await record(recorder, *zip(scripted(), (pictures("vp8", 3.0), sound("opus", 3.0)), strict=True))
    assert raised.value.errno == errno.ENOSPC


async def test_pictures_on_a_full_disk_fail_alike(small_disk: Path) -> None:
    with pytest.raises(RecorderError) as raised:
        async with open_recorder(small_disk) as recorder:
            await record(recorder, (scripted(audio=False)[0], pictures("vp8", 3.0, size=(640, 480))))
    assert raised.value.errno == errno.ENOSPC


async def test_a_file_that_cannot_be_made_is_told_before_the_body(tmp_path: Path) -> None:
    with pytest.raises(RecorderError, match="No such file or directory") as raised:
        async with open_recorder(tmp_path / "missing" / "call.webm"):
            pytest.fail("the body runs")
    assert raised.value.errno == errno.ENOENT


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    write = muxing._File.write

    def slowly(file: muxing._File, data: bytes) -> int:
        time.sleep(len(data) / 50_000)
        return write(file, data)

    monkeypatch.setattr(muxing._File, "write", slowly)


@pytest.mark.usefixtures("slow_disk")
async def test_on_a_slow_disk_the_tracks_drop_and_nothing_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triortc.media.backlog.MAX_BYTES", 100_000)
    path = tmp_path / "call.webm"
    async with triortc.open_media(TestPattern(size=(640, 480))) as media, open_recorder(path) as recorder:
        for track in media.tracks:
            recorder.add_track(track)
        for _ in range(40):
            await trio.sleep(0.1)
            assert recorder.statistics().queue_bytes < 200_000
        dropped = [track.frames_dropped for track in recorder.statistics().tracks]
    assert dropped[0] > 0
    assert_sound(path)


@pytest.mark.usefixtures("slow_disk")
async def test_cancellation_writes_what_was_there_and_ends(tmp_path: Path) -> None:
    path = tmp_path / "call.webm"
    tracks = scripted()
    with trio.move_on_after(0.5):
        async with open_recorder(path) as recorder:
            for track in tracks:
                recorder.add_track(track)
            shots = pictures("vp8", 3.0), sound("opus", 3.0)
            await play(*zip(tracks, shots, strict=True), end=False)
            await trio.sleep_forever()
    assert_sound(path, 3.0)


async def test_a_disk_that_hangs_holds_nobody_up_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    monkeypatch.setattr(muxing._File, "write", lambda file, data: gate.wait() and len(data))
    monkeypatch.setattr("triortc.media.recorder.CLOSE_TIMEOUT", 0.2)
    try:
        with pytest.raises(RecorderError, match="takes nothing"):
            async with open_recorder(tmp_path / "call.webm") as opened:
                await record(opened, (scripted(audio=False)[0], pictures("vp8", 3.0)))
    finally:
        gate.set()


async def test_an_error_of_the_body_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "call.mp4"

    async def fail() -> None:
        async with open_recorder(path) as recorder:
            await record(recorder, (scripted(audio=False)[0], pictures("h264", 1.0)))
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    assert_sound(path, 1.0)


async def test_both_an_error_of_the_body_and_a_full_disk_are_told(tmp_path: Path) -> None:
    path = tmp_path / "call.webm"
    path.symlink_to("/dev/full")

    async def fail() -> None:
        async with open_recorder(path) as recorder:
            await record(recorder, (scripted(audio=False)[0], pictures("vp8", 3.0)))
            await recorder.wait_failed()
            raise KeyError

    with pytest.raises(BaseExceptionGroup) as raised:
        await fail()
    assert {type(error) for error in raised.value.exceptions} == {KeyError, RecorderError}
