"""A peer by aiortc, a foreign implementation: python aiortc_peer.py

Takes requests, one line of JSON each, and answers them in order, as its methods of their names do.
It sends test cards and tones, and reads those that it receives. An error ends it.
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, AudioResampler, VideoFrame

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.cards import Sighting, dominant_frequency, look

from triortc.media.pattern import CHUNK, SAMPLE_RATE, Card, Tone

WIDTH, HEIGHT, FRAMERATE = 320, 240, 30
TONE = 660.0


class Performance:
    """When what is sent began: pictures and sound of one are in step."""

    def __init__(self) -> None:
        self._start: float | None = None

    async def wait(self, due: float) -> None:
        now = asyncio.get_running_loop().time()
        if self._start is None:
            self._start = now - due
        await asyncio.sleep(max(0.0, self._start + due - now))

    def next(self, rate: float) -> int:
        """Return which is the next to come of what comes *rate* times a second."""
        if self._start is None:
            return 0
        return int((asyncio.get_running_loop().time() - self._start) * rate) + 1


class CardTrack(MediaStreamTrack):
    kind = "video"

    def __init__(self, performance: Performance) -> None:
        super().__init__()
        self._performance = performance
        self._card = Card(WIDTH, HEIGHT)
        self._number: int | None = None

    async def recv(self) -> VideoFrame:
        if self._number is None:
            self._number = self._performance.next(FRAMERATE)
        number, self._number = self._number, self._number + 1
        seconds = number / FRAMERATE
        await self._performance.wait(seconds)
        data = self._card.draw(number, seconds, datetime.now())
        frame = VideoFrame.from_numpy_buffer(data, format="yuv420p")
        frame.pts, frame.time_base = round(seconds * 90_000), Fraction(1, 90_000)
        return frame


class ToneTrack(MediaStreamTrack):
    kind = "audio"

    def __init__(self, performance: Performance) -> None:
        super().__init__()
        self._performance = performance
        self._tone = Tone(TONE)
        self._first: int | None = None

    async def recv(self) -> AudioFrame:
        if self._first is None:
            self._first = self._performance.next(SAMPLE_RATE / CHUNK) * CHUNK
        first, self._first = self._first, self._first + CHUNK
        await self._performance.wait(first / SAMPLE_RATE)
        frame = AudioFrame.from_ndarray(self._tone.chunk(first), format="s16", layout="stereo")
        frame.sample_rate = SAMPLE_RATE
        frame.pts, frame.time_base = first, Fraction(1, SAMPLE_RATE)
        return frame


class Watcher:
    """Takes what a track brings, from when it is made on."""

    def __init__(self, track: MediaStreamTrack) -> None:
        self._track = track
        self._resampler = AudioResampler("flt", "mono", SAMPLE_RATE)
        self._changed = asyncio.Event()
        self.sightings: list[Sighting] = []
        self.sound: list[np.ndarray] = []
        self.count = 0
        self.ended = False
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            while True:
                frame = await self._track.recv()
                if isinstance(frame, VideoFrame):
                    self.sightings.append(look(frame.to_ndarray(format="gray")))
                else:
                    self.sound += [piece.to_ndarray()[0] for piece in self._resampler.resample(frame)]
                self._note(count=self.count + 1)
        except MediaStreamError:
            self.ended = True
            self._note(count=self.count)

    def _note(self, count: int) -> None:
        self.count = count
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait(self, frames: int) -> dict[str, Any]:
        """Wait until that many frames have come; return all that came since it was asked last."""
        while self.count < frames and not self.ended:
            await self._changed.wait()
        seen = [[sighting.number, sighting.age] for sighting in self.sightings]
        sound = np.concatenate(self.sound) if self.sound else np.zeros(0)
        found = {
            "count": self.count,
            "sightings": seen,
            "seconds": len(sound) / SAMPLE_RATE,
            "frequency": dominant_frequency(sound, SAMPLE_RATE) if len(sound) else None,
            "ended": self.ended,
        }
        self.sightings, self.sound, self.count = [], [], 0
        return found


class Peer:
    """What the requests do."""

    def __init__(self) -> None:
        self._peer = RTCPeerConnection()
        self._performance = Performance()
        self._watchers: dict[str, Watcher] = {}
        self._closed = asyncio.Event()
        self._peer.on("track", self._watch)
        self._peer.on("connectionstatechange", self._look_whether_closed)

    def _watch(self, track: MediaStreamTrack) -> None:
        self._watchers[track.id] = Watcher(track)

    def _look_whether_closed(self) -> None:
        if self._peer.connectionState == "closed":
            self._closed.set()

    async def send(self, kind: str, codec: str | None = None) -> int:
        """Add a track; return the index of its section."""
        track = CardTrack(self._performance) if kind == "video" else ToneTrack(self._performance)
        sender = self._peer.addTrack(track)
        index = self._peer.getSenders().index(sender)
        if codec is not None:
            await self.prefer(index, codec)
        return index

    async def receive(self, kind: str, codec: str | None = None) -> int:
        """Ask for a track; return the index of its section."""
        self._peer.addTransceiver(kind, direction="recvonly")
        index = len(self._peer.getTransceivers()) - 1
        if codec is not None:
            await self.prefer(index, codec)
        return index

    async def prefer(self, index: int, codec: str) -> None:
        transceiver = self._peer.getTransceivers()[index]
        known = RTCRtpSender.getCapabilities(transceiver.kind).codecs
        names = (f"{transceiver.kind}/{codec}".lower(), f"{transceiver.kind}/rtx")
        transceiver.setCodecPreferences([each for each in known if each.mimeType.lower() in names])

    async def stop_sending(self, index: int) -> None:
        transceiver = self._peer.getTransceivers()[index]
        transceiver.sender.replaceTrack(None)
        transceiver.direction = "recvonly" if "recv" in transceiver.direction else "inactive"

    async def direct(self, index: int, direction: str) -> None:
        self._peer.getTransceivers()[index].direction = direction

    async def stop(self, index: int) -> None:
        await self._peer.getTransceivers()[index].stop()

    async def offer(self) -> dict[str, str]:
        await self._peer.setLocalDescription(await self._peer.createOffer())
        return self._local_description()

    async def take(self, description: dict[str, str]) -> dict[str, str] | None:
        """Take an offer, and return the answer; or take an answer."""
        await self._peer.setRemoteDescription(RTCSessionDescription(**description))
        if description["type"] == "answer":
            return None
        await self._peer.setLocalDescription(await self._peer.createAnswer())
        return self._local_description()

    def _local_description(self) -> dict[str, str]:
        description = self._peer.localDescription
        return {"type": description.type, "sdp": description.sdp}

    async def watch(self, sections: Sequence[int], frames: int) -> list[dict[str, Any]]:
        """Return what each of these sections shows or plays, once it has brought *frames* more frames."""
        receivers = self._peer.getReceivers()
        watchers = [self._watchers[receivers[index].track.id] for index in sections]
        return await asyncio.gather(*(watcher.wait(frames) for watcher in watchers))

    async def sections(self) -> list[dict[str, Any]]:
        return [
            {"mid": each.mid, "kind": each.kind, "direction": each.currentDirection}
            for each in self._peer.getTransceivers()
        ]

    async def wait_closed(self) -> None:
        await self._closed.wait()

    async def close(self) -> None:
        await self._peer.close()


async def main() -> None:
    peer = Peer()
    while line := await asyncio.to_thread(sys.stdin.readline):
        request = json.loads(line)
        answer = await getattr(peer, request.pop("do"))(**request)
        print(json.dumps(answer), flush=True)
    await peer.close()


asyncio.run(main())
