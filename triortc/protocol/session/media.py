"""RTP and RTCP of one session: its two halves, its keys, and when to report."""

import enum
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf

from triortc.protocol.dtls.transport import SrtpKeys
from triortc.protocol.rtp.frame import EncodedFrame
from triortc.protocol.rtp.receive_stream import ReceiveStream
from triortc.protocol.rtp.rtcp_feedback import (
    FullIntraRequest,
    GenericNack,
    PictureLossIndication,
    RtcpPacket,
    parse_compound_untrusted,
    serialize_compound,
)
from triortc.protocol.rtp.rtcp_reports import (
    MAX_REPORTS,
    Goodbye,
    ReceiverReport,
    ReportBlock,
    SenderReport,
    SourceDescription,
)
from triortc.protocol.rtp.send_stream import Piece, SendStream
from triortc.protocol.rtp.srtp import Scratch, SrtpReceiver, SrtpSender
from triortc.protocol.wire.clock import ClockAnchor
from triortc.protocol.wire.entropy import Entropy, random_fraction
from triortc.protocol.wire.errors import Malformed
from triortc.protocol.wire.srtp_profile import SrtpProfile
from triortc.protocol.wire.timers import Timers, earliest

from .events import KeyframeRequested
from .receiving import FrameReceived, PacketsReceived, Receiving, Wanted, describe_section
from .sending import Sending
from .transceiver import Transceiver

REPORT_INTERVAL = 2.0
"""Seconds between reports, on average: lip sync wants them oftener than RFC 3550's five seconds."""

FIRST_REPORT_DELAY = 0.1
"""Seconds from the first frame to the first sender report, which lip sync waits for."""


class MediaTimer(enum.Enum):
    """What a session's media does by the clock."""

    REPORT = "report"


@dataclass(slots=True)
class MediaCounters:
    """Packets that passed the gate and changed nothing, by cause.

    Attributes:
      before_keys: came before DTLS had finished.
      malformed: authenticated, but not RTP or RTCP.
      unrouted: authenticated RTP that belongs to no media section.
      unknown_streams: feedback about a stream this side does not send.
    """

    before_keys: int = 0
    malformed: int = 0
    unrouted: int = 0
    unknown_streams: int = 0


