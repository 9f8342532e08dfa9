"""The jitter buffer of video: packets in, whole frames out, in order and evenly."""

from collections import deque
from collections.abc import Mapping, Sequence
from math import inf
from typing import NamedTuple

from triortc.protocol.wire.errors import Malformed

from .frame import ReceivedFrame
from .pace import Pace
from .payload.formats import FORMATS, PayloadFormat
from .receive_stream import ReceiveStream
from .router import PayloadType
from .timeline import Timeline

MAX_PACKETS = 512
MAX_WAIT = 2.0
"""What a jitter buffer holds at most: packets, and seconds."""

MAX_MISSED_START = 128
"""How many packets before the first one that comes may belong to its frame."""

RELEASE_TOGETHER = 0.002
"""Frames that are due within this time, seconds, leave together."""


class Held(NamedTuple):
    """A packet that waits for one before it."""

    timestamp: int
    marker: bool
    payload_type: int
    payload: bytes
    arrival: float


class _Ready(NamedTuple):
    """A frame that waits for its time."""

    release: float
    frame: ReceivedFrame
    arrival: float


class VideoJitter:
    """Joins the packets of one SSRC to frames.

    A frame leaves when it is whole and all before it have left. When a packet is given up, what
    follows is dropped up to a keyframe: nothing else can be decoded. While a keyframe is awaited,
    one that is whole leaves at once, whatever is missing before it.

    Args:
      stream: where to count, and whose clock it is.
      payload_types: what the packets hold.
      timeline: places the frames.
      frames: where they go.

    Attributes:
      need_keyframe: whether nothing can leave before a keyframe.
      starved: whether something could not leave for want of a keyframe.
      patience: how long a missing packet is awaited, seconds.
      deadline: when :meth:`handle_timeout` wants to be called, seconds; infinite when not.
      next_sequence: all before it have been taken or given up; None before the first packet.
      timestamp: of the last frame that a packet was taken of.
    """

    __slots__ = (
        "_arrival",
        "_aside",
        "_codec",
        "_formats",
        "_lost",
        "_pace",
        "_payload_type",
        "_payloads",
        "_ready",
        "_ready_packets",
        "_stream",
        "_timeline",
        "deadline",
        "frames",
        "need_keyframe",
        "next_sequence",
        "patience",
        "starved",
        "timestamp",
    )

    def __init__(
        self,
        stream: ReceiveStream,
        payload_types: Mapping[int, PayloadType],
        timeline: Timeline,
        frames: deque[ReceivedFrame],
    ) -> None:
        self.need_keyframe: bool = True
        self.starved: bool = False
        self.patience: float = MAX_WAIT
        self.deadline: float = inf
        self.next_sequence: int | None = None
        self.frames: deque[ReceivedFrame] = frames
        self._stream = stream
        self._timeline = timeline
        self._formats = _find_formats(payload_types)
        self._pace = Pace()
        self._aside: dict[int, Held] = {}
        self._payloads: list[bytes] = []
        self.timestamp: int = 0
        self._payload_type = 0
        self._arrival = 0.0
        self._lost = 0
        self._codec = ""
        self._ready: deque[_Ready] = deque()
        self._ready_packets = 0

    def configure(self, payload_types: Mapping[int, PayloadType]) -> None:
        """Take over what a renegotiation agreed on."""
        self._formats = _find_formats(payload_types)

    @property
    def packets(self) -> int:
        """How many packets are held."""
        return len(self._aside) + len(self._payloads) + self._ready_packets

    @property
    def target_delay(self) -> float:
        """How long a frame that comes at its earliest is held, seconds."""
        return self._pace.target

    def put(
        self,
        sequence: int,
        timestamp: int,
        marker: bool,
        payload_type: int,
        payloads: Sequence[bytes],
        now: float,
    ) -> None:
        """Take packets in a row of one frame.

        Args:
          sequence: of the first one, unwrapped.
          timestamp: 32 bits.
          marker: whether the last one is the last one of its frame.
          payload_type: what they hold.
          payloads: theirs; a packet that is mere padding has an empty one, and comes alone.
          now: seconds.
        """
        if sequence == self.next_sequence and not self._aside:
            self._take(timestamp, marker, payload_type, payloads, now, now)
            return
        last = len(payloads) - 1
        for index, payload in enumerate(payloads):
            packet = Held(timestamp, marker and index == last, payload_type, payload, now)
            self._put_singly(sequence + index, packet)

    def _put_singly(self, sequence: int, packet: Held) -> None:
        """Take a packet that has none before it, or some missing before it or behind it."""
        now = packet.arrival
        if self.next_sequence is None:
            self.timestamp = packet.timestamp
            self._begin(sequence, packet.payload_type, packet.payload)
        assert self.next_sequence is not None
        if sequence == self.next_sequence:
            self._take_held(packet, now)
            self._resume(now)
        elif sequence < self.next_sequence or sequence in self._aside:
            self._stream.packets_discarded += 1
        else:
            self._aside[sequence] = packet
            self._wait(sequence, now)

    def _begin(self, sequence: int, payload_type: int, payload: bytes) -> None:
        """Begin here, or, in the midst of a frame, a little before: its first packets may still come."""
        amid = bool(payload) and not self._starts_frame(payload_type, payload)
        self.next_sequence = sequence - MAX_MISSED_START if amid else sequence

    def _wait(self, sequence: int, now: float) -> None:
        """Wait for what is missing before *sequence*, unless a keyframe makes that needless."""
        if self.need_keyframe and self._jump(self._find_beginning(sequence)):
            self._resume(now)
        elif len(self._aside) + len(self._payloads) > MAX_PACKETS:
            self._give_up(now)
        else:
            self._make_room(now)
            self._update_deadline()

    def _take(
        self,
        timestamp: int,
        marker: bool,
        payload_type: int,
        payloads: Sequence[bytes],
        arrival: float,
        now: float,
    ) -> None:
        """Add the next packets to the frame."""
        self.next_sequence += len(payloads)  # type: ignore[operator]
        if self._payloads and timestamp != self.timestamp:
            self._finish(now)  # its last packet had no marker
        if payloads[0]:
            if not self._payloads:
                self.timestamp, self._payload_type, self._arrival = timestamp, payload_type, arrival
            self._payloads += payloads
        if marker and self._payloads:
            self._finish(now)
        elif len(self._payloads) > MAX_PACKETS:
            self._break(self._payloads)

    def _take_held(self, packet: Held, now: float) -> None:
        self._take(
            packet.timestamp, packet.marker, packet.payload_type, (packet.payload,), packet.arrival, now
        )

    def _resume(self, now: float) -> None:
        """Take what has waited for the packet that has come, or was given up."""
        aside = self._aside
        while (held := aside.pop(self.next_sequence, None)) is not None:  # type: ignore[arg-type]
            self._take_held(held, now)
        if aside and self.need_keyframe and any(self._jump(first) for first in self._find_beginnings()):
            self._resume(now)
        self._update_deadline()

    # Loss

    def begin_anew(self, sequence: int, now: float) -> None:
        """Go on at *sequence*: the sender has begun anew, and nothing before it is missing."""
        self.abandon(sequence, now)
        self._lost = 0

    def abandon(self, sequence: int, now: float) -> None:
        """Give up all packets before *sequence* that have not come."""
        while self._aside and self.next_sequence is not None and self.next_sequence < sequence:
            self._give_up(now)
        if self.next_sequence is not None and self.next_sequence < sequence:
            self._skip_to(sequence)
            self._break(self._payloads)

    def _give_up(self, now: float) -> None:
        """Go on behind what is missing."""
        self._skip_to(min(self._aside))
        self._break(self._payloads)
        self._resume(now)

    def _skip_to(self, sequence: int) -> None:
        assert self.next_sequence is not None
        between = [number for number in self._aside if number < sequence]
        self._lost += sequence - self.next_sequence - len(between)
        self._stream.packets_discarded += len(between)
        for number in between:
            del self._aside[number]
        self.next_sequence = sequence

    def _break(self, payloads: list[bytes]) -> None:
        """Drop a frame, if it was begun; nothing can be decoded before a keyframe."""
        if payloads:
            self._stream.frames_dropped += 1
            self._payloads = []
        self.need_keyframe = self.starved = True

    def _find_beginning(self, sequence: int) -> int:
        """Return the first packet that waits of the frame that *sequence* belongs to."""
        aside = self._aside
        timestamp = aside[sequence].timestamp
        while (before := aside.get(sequence - 1)) is not None and before.timestamp == timestamp:
            sequence -= 1
        return sequence

    def _find_beginnings(self) -> list[int]:
        aside = self._aside
        return [
            sequence
            for sequence, held in sorted(aside.items())
            if (before := aside.get(sequence - 1)) is None or before.timestamp != held.timestamp
        ]

    def _jump(self, first: int) -> bool:
        """Go on at *first* if a whole keyframe waits there."""
        payloads: list[bytes] = []
        number, timestamp = first, self._aside[first].timestamp
        while (held := self._aside.get(number)) is not None and held.timestamp == timestamp:
            if held.payload:
                payloads.append(held.payload)
            if held.marker:
                break
            number += 1
        if held is None or not payloads or not self._is_keyframe(self._aside[first].payload_type, payloads):
            return False
        self._break(self._payloads)
        self._skip_to(first)
        return True

    def _starts_frame(self, payload_type: int, payload: bytes) -> bool:
        found = self._formats.get(payload_type)
        try:
            return found is not None and found[1].starts_frame_untrusted(payload)
        except Malformed:
            return False

    def _is_keyframe(self, payload_type: int, payloads: list[bytes]) -> bool:
        if not self._starts_frame(payload_type, payloads[0]):
            return False
        try:
            return self._formats[payload_type][1].is_keyframe_untrusted(payloads)
        except Malformed:
            return False

    # Frames

    def _finish(self, now: float) -> None:
        """Let the frame go, if it can be decoded."""
        payloads, self._payloads = self._payloads, []
        found = self._formats.get(self._payload_type)
        if found is None:
            self._break(payloads)
            return
        kind, format = found
        try:
            whole = format.starts_frame_untrusted(payloads[0])
            keyframe = whole and format.is_keyframe_untrusted(payloads)
        except Malformed:
            whole = keyframe = False
        if not keyframe and (self.need_keyframe or not whole or kind.codec != self._codec):
            self._break(payloads)
            return
        self.need_keyframe = self.starved = False
        lost = self._lost if self._codec else 0  # before the first frame nothing is missed
        self._lost, self._codec = 0, kind.codec
        ticks, time = self._timeline.place(self.timestamp, kind.clock_rate, self._arrival)
        stream = self._stream
        stream.frames_received += 1
        stream.key_frames_received += keyframe
        frame = ReceivedFrame(
            payloads,
            timestamp=ticks,
            time=time,
            keyframe=keyframe,
            codec=kind.codec,
            lost=lost,
            ntp_time=stream.ntp_time(self.timestamp),
            rid=stream.rid,
        )
        self._hold(frame, ticks / kind.clock_rate, now)

    def _hold(self, frame: ReceivedFrame, media_time: float, now: float) -> None:
        """Let *frame* go at its time, which may be now."""
        release = self._pace.release_time(media_time, now)
        if not self._ready and release <= now + RELEASE_TOGETHER:
            self._release(frame, self._arrival, now)
            return
        self._ready.append(_Ready(release, frame, self._arrival))
        self._ready_packets += len(frame.payloads)
        self._release_due(now)
        self._make_room(now)
        self._update_deadline()

    def _release(self, frame: ReceivedFrame, arrival: float, now: float) -> None:
        self._stream.count_emitted(now - arrival, self._pace.target)
        self.frames.append(frame)

    def _release_first(self, now: float) -> None:
        _, frame, arrival = self._ready.popleft()
        self._ready_packets -= len(frame.payloads)
        self._release(frame, arrival, now)

    def _release_due(self, now: float) -> None:
        while self._ready and self._ready[0].release <= now + RELEASE_TOGETHER:
            self._release_first(now)

    def _make_room(self, now: float) -> None:
        while self._ready and self.packets > MAX_PACKETS:
            self._release_first(now)

    def flush(self, now: float) -> None:
        """Let go of all that is whole: nothing more will come."""
        while self._ready:
            self._release_first(now)

    # Time

    def _update_deadline(self) -> None:
        deadline = self._ready[0].release if self._ready else inf
        if self._aside:
            waiting_since = next(iter(self._aside.values())).arrival  # a dict keeps the order of arrival
            deadline = min(deadline, waiting_since + self.patience)
        self.deadline = deadline

    def handle_timeout(self, now: float) -> None:
        """Release frames whose time has come; give up packets that did not come."""
        self._release_due(now)
        while self._aside and next(iter(self._aside.values())).arrival + self.patience <= now:
            self._give_up(now)
        self._update_deadline()


def _find_formats(payload_types: Mapping[int, PayloadType]) -> dict[int, tuple[PayloadType, PayloadFormat]]:
    return {
        number: (kind, FORMATS[kind.codec]) for number, kind in payload_types.items() if kind.codec in FORMATS
    }
