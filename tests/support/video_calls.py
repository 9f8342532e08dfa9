"""A camera at one end of a simulated session pair, and somebody who watches at the other."""

import heapq
from collections.abc import Iterator
from itertools import pairwise
from statistics import fmean

from support.calls import connect
from support.session_pair import SessionPair

from triortc.protocol.rtp.frame import EncodedFrame, ReceivedFrame
from triortc.protocol.rtp.incoming import Wanted
from triortc.protocol.rtp.payload import vp8
from triortc.protocol.rtp.receive_stream import ReceiveStream
from triortc.protocol.session.events import FrameReceived, KeyframeRequested

FRAME_RATE = 30
FRAME_SIZE = 8_000
KEYFRAME_SIZE = 40_000
KEYFRAME_SPACING = 0.5


class VideoCall:
    """Alice sends 2 Mbit/s of VP8, and a keyframe when she is asked; bob keeps what comes.

    Attributes:
      pair: the line between them.
      arrivals: when each frame came, and the frame.
    """

    def __init__(self, seed: int = 0, *, kind: str = "video", wanted: bool = True, **line: float) -> None:
        self.pair: SessionPair = connect(seed, kind, **line)
        self.kind = kind
        self.start = self.pair.now
        self.arrivals: list[tuple[float, ReceivedFrame]] = []
        self.sent: dict[int, float] = {}
        self.keyframes_sent = 0
        self._packetize = vp8.new_packetizer()
        self._number = 0
        self._keyframe_due = True
        self._last_keyframe = -1.0
        if wanted:
            self.want(Wanted.FRAMES)

    @property
    def stream(self) -> ReceiveStream:
        (stream,) = self.pair.bob.media.receive_streams.values()
        return stream

    @property
    def track(self):
        (track,) = self.pair.bob.media.receiving.tracks
        return track

    def want(self, wanted: Wanted) -> None:
        self.pair.bob.set_wanted("0", None, wanted, self.pair.now)
        self.pair.drain()

    def run(self, seconds: float) -> None:
        """Film for a while, and let the last frames arrive."""
        rate = FRAME_RATE if self.kind == "video" else 50
        for _ in range(round(seconds * rate)):
            self._send_frame(rate)
            self._until(self.start + self._number / rate)

    def settle(self, seconds: float = 2.0) -> None:
        """Let what is under way arrive; nothing new is sent."""
        self._until(self.pair.now + seconds)

    def _until(self, moment: float) -> None:
        while self.pair.step(moment):
            self._look()

    def _look(self) -> None:
        for event in self.pair.ends[1].events:
            if isinstance(event, FrameReceived):
                self.arrivals.append((self.pair.now, event.frame))
        self.pair.ends[1].events.clear()
        if any(isinstance(event, KeyframeRequested) for event in self.pair.ends[0].events):
            self._keyframe_due = True
        self.pair.ends[0].events.clear()

    def _send_frame(self, rate: int) -> None:
        number, now = self._number, self.pair.now
        self._number += 1
        if self.kind == "audio":
            frame = EncodedFrame([b"\xfc" + bytes(80)], timestamp=number * 960, time=now, keyframe=True)
        else:
            keyframe = self._keyframe_due and now - self._last_keyframe >= KEYFRAME_SPACING
            if keyframe:
                self._keyframe_due, self._last_keyframe = False, now
                self.keyframes_sent += 1
            head = b"\x10" if keyframe else b"\x11"
            encoded = head + bytes(KEYFRAME_SIZE if keyframe else FRAME_SIZE)
            ticks = 90_000 // rate
            frame = EncodedFrame(
                self._packetize(encoded), timestamp=number * ticks, time=now, keyframe=keyframe
            )
        self.sent[frame.timestamp] = now
        self.pair.alice.send_frame("0", frame)
        self.pair.drain()

    # Figures

    def gaps(self) -> list[float]:
        times = [time for time, _ in self.arrivals]
        return [after - before for before, after in pairwise(times)]

    def freeze_ratio(self) -> float:
        """The share of the time in freezes: gaps above 150 ms and three times the mean."""
        gaps = self.gaps()
        limit = max(0.150, 3 * fmean(gaps))
        return sum(gap for gap in gaps if gap > limit) / sum(gaps)

    def delays(self) -> Iterator[float]:
        """From the sending of each frame to its leaving the jitter buffer, seconds."""
        offset = None
        for time, frame in self.arrivals:
            if offset is None:
                offset = frame.timestamp - min(self.sent)
            sent = self.sent.get(frame.timestamp - offset)
            if sent is not None:
                yield time - sent


def percentile(values: list[float], share: float) -> float:
    count = max(1, round(len(values) * (1 - share)))
    return heapq.nlargest(count, values)[-1]
