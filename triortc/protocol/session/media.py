"""RTP and RTCP of one session: its streams, who a packet belongs to, and when to report."""

import enum
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from triortc.protocol.dtls.transport import SrtpKeys
from triortc.protocol.rtp.frame import EncodedFrame
from triortc.protocol.rtp.packet import RtpPacket, parse_rtp_untrusted
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
from triortc.protocol.wire.timers import Timers

from .events import KeyframeRequested
from .transceiver import Transceiver

REPORT_INTERVAL = 2.0
"""Seconds between reports, on average: lip sync wants them oftener than RFC 3550's five seconds."""

FIRST_REPORT_DELAY = 0.1
"""Seconds from the first frame to the first sender report, which lip sync waits for."""

MAX_RECEIVE_STREAMS = 64
MAX_REPORT_BLOCKS = 31


class MediaTimer(enum.Enum):
    """What a session's media does by the clock."""

    REPORT = "report"


@dataclass(slots=True)
class MediaCounters:
    """Packets that passed the gate and changed nothing, by cause.

    Attributes:
      before_keys: came before DTLS had finished.
      malformed: authenticated, but not RTP or RTCP.
      unrouted: authenticated RTP of an unknown payload type.
      unknown_streams: feedback about a stream this side does not send.
    """

    before_keys: int = 0
    malformed: int = 0
    unrouted: int = 0
    unknown_streams: int = 0


@dataclass(frozen=True, slots=True)
class _ReceivedType:
    """What a payload type stands for in a media section that this side receives."""

    mid: str
    clock_rate: int


