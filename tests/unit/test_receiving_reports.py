"""What a receiver says by RTCP: reports on all streams, and feedback in compound packets."""

from dataclasses import replace

from rtp_receiving import AUDIO, OPUS, SSRC, VIDEO, Bench, frame, packet
from rtp_streams import GCM, FixedEntropy

from triortc.protocol.dtls.transport import SrtpKeys
from triortc.protocol.rtp.incoming import Wanted
from triortc.protocol.rtp.rtcp_feedback import (
    FullIntraRequest,
    GenericNack,
    PictureLossIndication,
    RtcpPacket,
    parse_compound_untrusted,
)
from triortc.protocol.rtp.rtcp_reports import ReceiverReport, SourceDescription
from triortc.protocol.rtp.srtp import Scratch, SrtpReceiver
from triortc.protocol.session.media import MediaTransport
from triortc.protocol.wire.clock import ClockAnchor

KEY = bytes(28)


class Transport:
    """A media transport, and the remote side that decrypts what it reports."""

    def __init__(self) -> None:
        self.media = MediaTransport(
            anchor=ClockAnchor(0.0, 0.0), entropy=FixedEntropy(), cname="me", scratch=Scratch()
        )
        self.media.start(GCM, SrtpKeys(KEY, KEY), 0.0)
        self.media.receiving.configure([VIDEO, AUDIO])
        self._remote = SrtpReceiver(KEY, GCM)

    def take(self, *packets: bytes, now: float = 0.0) -> None:
        self.media.receiving.receive_untrusted(packets, now)

    def said(self) -> list[list[RtcpPacket]]:
        """Return each compound packet that was sent since the last call."""
        plain = [self._remote.unprotect_rtcp(bytes(data)) for data, _ in self.media.outgoing]
        self.media.outgoing.clear()
        return [parse_compound_untrusted(it) for it in plain if it is not None]


def test_all_streams_are_reported_on_in_as_many_packets_as_it_takes() -> None:
    transport = Transport()
    for ssrc in range(40):
        transport.take(packet(1, b"x", ssrc=1000 + ssrc, payload_type=OPUS))
    transport.media.handle_timeout(1.0)
    reports = [compound[0] for compound in transport.said()]
    assert [len(report.reports) for report in reports if isinstance(report, ReceiverReport)] == [31, 9]
    assert {block.ssrc for report in reports for block in report.reports} == set(range(1000, 1040))


def test_feedback_comes_in_a_compound_packet_that_begins_with_a_report_and_a_name() -> None:
    transport = Transport()
    transport.media.set_wanted("v", None, Wanted.FRAMES, 0.0)
    transport.take(*frame(0, key=True), frame(1)[1], *frame(2))
    transport.media.handle_timeout(0.01)
    (compound,) = transport.said()
    assert [type(it) for it in compound] == [ReceiverReport, SourceDescription, GenericNack]


def test_a_request_for_a_keyframe_leaves_at_once() -> None:
    transport = Transport()
    transport.take(*frame(0))
    transport.media.set_wanted("v", None, Wanted.FRAMES, 0.0)
    (compound,) = transport.said()
    assert compound[-1] == PictureLossIndication(7, SSRC)
    transport.media.request_keyframe("v", None, 0.1)
    transport.media.request_keyframe("nowhere", None, 0.1)
    transport.media.request_keyframe("a", None, 0.1)
    assert transport.said() == []


def test_without_pli_a_full_intra_request_is_made_with_a_new_number_each_time() -> None:
    bench = Bench(replace(VIDEO, pli=False)).take(frame(0)).pass_time(2.0)
    assert bench.feedback[:2] == [FullIntraRequest(7, ((SSRC, 1),)), FullIntraRequest(7, ((SSRC, 2),))]
    assert bench.stream().fir_count == len(bench.feedback)


def test_where_nothing_was_agreed_nothing_is_asked_for() -> None:
    bench = Bench(replace(VIDEO, pli=False, fir=False, nack=False)).take(frame(0, key=True))
    bench.take(frame(1)[1], frame(2)).pass_time(0.2)
    assert bench.feedback == []
    bench.take(frame(3, key=True))
    assert bench.timestamps == [0, 9000]


def test_malformed_packets_are_counted() -> None:
    transport = Transport()
    transport.take(b"", b"\x80", b"\x00" * 40, b"\xb0\x60" + bytes(10))
    assert transport.media.counters.malformed == 4