class MediaTransport:
    """All RTP streams of one session, over one pair of SRTP contexts.

    Attributes:
      events: keyframe requests, and what has been received.
      outgoing: protected packets to send that no frame caused: reports, retransmissions.
      sending, receiving: its two halves.
      receiver: authenticates what comes; None before DTLS has finished.
    """

    def __init__(self, *, anchor: ClockAnchor, entropy: Entropy, cname: str, scratch: Scratch) -> None:
        self.events: deque[KeyframeRequested | FrameReceived | PacketsReceived] = deque()
        self.outgoing: deque[tuple[bytes | memoryview, int | None]] = deque()
        self.sending: Sending = Sending(anchor=anchor, entropy=entropy, cname=cname, scratch=scratch)
        self.receiving: Receiving = Receiving()
        self.receiver: SrtpReceiver | None = None
        self.profile: SrtpProfile | None = None
        self._entropy = entropy
        self._cname = cname
        self._timers: Timers[MediaTimer] = Timers()
        self._report_ssrc = 0
        self._before_keys = 0
        self._malformed = 0

    @property
    def counters(self) -> MediaCounters:
        """What changed nothing."""
        return MediaCounters(
            self._before_keys,
            self._malformed + self.receiving.malformed,
            self.receiving.unrouted,
            self.sending.unknown_streams,
        )

    @property
    def send_streams(self) -> dict[tuple[str, str | None], SendStream]:
        """What is sent, by mid and rid."""
        return self.sending.streams

    @property
    def receive_streams(self) -> dict[int, ReceiveStream]:
        """What is received, by SSRC."""
        return self.receiving.streams

    @property
    def started(self) -> bool:
        """Whether the SRTP keys are known."""
        return self.sending.srtp is not None

    def start(self, profile: SrtpProfile, keys: SrtpKeys, now: float) -> None:
        """Take the keys that DTLS has negotiated."""
        self.profile = profile
        self.sending.srtp = SrtpSender(keys.local, profile)
        self.receiver = SrtpReceiver(keys.remote, profile)
        self._timers.set(MediaTimer.REPORT, now + FIRST_REPORT_DELAY)

    def configure(self, transceivers: Iterable[Transceiver]) -> None:
        """Take over what offer and answer agreed on."""
        transceivers = tuple(transceivers)
        for transceiver in transceivers:
            if not self._report_ssrc:
                self._report_ssrc = transceiver.ssrc
        self.sending.configure(transceivers)
        self.receiving.configure(describe_section(it) for it in transceivers if it.receives)

    # Sending

    def write_frame(self, mid: str, rid: str | None, frame: EncodedFrame) -> list[Piece]:
        """Protect a frame's packets in the scratch; return the pieces to send."""
        return self.sending.write_frame(mid, rid, frame)

    def change_source(self, mid: str, rid: str | None) -> None:
        """Let a stream go on with frames of another source."""
        self.sending.change_source(mid, rid)

    def _send_rtcp(self, packets: Sequence[RtcpPacket]) -> None:
        if self.sending.srtp is not None:
            self.outgoing.append((self.sending.srtp.protect_rtcp(serialize_compound(packets)), None))

    def _report(self, now: float) -> None:
        """Report on all that is sent and received, at most 31 streams in a packet."""
        blocks = self.receiving.report_blocks(now)
        for stream in self.sending.streams.values():
            report = stream.sender_report(now, blocks[:MAX_REPORTS])
            if report is not None:
                self._send_rtcp([report, stream.source_description])
                del blocks[:MAX_REPORTS]
        while blocks:
            self._send_receiver_report(blocks[:MAX_REPORTS])
            del blocks[:MAX_REPORTS]

    def _send_receiver_report(self, blocks: Sequence[ReportBlock], *feedback: RtcpPacket) -> None:
        """Send a compound packet, which begins with a report and a name (RFC 3550 §6.1)."""
        name = SourceDescription.of_cname(self._report_ssrc, self._cname)
        self._send_rtcp([ReceiverReport(self._report_ssrc, tuple(blocks)), name, *feedback])

    def close(self, now: float) -> None:
        """Say goodbye for every stream that was sent (RFC 3550 §6.6)."""
        for stream in self.sending.streams.values():
            if stream.packets_sent:
                self._send_rtcp(
                    [ReceiverReport(stream.ssrc), stream.source_description, Goodbye((stream.ssrc,))]
                )
        self._timers.clear()

    # Time

    def next_deadline(self) -> float | None:
        """Return when :meth:`handle_timeout` wants to be called, or None."""
        deadline = self.receiving.next_deadline()
        return earliest(self._timers.next_deadline(), None if deadline == inf else deadline)

    def handle_timeout(self, now: float) -> None:
        """Report, ask again for what is missing, let frames go: whatever it is time for."""
        for _ in self._timers.expired(now):
            self._report(now)
            # Spread, so that a thousand viewers' reports do not fall into step (RFC 3550 §6.3.1).
            self._timers.set(
                MediaTimer.REPORT, now + REPORT_INTERVAL * (0.5 + random_fraction(self._entropy))
            )
        self.receiving.handle_timeout(now)
        self._collect()

    def _collect(self) -> None:
        """Hand on what the halves have to say."""
        receiving = self.receiving
        if receiving.events:
            self.events.extend(receiving.events)
            receiving.events.clear()
        if receiving.feedback:
            self._send_receiver_report((), *receiving.feedback)
            receiving.feedback.clear()

    # Receiving

    def set_wanted(self, mid: str, rid: str | None, wanted: Wanted, now: float) -> None:
        """Say what of a track is read: of what is not read packets are counted, and no more."""
        self.receiving.set_wanted(mid, rid, wanted, now)
        self._collect()

    def request_keyframe(self, mid: str, rid: str | None, now: float) -> None:
        """Ask the remote side for a keyframe, at most twice a second."""
        self.receiving.request_keyframe(mid, rid, now)
        self._collect()

    def set_round_trip_time(self, seconds: float) -> None:
        """Tell how long a packet takes to the remote side and back."""
        self.receiving.set_round_trip_time(seconds)

    def receive_rtp(self, packets: Sequence[bytes], now: float) -> bool:
        """Take SRTP packets.

        Returns:
          whether any of them was authentic.
        """
        receiver = self.receiver
        if receiver is None:
            self._before_keys += len(packets)
            return False
        unprotect = receiver.unprotect
        authentic = [plain for data in packets if (plain := unprotect(data)) is not None]
        self.receiving.receive_untrusted(authentic, now)
        self._collect()
        return bool(authentic)

    def receive_rtcp(self, data: bytes, now: float) -> None:
        """Take an SRTCP packet."""
        if self.receiver is None:
            self._before_keys += 1
            return
        plain = self.receiver.unprotect_rtcp(data)
        if plain is not None:
            try:
                self._receive_rtcp_untrusted(plain, now)
            except Malformed:
                self._malformed += 1
            self._collect()

    def _receive_rtcp_untrusted(self, plain: bytes, now: float) -> None:
        for packet in parse_compound_untrusted(plain):
            match packet:
                case SenderReport(reports=blocks):
                    self.receiving.take_sender_report(packet, now)
                    self.sending.take_report_blocks(blocks, now)
                case ReceiverReport(reports=blocks):
                    self.sending.take_report_blocks(blocks, now)
                case GenericNack(media_ssrc=ssrc, sequence_numbers=numbers):
                    self.outgoing.extend(self.sending.retransmit(ssrc, numbers, now))
                case PictureLossIndication(media_ssrc=ssrc):
                    self.sending.take_picture_loss(ssrc)
                case FullIntraRequest():
                    self.sending.take_full_intra_request(packet)
                case Goodbye(ssrcs=ssrcs):
                    self.receiving.take_goodbye(ssrcs, now)
        self.events.extend(self.sending.keyframe_requests)
        self.sending.keyframe_requests.clear()
