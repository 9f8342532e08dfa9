"""One outgoing RTP stream: headers, history, retransmission, sender reports."""

import struct
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Literal, NamedTuple, TypeAlias

from triortc.protocol.wire.clock import ClockAnchor, compact_ntp, compact_to_seconds
from triortc.protocol.wire.entropy import Entropy, random_uint
from triortc.protocol.wire.serial import distance16, distance32

from .extensions import MAX_EXTENSION_LENGTH, serialize_extensions
from .frame import Burst, EncodedFrame, find_bursts
from .packet import EXTENSION_BIT, MARKER_BIT, RTP_HEADER_LENGTH, RTP_VERSION_BITS
from .rtcp_feedback import MAX_NACKED
from .rtcp_reports import ReportBlock, SenderReport, SourceDescription
from .srtp import Scratch, SrtpSender

HISTORY_PACKETS = 1024
HISTORY_SECONDS = 1.0
"""How far back a packet can be retransmitted, counted from its capture: whichever comes first."""

RTX_SHARE = 0.25
"""Bytes that may be retransmitted for each byte sent, in the long run."""

RTX_BURST = 64 * 1024
"""Bytes that may be retransmitted at once: a damaged keyframe, on a stream that sends little."""

RTX_COOLDOWN = 0.025
"""Shortest time between two retransmissions of a packet, seconds; half a round trip if that is longer."""

MAX_ROUND_TRIP = 60.0
"""A report that tells of a longer round trip, seconds, is not believed."""

Piece: TypeAlias = tuple[memoryview, int | None]
"""Bytes to send, and the size of each datagram in them; None when they are one datagram."""

# A viewer that guesses the SRTP rollover counter wrong never recovers, and it can only do so
# near the wrap: begin far from it.
_FIRST_SEQUENCE_MASK = 0x0FFF


class _Lost(NamedTuple):
    """A packet to retransmit."""

    sequence: int
    frame: EncodedFrame
    place: int

    @property
    def payload(self) -> bytes:
        return self.frame.payloads[self.place]

    @property
    def is_last(self) -> bool:
        return self.place == len(self.frame.payloads) - 1


class _History:
    """What was sent of late: the frames that all viewers share, nothing of its own for each."""

    __slots__ = ("_frames", "packets")

    def __init__(self) -> None:
        self._frames: deque[EncodedFrame] = deque()
        self.packets = 0

    def append(self, frame: EncodedFrame) -> None:
        self._frames.append(frame)
        self.packets += len(frame.payloads)
        self.forget(frame.time)

    def forget(self, now: float) -> None:
        frames = self._frames
        oldest = now - HISTORY_SECONDS
        while frames and (self.packets > HISTORY_PACKETS or frames[0].time < oldest):
            self.packets -= len(frames.popleft().payloads)

    def find(self, back: int) -> tuple[EncodedFrame, int]:
        """Return the frame of the packet *back* before the latest, and the packet's place in it."""
        frames = reversed(self._frames)
        frame = next(frames)
        while back >= len(frame.payloads):
            back -= len(frame.payloads)
            frame = next(frames)
        return frame, len(frame.payloads) - 1 - back


class _Retransmissions:
    """How much may be retransmitted, and how often."""

    __slots__ = ("_budget", "_earned_for", "_times")

    def __init__(self) -> None:
        self._budget = float(RTX_BURST)
        self._earned_for = 0
        self._times: dict[int, float] = {}

    def earn(self, bytes_sent: int) -> None:
        """Let the budget grow by its share of what was sent since the last call."""
        earned = RTX_SHARE * (bytes_sent - self._earned_for)
        self._budget = min(self._budget + earned, RTX_BURST)
        self._earned_for = bytes_sent

    def allows(self, size: int) -> bool:
        return size <= self._budget

    def is_cooling(self, sequence: int, cooldown: float, now: float) -> bool:
        time = self._times.get(sequence)
        return time is not None and now < time + cooldown

    def note(self, sequence: int, size: int, now: float) -> None:
        self._budget -= size
        self._times[sequence] = now

    def forget(self, first: int) -> None:
        """Drop what is known of packets before *first*, now and then."""
        if len(self._times) > HISTORY_PACKETS:
            self._times = {sequence: time for sequence, time in self._times.items() if sequence >= first}


