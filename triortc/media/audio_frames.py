"""What a remote track sounds like: frames of samples, at the pace of playing or of arriving."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Literal, Self, TypeAlias

import trio

from triortc.handles import RunBound
from triortc.nursery import open_bare_nursery
from triortc.protocol.rtp.frame import ReceivedFrame
from triortc.protocol.rtp.playout import Playout, PlayoutStatistics, Sequence, Step
from triortc.protocol.rtp.sound import CLOCK_RATES

from .workers import codec_limiter, opened_in_worker, run_in_worker

if TYPE_CHECKING:
    from av import AudioFrame

    from .performer import Performer

SampleFormat: TypeAlias = Literal["s16", "s16p", "flt", "fltp"]
Layout: TypeAlias = Literal["mono", "stereo"]

MAX_LATE = 0.1
"""Seconds by which a reader may be late before the pace begins anew from where it is."""


class AudioFrames(RunBound, ABC):
    """The decoded sound of a track: an asynchronous iterator of :class:`av.AudioFrame`.

    Attributes:
      statistics: what has been played, concealed, lengthened and shortened so far.
    """

    def __init__(self, performer: "Performer") -> None:
        super().__init__()
        self.statistics: PlayoutStatistics = PlayoutStatistics()
        self._performer = performer
        self._ready: deque[AudioFrame] = deque()
        self._busy = False
        self._closed = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> "AudioFrame":
        """Return the next frame.

        Raises:
          StopAsyncIteration: when the track has ended.
          PeerFailed: when the connection has failed.
          trio.ClosedResourceError: after the block, or :meth:`aclose`.
          trio.BusyResourceError: when another task is waiting for a frame already.
          WrongRunError: in another run than its own.
        """
        self._check_run()
        if self._closed:
            raise trio.ClosedResourceError
        if self._busy:
            raise trio.BusyResourceError("another task is waiting for a frame already")
        self._busy = True
        try:
            if self._ready:
                await trio.lowlevel.checkpoint()
            while not self._ready:
                await self._fetch()
                if self._closed:
                    raise trio.ClosedResourceError
            return self._ready.popleft()
        finally:
            self._busy = False

    @property
    def depth(self) -> int:
        """How many packets and frames wait to be played or read."""
        return len(self._ready)

    async def aclose(self) -> None:
        """Give no more frames."""
        self._close()
        await trio.lowlevel.checkpoint()

    def _close(self) -> None:
        self._closed = True
        self._ready.clear()

    @abstractmethod
    async def _fetch(self) -> None:
        """Play something; StopAsyncIteration when there is nothing any more."""


class LiveAudioFrames(AudioFrames):
    """Plays in real time: a frame is given when its time has come."""

    def __init__(self, performer: "Performer") -> None:
        super().__init__(performer)
        self._playout: Playout | None = None
        self._codec = ""
        self._due: float | None = None
        self._step: Step | None = None  # taken, and not yet performed, if the reader was cancelled
        self._changed = trio.Event()
        self._ended = False
        self._failure: trio.BrokenResourceError | None = None

    @property
    def depth(self) -> int:
        """How many packets and frames wait to be played or read."""
        return len(self._ready) + (0 if self._playout is None else self._playout.depth)

    async def feed(self, encoded: AsyncIterator[ReceivedFrame]) -> None:
        """Take in packets for as long as there are any."""
        try:
            async for packet in encoded:
                self._put(packet)
        except trio.BrokenResourceError as failure:  # raised to the reader, rather than here
            self._failure = failure
        self._ended = True
        self._changed.set()

    def _put(self, packet: ReceivedFrame) -> None:
        if packet.codec not in CLOCK_RATES:
            self.statistics.packets_discarded += 1
            return
        if self._playout is None or packet.codec != self._codec:
            self._codec = packet.codec
            self._playout = Playout(CLOCK_RATES[packet.codec], self.statistics)
            self._due = None
        self._playout.put(packet, trio.current_time())
        self._changed.set()

    def _close(self) -> None:
        super()._close()
        self._changed.set()

    async def _fetch(self) -> None:
        due = await self._wait_due()
        if self._closed:
            return
        playout = self._playout
        if playout is None or (self._ended and playout.depth == 0):
            raise self._failure or StopAsyncIteration
        if self._step is None:
            self._step = playout.take(due)
        performed = await run_in_worker(partial(self._performer.perform, self._step), codec_limiter())
        playout.note_played(self._step, performed.ticks, performed.loudness)
        self._step = None
        if playout is self._playout:
            self._due = due + performed.ticks / playout.clock_rate
        self._ready.extend(performed.frames)

    async def _wait_due(self) -> float:
        """Wait until it is time to play, and return when exactly that was."""
        while self._due is None and not self._ended and not self._closed:
            if self._playout is not None and self._playout.start_time is not None:
                self._due = self._playout.start_time
            else:
                self._changed = trio.Event()
                await self._changed.wait()
        now = trio.current_time()
        due = now if self._due is None else max(self._due, now - MAX_LATE)
        await trio.sleep_until(due)
        return due


class LosslessAudioFrames(AudioFrames):
    """Gives all there is, as soon as it is asked for; what is missing is filled in."""

    def __init__(self, performer: "Performer", encoded: AsyncIterator[ReceivedFrame]) -> None:
        super().__init__(performer)
        self._encoded = encoded
        self._sequence = Sequence(1, self.statistics)  # until the first packet tells the codec
        self._steps: list[Step] = []  # not yet performed, if the reader was cancelled
        self._codec = ""

    async def _fetch(self) -> None:
        while not self._steps:
            self._put(await anext(self._encoded))
        performed = await run_in_worker(partial(self._performer.perform_all, self._steps), codec_limiter())
        for step, sound in zip(self._steps, performed, strict=True):
            self._sequence.note_played(step, sound.ticks, sound.loudness)
            self._ready.extend(sound.frames)
        self._steps = []

    def _put(self, packet: ReceivedFrame) -> None:
        if packet.codec not in CLOCK_RATES:
            self.statistics.packets_discarded += 1
            return
        if packet.codec != self._codec:
            self._codec = packet.codec
            self._sequence = Sequence(CLOCK_RATES[packet.codec], self.statistics)
        self._steps = self._sequence.put(packet)


@asynccontextmanager
async def open_audio_frames(
    encoded: AsyncIterator[ReceivedFrame],
    *,
    format: SampleFormat = "s16",
    rate: int = 48_000,
    layout: Layout = "stereo",
    lossless: bool = False,
) -> AsyncIterator[AudioFrames]:
    """Decode the packets of a track, in worker threads, for as long as the block lasts.

    Live, a frame comes when it is to be played: as late as the network's jitter asks for, and
    no later. Lost packets are recovered from the redundancy in those after them, or concealed;
    where the delay changes, the sound is stretched unheard. The frames are 20 ms long or so,
    their timestamps go on evenly, and they go on through pauses of the sender.

    With *lossless*, all frames come as soon as they can be had, with the stream's own timestamps.
    Gaps are filled, up to two seconds; longer ones show in the timestamps.

    Args:
      encoded: the packets.
      format: sample format, as FFmpeg names it.
      rate: samples per second.
      layout: mono or stereo.
      lossless: leave nothing out.

    Raises:
      LocalProtocolError: when there is no such form of sound.
      MediaError: out of the block, when FFmpeg has no decoder.
    """
    open_it = partial(_open_performer, format, rate, layout, live=not lossless)
    async with opened_in_worker(open_it, codec_limiter()) as performer:
        if lossless:
            frames: AudioFrames = LosslessAudioFrames(performer, encoded)
            try:
                yield frames
            finally:
                frames._close()
            return
        async with open_bare_nursery() as nursery:
            frames = live = LiveAudioFrames(performer)
            nursery.start_soon(live.feed, encoded, name="playout")
            try:
                yield frames
            finally:
                frames._close()
                nursery.cancel_scope.cancel()


def _open_performer(format: str, rate: int, layout: str, *, live: bool) -> "Performer":
    from .performer import Performer  # FFmpeg is loaded in the worker, by the first listener

    return Performer(format=format, rate=rate, layout=layout, live=live)
