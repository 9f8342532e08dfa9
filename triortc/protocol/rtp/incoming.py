"""What comes in of one track: the stream that carries it, its buffer, and what is asked for."""

import enum
from collections import deque
from collections.abc import Sequence
from math import inf
from typing import TypeAlias

from triortc.protocol.wire.serial import distance32

from .frame import ReceivedFrame
from .jitter import MAX_WAIT, VideoJitter
from .nack import MAX_RETRIES, NackList, retry_interval
from .ordering import AudioOrder
from .receive_stream import MAX_DROPOUT, ReceiveStream
from .router import RTX, ReceivedSection
from .rtcp_feedback import FullIntraRequest, GenericNack, PictureLossIndication
from .timeline import Timeline

KEYFRAME_INTERVAL = 0.5
MAX_KEYFRAME_INTERVAL = 4.0
"""Seconds from one request for a keyframe to the next; it doubles while none comes."""

KEYFRAME_GRACE = 0.3
"""Seconds for which a new stream may begin with a keyframe by itself."""

TAKEOVER_SILENCE = 1.0
"""Seconds of silence after which an earlier stream of the track may carry it again."""

REORDERING_PATIENCE = 0.1
"""Seconds for which a packet is awaited that may not be asked for again."""

MAX_AUDIO_PATIENCE = 0.25
"""Seconds for which sound waits for what was asked for again: it is played soon, or not at all."""

SENDER_MEMORY = 1.0
"""Seconds for which senders remember what to retransmit; what is older is not asked for."""

Feedback: TypeAlias = GenericNack | PictureLossIndication | FullIntraRequest


class Wanted(enum.Flag):
    """What of a track somebody reads; of what nobody reads packets are counted, and no more."""

    NOTHING = 0
    FRAMES = enum.auto()
    """Whole frames; what is lost is asked for again."""
    PACKETS = enum.auto()
    """RTP packets as they come."""


