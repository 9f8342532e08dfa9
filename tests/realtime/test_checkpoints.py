"""Every public asynchronous function is a checkpoint; a new one without an entry here is a failure.

The rule is trio's. An asynchronous function that returns was a checkpoint: others could run, and it could
be cancelled. One that raises may have been none. Of ``async with`` the entry or the exit is one, and so is
every step of ``async for``.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av
import pytest
import trio
import trio_websocket
from support.peers import negotiating, open_two_peers
from support.public_api import asynchronous, named
from support.virtual_network import VirtualNetwork
from trio.testing import assert_checkpoints

import triortc
from triortc.media import speaker

pytestmark = pytest.mark.realtime


class Silence:
    """A loudspeaker that plays nothing."""

    def play(self, frame: av.AudioFrame, silence: float) -> float:
        return frame.samples / frame.sample_rate

    def close(self) -> None:
        pass


PATTERN = triortc.TestPattern(size=(160, 120), framerate=30)


@dataclass
class Call:
    """Alice sends a test pattern, and bob has taken its two tracks."""

    alice: triortc.Peer
    bob: triortc.Peer
    media: triortc.Media
    video: triortc.RemoteTrack
    audio: triortc.RemoteTrack
    path: Path


@asynccontextmanager
async def calling(path: Path) -> AsyncIterator[Call]:
    async with triortc.open_media(PATTERN) as media, open_two_peers(VirtualNetwork()) as (alice, bob):
        for track in media.tracks:
            alice.add_track(track)
        async with negotiating(alice, bob):
            tracks = {track.kind: track for track in [await bob.tracks.receive(), await bob.tracks.receive()]}
            for peer in (alice, bob):
                await peer.wait_connected()
            yield Call(alice, bob, media, tracks["video"], tracks["audio"], path)


async def cancelled(awaitable: Awaitable[object]) -> None:
    with trio.move_on_after(0.2) as scope:
        await awaitable
    assert scope.cancelled_caught


async def end(call: Call) -> None:
    call.alice.close()
    await call.bob.wait_closed()


async def _decoded(call: Call, kind: str, act: Callable[..., Awaitable[object]]) -> None:
    async with getattr(call, kind).frames() as frames:
        await anext(frames)
        with assert_checkpoints():
            await act(frames)


async def _iterated(call: Call, name: str) -> None:
    async with getattr(call.video, name)() as things:
        await anext(things)
        with assert_checkpoints():
            await anext(things)


async def _states(call: Call) -> None:
    async with call.bob.watch_connection_state() as states:
        for _ in range(2):
            with assert_checkpoints():
                await anext(states)
            call.bob.close()


async def _negotiated(_: Call) -> None:
    async with open_two_peers(VirtualNetwork()) as (one, other):
        one.add_transceiver("audio")
        with assert_checkpoints():
            await one.set_local_description()
        with assert_checkpoints():
            await other.set_remote_description(one.local_description)


async def _played(call: Call) -> None:
    async with triortc.open_speaker() as device:
        playing = device.play(call.audio)
        with assert_checkpoints():
            await cancelled(playing)
        sound = av.AudioFrame("s16", "stereo", 960)
        sound.sample_rate = 48_000
        with assert_checkpoints():
            await device.write(sound)


async def _subscribed(call: Call) -> None:
    with call.media.video.subscribe(call.media.video.encodings[0]) as subscription:
        for act in (subscription.receive, subscription.next_frame):
            with assert_checkpoints():
                await act()


async def _recorded(call: Call) -> None:
    async with triortc.open_recorder(call.path) as recorder:
        with assert_checkpoints():
            await cancelled(recorder.wait_failed())
    with assert_checkpoints(), pytest.raises(trio.ClosedResourceError):
        await recorder.wait_failed()


def plain(*acts: Callable[[Call], Awaitable[object]]) -> Callable[[Call], Awaitable[None]]:
    async def check(call: Call) -> None:
        for act in acts:
            with assert_checkpoints():
                await act(call)

    return check


def waiting(act: Callable[[Call], Awaitable[object]]) -> Callable[[Call], Awaitable[None]]:
    """Check a wait for what has come to pass; for what never does; and once the peer has ended."""

    async def check(call: Call) -> None:
        with assert_checkpoints(), trio.move_on_after(0.1):
            await act(call)
        await end(call)
        with assert_checkpoints():
            try:
                await act(call)
            except triortc.PeerClosed:
                pass

    return check


async def _echo(channel: trio.abc.Channel) -> None:
    async for message in channel:
        await channel.send(message)


@asynccontextmanager
async def _in_memory() -> AsyncIterator[triortc.MemorySignaling]:
    left, right = triortc.open_memory_signaling()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_echo, right)
        yield left


@asynccontextmanager
async def _by_websocket() -> AsyncIterator[triortc.WebSocketSignaling]:
    async def answer(request: trio_websocket.WebSocketRequest) -> None:
        await _echo(triortc.WebSocketSignaling(await request.accept()))

    async with trio.open_nursery() as nursery:
        server = await nursery.start(partial(trio_websocket.serve_websocket, answer, "127.0.0.1", 0, None))
        async with triortc.open_websocket_signaling(f"ws://127.0.0.1:{server.port}/") as channel:
            yield channel
        nursery.cancel_scope.cancel()


async def _signaling(_: Call, *, opened: Callable[[], AbstractAsyncContextManager[trio.abc.Channel]]) -> None:
    async with opened() as channel:
        for take in (channel.receive, channel.__anext__):
            with assert_checkpoints():
                await channel.send(None)
            with assert_checkpoints():
                assert await take() is None
        for leave in (channel.aclose, channel.aclose, partial(channel.__aexit__, None, None, None)):
            with assert_checkpoints():
                await leave()


async def _pass(peer: triortc.Peer) -> None:
    await trio.sleep_forever()


def context(
    open_it: Callable[[Call], AbstractAsyncContextManager[object]],
) -> Callable[[Call], Awaitable[None]]:
    async def check(call: Call) -> None:
        manager = open_it(call)
        found = []
        for step in (manager.__aenter__, partial(manager.__aexit__, None, None, None)):
            try:
                with assert_checkpoints():
                    await step()
            except AssertionError:
                continue
            found.append(step)
        assert found, "neither entry nor exit is a checkpoint"

    return check


CHANNEL = "__aenter__ __aexit__ __anext__ aclose receive send"

CHECKS: dict[str, Callable[[Call], Awaitable[None]]] = {
    "AudioFrames.__anext__": lambda call: _decoded(call, "audio", anext),
    "AudioFrames.aclose": lambda call: _decoded(call, "audio", lambda frames: frames.aclose()),
    "LocalTrack.wait_ended": plain(lambda call: cancelled(call.media.video.wait_ended())),
    "Media.wait_ended": plain(lambda call: cancelled(call.media.wait_ended())),
    f"MemorySignaling: {CHANNEL}": partial(_signaling, opened=_in_memory),
    f"WebSocketSignaling: {CHANNEL}": partial(_signaling, opened=_by_websocket),
    "Peer.aclose": plain(lambda call: call.bob.aclose(), lambda call: call.bob.aclose()),
    "Peer.add_ice_candidate": plain(lambda call: call.bob.add_ice_candidate(None)),
    "Peer: set_local_description set_remote_description": _negotiated,
    "Peer.wait_closed": waiting(lambda call: call.bob.wait_closed()),
    "Peer.wait_connected": waiting(lambda call: call.bob.wait_connected()),
    "Peer.wait_ice_gathering_complete": waiting(lambda call: call.bob.wait_ice_gathering_complete()),
    "Peer.wait_negotiation_needed": waiting(lambda call: call.bob.wait_negotiation_needed()),
    "Peer.watch_connection_state": context(lambda call: call.bob.watch_connection_state()),
    "Recorder.wait_failed": _recorded,
    "RemoteTrack.encoded_frames": context(lambda call: call.video.encoded_frames()),
    "RemoteTrack.frames": context(lambda call: call.video.frames()),
    "RemoteTrack.rtp_packets": context(lambda call: call.video.rtp_packets()),
    "RemoteTrack.wait_ended": waiting(lambda call: call.video.wait_ended()),
    "Speaker: play write": _played,
    "Subscription: receive next_frame": _subscribed,
    "VideoFrames.__anext__": lambda call: _decoded(call, "video", anext),
    "VideoFrames.aclose": lambda call: _decoded(call, "video", lambda frames: frames.aclose()),
    "negotiate": plain(
        lambda call: cancelled(triortc.negotiate(call.bob, triortc.open_memory_signaling()[0], polite=True))
    ),
    "open_loop_watch": context(lambda call: triortc.open_loop_watch()),
    "open_media": context(lambda call: triortc.open_media(PATTERN)),
    "open_peer": context(lambda call: triortc.open_peer()),
    "open_push_source": context(lambda call: triortc.open_push_source()),
    "open_recorder": context(lambda call: triortc.open_recorder(call.path)),
    "open_relay": context(lambda call: triortc.open_relay(call.video)),
    "open_shared_port": context(lambda call: triortc.open_shared_port()),
    "open_speaker": context(lambda call: triortc.open_speaker()),
    "open_websocket_signaling": context(lambda call: _by_websocket()),
    "probe_encoders": plain(lambda call: triortc.probe_encoders()),
    "serve_broadcast": plain(lambda call: cancelled(triortc.serve_broadcast(call.media, port=0))),
    "serve_peers": plain(lambda call: cancelled(triortc.serve_peers(_pass, port=0))),
}
HANDED_OUT = {
    "encoded frames": partial(_iterated, name="encoded_frames"),
    "packets": partial(_iterated, name="rtp_packets"),
    "states": _states,
}


def test_every_public_asynchronous_function_has_an_entry() -> None:
    public = {found for name in triortc.__all__ for found in asynchronous(name)}
    assert sorted(public) == sorted(named(CHECKS))


@pytest.mark.parametrize("entry", [*CHECKS, *HANDED_OUT])
async def test_it_is_a_checkpoint(entry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaker, "_open_loudspeaker", lambda device: Silence())
    with trio.fail_after(20):
        async with calling(tmp_path / "call.webm") as call:
            await (CHECKS | HANDED_OUT)[entry](call)
