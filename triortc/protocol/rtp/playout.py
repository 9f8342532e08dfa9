"""When to play which packet of sound, and what to play where one is missing.

Two machines give :class:`Step`\\ s to whoever decodes. :class:`Playout` plays in real time: it
waits as long as the network's jitter asks for, and not longer, and catches up when it has fallen
behind. :class:`Sequence` leaves nothing out and waits for nothing, for recorders.
"""

import enum
from bisect import bisect_left
from math import sqrt
from operator import attrgetter
from typing import NamedTuple

from triortc.protocol.wire.errors import Malformed

from .frame import ReceivedFrame
from .playout_delay import DelayEstimator
from .sound import PacketInfo, inspect_packet_untrusted

MAX_PACKETS = 512
MAX_BUFFERED = 2.0
"""Seconds of sound that may wait."""

FILL = 0.010
"""Seconds that are made up at a time: the missing packet may come any moment."""

TOLERANCE = 0.0025
"""Seconds that may be missing without being filled."""

MAX_CONCEALED = 0.200
"""Seconds of made-up sound, which fades; after that there is silence."""

MAX_PAUSE = 1.0
"""Seconds of comfort noise in a pause of the sender, which tells of itself more often than that."""

BELOW_TARGET, ABOVE_TARGET = 0.005, 0.015
"""Seconds that the delay may differ from its target without being changed."""

TOO_FAR_BEHIND = 0.5
"""Seconds above the target delay at which sound is left out rather than hurried."""

MAX_GAP = 2.0
"""Seconds that a recording is filled up for; a longer step of the timestamps is a jump."""

MAX_STRAYS = 10
"""Packets in a row from the past, after which the sender has begun anew."""

_timestamp = attrgetter("timestamp")


class Kind(enum.Enum):
    """What to play."""

    DECODE = "decode"
    """The packet."""
    RECOVER = "recover"
    """What the packet says of the sound before its own (in-band FEC)."""
    CONCEAL = "conceal"
    """What the decoder makes of what it played last."""
    SILENCE = "silence"
    """Nothing."""


class Step(NamedTuple):
    """The next piece of sound.

    Attributes:
      kind: what it is made from.
      packet: for DECODE and RECOVER.
      timestamp: where it begins, in ticks of the stream's own timeline.
      duration: in ticks.
      surplus: ticks by which it should be shorter, as far as nobody hears it; longer, when negative.
    """

    kind: Kind
    packet: ReceivedFrame | None
    timestamp: int
    duration: int
    surplus: int = 0


class Waiting(NamedTuple):
    """A packet in the buffer: itself, where its sound begins, what it holds, when it came."""

    packet: ReceivedFrame
    timestamp: int
    info: PacketInfo
    arrival: float


class PlayoutStatistics:
    """Totals, with the names of W3C webrtc-stats; a sample is a tick of the RTP clock.

    ``audio_level`` alone is none: it is that of the last piece of sound, 1 being the loudest there is.
    """

    __slots__ = (
        "audio_level",
        "concealed_samples",
        "concealment_events",
        "fec_packets_discarded",
        "fec_packets_received",
        "inserted_samples_for_deceleration",
        "jitter_buffer_delay",
        "jitter_buffer_emitted_count",
        "jitter_buffer_minimum_delay",
        "jitter_buffer_target_delay",
        "packets_discarded",
        "removed_samples_for_acceleration",
        "silent_concealed_samples",
        "total_audio_energy",
        "total_samples_duration",
        "total_samples_received",
    )

    def __init__(self) -> None:
        self.total_samples_received: int = 0
        self.total_samples_duration: float = 0.0
        self.total_audio_energy: float = 0.0
        self.audio_level: float = 0.0
        self.concealed_samples: int = 0
        self.silent_concealed_samples: int = 0
        self.concealment_events: int = 0
        self.inserted_samples_for_deceleration: int = 0
        self.removed_samples_for_acceleration: int = 0
        self.fec_packets_received: int = 0
        self.fec_packets_discarded: int = 0
        self.packets_discarded: int = 0
        self.jitter_buffer_delay: float = 0.0
        self.jitter_buffer_target_delay: float = 0.0
        self.jitter_buffer_minimum_delay: float = 0.0
        self.jitter_buffer_emitted_count: int = 0

    def add(self, other: "PlayoutStatistics") -> None:
        """Add the totals of another listener, and take over its level."""
        level = other.audio_level
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.audio_level = level


