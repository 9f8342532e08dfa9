"""One viewer's share of a rendition: a small queue that never holds anybody up."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable
from types import TracebackType
from typing import Protocol, Self

import outcome
import trio

from triortc.handles import RunBound
from triortc.protocol.rtp.frame import EncodedFrame

VIDEO_CAPACITY = 8
"""Frames that wait for one viewer's sender; at 30 frames a second, a quarter of a second."""

AUDIO_CAPACITY = 10
"""Packets of 20 ms that wait for one viewer's sender."""

FIRST_BACKOFF, LAST_BACKOFF = 0.5, 4.0
"""Seconds an overflowing viewer waits for its keyframe: 0.5, 1, 2, 4, 4, …"""

GOOD_BEHAVIOUR = 10.0
"""Seconds without an overflow after which the backoff starts from the beginning."""


class Publisher(Protocol):
    """Who fills subscriptions: a rendition."""

    def add(self, subscription: "Subscription") -> None:
        """Begin to offer frames to *subscription*."""

    def remove(self, subscription: "Subscription") -> None:
        """Offer no more frames to *subscription*."""

    def request_keyframe(self) -> None:
        """Make one of the next frames a keyframe, not too often."""


class Subscription(RunBound, ABC):
    """Frames of one rendition for one viewer, to be used in a ``with`` block.

    The block's end unsubscribes. A slow reader loses frames, as its kind of queue decides,
    and slows nobody down.

    Attributes:
      publisher: who fills it.
      frames_dropped: frames that were offered but never received.
      overflows: how often the queue was full.
    """

    __slots__ = (
        "_capacity",
        "_ended",
        "_frames",
        "_open",
        "_reader",
        "frames_dropped",
        "overflows",
        "publisher",
    )

    def __init__(self, publisher: Publisher, capacity: int) -> None:
        super().__init__()
        self.publisher: Publisher = publisher
        self._capacity = capacity
        self._frames: deque[EncodedFrame] = deque()
        self._reader: trio.lowlevel.Task | None = None
        self._open = False
        self._ended = False
        self.frames_dropped: int = 0
        self.overflows: int = 0

    def __enter__(self) -> Self:
        self._check_run()
        self.publisher.add(self)
        self._open = True
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._open = False
        self.publisher.remove(self)
        self._frames.clear()
        self._turn_away(trio.ClosedResourceError())

    @property
    def depth(self) -> int:
        """How many frames wait to be received."""
        return len(self._frames)

    @abstractmethod
    def offer(self, frame: EncodedFrame) -> None:
        """Queue *frame*, or drop what the policy says; never blocks. For the publisher."""

    @abstractmethod
    def request_keyframe(self) -> None:
        """Ask for a keyframe, as PLI and FIR do."""

    def move_to(self, publisher: Publisher) -> None:
        """Be filled by another *publisher* from now on; what is queued stays. For publishers."""
        self.publisher.remove(self)
        self.publisher = publisher
        publisher.add(self)

    def end(self) -> None:
        """Tell the reader that no more frames will come. For the publisher."""
        self._ended = True
        self._turn_away(trio.EndOfChannel())

    async def receive(self) -> EncodedFrame:
        """Return the next frame.

        Raises:
          trio.EndOfChannel: when the track has ended and all frames were received.
          trio.ClosedResourceError: outside of the ``with`` block.
          trio.BusyResourceError: when another task is receiving already.
        """
        return await self.next_frame()

    def next_frame(self) -> Awaitable[EncodedFrame]:
        """Do what :meth:`receive` does, when awaited at once and by the task that calls it.

        It makes no coroutine of its own: each is one more to resume, per viewer and frame.
        """
        if self._frames or self._ended or not self._open:
            return self._take()
        if self._reader is not None:
            raise trio.BusyResourceError("another task is receiving from this subscription")
        self._reader = trio.lowlevel.current_task()
        return trio.lowlevel.wait_task_rescheduled(self._abort)  # noqa: ASYNC105

    async def _take(self) -> EncodedFrame:
        await trio.lowlevel.checkpoint()
        if not self._open:
            raise trio.ClosedResourceError
        if self._frames:
            return self._frames.popleft()
        raise trio.EndOfChannel

    def _abort(self, _: object) -> trio.lowlevel.Abort:
        self._reader = None
        return trio.lowlevel.Abort.SUCCEEDED

    def _push(self, frame: EncodedFrame) -> None:
        """Hand *frame* to the reader that waits for it, or queue it."""
        reader = self._reader
        if reader is None:
            self._frames.append(frame)
        else:
            self._reader = None
            trio.lowlevel.reschedule(reader, outcome.Value(frame))

    def _note_drop(self) -> None:
        self.frames_dropped += 1

    def _note_overflow(self, dropped: int) -> None:
        self.overflows += 1
        self.frames_dropped += dropped

    def _turn_away(self, error: Exception) -> None:
        """Let the reader that waits for a frame have none."""
        if self._reader is not None:
            reader, self._reader = self._reader, None
            trio.lowlevel.reschedule(reader, outcome.Error(error))


