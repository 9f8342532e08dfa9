"""Gaps, joins, restarts and lip sync, in recorded files."""

from pathlib import Path

import pytest
import trio
import trio.testing
from support.recordings import (
    FRAMERATE,
    Shot,
    assert_sound,
    audio_video_offsets,
    beeps,
    changed,
    codecs,
    moved,
    pictures,
    play,
    record,
    scripted,
    seen,
    sound,
    times,
)

import triortc
from triortc.media.encodings import H264, VP8
from triortc.media.recorder import open_recorder
from triortc.media.source import TestPattern

pytestmark = pytest.mark.realtime

FRAME = 1 / FRAMERATE
SUFFIXES = pytest.mark.parametrize("suffix", ["webm", "mkv", "mp4"])


def video_codec(suffix: str) -> str:
    return "vp8" if suffix == "webm" else "h264"


@SUFFIXES
@pytest.mark.parametrize(("sound_at", "pictures_at"), [(0.0, 1.7), (1.2, 0.0)])
async def test_a_track_that_starts_late_keeps_its_place(
    tmp_path: Path, suffix: str, sound_at: float, pictures_at: float
) -> None:
    path = tmp_path / f"call.{suffix}"
    shots = moved(pictures(video_codec(suffix), 2.0), pictures_at), moved(sound("opus", 2.0), sound_at)
    async with open_recorder(path) as recorder:
        await record(recorder, *zip(scripted(), changed_all(shots, report=True), strict=True))
    assert times(path, "video")[0] == pytest.approx(pictures_at, abs=0.01)
    assert times(path, "audio")[0] == pytest.approx(sound_at, abs=0.01)
    assert_sound(path, 2.0 + max(sound_at, pictures_at))


def changed_all(scripts: tuple[list[Shot], ...], **changes: float | bool) -> list[list[Shot]]:
    return [changed(shots, **changes) for shots in scripts]


