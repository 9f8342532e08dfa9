"""Sound in order: no buffer to smooth it, for whoever plays it has one of its own."""

from collections import deque
from collections.abc import Mapping, Sequence
from math import inf

from .frame import ReceivedFrame
from .jitter import MAX_PACKETS, Held
from .receive_stream import ReceiveStream
from .router import PayloadType
from .timeline import Timeline

MIN_HOLD = 0.010
MAX_HOLD = 0.060
"""How long packets wait for one before them that may only be late, seconds; it follows the
reordering that is seen."""

_HOLD_DECAY = 0.95


class AudioOrder:
    """Puts the packets of one SSRC in order, and tells how many are missing between them.

    A gap in timestamps without one in sequence numbers is a pause of the sender (DTX), no loss.

    Args, attributes: as :class:`.jitter.VideoJitter` has them; sound needs no keyframe.
    """

    __slots__ = (
        "_aside",
        "_hold",
        "_lost",
        "_payload_types",
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
        self.need_keyframe: bool = False
        self.starved: bool = False
        self.patience: float = 0.0
        self.deadline: float = inf
        self.next_sequence: int | None = None
        self.timestamp: int = 0
        self.frames: deque[ReceivedFrame] = frames
        self._stream = stream
        self._timeline = timeline
        self._payload_types = payload_types
        self._aside: dict[int, Held] = {}
        self._hold = MIN_HOLD
        self._lost = 0

    def configure(self, payload_types: Mapping[int, PayloadType]) -> None:
        """Take over what a renegotiation agreed on."""
        self._payload_types = payload_types

    @property
    def packets(self) -> int:
        """How many packets are held."""
        return len(self._aside)

    @property
    def target_delay(self) -> float:
        """Sound is not held to make it even: 0 seconds."""
        return 0.0

    def put(
        self,
        sequence: int,
        timestamp: int,
        marker: bool,
        payload_type: int,
        payloads: Sequence[bytes],
        now: float,
    ) -> None:
        """Take packets in a row; see :meth:`.jitter.VideoJitter.put`."""
        if self.next_sequence is None:
            self.next_sequence, self.timestamp = sequence, timestamp
        for payload in payloads:
            self._put_singly(sequence, Held(timestamp, marker, payload_type, payload, now))
            sequence += 1

    def _put_singly(self, sequence: int, packet: Held) -> None:
        assert self.next_sequence is not None
        now = packet.arrival
        if sequence == self.next_sequence:
            self._take(packet, now)
            if self._aside:
                self._resume(now)
        elif sequence < self.next_sequence or sequence in self._aside:
            self._stream.packets_discarded += 1
            self._hold = min(self._hold * 2, MAX_HOLD)  # it may have been given up too early
        else:
            self._aside[sequence] = packet
            if len(self._aside) > MAX_PACKETS:
                self._give_up(now)
            self._update_deadline()

    def _take(self, packet: Held, now: float) -> None:
        self.next_sequence += 1  # type: ignore[operator]
        timestamp, _, payload_type, payload, arrival = packet
        kind = self._payload_types.get(payload_type)
        if not payload or kind is None:
            return
        stream = self._stream
        self.timestamp = timestamp
        ticks, time = self._timeline.place(timestamp, kind.clock_rate, arrival)
        self.frames.append(
            ReceivedFrame(
                (payload,),
                timestamp=ticks,
                time=time,
                keyframe=True,
                codec=kind.codec,
                lost=self._lost,
                ntp_time=stream.ntp_time(timestamp),
                rid=stream.rid,
            )
        )
        self._lost = 0
        stream.frames_received += 1
        stream.count_emitted(now - arrival, 0.0)

    def _resume(self, now: float) -> None:
        """Take what has waited for the packet that has come, or was given up."""
        first = next(iter(self._aside.values()))
        self._hold = max(min(1.5 * (now - first.arrival), MAX_HOLD), self._hold * _HOLD_DECAY, MIN_HOLD)
        self._take_aside(now)

    def _take_aside(self, now: float) -> None:
        while (held := self._aside.pop(self.next_sequence, None)) is not None:  # type: ignore[arg-type]
            self._take(held, now)
        self._update_deadline()

    def _give_up(self, now: float) -> None:
        """Go on behind what is missing."""
        assert self.next_sequence is not None
        first = min(self._aside)
        self._lost += first - self.next_sequence
        self.next_sequence = first
        self._take_aside(now)

    def begin_anew(self, sequence: int, now: float) -> None:
        """Go on at *sequence*: the sender has begun anew, and nothing before it is missing."""
        self.abandon(sequence, now)
        self._lost = 0

    def abandon(self, sequence: int, now: float) -> None:
        """Give up all packets before *sequence* that have not come."""
        self.flush(now)
        if self.next_sequence is not None and self.next_sequence < sequence:
            self._lost += sequence - self.next_sequence
            self.next_sequence = sequence

    def flush(self, now: float) -> None:
        """Let go of all that has come: nothing more will."""
        while self._aside:
            self._give_up(now)

    def _update_deadline(self) -> None:
        self.deadline = inf
        if self._aside:
            waiting_since = next(iter(self._aside.values())).arrival  # a dict keeps the order of arrival
            self.deadline = waiting_since + max(self._hold, self.patience)

    def handle_timeout(self, now: float) -> None:
        """Give up packets that did not come."""
        while self.deadline <= now:
            self._give_up(now)
