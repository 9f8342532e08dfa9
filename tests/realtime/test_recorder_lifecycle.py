"""What a recorder promises to who uses it: when tracks begin and end, and what is refused."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from support.recordings import ScriptedTrack, assert_sound, pictures, record, scripted, sound

import triortc
from triortc.handles import WrongRunError
from triortc.media.recorder import Recorder, open_recorder
from triortc.media.source import TestPattern
from triortc.protocol.rtp.frame import ReceivedFrame
from triortc.protocol.wire.errors import LocalProtocolError

pytestmark = pytest.mark.realtime


class BreakingTrack(ScriptedTrack):
    """A track whose iteration raises, after ten frames."""

    error: Exception

    @asynccontextmanager
    async def encoded_frames(self) -> AsyncIterator[AsyncIterator[ReceivedFrame]]:
        async with self._received:
            yield self._until_it_breaks()

    async def _until_it_breaks(self) -> AsyncIterator[ReceivedFrame]:
        for _ in range(10):
            yield await self._received.receive()
        raise self.error


async def test_a_track_whose_peer_fails_ends_and_the_others_go_on(tmp_path: Path) -> None:
    path = tmp_path / "call.webm"
    broken, [whole] = BreakingTrack("video"), scripted(video=False)
    broken.error = trio.BrokenResourceError("no answer")
    async with open_recorder(path) as recorder:
        await record(recorder, (broken, pictures("vp8", 1 / 3)), (whole, sound("opus", 3.0)))
    assert [track.frames for track in recorder.statistics().tracks] == [10, 150]
    assert_sound(path, 3.0)


async def test_a_bug_in_a_track_leaves_the_block_and_a_whole_file(tmp_path: Path) -> None:
    broken = BreakingTrack("video")
    broken.error = ZeroDivisionError("a bug")

    async def meet_it() -> None:
        async with open_recorder(tmp_path / "call.webm") as recorder:
            await record(recorder, (broken, pictures("vp8", 1 / 3)))
            await trio.sleep_forever()

    with pytest.raises(ZeroDivisionError):
        await meet_it()
    assert_sound(tmp_path / "call.webm", 1 / 3)


async def test_a_source_that_has_ended_is_recorded_to_its_end(tmp_path: Path) -> None:
    clip = tmp_path / "clip.webm"
    async with open_recorder(clip) as recorder:
        await record(recorder, *zip(scripted(), (pictures("vp8", 1.0), sound("opus", 1.0)), strict=True))
    async with triortc.open_media(triortc.MediaFile(clip)) as media:
        async with open_recorder(tmp_path / "copy.webm") as recorder:
            for track in media.tracks:
                recorder.add_track(track)
            await media.wait_ended()
        assert recorder.statistics().duration == pytest.approx(1.0, abs=0.1)
    assert_sound(tmp_path / "copy.webm", 1.0)


async def test_a_recorder_outlives_the_media_it_records(tmp_path: Path) -> None:
    path = tmp_path / "call.webm"
    async with open_recorder(path) as recorder:
        async with triortc.open_media(TestPattern(size=(160, 120))) as media:
            for track in media.tracks:
                recorder.add_track(track)
            await trio.sleep(1)
        async with triortc.open_media(TestPattern(size=(160, 120))) as media:
            recorder.add_track(media.tracks[0])
            await trio.sleep(1)
    assert_sound(path)
    assert_sound(tmp_path / "call-2.webm")


async def test_a_recorder_without_tracks_leaves_an_empty_file(tmp_path: Path) -> None:
    async with open_recorder(tmp_path / "call.webm") as recorder:
        assert recorder.statistics().files == ()
        assert repr(recorder) == f"<Recorder live {tmp_path / 'call.webm'} 0 tracks>"
    assert (tmp_path / "call.webm").stat().st_size == 0


async def test_a_track_is_recorded_once_at_a_time(tmp_path: Path) -> None:
    [track] = scripted(audio=False)
    async with open_recorder(tmp_path / "call.webm") as recorder:
        recorder.add_track(track)
        with pytest.raises(LocalProtocolError, match="already"):
            recorder.add_track(track)


async def test_a_track_whose_media_are_closed_is_refused_at_once(tmp_path: Path) -> None:
    async with triortc.open_media(TestPattern(size=(160, 120))) as media:
        pass
    async with open_recorder(tmp_path / "call.webm") as recorder:
        with pytest.raises(trio.ClosedResourceError):
            recorder.add_track(media.tracks[0])


async def test_after_the_block_nothing_is_taken(tmp_path: Path) -> None:
    async with open_recorder(tmp_path / "call.webm") as recorder:
        pass
    with pytest.raises(trio.ClosedResourceError):
        recorder.add_track(scripted()[0])
    with pytest.raises(trio.ClosedResourceError):
        await recorder.wait_failed()
    assert recorder.failure is None


def test_a_recorder_belongs_to_its_run(tmp_path: Path) -> None:
    async def lend() -> Recorder:
        async with open_recorder(tmp_path / "call.webm") as recorder:
            return recorder

    async def use(recorder: Recorder) -> None:
        recorder.add_track(scripted()[0])

    with pytest.raises(WrongRunError):
        trio.run(use, trio.run(lend))


async def test_figures_are_told_while_it_records(tmp_path: Path) -> None:
    tracks = scripted()
    async with open_recorder(tmp_path / "call.webm") as recorder:
        await record(recorder, *zip(tracks, (pictures("vp8", 3.0), sound("opus", 3.0)), strict=True))
    video, audio = recorder.statistics().tracks
    assert (video.kind, video.id, video.codec, video.path) == (
        "video",
        "pictures",
        "vp8",
        tmp_path / "call.webm",
    )
    assert (video.frames, audio.frames) == (90, 150)
    [file] = recorder.statistics().files
    assert file.bytes == video.bytes + audio.bytes
    assert recorder.statistics().duration == file.duration == pytest.approx(2.98, abs=0.02)
    assert recorder.statistics().queue_depth == 0
