"""Calls with aiortc that are recorded: how long, how many pictures, and sound in step with them."""

import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest
import trio
from support.aiortc_calls import negotiate, open_call, receive_tracks, watch
from support.cards import Sighting, sum_up
from support.recordings import audio_video_offsets, codecs, probe, seen, times

import triortc

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed"),
]

SECONDS = 5
FRAMERATE = 30


@pytest.mark.parametrize(("codec", "suffix"), [("VP8", "webm"), ("H264", "mp4"), ("H264", "mkv")])
async def test_a_call_is_recorded_as_it_was(
    codec: str, suffix: str, tmp_path: Path, measured: Callable[[str], None]
) -> None:
    path = tmp_path / f"call.{suffix}"
    sightings: list[Sighting] = []
    async with open_call() as (peer, foreign, _):
        await foreign.ask("send", kind="video", codec=codec)
        await foreign.ask("send", kind="audio")
        await negotiate(peer, foreign, "aiortc")
        tracks = await receive_tracks(peer, "video", "audio")
        async with triortc.open_recorder(path) as recorder:
            for track in tracks:
                recorder.add_track(track)
            with trio.move_on_after(SECONDS):
                await watch(tracks[0], 1000, sightings)
            statistics = recorder.statistics()

    found = await trio.to_thread.run_sync(probe, path)
    pictures = await trio.to_thread.run_sync(seen, path)
    offsets = await trio.to_thread.run_sync(audio_video_offsets, path)
    numbers = [number for _, number in pictures if number is not None]
    shown = (numbers[-1] - numbers[0] + 1) / FRAMERATE
    stamps = {kind: times(path, kind) for kind in ("video", "audio")}
    duration = float(found["format"]["duration"])
    offset = median(map(abs, offsets))
    live = sum_up(sightings)
    # aiortc tells its clock as it sends: where it is late with its pictures, they seem to be of then.
    late = max(0.0, live.worst - 0.1)
    measured(f"{duration:.3f} s, {shown:.3f} s of pictures, sound {offset * 1000:.0f} ms off; live {live}")

    assert codecs(path) == sorted([codec.lower(), "opus"])
    assert not any(track.transcoded for track in statistics.tracks)
    assert duration == pytest.approx(SECONDS, abs=1)
    assert len(numbers) >= len(pictures) - 3
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert stamps["video"][-1] - stamps["video"][0] + 1 / FRAMERATE == pytest.approx(shown, abs=0.1 + late)
    for each in stamps.values():
        assert all(earlier < later for earlier, later in pairwise(each))
    assert duration == pytest.approx(max(each[-1] for each in stamps.values()), abs=0.1)
    assert len(offsets) >= 3
    assert offset < 0.05 + late
