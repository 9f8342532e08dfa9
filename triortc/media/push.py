"""The push source: frames from any thread."""

import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import NamedTuple

import trio

from triortc.handles import RunBound
from triortc.protocol.wire.errors import LocalProtocolError

from .capture import Delivery
from .encodings import Encoding, Kind
from .reader import Captured, GivenFrame, RawFrame
from .timeline import SoundTimeline
from .workers import run_in_worker

CAPACITY: Mapping[Kind, int] = {"video": 1, "audio": 10}
"""Frames that wait for the loop: LATEST for pictures, DROP_OLDEST for pieces of sound."""


class Pushed(NamedTuple):
    """A frame, and when it was pushed on the trio clock."""

    frame: GivenFrame
    time: float


class PushSource(RunBound):
    """A source that is fed from any thread; born in :func:`open_push_source` and ended with it.

    It is the one live handle with a door for other threads, :meth:`push`. Everything else is
    for its own run, as ever. One ``open_media`` block at a time may read it.

    Attributes:
      kind: whether it takes pictures or sound.
      frames_dropped: frames that were pushed faster than they could be taken.
    """

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.kind: Kind = kind
        self.frames_dropped: int = 0
        self._clock = trio.lowlevel.current_clock()
        self._lock = threading.Lock()  # for all below; never held while anything waits
        self._frames: deque[Pushed] = deque(maxlen=CAPACITY[kind])
        self._sound = SoundTimeline()
        self._ended = False
        self._arrivals = trio.lowlevel.ParkingLot()
        self._taken = False

    def __repr__(self) -> str:
        return f"<PushSource {self.kind} {'ended' if self._ended else 'live'}>"

    @property
    def depth(self) -> int:
        """How many frames wait."""
        return len(self._frames)

    def push(self, frame: "GivenFrame") -> None:
        """Give a frame; from any thread, and never blocks.

        It was captured now. Of pictures only the latest waits to be encoded, of sound ten
        pieces; what is too much is dropped and counted. Pieces of sound are laid end to end.

        Args:
          frame: an :class:`av.VideoFrame` or :class:`av.AudioFrame`, not to be changed
            afterwards; or an array of uint8, height x width x 3 (red, green, blue), which
            is copied.

        Raises:
          TypeError: when it is no frame of this source's kind.
          ValueError: when there is no such picture or sound.
          trio.ClosedResourceError: when the source has ended.
        """
        from .own_frames import check, duration_of, snapshot

        check(frame, self.kind, "push()")
        copy, duration = snapshot(frame), duration_of(frame)
        with self._lock:
            if self._ended:
                raise trio.ClosedResourceError("this push source has ended")
            now = self._clock.current_time()
            self.frames_dropped += len(self._frames) == self._frames.maxlen
            self._frames.append(Pushed(copy, self._sound.place(duration, now) if duration else now))
        self._wake()

    def end(self) -> None:
        """End its tracks, as a file ends, with what is queued; from any thread."""
        with self._lock:
            self._ended = True
        self._wake()

    @contextmanager
    def _opened(self) -> Iterator["PushReader"]:
        """Be read by one ``open_media`` block."""
        self._check_run()
        if self._taken:
            raise trio.BusyResourceError("another open_media block is reading this push source")
        self._taken = True
        try:
            yield PushReader(self)
        finally:
            self._taken = False

    async def _next(self) -> Pushed | None:
        while True:
            with self._lock:
                if self._frames:
                    return self._frames.popleft()
                if self._ended:
                    return None
            await self._arrivals.park()

    def _wake(self) -> None:
        """Have the reader look; requests that the loop has not got round to are one."""
        try:
            self._run_token.run_sync_soon(self._arrivals.unpark_all, idempotent=True)
        except trio.RunFinishedError:
            raise trio.ClosedResourceError("the trio.run of this push source has ended") from None


class PushReader:
    """Takes what is pushed, for one ``open_media`` block."""

    live = True
    framerate: float = 30.0
    encodings: Mapping[Kind, Encoding] = {}

    def __init__(self, source: PushSource) -> None:
        self._source = source
        self._limiter = trio.CapacityLimiter(1)
        self.kinds: tuple[Kind, ...] = (source.kind,)

    async def run(self, delivery: Delivery) -> None:
        """Hand on what is pushed until the source ends, then end its tracks."""
        kind = self._source.kind
        while (pushed := await self._source._next()) is not None:
            prepare = partial(_prepare, pushed.frame, kind, kind in delivery.wanted)
            await delivery.deliver_now(
                Captured(kind, await run_in_worker(prepare, self._limiter), pushed.time)
            )
        delivery.finish()


@asynccontextmanager
async def open_push_source(kind: Kind = "video") -> AsyncIterator[PushSource]:
    """Open a source that other threads push frames into; give it to ``open_media``::

        async with triortc.open_push_source() as source, triortc.open_media(source) as media:
            library.on_picture = source.push  # calls it from a thread of its own

    When the block has ended, :meth:`PushSource.push` raises ``trio.ClosedResourceError``.

    Args:
      kind: "video" for pictures, "audio" for sound.

    Raises:
      LocalProtocolError: when *kind* is neither.
    """
    if kind not in CAPACITY:
        raise LocalProtocolError(f"a source is of video or audio, not of {kind!r}")
    await run_in_worker(_load, trio.CapacityLimiter(1))
    source = PushSource(kind)
    try:
        yield source
    finally:
        source.end()


def _load() -> None:
    """Load FFmpeg here, rather than in whichever thread pushes first."""
    from . import own_frames  # noqa: F401


def _prepare(frame: "GivenFrame", kind: Kind, wanted: bool) -> "RawFrame | None":
    from .own_frames import prepare

    return prepare(frame, kind, "push()", wanted)[0]
