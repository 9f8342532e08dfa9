"""The capture task: reads one source in a worker thread and hands its frames to the tracks."""

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, cast

import trio

from triortc.protocol.rtp.frame import EncodedFrame

from .inbox import Raw
from .local_track import LocalTrack
from .reader import Captured, CodedFrame, Reader
from .source import Kind
from .timeline import Timeline
from .workers import run_in_worker

if TYPE_CHECKING:
    from av import VideoFrame


class Capture:
    """One opened source and the tracks it feeds.

    *epoch*, on the trio clock, is where the RTP timelines of all tracks begin.
    """

    def __init__(
        self,
        reader: Reader,
        tracks: Mapping[Kind, LocalTrack],
        *,
        limiter: trio.CapacityLimiter,
        epoch: float,
    ) -> None:
        self._reader = reader
        self._tracks = tracks
        self._limiter = limiter
        self._epoch = epoch
        self._timeline = Timeline()
        self._last_timestamps: dict[Kind, int] = {}

    async def run(self) -> None:
        """Read until the source ends, then end its tracks.

        Raises:
          MediaError: when the source fails.
        """
        while (captured := await run_in_worker(self._reader.read, self._limiter)) is not None:
            track = self._tracks.get(captured.kind)
            if track is not None:
                await self._deliver(captured, track)
        for track in self._tracks.values():
            track._finish()

    async def _deliver(self, captured: Captured, track: LocalTrack) -> None:
        time = await self._place(captured.seconds)
        timestamp = self._timestamp(captured, track.encodings[0].clock_rate)
        frame = captured.frame
        if isinstance(frame, CodedFrame):
            encoded = EncodedFrame(frame.payloads, timestamp=timestamp, time=time, keyframe=frame.keyframe)
            track._publish(track.encodings[0], encoded)
            return
        if captured.kind == "video":
            _stamp(cast("VideoFrame", frame), timestamp)
        await track._put(Raw(frame, timestamp, time))

    async def _place(self, seconds: float) -> float:
        now = trio.current_time()
        if self._reader.live:
            return self._timeline.place_live(seconds, now)
        due = self._timeline.place_stored(seconds, now)
        await trio.sleep_until(due)
        return due

    def _timestamp(self, captured: Captured, clock_rate: int) -> int:
        """Return the frame's RTP timestamp, which is later than that of the frame before."""
        start = self._timeline.offset - self._epoch
        timestamp = round(captured.seconds * clock_rate) + round(start * clock_rate)
        timestamp = max(timestamp, self._last_timestamps.get(captured.kind, -1) + 1)
        self._last_timestamps[captured.kind] = timestamp
        return timestamp


def _stamp(frame: "VideoFrame", timestamp: int) -> None:
    """Write the time into a picture, and wipe out which type it had in the file it came from."""
    frame.pts = timestamp
    frame.time_base = Fraction(1, 90_000)
    frame.duration = 0
    frame.pict_type = 0