class _Headers:
    """Writes the headers of one SSRC: two fields that are packed, all else precomputed."""

    __slots__ = ("_extension", "_pack_into", "_suffix", "_word", "length", "next_sequence", "ssrc")

    def __init__(self, ssrc: int, payload_type: int, extension: bytes, first_sequence: int) -> None:
        self.ssrc = ssrc
        self.next_sequence = first_sequence
        self.length = RTP_HEADER_LENGTH + len(extension)
        self._extension = extension
        self._word = RTP_VERSION_BITS | (EXTENSION_BIT if extension else 0) | payload_type << 16
        self._suffix = ssrc.to_bytes(4, "big") + extension
        self._pack_into = struct.Struct(f"!II{len(self._suffix)}s").pack_into

    def renumbered(self, payload_type: int) -> "_Headers":
        """Return headers that go on from here under another payload type."""
        return _Headers(self.ssrc, payload_type, self._extension, self.next_sequence)

    def write(self, buffer: bytearray, offset: int, stride: int, packets: int, timestamp: int) -> None:
        """Write headers at *offset*, *stride* bytes apart, and advance the sequence number."""
        first = self.next_sequence & 0xFFFF
        self.next_sequence += packets
        words: Sequence[int] = range(self._word | first, (self._word | first) + packets)
        if first + packets > 0x10000:
            words = [self._word | first + index & 0xFFFF for index in range(packets)]
        pack_into, suffix = self._pack_into, self._suffix
        for word in words:
            pack_into(buffer, offset, word, timestamp, suffix)
            offset += stride


