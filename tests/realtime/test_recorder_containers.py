"""What a recorder writes into each container, as ffprobe and a decoder see it."""

from pathlib import Path

import av
import numpy as np
import pytest
import trio
import trio.testing
from support.recordings import (
    assert_sound,
    audio_video_offsets,
    beeps,
    changed,
    codecs,
    pictures,
    probe,
    record,
    scripted,
    seen,
    sound,
)

from triortc.media.recorder import Recorder, open_recorder
from triortc.protocol.wire.errors import LocalProtocolError

pytestmark = pytest.mark.realtime

COPIED = [
    ("webm", "vp8", "opus"),
    ("webm", "vp9", "opus"),
    ("webm", "av1", "opus"),
    ("mkv", "vp8", "opus"),
    ("mkv", "h264", "opus"),
    ("mp4", "h264", "opus"),
    ("mp4", "vp9", "opus"),
    ("mp4", "av1", "opus"),
]
TRANSCODED = [
    ("mp4", "vp8", "opus", ["h264", "opus"]),
    ("mp4", "h264", "pcmu", ["h264", "opus"]),
    ("webm", "h264", "pcma", ["opus", "vp8"]),
    ("webm", "vp8", "g722", ["opus", "vp8"]),
    ("mkv", "h264", "pcmu", ["h264", "pcm_s16le"]),
    ("mkv", "vp8", "g722", ["pcm_s16le", "vp8"]),
]


def names(directory: Path) -> list[str]:
    return sorted(file.name for file in directory.iterdir())


@pytest.mark.parametrize(("suffix", "video", "audio"), COPIED)
async def test_what_the_container_takes_goes_in_as_it_is(
    tmp_path: Path, suffix: str, video: str, audio: str
) -> None:
    path = tmp_path / f"call.{suffix}"
    tracks = scripted()
    shots = pictures(video, 3.0), sound(audio, 3.0)
    async with open_recorder(path) as recorder:
        await record(recorder, *zip(tracks, shots, strict=True))
    statistics = recorder.statistics()
    assert [track.transcoded for track in statistics.tracks] == [False, False]
    assert [track.frames for track in statistics.tracks] == [90, 150]
    assert codecs(path) == sorted([video, audio])
    assert_sound(path, 3.0)
    assert [number for _, number in seen(path)] == list(range(90))
    assert max(map(abs, audio_video_offsets(path))) < 0.05


@pytest.mark.parametrize(("suffix", "video", "audio", "expected"), TRANSCODED)
async def test_what_it_does_not_take_is_transcoded(
    tmp_path: Path, suffix: str, video: str, audio: str, expected: list[str]
) -> None:
    path = tmp_path / f"call.{suffix}"
    shots = pictures(video, 3.0), sound(audio, 3.0)
    async with open_recorder(path) as recorder:
        await record(recorder, *zip(scripted(), shots, strict=True))
    assert codecs(path) == expected
    assert_sound(path, 3.0)
    assert [number for _, number in seen(path)] == list(range(90))
    offsets = audio_video_offsets(path)
    assert len(offsets) == 3
    assert max(map(abs, offsets)) < 0.05


@pytest.mark.parametrize("audio", ["opus", "pcmu", "pcma", "g722"])
async def test_sound_goes_into_wav(tmp_path: Path, audio: str) -> None:
    path = tmp_path / "call.wav"
    async with open_recorder(path) as recorder:
        await record(recorder, (scripted(video=False)[0], sound(audio, 2.0)))
    assert codecs(path) == ["pcm_s16le"]
    assert_sound(path, 2.0)
    assert beeps(path) == pytest.approx([0.0, 1.0], abs=0.03)


async def test_each_sound_has_a_wav_of_its_own(tmp_path: Path) -> None:
    first, second = (*scripted(video=False), *scripted(video=False))
    async with open_recorder(tmp_path / "call.wav") as recorder:
        await record(recorder, (first, sound("opus", 1.0)), (second, sound("pcmu", 2.0)))
    assert_sound(tmp_path / "call.wav", 1.0)
    assert_sound(tmp_path / "call-2.wav", 2.0)


async def test_pictures_go_into_files_of_their_own(tmp_path: Path) -> None:
    async with open_recorder(tmp_path / "shots" / "%04d.png") as recorder:
        await record(recorder, (scripted(audio=False)[0], pictures("vp8", 0.5)))
    expected = [f"{number:04d}.png" for number in range(1, 16)]
    assert names(tmp_path / "shots") == expected
    assert [seen(tmp_path / "shots" / name)[0][1] for name in expected] == list(range(15))