@SUFFIXES
async def test_a_pause_keeps_its_length(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"call.{suffix}"
    shown, heard = pictures(video_codec(suffix), 4.0), sound("opus", 4.0)
    shots = shown[:30] + shown[90:], [shot for shot in heard if not 1.5 <= shot.captured < 3.0]
    async with open_recorder(path) as recorder:
        await record(recorder, *zip(scripted(), changed_all(shots, report=True), strict=True))
    assert_sound(path, 4.0)
    assert {number: when for when, number in seen(path)}[90] == pytest.approx(3.0, abs=0.01)
    assert beeps(path) == pytest.approx([0, 1, 3], abs=0.03)


async def test_a_pause_is_silence_in_wav(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    shots = [shot for shot in sound("opus", 4.0) if not 0.5 <= shot.captured < 3.0]
    async with open_recorder(path) as recorder:
        await record(recorder, (scripted(video=False)[0], shots))
    assert_sound(path, 4.0)
    assert beeps(path) == pytest.approx([0, 3], abs=0.03)


@SUFFIXES
@pytest.mark.parametrize("base", [90_000.0, -5.0])
async def test_a_source_that_is_replaced_goes_on_in_place(tmp_path: Path, suffix: str, base: float) -> None:
    path = tmp_path / f"call.{suffix}"
    shown = changed(pictures(video_codec(suffix), 4.0), base=10.0)
    shown[60:] = changed(shown[60:], base=10.0 + base)
    async with open_recorder(path) as recorder:
        await record(recorder, *zip(scripted(), (shown, sound("opus", 4.0)), strict=True))
    assert_sound(path, 4.0)
    expected = [number * FRAME for number in range(120)]
    assert [when for when, _ in seen(path)] == pytest.approx(expected, abs=0.01)


@SUFFIXES
@pytest.mark.parametrize("delay", [0.3, -0.3])
async def test_reports_put_pictures_in_step_with_the_sound(tmp_path: Path, suffix: str, delay: float) -> None:
    path = tmp_path / f"call.{suffix}"
    shown = changed(pictures(video_codec(suffix), 4.0), delay=max(delay, 0), base=777, report=True)
    heard = changed(sound("opus", 4.0), delay=max(-delay, 0), report=True)
    async with open_recorder(path) as recorder:
        await record(recorder, *zip(scripted(), (shown, heard), strict=True))
    offsets = audio_video_offsets(path)
    assert len(offsets) >= 3
    assert max(map(abs, offsets)) < 0.05
    assert_sound(path, 4.0, tolerance=0.4)


async def test_reports_that_come_within_two_seconds_count_from_the_beginning(tmp_path: Path) -> None:
    path = tmp_path / "call.webm"
    shown, heard = changed(pictures("vp8", 4.0), delay=0.25), sound("opus", 4.0)
    shown[45:], heard[75:] = changed(shown[45:], report=True), changed(heard[75:], report=True)
    async with open_recorder(path) as recorder:
        await record(recorder, *zip(scripted(), (shown, heard), strict=True))
    assert max(map(abs, audio_video_offsets(path))) < 0.05


async def test_a_track_that_comes_too_late_has_a_file_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "call.webm"
    video, audio = scripted()
    async with open_recorder(path) as recorder:
        recorder.add_track(audio)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(play, (audio, sound("opus", 4.0)))
            while recorder.statistics().duration < 1:
                await trio.testing.wait_all_tasks_blocked(0.001)
        await record(recorder, (video, moved(pictures("vp8", 1.0), 4.5)))
    assert codecs(path) == ["opus"]
    assert_sound(path, 4.0)
    assert codecs(tmp_path / "call-2.webm") == ["vp8"]
    assert_sound(tmp_path / "call-2.webm", 1.0)
    first, second = recorder.statistics().files
    assert (first.start, second.start) == (0, pytest.approx(4.5, abs=0.01))


async def test_a_track_that_is_silent_when_the_file_begins_follows_in_another(tmp_path: Path) -> None:
    shots = pictures("vp8", 4.0), moved(sound("opus", 1.0), 3.0)
    async with open_recorder(tmp_path / "call.webm") as recorder:
        await record(recorder, *zip(scripted(), shots, strict=True))
    assert codecs(tmp_path / "call.webm") == ["vp8"]
    assert_sound(tmp_path / "call.webm", 4.0)
    assert codecs(tmp_path / "call-2.webm") == ["opus"]


async def test_a_track_whose_codec_changes_goes_on_in_another_file(tmp_path: Path) -> None:
    shown = pictures("vp8", 2.0) + moved(pictures("h264", 2.0, first=60), 0.0)
    async with open_recorder(tmp_path / "call.mkv") as recorder:
        await record(recorder, *zip(scripted(), (shown, sound("opus", 4.0)), strict=True))
    assert codecs(tmp_path / "call.mkv") == ["opus", "vp8"]
    assert_sound(tmp_path / "call.mkv", 4.0)
    assert codecs(tmp_path / "call-2.mkv") == ["h264"]
    assert [number for _, number in seen(tmp_path / "call-2.mkv")] == list(range(60, 120))


async def test_a_track_that_was_silent_for_hours_goes_on_in_another_file(tmp_path: Path) -> None:
    shown = pictures("h264", 2.0)
    shown[30:] = moved(shown[30:], 8 * 3600)
    async with open_recorder(tmp_path / "call.mp4") as recorder:
        await record(recorder, (scripted(audio=False)[0], shown))
    assert_sound(tmp_path / "call.mp4", 1.0)
    assert_sound(tmp_path / "call-2.mp4", 1.0)


async def test_a_track_that_ends_leaves_the_others_alone(tmp_path: Path) -> None:
    path = tmp_path / "call.mp4"
    async with open_recorder(path) as recorder:
        await record(recorder, *zip(scripted(), (pictures("h264", 1.0), sound("opus", 3.0)), strict=True))
    assert_sound(path, 3.0)
    assert len(times(path, "video")) == 30


@pytest.mark.parametrize(
    ("name", "encodings", "codec"),
    [
        ("a.webm", VP8(500_000), "vp8"),
        ("a.mkv", H264(500_000), "h264"),
        ("a.mp4", [VP8(500_000), H264(500_000)], "h264"),
    ],
)
async def test_local_tracks_are_recorded_in_step(
    tmp_path: Path, name: str, encodings: object, codec: str, measured: object
) -> None:
    path = tmp_path / name
    pattern = TestPattern(size=(320, 240), grain=0)
    async with triortc.open_media(pattern, video=encodings) as media, open_recorder(path) as recorder:
        for track in media.tracks:
            recorder.add_track(track)
        await trio.sleep(3.3)
    statistics = recorder.statistics()
    assert codecs(path) == sorted([codec, "opus"])
    assert_sound(path, statistics.duration)
    offsets = audio_video_offsets(path)
    assert len(offsets) >= 3
    measured(f"{name}: sound later than pictures by {max(offsets, key=abs) * 1000:.0f} ms at most")
    assert max(map(abs, offsets)) < 0.05