class AudioSubscription(Subscription):
    """Channel 2a, 10 packets, DROP_OLDEST: packets do not depend on each other."""

    __slots__ = ()

    def __init__(self, publisher: Publisher, capacity: int = AUDIO_CAPACITY) -> None:
        super().__init__(publisher, capacity)

    def offer(self, frame: EncodedFrame) -> None:
        """Queue *frame*; the oldest one makes room."""
        if len(self._frames) == self._capacity:
            self._frames.popleft()
            self._note_overflow(1)
        self._push(frame)

    def request_keyframe(self) -> None:
        """Do nothing: every audio packet is one."""


class VideoSubscription(Subscription):
    """Channel 2, 8 frames, DROP_TO_KEYFRAME: half a group of pictures is worth nothing.

    A new viewer asks for a keyframe, and gets nothing before one. So does one that
    overflows, but it waits longer each time: one bad phone does not tax everybody.
    """

    __slots__ = ("_backoff", "_last_overflow", "_needs_keyframe", "_request_at")

    def __init__(self, publisher: Publisher, capacity: int = VIDEO_CAPACITY) -> None:
        super().__init__(publisher, capacity)
        self._needs_keyframe = True
        self._request_at: float | None = None
        self._last_overflow = float("-inf")
        self._backoff = FIRST_BACKOFF

    def __enter__(self) -> Self:
        super().__enter__()
        self.publisher.request_keyframe()
        return self

    def move_to(self, publisher: Publisher) -> None:
        """Be filled by another *publisher* from its next keyframe on. For publishers."""
        self._needs_keyframe = True
        self._request_at = None
        super().move_to(publisher)
        publisher.request_keyframe()

    def offer(self, frame: EncodedFrame) -> None:
        """Queue *frame* if the viewer can use it and keeps up."""
        if frame.keyframe:
            self._needs_keyframe = False
            self._request_at = None
            if len(self._frames) == self._capacity:
                self._flush()
        elif self._needs_keyframe:
            self._do_without(frame)
            return
        elif len(self._frames) == self._capacity:
            self._overflow(frame)
            return
        self._push(frame)

    def request_keyframe(self) -> None:
        """Ask for a keyframe, unless the viewer has to wait for having overflowed."""
        if self._request_at is None:
            self.publisher.request_keyframe()

    def _do_without(self, frame: EncodedFrame) -> None:
        if self.overflows:  # before the first keyframe nothing is lost
            self._note_drop()
        if self._request_at is not None and frame.time >= self._request_at:
            self._request_at = None
            self.publisher.request_keyframe()

    def _overflow(self, frame: EncodedFrame) -> None:
        self._flush()
        self._note_drop()
        behaved = frame.time - self._last_overflow > GOOD_BEHAVIOUR
        self._backoff = FIRST_BACKOFF if behaved else min(2 * self._backoff, LAST_BACKOFF)
        self._last_overflow = frame.time
        self._request_at = frame.time + self._backoff
        self._needs_keyframe = True

    def _flush(self) -> None:
        self._note_overflow(len(self._frames))
        self._frames.clear()