class _Line:
    """What both machines share: the place on the stream's timeline, and how gaps are filled.

    Args:
      clock_rate: RTP ticks per second.
      statistics: where to count; new ones by default.

    Attributes:
      statistics: what happened so far.
    """

    def __init__(self, clock_rate: int, statistics: PlayoutStatistics | None = None) -> None:
        self.clock_rate = clock_rate
        self.statistics: PlayoutStatistics = statistics or PlayoutStatistics()
        self._next: int | None = None  # what was played reaches up to here
        self._filled = 0  # and so many ticks were made up since
        self._in_pause = False
        self._concealing = False
        self._strays = 0

    def note_played(self, step: Step, ticks: int, loudness: float = 0.0) -> None:
        """Count what became of *step*: so many ticks of sound.

        Args:
          step: what was to be played.
          ticks: how long it was.
          loudness: the mean square of its samples, 1 being the loudest there is.
        """
        statistics, seconds = self.statistics, ticks / self.clock_rate
        statistics.total_samples_received += ticks
        statistics.total_samples_duration += seconds
        statistics.total_audio_energy += loudness * seconds
        statistics.audio_level = sqrt(loudness)
        if ticks < step.duration:
            statistics.removed_samples_for_acceleration += step.duration - ticks
        else:
            statistics.inserted_samples_for_deceleration += ticks - step.duration

    def _ticks(self, seconds: float) -> int:
        return round(seconds * self.clock_rate)

    def _inspect(self, packet: ReceivedFrame) -> PacketInfo | None:
        """Look into a packet; one that makes no sense is discarded."""
        statistics = self.statistics
        try:
            info = inspect_packet_untrusted(packet.codec, b"".join(packet.payloads))
        except Malformed:
            statistics.packets_discarded += 1
            return None
        statistics.fec_packets_received += info.has_fec
        statistics.fec_packets_discarded += info.has_fec  # until it is of use
        return info

    def _is_stray(self, timestamp: int) -> bool:
        """Whether a packet comes after its time; many in a row begin a new timeline."""
        if self._next is None or timestamp >= self._next:
            self._strays = 0
            return False
        self.statistics.packets_discarded += 1
        self._strays += timestamp < self._next - self.clock_rate
        if self._strays >= MAX_STRAYS:
            self._restart()
        return True

    def _restart(self) -> None:
        self._next = None
        self._filled = self._strays = 0

    def _decode(self, waiting: Waiting, surplus: int = 0) -> Step:
        duration = waiting.info.duration
        self._next = waiting.timestamp + duration
        self._filled = 0
        self._in_pause = waiting.info.is_dtx
        self._concealing = False
        return Step(Kind.DECODE, waiting.packet, waiting.timestamp, duration, surplus)

    def _recover(self, waiting: Waiting) -> Step:
        duration = waiting.info.duration
        self._next = waiting.timestamp
        self._filled = 0
        self._concealing = False
        self.statistics.fec_packets_discarded -= 1
        return Step(Kind.RECOVER, waiting.packet, waiting.timestamp - duration, duration)

    def _fill(self, duration: int) -> Step:
        """Make up sound, where there is none."""
        assert self._next is not None
        timestamp = self._next + self._filled
        kind = Kind.SILENCE if self._has_faded else Kind.CONCEAL
        self._filled += duration
        if not self._in_pause:
            self._count_concealed(kind, duration)
        return Step(kind, None, timestamp, duration)

    @property
    def _has_faded(self) -> bool:
        """Whether the sound that is made up has become silence."""
        return self._filled >= self._ticks(MAX_PAUSE if self._in_pause else MAX_CONCEALED)

    def _count_concealed(self, kind: Kind, duration: int) -> None:
        statistics = self.statistics
        statistics.concealed_samples += duration
        if kind is Kind.SILENCE:
            statistics.silent_concealed_samples += duration
        statistics.concealment_events += not self._concealing
        self._concealing = True


