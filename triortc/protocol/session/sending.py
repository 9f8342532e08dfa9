"""The sending half of a session's media: its streams, and what the remote side says of them."""

from collections import deque
from collections.abc import Iterable, Sequence

from triortc.protocol.rtp.frame import EncodedFrame
from triortc.protocol.rtp.rtcp_feedback import FullIntraRequest
from triortc.protocol.rtp.rtcp_reports import ReportBlock
from triortc.protocol.rtp.send_stream import Piece, SendStream
from triortc.protocol.rtp.srtp import Scratch, SrtpSender
from triortc.protocol.wire.clock import ClockAnchor
from triortc.protocol.wire.entropy import Entropy

from .events import KeyframeRequested
from .transceiver import Transceiver


class Sending:
    """All streams that one session sends.

    Attributes:
      streams: by mid and rid.
      keyframe_requests: what the remote side has asked for.
      srtp: protects the packets; None before DTLS has finished.
      unknown_streams: feedback about a stream that is not sent.
    """

    def __init__(self, *, anchor: ClockAnchor, entropy: Entropy, cname: str, scratch: Scratch) -> None:
        self.streams: dict[tuple[str, str | None], SendStream] = {}
        self.keyframe_requests: deque[KeyframeRequested] = deque()
        self.srtp: SrtpSender | None = None
        self.unknown_streams: int = 0
        self._anchor = anchor
        self._entropy = entropy
        self._cname = cname
        self._scratch = scratch
        self._by_ssrc: dict[int, SendStream] = {}
        self._last_fir: dict[int, int] = {}

    def configure(self, transceivers: Sequence[Transceiver]) -> None:
        """Take over what was agreed on; the streams of sections that are gone are forgotten."""
        mids = {transceiver.mid for transceiver in transceivers if not transceiver.stopped}
        for key, stream in list(self.streams.items()):
            if key[0] not in mids:
                del self.streams[key], self._by_ssrc[stream.ssrc]
                self._last_fir.pop(stream.ssrc, None)
        for transceiver in transceivers:
            if transceiver.sends:
                self._configure_section(transceiver)

    def _configure_section(self, transceiver: Transceiver) -> None:
        if not transceiver.send_rids:
            self._configure_stream(transceiver, None, transceiver.ssrc, transceiver.rtx_ssrc)
        for rid, (ssrc, rtx_ssrc) in zip(transceiver.send_rids, transceiver.send_ssrcs, strict=True):
            self._configure_stream(transceiver, rid, ssrc, rtx_ssrc)

    def _configure_stream(self, transceiver: Transceiver, rid: str | None, ssrc: int, rtx_ssrc: int) -> None:
        assert transceiver.mid is not None
        codec = transceiver.codecs[0]
        rtx = codec.rtx_payload_type
        existing = self.streams.get((transceiver.mid, rid))
        if existing is not None:
            existing.change_codec(codec.payload_type, rtx)
            return
        stream = SendStream(
            kind="video" if transceiver.kind == "video" else "audio",
            ssrc=ssrc,
            rtx_ssrc=None if rtx is None else rtx_ssrc,
            payload_type=codec.payload_type,
            rtx_payload_type=rtx,
            clock_rate=codec.capability.clock_rate,
            mid=transceiver.mid,
            mid_extension_id=transceiver.mid_extension_id,
            cname=self._cname,
            anchor=self._anchor,
            entropy=self._entropy,
            rid=rid,
            rid_extension_ids=(transceiver.rid_extension_id, transceiver.repaired_rid_extension_id),
        )
        self.streams[transceiver.mid, rid] = stream
        self._by_ssrc[ssrc] = stream

    def write_frame(self, mid: str, rid: str | None, frame: EncodedFrame) -> list[Piece]:
        """Protect a frame's packets in the scratch; return the pieces to send."""
        stream = self.streams.get((mid, rid))
        if stream is None or self.srtp is None:
            return []
        return stream.write_frame(frame, self.srtp, self._scratch)

    def change_source(self, mid: str, rid: str | None) -> None:
        """Let a stream go on with frames of another source."""
        stream = self.streams.get((mid, rid))
        if stream is not None:
            stream.change_source()

    def take_report_blocks(self, blocks: Iterable[ReportBlock], now: float) -> None:
        """Take what the remote side says of the streams' reception."""
        for block in blocks:
            stream = self._by_ssrc.get(block.ssrc)
            if stream is not None:
                stream.handle_report_block(block, now)

    def retransmit(self, ssrc: int, sequence_numbers: tuple[int, ...], now: float) -> list[Piece]:
        """Return the packets that a NACK asks for."""
        stream = self._find(ssrc)
        if stream is None or self.srtp is None:
            return []
        return stream.handle_nack(sequence_numbers, self.srtp, self._scratch, now)

    def take_picture_loss(self, ssrc: int) -> None:
        """Take a PLI."""
        stream = self._find(ssrc)
        if stream is not None:
            stream.pli_count += 1
            self.keyframe_requests.append(KeyframeRequested(stream.mid, stream.rid))

    def take_full_intra_request(self, packet: FullIntraRequest) -> None:
        """Take a FIR; a repeated command number is the same command (RFC 5104 §4.3.1.2)."""
        for ssrc, number in packet.requests:
            stream = self._find(ssrc)
            if stream is not None and self._last_fir.get(ssrc) != number:
                self._last_fir[ssrc] = number
                stream.fir_count += 1
                self.keyframe_requests.append(KeyframeRequested(stream.mid, stream.rid))

    def _find(self, ssrc: int) -> SendStream | None:
        stream = self._by_ssrc.get(ssrc)
        if stream is None:
            self.unknown_streams += 1
        return stream