class SendStream:
    """One outgoing RTP stream to one viewer, with its retransmission stream.

    It numbers, protects and remembers packets; sending them is not its affair.

    Retransmission needs RTX (RFC 4588), which has sequence numbers of its own. To send a
    packet again under its old number is to use an SRTP nonce twice, and that is safe only as
    long as not one bit of the packet ever differs. So without RTX a NACK is only counted,
    and the viewer's PLI mends the picture.

    Args:
      kind: video sets the marker bit on a frame's last packet; audio, being sent without
        pauses, never does (RFC 3551 §4.1).
      ssrc: the stream's source.
      rtx_ssrc: the retransmissions' source, or None when RTX was not negotiated.
      payload_type: as negotiated.
      rtx_payload_type: as negotiated, or None.
      clock_rate: RTP ticks per second.
      mid: the media section's identification, told in every packet; one that has no room
        in the header is not told.
      mid_extension_id: the negotiated id for it, or None.
      rid: the encoding's name, when its track is sent in several (RFC 8852).
      rid_extension_ids: the negotiated ids for it: in packets, and in retransmissions.
      cname: this endpoint's name, common to all its streams.
      anchor: turns time into NTP time.
      entropy: for the first timestamp and sequence numbers.

    Attributes:
      bytes_sent: their payloads' bytes.
      retransmitted_packets_sent: how many of them were retransmissions.
      retransmitted_bytes_sent: those retransmissions' payload bytes.
      frames_sent: how many frames were written.
      key_frames_sent: how many of them were keyframes.
      protect_failures: packets that SRTP refused; none of them left.
      nack_count: NACK packets received.
      pli_count: PLI packets received; the owner counts them, and FIR likewise.
      fir_count: FIR packets received.
      reported_at: when the remote side last reported on it, seconds; None before the first time.
      round_trip_time: the latest, seconds; None before the first.
      total_round_trip_time: the sum of all, seconds.
      round_trip_time_measurements: how many there were.
      remote_packets_lost: in all, as the remote side counts.
      remote_fraction_lost: between its last two reports, 0…1.
      remote_jitter: as it measures, seconds.
    """

    def __init__(
        self,
        *,
        kind: Literal["audio", "video"],
        ssrc: int,
        rtx_ssrc: int | None,
        payload_type: int,
        rtx_payload_type: int | None,
        clock_rate: int,
        mid: str,
        mid_extension_id: int | None,
        cname: str,
        anchor: ClockAnchor,
        entropy: Entropy,
        rid: str | None = None,
        rid_extension_ids: tuple[int | None, int | None] = (None, None),
    ) -> None:
        self.ssrc = ssrc
        self.rtx_ssrc = rtx_ssrc
        self.payload_type: int = payload_type
        self.clock_rate = clock_rate
        self.mid = mid
        self.rid = rid
        self.cname = cname
        self._anchor = anchor
        self._marker = MARKER_BIT >> 16 if kind == "video" else 0
        self._timestamp_offset = random_uint(entropy, 32)
        self._last: EncodedFrame | None = None
        self._moves_on = False
        extension, rtx_extension = (
            _describe_source((mid_extension_id, mid), (rid_id, rid)) for rid_id in rid_extension_ids
        )
        self._headers = _Headers(ssrc, payload_type, extension, _first_sequence(entropy))
        self._first_sequence = self._headers.next_sequence
        self._rtx: _Headers | None = None
        if rtx_ssrc is not None and rtx_payload_type is not None:
            self._rtx = _Headers(rtx_ssrc, rtx_payload_type, rtx_extension, _first_sequence(entropy))
        self._history = _History()
        self._retransmissions = _Retransmissions()
        self._reset_statistics()

    def change_codec(self, payload_type: int, rtx_payload_type: int | None) -> None:
        """Go on under other payload types, as a renegotiation agreed.

        The sequence numbers go on, too: to SRTP it is the same stream.
        """
        self.payload_type = payload_type
        self._headers = self._headers.renumbered(payload_type)
        if self._rtx is not None and rtx_payload_type is not None:
            self._rtx = self._rtx.renumbered(rtx_payload_type)

    def change_source(self) -> None:
        """Let the next frame be of another source: the RTP timeline goes on by the frames' times."""
        self._moves_on = self._last is not None

    def _move_on(self, frame: EncodedFrame) -> None:
        assert self._last is not None
        elapsed = max(1, round((frame.time - self._last.time) * self.clock_rate))
        offset = self._timestamp_offset + self._last.timestamp + elapsed - frame.timestamp
        self._timestamp_offset = offset & 0xFFFFFFFF
        self._history = _History()  # whose timestamps were counted from elsewhere
        self._moves_on = False

    def _reset_statistics(self) -> None:
        self.bytes_sent: int = 0
        self.retransmitted_packets_sent: int = 0
        self.retransmitted_bytes_sent: int = 0
        self.frames_sent: int = 0
        self.key_frames_sent: int = 0
        self.protect_failures: int = 0
        self.nack_count: int = 0
        self.pli_count = 0
        self.fir_count = 0
        self.reported_at: float | None = None
        self.round_trip_time: float | None = None
        self.total_round_trip_time: float = 0.0
        self.round_trip_time_measurements: int = 0
        self.remote_packets_lost: int = 0
        self.remote_fraction_lost: float = 0.0
        self.remote_jitter: float = 0.0

    def write_frame(self, frame: EncodedFrame, srtp: SrtpSender, scratch: Scratch) -> list[Piece]:
        """Number and protect a frame's packets, and remember them for retransmission.

        Args:
          frame: what to send; shared, never changed.
          srtp: protects them.
          scratch: where they are laid; the pieces are views into it, or into a fresh one
            when it has no room left.

        Returns:
          One piece for each burst of at most 64 packets and 65,507 bytes. A packet that
          SRTP refuses is left out.
        """
        if not frame.payloads:
            return []
        if self._moves_on:
            self._move_on(frame)
        headers = self._headers
        template, bursts = frame.template(headers.length, srtp.tag_length)
        scratch, start = _lay(template, scratch)
        buffer, timestamp = scratch.buffer, frame.timestamp + self._timestamp_offset & 0xFFFFFFFF
        for offset, stride, packets, _ in bursts:
            headers.write(buffer, start + offset, stride, packets, timestamp)
        if self._marker:
            buffer[start + len(template) - bursts[-1].last + 1] |= self._marker
        self._history.append(frame)
        self._last = frame
        self.frames_sent += 1
        if frame.keyframe:
            self.key_frames_sent += 1
        self.bytes_sent += frame.size
        return self._protect(srtp, scratch, start, bursts)

    @property
    def packets_sent(self) -> int:
        """RTP packets sent.

        Retransmissions are among them, as W3C counts, and so is what SRTP refused.
        """
        return self._headers.next_sequence - self._first_sequence + self.retransmitted_packets_sent

    @property
    def header_bytes_sent(self) -> int:
        """The headers' bytes of all packets sent."""
        return self.packets_sent * self._headers.length

    def _protect(
        self, srtp: SrtpSender, scratch: Scratch, start: int, bursts: Iterable[Burst]
    ) -> list[Piece]:
        """Protect bursts that begin at *start*, and return what may be sent of them."""
        pieces: list[Piece] = []
        view = scratch.view
        for offset, stride, packets, last in bursts:
            offset += start
            failed = srtp.protect_burst(scratch, offset, stride, packets, last)
            burst = view[offset : offset + stride * (packets - 1) + last]
            if failed:
                self.protect_failures += len(failed)
                pieces += _around(burst, stride, packets, failed)
            else:
                pieces.append((burst, stride if packets > 1 else None))
        return pieces

    def handle_nack(
        self, sequence_numbers: Sequence[int], srtp: SrtpSender, scratch: Scratch, now: float
    ) -> list[Piece]:
        """Retransmit what a NACK asks for, within budget and cooldown.

        Args:
          sequence_numbers: 16-bit numbers of this stream; any may be unknown.
          srtp: protects the retransmissions.
          scratch: as in :meth:`write_frame`.
          now: seconds.

        Returns:
          As :meth:`write_frame` does; nothing without RTX.
        """
        self.nack_count += 1
        lost = self._choose(sequence_numbers, now) if self._rtx else []
        return self._retransmit(self._rtx, lost, srtp, scratch) if self._rtx and lost else []

    def _choose(self, sequence_numbers: Sequence[int], now: float) -> list[_Lost]:
        """Return what is remembered, affordable and not just retransmitted; and book it."""
        history, retransmissions = self._history, self._retransmissions
        history.forget(now)
        newest = self._headers.next_sequence - 1
        first = newest + 1 - history.packets
        retransmissions.earn(self.bytes_sent - self.retransmitted_bytes_sent)
        retransmissions.forget(first)
        cooldown = max(RTX_COOLDOWN, (self.round_trip_time or 0.0) / 2)
        chosen: list[_Lost] = []
        for number in islice(sequence_numbers, MAX_NACKED):
            sequence = newest + distance16(number, newest & 0xFFFF)
            if not first <= sequence <= newest or retransmissions.is_cooling(sequence, cooldown, now):
                continue
            lost = _Lost(sequence, *history.find(newest - sequence))
            if not retransmissions.allows(len(lost.payload)):
                break
            retransmissions.note(sequence, len(lost.payload), now)
            chosen.append(lost)
        return chosen

    def _retransmit(
        self, rtx: _Headers, lost: list[_Lost], srtp: SrtpSender, scratch: Scratch
    ) -> list[Piece]:
        gap, tag = bytes(rtx.length), bytes(srtp.tag_length)
        # RFC 4588 §4: the original sequence number leads the payload.
        packets = [gap + struct.pack("!H", it.sequence & 0xFFFF) + it.payload + tag for it in lost]
        scratch, start = _lay(b"".join(packets), scratch)
        offset = start
        for it, packet in zip(lost, packets, strict=True):
            timestamp = it.frame.timestamp + self._timestamp_offset & 0xFFFFFFFF
            rtx.write(scratch.buffer, offset, 0, 1, timestamp)
            scratch.buffer[offset + 1] |= self._marker if it.is_last else 0
            offset += len(packet)
        size = sum(len(it.payload) for it in lost)
        self.bytes_sent += size
        self.retransmitted_packets_sent += len(lost)
        self.retransmitted_bytes_sent += size
        return self._protect(srtp, scratch, start, find_bursts([len(packet) for packet in packets]))

    def sender_report(self, now: float, reports: Sequence[ReportBlock] = ()) -> SenderReport | None:
        """Return the sender report for *now*, or None before the first frame.

        It places the stream's timeline in wall-clock time (RFC 3550 §6.4.1), by the capture
        time of the latest frame: streams whose frames share a clock play in sync.
        """
        if self._last is None:
            return None
        elapsed = round((now - self._last.time) * self.clock_rate)
        return SenderReport(
            self.ssrc,
            self._anchor.ntp(now),
            self._last.timestamp + self._timestamp_offset + elapsed & 0xFFFFFFFF,
            self.packets_sent - self.retransmitted_packets_sent & 0xFFFFFFFF,
            self.bytes_sent - self.retransmitted_bytes_sent & 0xFFFFFFFF,
            tuple(reports),
        )

    @property
    def source_description(self) -> SourceDescription:
        """The SDES packet that goes with every report."""
        return SourceDescription.of_cname(self.ssrc, self.cname)

    def handle_report_block(self, block: ReportBlock, now: float) -> None:
        """Take in what the viewer says of this stream; a block on another one is ignored."""
        if block.ssrc != self.ssrc:
            return
        self.reported_at = now
        self.remote_packets_lost = block.packets_lost
        self.remote_fraction_lost = block.fraction_lost / 256
        self.remote_jitter = block.jitter / self.clock_rate
        if block.last_sr == 0:
            return
        # RFC 3550 §6.4.1: A - LSR - DLSR, in units of 1/65536 s.
        left = block.last_sr + block.delay_since_last_sr & 0xFFFFFFFF
        rtt = compact_to_seconds(max(0, distance32(compact_ntp(self._anchor.ntp(now)), left)))
        if rtt <= MAX_ROUND_TRIP:
            self.round_trip_time = rtt
            self.total_round_trip_time += rtt
            self.round_trip_time_measurements += 1


