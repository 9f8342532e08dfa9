"""The capture task: reads one source, and hands its frames to the tracks."""

from collections.abc import Collection, Mapping
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Protocol, cast

import trio

from triortc.protocol.rtp.frame import EncodedFrame

from .encodings import Encoding, Kind
from .inbox import Raw
from .local_track import LocalTrack
from .reader import Captured, CodedFrame, Reader
from .timeline import Timeline
from .workers import run_in_worker

if TYPE_CHECKING:
    from av import VideoFrame


class Delivery:
    """Where the frames of one source go: the tracks that it feeds, on the run's clock.

    *epoch*, on the trio clock, is where the RTP timelines of all tracks begin.
    """

    def __init__(self, tracks: Mapping[Kind, LocalTrack], *, live: bool, epoch: float) -> None:
        self._tracks = tracks
        self._live = live
        self._epoch = epoch
        self._timeline = Timeline()
        self._last_timestamps: dict[Kind, int] = {}

    @property
    def wanted(self) -> Collection[Kind]:
        """The kinds whose frames somebody watches; others need not be decoded."""
        return [kind for kind, track in self._tracks.items() if track._wanted]

    async def deliver(self, captured: Captured) -> None:
        """Hand on a frame that has its source's time; at once when live, else when it is due."""
        time = await self._place(captured.seconds)
        await self._hand_on(captured, time, self._timeline.offset)

    async def deliver_now(self, captured: Captured) -> None:
        """Hand on a frame at once; its time is on the trio clock."""
        await self._hand_on(captured, captured.seconds, 0.0)

    def finish(self) -> None:
        """End the tracks, as a file ends."""
        for track in self._tracks.values():
            track._finish()

    async def _place(self, seconds: float) -> float:
        now = trio.current_time()
        if self._live:
            return self._timeline.place_live(seconds, now)
        due = self._timeline.place_stored(seconds, now)
        await trio.sleep_until(due)
        return due

    async def _hand_on(self, captured: Captured, time: float, offset: float) -> None:
        track = self._tracks.get(captured.kind)
        frame = captured.frame
        if track is None or frame is None:
            if track is not None:
                track._pass_by()
            return
        timestamp = self._timestamp(captured, offset, track.encodings[0].clock_rate)
        if isinstance(frame, CodedFrame):
            encoded = EncodedFrame(frame.payloads, timestamp=timestamp, time=time, keyframe=frame.keyframe)
            track._publish(track.encodings[0], encoded)
            return
        if captured.kind == "video":
            _stamp(cast("VideoFrame", frame), timestamp)
        await track._put(Raw(frame, timestamp, time))

    def _timestamp(self, captured: Captured, offset: float, clock_rate: int) -> int:
        """Return the frame's RTP timestamp, which is later than that of the frame before."""
        start = offset - self._epoch
        timestamp = round(captured.seconds * clock_rate) + round(start * clock_rate)
        timestamp = max(timestamp, self._last_timestamps.get(captured.kind, -1) + 1)
        self._last_timestamps[captured.kind] = timestamp
        return timestamp


class Opened(Protocol):
    """An opened source, as ``open_media`` runs it.

    Attributes:
      kinds: what it gives.
      live: whether its frames come at the moment of capture, rather than being paced.
      framerate: video frames per second, or nearly.
      encodings: the kinds that come encoded, and how.
    """

    kinds: tuple[Kind, ...]
    live: bool
    framerate: float
    encodings: Mapping[Kind, Encoding]

    async def run(self, delivery: Delivery) -> None:
        """Hand on frames until the source ends, then end its tracks.

        Raises what the source raises.
        """
        ...


class ThreadedReader:
    """A reader, used in worker threads."""

    def __init__(self, reader: Reader, limiter: trio.CapacityLimiter, name: str) -> None:
        self._reader = reader
        self._limiter = limiter
        self._name = name
        self.kinds: tuple[Kind, ...] = reader.kinds
        self.live: bool = reader.live
        self.framerate: float = reader.framerate
        self.encodings: Mapping[Kind, Encoding] = reader.encodings

    async def run(self, delivery: Delivery) -> None:
        """Read until the source ends, then end its tracks."""
        while True:
            read = partial(self._reader.read, delivery.wanted)
            captured = await run_in_worker(read, self._limiter)
            if captured is None:
                break
            if not isinstance(captured, Captured):
                raise TypeError(f"{self._name} has read a {type(captured).__name__}, which is no Captured")
            await delivery.deliver(captured)
        delivery.finish()


def _stamp(frame: "VideoFrame", timestamp: int) -> None:
    """Write the time into a picture, and wipe out which type it had in the file it came from."""
    frame.pts = timestamp
    frame.time_base = Fraction(1, 90_000)
    frame.duration = 0
    frame.pict_type = 0
