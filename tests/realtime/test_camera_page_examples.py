"""The examples that browsers send their cameras to, with a peer in the place of the browser."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
import trio
from support.examples import EXAMPLES, ROOT, assert_ends_quietly, fetch, read_url, running

import triortc
from triortc.media.pattern import read_frame_number

pytestmark = pytest.mark.realtime

CAMERA = triortc.TestPattern(size=(320, 240))


@contextmanager
def signaling_of(name: str, cwd: Path = ROOT) -> Iterator[str]:
    """Run an example; give the URL that its page connects to, and press Ctrl-C at the end."""
    with running(EXAMPLES[name], cwd=cwd) as process:
        signaling = re.search(r'"(ws://[^"]+)"', fetch(read_url(process)))
        assert signaling is not None
        yield signaling[1]
        assert_ends_quietly(process)


@asynccontextmanager
async def browser(url: str, *stream_ids: str) -> AsyncIterator[triortc.Peer]:
    """Open a peer that does what the page does."""
    async with (
        triortc.open_media(CAMERA) as media,
        triortc.open_websocket_signaling(url) as channel,
        triortc.open_peer() as peer,
        trio.open_nursery() as nursery,
    ):
        for track in media.tracks:
            peer.add_track(track, *stream_ids)
        nursery.start_soon(partial(triortc.negotiate, peer, channel, polite=True))
        with trio.fail_after(20):
            yield peer
        nursery.cancel_scope.cancel()


async def look(track: triortc.RemoteTrack, count: int) -> list[np.ndarray]:
    """Return the next pictures of a track."""
    pictures: list[np.ndarray] = []
    async with track.frames(format="gray") as frames:
        async for frame in frames:
            pictures.append(frame.to_ndarray())
            if len(pictures) == count:
                return pictures
    pytest.fail("the track has ended")


async def watch(track: triortc.RemoteTrack) -> None:
    """Wait for pictures of which each is another one."""
    numbers = [read_frame_number(picture) for picture in await look(track, 10)]
    assert len(set(numbers) - {None}) >= 5


async def listen(track: triortc.RemoteTrack) -> None:
    """Wait for sound that is not silence."""
    async with track.frames() as frames:
        async for frame in frames:
            if np.abs(frame.to_ndarray().astype(int)).max() > 1000:
                return


async def test_a_recorder_records_what_a_browser_sends(tmp_path: Path) -> None:
    with signaling_of("record.py", tmp_path) as url:
        async with browser(url) as peer:
            await peer.wait_connected()
            await trio.sleep(2)
    with av.open(str(tmp_path / "recording-1.webm")) as recording:
        codecs = {stream.codec_context.name.removeprefix("lib") for stream in recording.streams}
        assert codecs == {"vp8", "opus"}
        pictures = [frame.time for frame in recording.decode(video=0)]
    assert pictures[-1] - pictures[0] > 1


async def test_a_filter_sends_the_browsers_own_pictures_back_as_drawings() -> None:
    with signaling_of("filter.py") as url:
        async with browser(url) as peer:
            pictures = await look(await peer.tracks.receive(), 10)
    assert pictures[-1].shape == (240, 320)
    assert np.median(pictures[-1]) > 200  # paper


async def test_those_in_a_call_see_and_hear_each_other_until_they_leave() -> None:
    with signaling_of("two_way_call.py") as url:
        async with browser(url, "alice") as alice, browser(url, "bob") as bob:
            for peer, other in ((alice, "bob"), (bob, "alice")):
                tracks = [await peer.tracks.receive(), await peer.tracks.receive()]
                assert {track.stream_ids for track in tracks} == {(other,)}
                for track in tracks:
                    await (listen(track) if track.kind == "audio" else watch(track))
