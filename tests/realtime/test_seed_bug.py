"""The seed bug, impossible: descriptions go anywhere, live handles refuse to leave their run."""

import dataclasses
import enum
import inspect
import threading
from collections.abc import Callable
from functools import partial

import pytest
import trio
from support.peers import negotiating, packets_received, receive_media

import triortc
from triortc.handles import RunBound
from triortc.protocol.rtp.frame import EncodedFrame

pytestmark = pytest.mark.realtime

# Described before any run begins, on purpose.
SOURCE = triortc.TestPattern(size=(320, 240), framerate=30)
VIDEO = triortc.VP8(bitrate=300_000)
AUDIO = triortc.Opus()
CONFIG = triortc.PeerConfig()


async def watch_for_frames() -> int:
    """Send the test pattern over real UDP; return the packets that have arrived, once enough have."""
    with trio.fail_after(30):
        async with (
            triortc.open_media(SOURCE, video=VIDEO, audio=AUDIO) as media,
            triortc.open_peer(CONFIG) as sender,
            triortc.open_peer(CONFIG) as viewer,
        ):
            for track in media.tracks:
                sender.add_track(track)
            receive_media(viewer, "video", "audio")
            async with negotiating(sender, viewer):
                await viewer.wait_connected()
                while packets_received(viewer) < 60:  # noqa: ASYNC110
                    await trio.sleep(0.02)
            return packets_received(viewer)


def test_the_same_descriptions_work_in_two_successive_runs():
    for _ in range(2):
        assert trio.run(watch_for_frames) >= 60


def test_the_same_descriptions_work_in_two_threads_at_once():
    together = threading.Barrier(2)
    arrived: list[int] = []

    def run() -> None:
        together.wait(10)
        arrived.append(trio.run(watch_for_frames))

    threads = [threading.Thread(target=run, name=f"run {number}") for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(arrived) == 2
    assert min(arrived) >= 60


HANDLES: dict[str, Callable[[triortc.Peer, triortc.Media], object]] = {
    "Peer": lambda peer, media: peer.create_offer(),
    "Media": lambda peer, media: media.statistics(),
    "LocalTrack": lambda peer, media: media.video.subscribe(VIDEO),
}


def refuse(name: str, peer: triortc.Peer, media: triortc.Media) -> None:
    with pytest.raises(triortc.WrongRunError, match=f"this {name} belongs"):
        HANDLES[name](peer, media)


async def refuse_in_run(name: str, peer: triortc.Peer, media: triortc.Media) -> None:
    refuse(name, peer, media)


@pytest.mark.parametrize("name", HANDLES)
def test_a_live_handle_carried_into_a_later_run_is_refused(name):
    kept: list[tuple[triortc.Peer, triortc.Media]] = []

    async def keep() -> None:
        async with triortc.open_media(SOURCE, video=VIDEO) as media, triortc.open_peer() as peer:
            peer.add_track(media.video)
            kept.append((peer, media))

    trio.run(keep)
    trio.run(refuse_in_run, name, *kept[0])
    refuse(name, *kept[0])


@pytest.mark.parametrize("name", HANDLES)
async def test_a_live_handle_carried_into_another_thread_is_refused(name):
    async with triortc.open_media(SOURCE, video=VIDEO) as media, triortc.open_peer() as peer:
        peer.add_track(media.video)
        await trio.to_thread.run_sync(refuse, name, peer, media)
        await trio.to_thread.run_sync(partial(trio.run, refuse_in_run, name, peer, media))


def is_frozen_description(thing: object) -> bool:
    return dataclasses.is_dataclass(thing) and thing.__dataclass_params__.frozen


def kind_of(thing: object) -> str | None:
    if inspect.isfunction(thing):
        return "function"
    if not inspect.isclass(thing):
        return "version" if isinstance(thing, str) else None
    if issubclass(thing, enum.Enum):
        return "enum"
    if issubclass(thing, Exception):
        return "error"
    if issubclass(thing, RunBound):
        return "handle"
    if getattr(thing, "_is_protocol", False):
        return "protocol"
    if issubclass(thing, tuple | EncodedFrame):
        return "value"
    if issubclass(thing, trio.abc.Instrument):
        return "instrument"
    return "description" if is_frozen_description(thing) else None


@pytest.mark.parametrize("name", triortc.__all__)
def test_every_public_name_is_inert_a_function_or_a_handle_bound_to_its_run(name):
    assert kind_of(getattr(triortc, name)) is not None