async def test_pictures_go_into_a_directory(tmp_path: Path) -> None:
    async with open_recorder(tmp_path) as recorder:
        await record(recorder, (scripted(audio=False)[0], pictures("h264", 0.1)))
    assert names(tmp_path) == ["000001.png", "000002.png", "000003.png"]


@pytest.mark.parametrize(
    ("suffix", "video"), [("webm", "vp8"), ("webm", "vp9"), ("mp4", "h264"), ("mkv", "h264")]
)
async def test_a_new_size_in_the_middle_is_played(tmp_path: Path, suffix: str, video: str) -> None:
    path = tmp_path / f"call.{suffix}"
    small, large = pictures(video, 1.0), pictures(video, 1.0, size=(640, 480), first=30)
    async with open_recorder(path) as recorder:
        await record(recorder, (scripted(audio=False)[0], small + large))
    with av.open(str(path)) as container:
        sizes = [(picture.width, picture.height) for picture in container.decode(video=0)]
    assert sizes == [(320, 240)] * 30 + [(640, 480)] * 30
    assert_sound(path, 2.0)


async def test_a_transcoded_file_keeps_the_size_of_its_first_picture(tmp_path: Path) -> None:
    path = tmp_path / "call.mp4"
    small, large = pictures("vp8", 1.0), pictures("vp8", 1.0, size=(640, 480), first=30)
    async with open_recorder(path) as recorder:
        await record(recorder, (scripted(audio=False)[0], small + large))
    with av.open(str(path)) as container:
        sizes = [(picture.width, picture.height) for picture in container.decode(video=0)]
    assert sizes == [(320, 240)] * 60


async def test_a_file_takes_only_the_kinds_it_has_room_for(tmp_path: Path) -> None:
    video, audio = scripted()
    async with open_recorder(tmp_path / "call.wav") as recorder:
        with pytest.raises(LocalProtocolError, match="takes no video"):
            recorder.add_track(video)
    async with open_recorder(tmp_path) as recorder:
        with pytest.raises(LocalProtocolError, match="takes no audio"):
            recorder.add_track(audio)


async def test_what_comes_before_a_keyframe_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "call.webm"
    async with open_recorder(path) as recorder:
        await record(recorder, (scripted(audio=False)[0], pictures("vp8", 2.0)[7:]))
    assert [number for _, number in seen(path)] == list(range(30, 60))
    assert recorder.statistics().tracks[0].frames_skipped == 23


async def test_damaged_frames_are_counted_and_a_keyframe_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "call.webm"
    [track] = scripted(audio=False)
    shots = pictures("vp8", 3.0)
    shots[40:41] = changed(shots[40:41], payloads=(b"",))
    async with open_recorder(path) as recorder:
        recorder.add_track(track)
        for shot in shots:
            await track.frames.send(shot.as_received())
            if shot is shots[41]:
                await _worker_has_seen(recorder, 1)
        track.frames.close()
    assert [number for _, number in seen(path)] == [*range(40), *range(60, 90)]
    assert track.keyframes_requested == 1
    assert recorder.statistics().tracks[0].frames_skipped == 20
    assert_sound(path, 3.0)


async def _worker_has_seen(recorder: Recorder, skipped: int) -> None:
    while recorder.statistics().tracks[0].frames_skipped < skipped:
        await trio.testing.wait_all_tasks_blocked(0.01)


@pytest.mark.parametrize(("suffix", "video"), [("webm", "vp8"), ("mp4", "h264"), ("mkv", "av1")])
async def test_garbage_harms_neither_the_recorder_nor_the_other_tracks(
    tmp_path: Path, suffix: str, video: str
) -> None:
    path = tmp_path / f"call.{suffix}"
    random = np.random.default_rng(1)
    bad = [
        changed(
            [shot], payloads=tuple(random.bytes(len(payload)) for payload in shot.payloads), keyframe=True
        )[0]
        for shot in pictures(video, 2.0)
    ]
    async with open_recorder(path) as recorder:
        await record(recorder, *zip(scripted(), (bad, sound("opus", 3.0)), strict=True))
    assert recorder.failure is None
    assert beeps(path) == pytest.approx([0, 1, 2], abs=0.03)
    assert "opus" in codecs(path)
    assert float(probe(path)["format"]["duration"]) == pytest.approx(3.0, abs=0.1)
