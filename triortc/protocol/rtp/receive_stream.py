"""One incoming RTP stream: what arrives, as RFC 3550 and W3C webrtc-stats count it."""

from triortc.protocol.wire.clock import compact_ntp
from triortc.protocol.wire.serial import add16, distance16, distance32

from .rtcp_reports import ReportBlock, SenderReport

MAX_DROPOUT = 3000
"""A larger step forward is no loss but a restart, if the next packet confirms it."""

MAX_MISORDER = 1000
"""How far back a late packet may be, before it looks like a restart."""

_MAX_JITTER = 0xFFFFFFFF


class ReceiveStream:
    """One SSRC: its reception statistics (RFC 3550 §6.4, appendices A.1, A.3 and A.8) and its clock.

    Its packets are authenticated, so that the first one is believed: A.1's probation is not
    needed. A retransmission under an SSRC of its own does not undo a loss: reports tell of the
    network, not of how it was mended.

    Args:
      ssrc: the stream's source.
      clock_rate: RTP ticks per second.
      mid: the media section it belongs to.
      rid: its simulcast layer, or None.
      kind: ``"audio"`` or ``"video"``.

    Attributes:
      payload_type: of its latest packet; None before the first.
      extension: the header extensions of the packet by which it was routed.
      packets_received: late ones, duplicates and retransmissions are among them.
      bytes_received: their payloads' bytes.
      header_bytes_received: the bytes of their headers and padding.
      packets_discarded: came too late, or had no place in the jitter buffer (W3C
        ``packetsDiscarded``).
      retransmitted_packets_received, retransmitted_bytes_received: those that came by RTX.
      rtx_ssrc: the SSRC they come under, or None.
      highest_sequence: extended by the number of wraps; None before the first packet.
      last_packet_time: seconds; None before the first packet.
      sender_report: the latest of its sender's, and when it came, seconds; or None.
      sender_reports: how many there were.
      nack_count, pli_count, fir_count: packets sent to ask for something.
      frames_received: whole ones (W3C ``framesReceived``).
      key_frames_received: how many of them were keyframes.
      frames_dropped: broken ones, and those that came while a keyframe was awaited.
      jitter_buffer_delay: seconds from a frame's first packet to its leaving the buffer, summed
        over frames; likewise the target and the minimum delay (W3C ``jitterBufferDelay`` …).
      jitter_buffer_emitted_count: how many frames these sums are over.
    """

    __slots__ = (
        "_base_sequence",
        "_expected_before",
        "_jitter",
        "_last_sr",
        "_last_timestamp",
        "_lost_before",
        "_ntp",
        "_received",
        "_received_before",
        "_restart",
        "_timestamp_time",
        "bytes_received",
        "clock_rate",
        "extension",
        "fir_count",
        "frames_dropped",
        "frames_received",
        "header_bytes_received",
        "highest_sequence",
        "jitter_buffer_delay",
        "jitter_buffer_emitted_count",
        "jitter_buffer_minimum_delay",
        "jitter_buffer_target_delay",
        "key_frames_received",
        "kind",
        "last_packet_time",
        "mid",
        "nack_count",
        "packets_discarded",
        "packets_received",
        "payload_type",
        "pli_count",
        "retransmitted_bytes_received",
        "retransmitted_packets_received",
        "rid",
        "rtx_ssrc",
        "sender_report",
        "sender_reports",
        "ssrc",
    )

    def __init__(
        self, ssrc: int, clock_rate: int, *, mid: str = "", rid: str | None = None, kind: str = "video"
    ) -> None:
        self.ssrc: int = ssrc
        self.clock_rate: int = clock_rate
        self.mid: str = mid
        self.rid: str | None = rid
        self.kind: str = kind
        self.payload_type: int | None = None
        self.extension: bytes = b""
        self.rtx_ssrc: int | None = None
        self.sender_report: tuple[SenderReport, float] | None = None
        self.sender_reports: int = 0
        self.highest_sequence: int | None = None
        self.last_packet_time: float | None = None
        self._base_sequence = 0
        self._lost_before = 0
        self._received = 0
        self._restart: int | None = None
        self._expected_before = 0
        self._received_before = 0
        self._jitter = 0.0
        self._last_timestamp = 0
        self._timestamp_time: float | None = None
        self._last_sr: tuple[int, float] | None = None
        self._ntp: tuple[float, int] | None = None
        self._reset_statistics()

    def _reset_statistics(self) -> None:
        self.packets_received: int = 0
        self.bytes_received: int = 0
        self.header_bytes_received: int = 0
        self.packets_discarded: int = 0
        self.retransmitted_packets_received: int = 0
        self.retransmitted_bytes_received: int = 0
        self.nack_count: int = 0
        self.pli_count: int = 0
        self.fir_count: int = 0
        self.frames_received: int = 0
        self.key_frames_received: int = 0
        self.frames_dropped: int = 0
        self.jitter_buffer_delay: float = 0.0
        self.jitter_buffer_target_delay: float = 0.0
        self.jitter_buffer_minimum_delay: float = 0.0
        self.jitter_buffer_emitted_count: int = 0

    @property
    def jitter(self) -> float:
        """Interarrival jitter, seconds."""
        return self._jitter / self.clock_rate

    @property
    def packets_lost(self) -> int:
        """Packets expected less those received; duplicates can make it negative."""
        return self._lost_before + self._expected - self._received

    @property
    def _expected(self) -> int:
        return 0 if self.highest_sequence is None else self.highest_sequence - self._base_sequence + 1

    def continues(self, sequence: int) -> bool:
        """Whether *sequence*, of 16 bits, is the next one."""
        return self.highest_sequence is not None and self.highest_sequence + 1 & 0xFFFF == sequence

    def update(
        self, sequence: int, timestamp: int, size: int, now: float, header_size: int = 0, packets: int = 1
    ) -> int | None:
        """Count an authenticated packet, or several in a row which continue the stream.

        Args:
          sequence: 16-bit sequence number of the first.
          timestamp: 32-bit RTP timestamp.
          size: bytes of their payloads.
          now: when they arrived, seconds.
          header_size: bytes of their headers and padding.
          packets: how many they are.

        Returns:
          the sequence number, unwrapped, which only ever grows; None when it is too far off
          to be believed.
        """
        self.packets_received += packets
        self.bytes_received += size
        self.header_bytes_received += header_size
        self.last_packet_time = now
        if timestamp != self._last_timestamp:  # the packets of one frame were captured at once
            self._update_jitter(timestamp, now)
        highest = self.highest_sequence
        if highest is not None and highest + 1 & 0xFFFF == sequence:
            self.highest_sequence = highest + packets
            self._received += packets
            return highest + 1
        return self._advance(sequence)

    def _advance(self, sequence: int) -> int | None:
        """Take a packet that is not the next one."""
        highest = self.highest_sequence
        if highest is None:
            self.highest_sequence = self._base_sequence = sequence
            self._received = 1
            return sequence
        step = sequence - highest & 0xFFFF
        if sequence == self._restart:
            return self._begin(highest + step)
        if MAX_DROPOUT <= step <= 0x10000 - MAX_MISORDER:
            self._restart = add16(sequence, 1)
            return None
        self._restart = None
        self._received += 1
        if step < MAX_DROPOUT:
            self.highest_sequence = highest + step
            return highest + step
        late = highest + step - 0x10000
        if late < self._base_sequence and not self._expected_before:
            self._base_sequence = late  # the first packet to come was not the first one sent
        return late

    def _begin(self, sequence: int) -> int:
        """Count from *sequence* on; what was lost before stays lost."""
        self._lost_before = self.packets_lost
        self.highest_sequence = self._base_sequence = sequence
        self._received = 1
        self._expected_before = self._received_before = 0
        self._restart = self._timestamp_time = None  # the timestamps begin anew as well
        return sequence

    def _update_jitter(self, timestamp: int, now: float) -> None:
        if self._timestamp_time is not None:
            ticks = distance32(timestamp, self._last_timestamp)
            difference = abs((now - self._timestamp_time) * self.clock_rate - ticks)
            self._jitter += (difference - self._jitter) / 16
        self._last_timestamp = timestamp
        self._timestamp_time = now

    def count_retransmission(self, size: int, now: float, header_size: int = 0) -> None:
        """Count a packet that came by RTX."""
        self.packets_received += 1
        self.bytes_received += size
        self.header_bytes_received += header_size
        self.retransmitted_packets_received += 1
        self.retransmitted_bytes_received += size
        self.last_packet_time = now

    def count_emitted(self, held: float, target: float) -> None:
        """Count a frame that left the jitter buffer after *held* seconds."""
        self.jitter_buffer_delay += held
        self.jitter_buffer_target_delay += target
        self.jitter_buffer_minimum_delay += target
        self.jitter_buffer_emitted_count += 1

    def extend(self, sequence: int) -> int | None:
        """Return a 16-bit sequence number unwrapped, as near to the highest as it can be."""
        highest = self.highest_sequence
        return None if highest is None else highest + distance16(sequence, highest & 0xFFFF)

    def note_sender_report(self, ntp_time: int, now: float, rtp_timestamp: int | None = None) -> None:
        """Remember when the sender's report came: from this it measures its round trip.

        Args:
          ntp_time: the report's own 64-bit timestamp.
          now: when it arrived, seconds.
          rtp_timestamp: the same instant on the stream's own timeline.
        """
        self._last_sr = (compact_ntp(ntp_time), now)
        if rtp_timestamp is not None and ntp_time:
            self._ntp = (ntp_time / (1 << 32), rtp_timestamp)

    def take_sender_report(self, report: SenderReport, now: float) -> None:
        """Remember what the sender says of the stream, and its place in wall-clock time."""
        self.note_sender_report(report.ntp_time, now, report.rtp_timestamp)
        self.sender_report = (report, now)
        self.sender_reports += 1

    def ntp_time(self, timestamp: int) -> float | None:
        """Return the sender's wall clock at a 32-bit *timestamp*, NTP seconds, if it was told."""
        if self._ntp is None:
            return None
        seconds, reported = self._ntp
        return seconds + distance32(timestamp, reported) / self.clock_rate

    def report_block(self, now: float) -> ReportBlock:
        """Return the report on the time since the last one; each call begins a new interval."""
        expected, received = self._expected - self._expected_before, self._received - self._received_before
        self._expected_before, self._received_before = self._expected, self._received
        lost = expected - received
        last_sr, delay = 0, 0
        if self._last_sr is not None:
            last_sr = self._last_sr[0]
            delay = min(round((now - self._last_sr[1]) * 65536), 0xFFFFFFFF)
        return ReportBlock(
            self.ssrc,
            min(255, lost * 256 // expected) if expected > 0 and lost > 0 else 0,
            max(-0x800000, min(self.packets_lost, 0x7FFFFF)),
            (self.highest_sequence or 0) & 0xFFFFFFFF,
            min(int(self._jitter), _MAX_JITTER),
            last_sr,
            delay,
        )