class Playout(_Line):
    """Plays in real time.

    The owner hands packets in as they come, and takes a step whenever the one before has been
    played. A packet that is not there when its time comes is recovered from the next one, or
    made up; if it comes after all, it is played, and the delay has grown. When the delay is
    longer than the jitter asks for, the steps say by how much the sound should be shortened.
    """

    def __init__(self, clock_rate: int, statistics: PlayoutStatistics | None = None) -> None:
        super().__init__(clock_rate, statistics)
        self._packets: list[Waiting] = []
        self._delay = DelayEstimator()
        self._reached: int | None = None  # the newest packet ends here
        self.start_time: float | None = None

    @property
    def depth(self) -> int:
        """How many packets wait."""
        return len(self._packets)

    @property
    def target_delay(self) -> float:
        """Seconds between the arrival of a packet that came fast, and its playing."""
        return self._delay.target

    def put(self, packet: ReceivedFrame, now: float) -> None:
        """Take in a packet that has come at *now*."""
        info = self._inspect(packet)
        if info is None:
            return
        waiting = Waiting(packet, packet.timestamp, info, now)
        self._note_arrival(waiting)
        if self._next is not None and self._is_early(waiting):
            self._next = waiting.timestamp
        if self._is_stray(waiting.timestamp):
            return
        if self._next is None:
            self._next = waiting.timestamp
            self.start_time = now + self.target_delay
        place = bisect_left(self._packets, waiting.timestamp, key=_timestamp)
        if place < len(self._packets) and self._packets[place].timestamp == waiting.timestamp:
            self.statistics.packets_discarded += 1
            return
        self._packets.insert(place, waiting)
        self._limit()

    def take(self, now: float) -> Step:
        """Return what to play at *now*, when all before has been played."""
        if self._next is None or self.start_time is None or now < self.start_time:
            return Step(Kind.SILENCE, None, self._next or 0, self._ticks(FILL))
        if not self._packets:
            return self._fill(self._ticks(FILL))
        self._catch_up(now)
        waiting = self._packets[0]
        missing = self._missing(waiting, now)
        if missing < self._ticks(TOLERANCE):
            return self._play(now)
        duration = waiting.info.duration
        if waiting.info.has_fec and not self._has_faded and not self._in_pause:
            if duration / 2 <= missing <= duration:
                return self._recover(waiting)
            if missing > duration:
                missing -= duration
        return self._fill(min(missing, self._ticks(FILL)))

    def _play(self, now: float) -> Step:
        waiting = self._packets.pop(0)
        duration, target, statistics = waiting.info.duration, self.target_delay, self.statistics
        statistics.jitter_buffer_delay += (now - waiting.arrival) * duration
        statistics.jitter_buffer_target_delay += target * duration
        statistics.jitter_buffer_minimum_delay += target * duration
        statistics.jitter_buffer_emitted_count += duration
        delay = self._delay_at(waiting.timestamp, now)
        fits = target - BELOW_TARGET <= delay <= target + ABOVE_TARGET
        surplus = 0 if fits else self._ticks(delay - target)
        return self._decode(waiting, surplus)

    def _missing(self, waiting: Waiting, now: float) -> int:
        """Return how many ticks must be filled before a packet is played."""
        assert self._next is not None
        missing = waiting.timestamp - self._next - self._filled
        if self._has_faded or (self._in_pause and missing > 0):
            # In silence, nobody hears the delay change.
            return self._ticks(self.target_delay - self._delay_at(waiting.timestamp, now) - FILL / 2)
        return missing

    def _delay_at(self, timestamp: int, now: float) -> float:
        return self._delay.delay(timestamp / self.clock_rate, now)

    def _catch_up(self, now: float) -> None:
        """Leave sound out when far too much of it waits: after an outage, or a long wait of the owner."""
        assert self._next is not None
        place = min(self._next + self._filled, self._packets[0].timestamp)
        excess = self._delay_at(place, now) - self.target_delay
        if excess > TOO_FAR_BEHIND:
            self._skip_to(min(place + self._ticks(excess), self._packets[-1].timestamp))

    def _skip_to(self, timestamp: int) -> None:
        first = bisect_left(self._packets, timestamp, key=_timestamp)
        self.statistics.packets_discarded += first
        del self._packets[:first]
        self._next = self._packets[0].timestamp
        self._filled = 0

    def _limit(self) -> None:
        """Keep within the bounds; the oldest packets make room."""
        packets = self._packets
        oldest = packets[-1].timestamp - self._ticks(MAX_BUFFERED)
        if packets[0].timestamp < oldest:
            self._skip_to(oldest)
        if len(packets) > MAX_PACKETS:
            self._skip_to(packets[1].timestamp)

    def _note_arrival(self, waiting: Waiting) -> None:
        """Learn from a packet how long sound must wait; and from one that may replace the one before."""
        media_time, now = waiting.timestamp / self.clock_rate, waiting.arrival
        delay = self._delay.note_arrival(media_time, now)
        duration = waiting.info.duration
        one_is_missing = self._reached is not None and waiting.timestamp - self._reached == duration
        if one_is_missing and waiting.info.has_fec:
            self._delay.note_delay(delay + duration / self.clock_rate, now)
        self._reached = max(self._reached or 0, waiting.timestamp + duration)

    def _is_early(self, waiting: Waiting) -> bool:
        """Whether a packet belongs before the first one, which is not being played yet."""
        if self.start_time is None or waiting.arrival >= self.start_time or self._filled:
            return False
        assert self._next is not None
        return bool(self._packets) and waiting.timestamp < self._next == self._packets[0].timestamp

    def _restart(self) -> None:
        super()._restart()
        self._packets.clear()
        self._delay = DelayEstimator()
        self._reached = None


class Sequence(_Line):
    """Plays everything, as fast as it comes: what is missing is filled in, and nothing is hurried."""

    def put(self, packet: ReceivedFrame) -> list[Step]:
        """Return what comes out for *packet*: what fills the gap before it, and itself."""
        info = self._inspect(packet)
        if info is None or self._is_stray(packet.timestamp):
            return []
        waiting = Waiting(packet, packet.timestamp, info, packet.time)
        steps = self._fill_gap(waiting)
        steps.append(self._decode(waiting))
        return steps

    def _fill_gap(self, waiting: Waiting) -> list[Step]:
        if self._next is None or waiting.timestamp - self._next > self._ticks(MAX_GAP):
            return []
        gap, duration = waiting.timestamp - self._next, waiting.info.duration
        recoverable = waiting.info.has_fec and not self._in_pause and 0 < duration <= gap
        made_up = gap - duration if recoverable else gap
        steps = []
        while self._filled < made_up:
            steps.append(self._fill(min(self._ticks(2 * FILL), made_up - self._filled)))
        return [*steps, self._recover(waiting)] if recoverable else steps
