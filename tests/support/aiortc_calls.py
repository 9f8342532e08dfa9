"""Calls with aiortc, in a process of its own: tests/interop/aiortc_peer.py does what it is asked to."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import trio
from support.cards import Sighting, dominant_frequency, look

import triortc

Side: TypeAlias = Literal["triortc", "aiortc"]
SIDES: tuple[Side, Side] = ("triortc", "aiortc")

PROGRAM = Path(__file__).parents[1] / "interop/aiortc_peer.py"
CARD = triortc.TestPattern(size=(320, 240), framerate=30, tone=440.0)
TONE, FOREIGN_TONE = 440.0, 660.0
SOUND_RATE = 48_000


class ForeignPeerError(AssertionError):
    """aiortc ended, when it should have answered."""


@dataclass(frozen=True)
class Watched:
    """What aiortc saw or heard in one section."""

    count: int
    sightings: list[Sighting]
    seconds: float
    frequency: float | None
    ended: bool


class ForeignPeer:
    """A running aiortc peer."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self._said = bytearray()

    async def ask(self, do: str, **arguments: Any) -> Any:
        """Send one request and return its answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        await self.process.stdin.send_all(json.dumps({"do": do, **arguments}).encode() + b"\n")
        while b"\n" not in self._said:
            part = await self.process.stdout.receive_some()
            if not part:
                raise ForeignPeerError(f"{do}: aiortc ended with status {await self.process.wait()}")
            self._said += part
        line, _, self._said = self._said.partition(b"\n")
        return json.loads(line)

    async def watch(self, *sections: int, frames: int) -> list[Watched]:
        """Return what these sections brought since they were watched last, at least *frames* frames each."""
        found = await self.ask("watch", sections=sections, frames=frames)
        return [
            Watched(**{**each, "sightings": [Sighting(*seen) for seen in each["sightings"]]})
            for each in found
        ]

    async def take(self, description: triortc.SessionDescription) -> triortc.SessionDescription | None:
        """Hand a description over; return the answer to an offer."""
        answer = await self.ask("take", description=description.as_json())
        return None if answer is None else triortc.SessionDescription(**answer)


@asynccontextmanager
async def open_aiortc() -> AsyncIterator[ForeignPeer]:
    """Run an aiortc peer for as long as the block lasts."""
    process = await trio.lowlevel.open_process(
        [sys.executable, str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield ForeignPeer(process)
    finally:
        with trio.CancelScope(shield=True):
            process.kill()
            await process.wait()
            await process.stdin.aclose()
            await process.stdout.aclose()


@asynccontextmanager
async def open_call(
    *, video: triortc.Encoding | None = None, audio: triortc.Encoding | None = None, seconds: float = 40
) -> AsyncIterator[tuple[triortc.Peer, ForeignPeer, triortc.Media]]:
    """Open a peer of ours, one of theirs, and test pictures and sound; nothing is negotiated."""
    with trio.fail_after(seconds):
        async with (
            triortc.open_media(CARD, video=video or triortc.VP8(), audio=audio or triortc.Opus()) as media,
            open_aiortc() as foreign,
            triortc.open_peer() as peer,
        ):
            yield peer, foreign, media


async def negotiate(peer: triortc.Peer, foreign: ForeignPeer, offerer: Side) -> None:
    """Exchange an offer and an answer, and wait until they are connected."""
    if offerer == "triortc":
        await peer.set_local_description(peer.create_offer())
        await peer.wait_ice_gathering_complete()
        assert peer.local_description is not None
        answer = await foreign.take(peer.local_description)
        assert answer is not None
        await peer.set_remote_description(answer)
    else:
        offer = triortc.SessionDescription(**await foreign.ask("offer"))
        await peer.set_remote_description(offer)
        await peer.set_local_description(peer.create_answer())
        await peer.wait_ice_gathering_complete()
        assert peer.local_description is not None
        await foreign.take(peer.local_description)
    await peer.wait_connected()


async def receive_tracks(peer: triortc.Peer, *kinds: str) -> list[triortc.RemoteTrack]:
    """Return the next tracks of the remote side, one of each kind, in this order."""
    tracks = {}
    for _ in kinds:
        track = await peer.tracks.receive()
        tracks[track.kind] = track
    return [tracks[kind] for kind in kinds]


async def watch(
    track: triortc.RemoteTrack, count: int, sightings: list[Sighting] | None = None
) -> list[Sighting]:
    """Look at the next pictures of a track."""
    sightings = [] if sightings is None else sightings
    async with track.frames(format="gray", lossless=True) as frames:
        while len(sightings) < count:
            frame = await anext(frames)
            sightings.append(look(frame.to_ndarray()))
    return sightings


async def listen(track: triortc.RemoteTrack, seconds: float) -> float:
    """Return the frequency of the next sound of a track."""
    heard = np.zeros(0)
    async with track.frames(format="flt") as frames:
        while len(heard) < seconds * SOUND_RATE:
            frame = await anext(frames)
            assert frame.sample_rate == SOUND_RATE
            heard = np.append(heard, frame.to_ndarray().reshape(-1, 2)[:, 0])
    return dominant_frequency(heard, SOUND_RATE)


def frames_dropped(peer: triortc.Peer, track: triortc.LocalTrack) -> int:
    """Return how many frames this side left out: the encoder, or the line, was too slow for them."""
    [transceiver] = [each for each in peer.transceivers if each.track is track]
    return transceiver.dropped_frames + sum(each.queue_drops for each in track.statistics().renditions)