def _first_sequence(entropy: Entropy) -> int:
    return random_uint(entropy, 16) & _FIRST_SEQUENCE_MASK


def _describe_source(*elements: tuple[int | None, str | None]) -> bytes:
    """Return the extension block of these names, as far as they were negotiated; the last goes first."""
    kept: list[tuple[int, bytes]] = []
    block = b""
    for id, name in reversed(elements):
        value = (name or "").encode()
        if id is None or not 0 < len(value) <= MAX_EXTENSION_LENGTH:
            continue
        wider = serialize_extensions([(id, value), *kept])
        if len(wider) <= MAX_EXTENSION_LENGTH:
            kept.insert(0, (id, value))
            block = wider
    return block


def _lay(packets: bytes, scratch: Scratch) -> tuple[Scratch, int]:
    """Copy *packets* into a scratch; return which one, and where."""
    scratch = scratch.with_room(len(packets))
    start = scratch.used
    scratch.used = end = start + len(packets)
    scratch.view[start:end] = packets
    return scratch, start


def _around(burst: memoryview, stride: int, packets: int, failed: Sequence[int]) -> list[Piece]:
    """Return the parts of a burst between failed packets: their slots may be plain text."""
    pieces: list[Piece] = []
    first = 0
    for index in (*failed, packets):
        if index > first:
            pieces.append((burst[first * stride : index * stride], stride if index - first > 1 else None))
        first = index + 1
    return pieces