class Incoming:
    """One layer of one media section, whatever streams it has come in.

    Args:
      section: what was agreed on.
      rid: the simulcast layer, or None.

    Attributes:
      stream: the SSRC that carries it now, or None.
      wanted: what is read; as two flags, which are quicker to ask:
      attentive: whether anything is.
      tapped: whether packets are.
      frames: whole frames, for the owner to take.
      feedback: RTCP packets, for the owner to send.
    """

    __slots__ = (
        "_backoff",
        "_buffer",
        "_expected",
        "_fir_number",
        "_keyframe_due",
        "_keyframes_before",
        "_last_request",
        "_nacks",
        "_round_trip",
        "_timeline",
        "attentive",
        "feedback",
        "frames",
        "rid",
        "section",
        "stream",
        "tapped",
        "wanted",
    )

    def __init__(self, section: ReceivedSection, rid: str | None) -> None:
        self.section: ReceivedSection = section
        self.rid: str | None = rid
        self.stream: ReceiveStream | None = None
        self.wanted: Wanted = Wanted.NOTHING
        self.attentive: bool = False
        self.tapped: bool = False
        self.frames: deque[ReceivedFrame] = deque()
        self.feedback: deque[Feedback] = deque()
        self._timeline = Timeline()
        self._buffer: VideoJitter | AudioOrder | None = None
        self._nacks: NackList | None = None
        self._expected: int | None = None
        self._round_trip: float | None = None
        self._keyframe_due = inf
        self._last_request = -inf
        self._backoff = KEYFRAME_INTERVAL
        self._fir_number = 0
        self._keyframes_before = 0

    @property
    def deadline(self) -> float:
        """When :meth:`handle_timeout` wants to be called, seconds; infinite when not."""
        buffer, nacks = self._buffer, self._nacks
        deadline = inf if self.stream is None else self._keyframe_due
        if buffer is not None and buffer.deadline < deadline:
            deadline = buffer.deadline
        return nacks.deadline if nacks is not None and nacks.deadline < deadline else deadline

    @property
    def target_delay(self) -> float:
        """How long video is held to make it even, seconds."""
        return 0.0 if self._buffer is None else self._buffer.target_delay

    @property
    def held_packets(self) -> int:
        """How many packets the buffer holds."""
        return 0 if self._buffer is None else self._buffer.packets

    @property
    def missing_packets(self) -> int:
        """How many packets are being asked for."""
        return 0 if self._nacks is None else len(self._nacks)

    # What the owner decides

    def configure(self, section: ReceivedSection) -> None:
        """Take over what a renegotiation agreed on."""
        self.section = section
        if self._buffer is not None:
            self._buffer.configure(section.payload_types)
            if (self._nacks is not None) != section.nack:
                self._nacks = self._new_nacks()
            self._update_patience()

    def set_wanted(self, wanted: Wanted, now: float) -> None:
        """Begin or cease to join frames; the first video frame will be a keyframe."""
        frames_wanted = Wanted.FRAMES in wanted
        began = frames_wanted and Wanted.FRAMES not in self.wanted
        self.wanted = wanted
        self.attentive, self.tapped = bool(wanted), Wanted.PACKETS in wanted
        if not frames_wanted:
            self._buffer = self._nacks = None
            self._keyframe_due = inf
        elif began:
            self._begin()
            if self._buffer is not None and self.section.kind == "video":
                self.request_keyframe(now)

    def set_round_trip_time(self, seconds: float) -> None:
        """Tell how long a packet takes to the sender and back."""
        self._round_trip = seconds
        self._update_patience()

    def follow(self, stream: ReceiveStream, now: float) -> None:
        """Take the track from another stream: its sender began anew, or changed its SSRC."""
        self.leave(now)
        self.stream = stream
        self._timeline.begin_anew()
        if Wanted.FRAMES in self.wanted:
            self._begin()
            if self.section.kind == "video":
                self.request_keyframe(now + KEYFRAME_GRACE)

    def leave(self, now: float) -> None:
        """Let go of what is whole: the stream has ended."""
        if self._buffer is not None:
            self._buffer.flush(now)
        self.stream = self._buffer = self._nacks = None

    def yields(self, now: float) -> bool:
        """Whether an earlier stream may carry the track again."""
        current = self.stream
        if current is None or current.last_packet_time is None:
            return True
        return now - current.last_packet_time >= TAKEOVER_SILENCE

    def _begin(self) -> None:
        self._expected = None
        if self.stream is None:
            return
        kind = VideoJitter if self.section.kind == "video" else AudioOrder
        self._buffer = kind(self.stream, self.section.payload_types, self._timeline, self.frames)
        self._nacks = self._new_nacks()
        self._update_patience()

    def _new_nacks(self) -> NackList | None:
        rtx = any(kind.codec == RTX for kind in self.section.payload_types.values())
        return NackList(rtx=rtx) if self.section.nack else None

    def _update_patience(self) -> None:
        if self._buffer is None:
            return
        interval = retry_interval(self._round_trip)
        if self.section.kind == "video":
            asked = min(MAX_WAIT, MAX_RETRIES * interval)
            self._buffer.patience = asked if self._nacks is not None else REORDERING_PATIENCE
        elif self._nacks is not None:
            self._buffer.patience = min(MAX_AUDIO_PATIENCE, 2 * interval)

    # Packets

    def receive(
        self,
        sequence: int,
        timestamp: int,
        marker: bool,
        payload_type: int,
        payloads: Sequence[bytes],
        now: float,
    ) -> None:
        """Take packets in a row of :attr:`stream`; see :meth:`.jitter.VideoJitter.put`."""
        buffer = self._buffer
        if buffer is None:
            return
        if sequence == self._expected:
            self._expected = sequence + len(payloads)
        elif self._expected is not None:
            self._note_order(self._expected, sequence, len(payloads), timestamp, now)
        buffer.put(sequence, timestamp, marker, payload_type, payloads, now)
        if self._expected is None:
            self._note_beginning(buffer, sequence, len(payloads), now)
        if self._keyframe_due != inf or buffer.need_keyframe:
            self._mind_keyframes(buffer, now)

    def _note_beginning(
        self, buffer: VideoJitter | AudioOrder, sequence: int, packets: int, now: float
    ) -> None:
        """Ask for the packet before the first one, if that is amid a frame: it may be the only one."""
        self._expected = sequence + packets
        amid = buffer.next_sequence is not None and buffer.next_sequence < sequence
        if amid and self._nacks is not None:
            self._nacks.add(sequence - 1, sequence, now)

    def _note_order(self, expected: int, sequence: int, packets: int, timestamp: int, now: float) -> None:
        """Tell what is missing before packets in a row, or that they are late."""
        if sequence > expected:
            self._note_gap(expected, sequence, timestamp, now)
        elif self._nacks is not None:
            for number in range(sequence, min(expected, sequence + packets)):
                self._nacks.found(number, now, repaired=False)
        self._expected = max(expected, sequence + packets)

    def _note_gap(self, first: int, end: int, timestamp: int, now: float) -> None:
        """Ask for what is missing; where that is too much or too long ago, go on without."""
        assert self._buffer is not None
        assert self.stream is not None
        elapsed = distance32(timestamp, self._buffer.timestamp) / self.stream.clock_rate
        if end - first >= MAX_DROPOUT:
            self._timeline.begin_anew()
            self._buffer.begin_anew(end, now)
        elif self._nacks is not None and (elapsed > SENDER_MEMORY or not self._nacks.add(first, end, now)):
            self._buffer.abandon(end, now)

    def repair(
        self, sequence: int, timestamp: int, marker: bool, payload_type: int, payload: bytes, now: float
    ) -> None:
        """Take a packet that came by retransmission."""
        if self._nacks is not None:
            self._nacks.found(sequence, now, repaired=True)
        if self._buffer is not None and self._expected is not None:
            if sequence >= self._expected:
                # Retransmitted before it was missed: as good as in time.
                self._note_order(self._expected, sequence, 1, timestamp, now)
            self._buffer.put(sequence, timestamp, marker, payload_type, (payload,), now)
            self._mind_keyframes(self._buffer, now)

    # Keyframes

    def request_keyframe(self, now: float) -> None:
        """Ask for a keyframe at *now*, or when the last request is long enough ago."""
        if self._keyframe_due == inf:
            self._keyframes_before = 0 if self.stream is None else self.stream.key_frames_received
        self._keyframe_due = min(self._keyframe_due, max(now, self._last_request + self._backoff))

    def _mind_keyframes(self, buffer: VideoJitter | AudioOrder, now: float) -> None:
        """Ask for a keyframe that is needed; ask no more when one has come."""
        if buffer.need_keyframe:
            if self._keyframe_due == inf or buffer.starved:
                self.request_keyframe(now)
        elif self.stream is not None and self.stream.key_frames_received > self._keyframes_before:
            self._keyframe_due = inf
            self._backoff = KEYFRAME_INTERVAL

    def _ask_keyframe(self, stream: ReceiveStream, now: float) -> None:
        self._last_request = now
        # Who joins no frames does not see whether one has come, and asks once.
        self._keyframe_due = inf if self._buffer is None else now + self._backoff
        self._backoff = min(2 * self._backoff, MAX_KEYFRAME_INTERVAL)
        sender = self.section.feedback_ssrc
        if self.section.pli:
            stream.pli_count += 1
            self.feedback.append(PictureLossIndication(sender, stream.ssrc))
        elif self.section.fir:
            stream.fir_count += 1
            self._fir_number = self._fir_number + 1 & 0xFF
            self.feedback.append(FullIntraRequest(sender, ((stream.ssrc, self._fir_number),)))
        else:
            self._keyframe_due = inf

    # Time

    def handle_timeout(self, now: float) -> None:
        """Ask again for what is missing, release what is due, give up what did not come."""
        stream, buffer, nacks = self.stream, self._buffer, self._nacks
        if buffer is not None and buffer.deadline <= now:
            buffer.handle_timeout(now)
            if buffer.need_keyframe:
                self._mind_keyframes(buffer, now)
        if stream is None:
            return
        if nacks is not None and nacks.deadline <= now:
            self._ask_again(stream, nacks, now)
        if self._keyframe_due <= now:
            self._ask_keyframe(stream, now)

    def _ask_again(self, stream: ReceiveStream, nacks: NackList, now: float) -> None:
        buffer = self._buffer
        if buffer is not None and buffer.next_sequence is not None:
            nacks.forget_before(buffer.next_sequence)
        missing = nacks.take_due(now, self._round_trip)
        if missing:
            stream.nack_count += 1
            numbers = tuple(sequence & 0xFFFF for sequence in missing)
            self.feedback.append(GenericNack(self.section.feedback_ssrc, stream.ssrc, numbers))
