"""One incoming RTP stream: what arrives, as RFC 3550 counts it."""

from triortc.protocol.wire.clock import compact_ntp
from triortc.protocol.wire.serial import add16, distance32

from .rtcp_reports import ReportBlock

MAX_DROPOUT = 3000
"""A larger step forward is no loss but a restart, if the next packet confirms it."""

MAX_MISORDER = 100
"""How far back a late packet may be, before it looks like a restart."""

_MAX_JITTER = 0xFFFFFFFF


class ReceiveStream:
    """Reception statistics of one SSRC (RFC 3550 §6.4, appendices A.1, A.3 and A.8).

    Its packets are authenticated, so that the first one is believed: A.1's probation is not
    needed.

    Args:
      ssrc: the stream's source.
      clock_rate: RTP ticks per second.

    Attributes:
      packets_received: late ones and duplicates are among them.
      bytes_received: as told to :meth:`update`.
      highest_sequence: extended by the number of wraps; None before the first packet.
      last_packet_time: seconds; None before the first packet.
    """

    def __init__(self, ssrc: int, clock_rate: int) -> None:
        self.ssrc = ssrc
        self.clock_rate = clock_rate
        self.packets_received = 0
        self.bytes_received = 0
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
        self._last_sr: tuple[int, float] | None = None

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

    def update(self, sequence: int, timestamp: int, size: int, now: float) -> None:
        """Count one authenticated packet.

        Args:
          sequence: 16-bit sequence number.
          timestamp: 32-bit RTP timestamp.
          size: bytes to count.
          now: when it arrived, seconds.
        """
        self.packets_received += 1
        self.bytes_received += size
        if self._advance(sequence):
            self._received += 1
        if self.last_packet_time is not None:
            self._update_jitter(distance32(timestamp, self._last_timestamp), now - self.last_packet_time)
        self._last_timestamp = timestamp
        self.last_packet_time = now

    def _advance(self, sequence: int) -> bool:
        """Move on to *sequence*; False when it is too far off to count."""
        highest = self.highest_sequence
        if highest is None or sequence == self._restart:
            self._begin(sequence)
            return True
        step = sequence - highest & 0xFFFF
        if step < MAX_DROPOUT:
            self.highest_sequence = highest + step
        elif step <= 0x10000 - MAX_MISORDER:
            self._restart = add16(sequence, 1)
            return False
        self._restart = None
        return True

    def _begin(self, sequence: int) -> None:
        """Count from *sequence* on; what was lost before stays lost."""
        self._lost_before = self.packets_lost
        self.highest_sequence = self._base_sequence = sequence
        self._received = self._expected_before = self._received_before = 0
        self._restart = None
        self.last_packet_time = None  # the timestamps begin anew as well

    def _update_jitter(self, ticks: int, seconds: float) -> None:
        difference = abs(seconds * self.clock_rate - ticks)
        self._jitter += (difference - self._jitter) / 16

    def note_sender_report(self, ntp_time: int, now: float) -> None:
        """Remember when the sender's report came: from this it measures its round trip.

        Args:
          ntp_time: the report's own 64-bit timestamp.
          now: when it arrived, seconds.
        """
        self._last_sr = (compact_ntp(ntp_time), now)

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