class MediaTransport:
    """All RTP streams of one session, over one pair of SRTP contexts.

    Attributes:
      events: keyframe requests.
      outgoing: protected packets to send that no frame caused: reports, retransmissions.
      counters: what changed nothing.
      send_streams: by mid.
      receive_streams: by SSRC, the least recently heard first.
    """

    def __init__(self, *, anchor: ClockAnchor, entropy: Entropy, cname: str, scratch: Scratch) -> None:
        self.events: deque[KeyframeRequested] = deque()
        self.outgoing: deque[tuple[bytes | memoryview, int | None]] = deque()
        self.counters = MediaCounters()
        self.send_streams: dict[str, SendStream] = {}
        self.receive_streams: dict[int, ReceiveStream] = {}
        self.profile: SrtpProfile | None = None
        self._anchor = anchor
        self._entropy = entropy
        self._cname = cname
        self._scratch = scratch
        self._timers: Timers[MediaTimer] = Timers()
        self._sender: SrtpSender | None = None
        self.receiver: SrtpReceiver | None = None
        self._by_ssrc: dict[int, SendStream] = {}
        self._report_ssrc = 0
        self._received_types: dict[int, _ReceivedType] = {}
        self._last_fir: dict[int, int] = {}

    @property
    def started(self) -> bool:
        """Whether the SRTP keys are known."""
        return self._sender is not None

    def start(self, profile: SrtpProfile, keys: SrtpKeys, now: float) -> None:
        """Take the keys that DTLS has negotiated."""
        self.profile = profile
        self._sender = SrtpSender(keys.local, profile)
        self.receiver = SrtpReceiver(keys.remote, profile)
        self._timers.set(MediaTimer.REPORT, now + FIRST_REPORT_DELAY)

    def configure(self, transceivers: Iterable[Transceiver], now: float) -> None:
        """Take over what offer and answer agreed on."""
        for transceiver in transceivers:
            if not self._report_ssrc:
                self._report_ssrc = transceiver.ssrc
            if transceiver.sends:
                self._configure_sender(transceiver)
            if transceiver.receives:
                self._configure_receiver(transceiver)

    def _configure_sender(self, transceiver: Transceiver) -> None:
        assert transceiver.mid is not None
        codec = transceiver.codecs[0]
        rtx = codec.rtx_payload_type
        existing = self.send_streams.get(transceiver.mid)
        if existing is not None:
            existing.change_codec(codec.payload_type, rtx)
            return
        stream = SendStream(
            kind="video" if transceiver.kind == "video" else "audio",
            ssrc=transceiver.ssrc,
            rtx_ssrc=None if rtx is None else transceiver.rtx_ssrc,
            payload_type=codec.payload_type,
            rtx_payload_type=rtx,
            clock_rate=codec.capability.clock_rate,
            mid=transceiver.mid,
            mid_extension_id=transceiver.mid_extension_id,
            cname=self._cname,
            anchor=self._anchor,
            entropy=self._entropy,
        )
        self.send_streams[transceiver.mid] = stream
        self._by_ssrc[stream.ssrc] = stream

    def _configure_receiver(self, transceiver: Transceiver) -> None:
        assert transceiver.mid is not None
        for codec in transceiver.codecs:
            self._received_types[codec.payload_type] = _ReceivedType(
                transceiver.mid, codec.capability.clock_rate
            )

    # Sending

    def write_frame(self, mid: str, frame: EncodedFrame) -> list[Piece]:
        """Protect a frame's packets in the scratch; return the pieces to send."""
        stream = self.send_streams.get(mid)
        if stream is None or self._sender is None:
            return []
        return stream.write_frame(frame, self._sender, self._scratch)

    def _send_rtcp(self, packets: Sequence[RtcpPacket]) -> None:
        if self._sender is not None:
            self.outgoing.append((self._sender.protect_rtcp(serialize_compound(packets)), None))

    def next_deadline(self) -> float | None:
        """Return when :meth:`handle_timeout` wants to be called, or None."""
        return self._timers.next_deadline()

    def handle_timeout(self, now: float) -> None:
        """Report, if it is time."""
        for _ in self._timers.expired(now):
            self._report(now)
            # Spread, so that a thousand viewers' reports do not fall into step (RFC 3550 §6.3.1).
            self._timers.set(
                MediaTimer.REPORT, now + REPORT_INTERVAL * (0.5 + random_fraction(self._entropy))
            )

    def _report(self, now: float) -> None:
        blocks = self._report_blocks(now)
        for stream in self.send_streams.values():
            report = stream.sender_report(now, blocks)
            if report is not None:
                self._send_rtcp([report, stream.source_description])
                blocks = ()
        if blocks:
            self._send_rtcp(
                [
                    ReceiverReport(self._report_ssrc, blocks),
                    SourceDescription.of_cname(self._report_ssrc, self._cname),
                ]
            )

    def _report_blocks(self, now: float) -> tuple[ReportBlock, ...]:
        streams = list(self.receive_streams.values())[-MAX_REPORT_BLOCKS:]
        return tuple(stream.report_block(now) for stream in streams)

    def close(self, now: float) -> None:
        """Say goodbye for every stream that was sent (RFC 3550 §6.6)."""
        for stream in self.send_streams.values():
            if stream.packets_sent:
                self._send_rtcp(
                    [ReceiverReport(stream.ssrc), stream.source_description, Goodbye((stream.ssrc,))]
                )
        self._timers.clear()

    # Receiving

    def receive(self, data: bytes, is_rtcp: bool, now: float) -> bool:
        """Take an SRTP or SRTCP packet.

        Returns:
          whether it was authentic.
        """
        if self.receiver is None:
            self.counters.before_keys += 1
            return False
        plain = self.receiver.unprotect_rtcp(data) if is_rtcp else self.receiver.unprotect(data)
        if plain is None:
            return False
        try:
            if is_rtcp:
                self._receive_rtcp_untrusted(plain, now)
            else:
                self._receive_rtp_untrusted(plain, len(data), now)
        except Malformed:
            self.counters.malformed += 1
        return True

    def _receive_rtp_untrusted(self, plain: bytes, size: int, now: float) -> None:
        packet = parse_rtp_untrusted(plain)
        stream = self.receive_streams.get(packet.ssrc)
        if stream is None:
            stream = self._open_receive_stream(packet)
            if stream is None:
                self.counters.unrouted += 1
                return
        stream.update(packet.sequence, packet.timestamp, size, now)

    def _open_receive_stream(self, packet: RtpPacket) -> ReceiveStream | None:
        received = self._received_types.get(packet.payload_type)
        if received is None:
            return None
        if len(self.receive_streams) >= MAX_RECEIVE_STREAMS:
            self.receive_streams.pop(next(iter(self.receive_streams)))
        stream = ReceiveStream(packet.ssrc, received.clock_rate)
        self.receive_streams[packet.ssrc] = stream
        return stream

    def _receive_rtcp_untrusted(self, plain: bytes, now: float) -> None:
        for packet in parse_compound_untrusted(plain):
            match packet:
                case SenderReport() | ReceiverReport():
                    self._take_report(packet, now)
                case GenericNack():
                    self._take_nack(packet, now)
                case PictureLossIndication(media_ssrc=ssrc):
                    self._take_picture_loss(ssrc)
                case FullIntraRequest():
                    self._take_full_intra_request(packet)
                case Goodbye(ssrcs=ssrcs):
                    for ssrc in ssrcs:
                        self.receive_streams.pop(ssrc, None)

    def _take_report(self, report: SenderReport | ReceiverReport, now: float) -> None:
        if isinstance(report, SenderReport) and report.ssrc in self.receive_streams:
            self.receive_streams[report.ssrc].note_sender_report(report.ntp_time, now)
        for block in report.reports:
            stream = self._by_ssrc.get(block.ssrc)
            if stream is not None:
                stream.handle_report_block(block, now)

    def _take_nack(self, nack: GenericNack, now: float) -> None:
        stream = self._by_ssrc.get(nack.media_ssrc)
        if stream is None or self._sender is None:
            self.counters.unknown_streams += 1
            return
        self.outgoing.extend(stream.handle_nack(nack.sequence_numbers, self._sender, self._scratch, now))

    def _take_picture_loss(self, ssrc: int) -> None:
        stream = self._by_ssrc.get(ssrc)
        if stream is None:
            self.counters.unknown_streams += 1
            return
        stream.pli_count += 1
        self.events.append(KeyframeRequested(stream.mid))

    def _take_full_intra_request(self, packet: FullIntraRequest) -> None:
        for ssrc, number in packet.requests:
            stream = self._by_ssrc.get(ssrc)
            if stream is None:
                self.counters.unknown_streams += 1
            elif self._last_fir.get(ssrc) != number:
                # A repeated command number is the same command (RFC 5104 §4.3.1.2).
                self._last_fir[ssrc] = number
                stream.fir_count += 1
                self.events.append(KeyframeRequested(stream.mid))
