import pytest
from rtp_streams import RTX_SSRC, SSRC, Line, frame_of

from triortc.protocol.rtp.packet import RtpPacket, unwrap_rtx_untrusted
from triortc.protocol.rtp.rtcp_reports import ReportBlock
from triortc.protocol.rtp.send_stream import HISTORY_PACKETS, RTX_BURST, RTX_SHARE


def original(packet: RtpPacket) -> RtpPacket:
    assert (packet.ssrc, packet.payload_type) == (RTX_SSRC, 97)
    return unwrap_rtx_untrusted(packet, payload_type=96, ssrc=SSRC)


def test_a_lost_packet_is_sent_again_in_the_rtx_stream() -> None:
    line = Line(mid_extension_id=2)
    sent = line.send(frame_of([1100, 1100, 30], timestamp=77))
    again = [line.read(datagram) for datagram in line.nack([1, 2])]
    assert [original(packet) for packet in again] == sent[1:]
    assert [packet.sequence for packet in again] == [0, 1]


def test_equal_retransmissions_leave_as_one_piece() -> None:
    line = Line()
    line.write(frame_of([1100] * 5))
    line.scratch.clear()
    pieces = line.stream.handle_nack([0, 2, 3], line.srtp, line.scratch, 0.0)
    assert [size for _, size in pieces] == [12 + 2 + 1100 + 16]


def test_packets_of_several_frames_are_found() -> None:
    line = Line()
    sent = [packet for count in range(5) for packet in line.send(frame_of([200, 100], timestamp=count))]
    again = [line.read(datagram) for datagram in line.nack([9, 0, 3, 4])]
    assert [original(packet) for packet in again] == [sent[9], sent[0], sent[3], sent[4]]


def test_numbers_across_the_wrap_are_found() -> None:
    line = Line()
    line.stream._headers.next_sequence = 65_534
    sent = line.send(frame_of([200] * 4))
    assert [original(line.read(datagram)) for datagram in line.nack([65_535, 0])] == sent[1:3]


@pytest.mark.parametrize("sequence", [3, 40_000, 65_535])
def test_a_number_never_sent_is_ignored(sequence: int) -> None:
    line = Line()
    line.write(frame_of([200] * 3))
    assert line.nack([sequence]) == []
    assert line.stream.nack_count == 1


def test_nothing_is_sent_again_before_the_first_frame() -> None:
    assert Line().nack([0, 1, 2]) == []


def test_without_rtx_a_nack_is_only_counted() -> None:
    line = Line(rtx=False)
    line.write(frame_of([200] * 3))
    assert line.nack([0]) == []
    assert (line.stream.nack_count, line.stream.packets_sent) == (1, 3)


def test_a_packet_is_not_sent_again_within_the_cooldown() -> None:
    line = Line()
    line.write(frame_of([200] * 3))
    assert len(line.nack([0], 0.0)) == 1
    assert line.nack([0], 0.024) == []
    assert len(line.nack([1], 0.024)) == 1
    assert len(line.nack([0], 0.026)) == 1


def test_the_cooldown_is_half_a_round_trip_when_that_is_longer() -> None:
    line = Line()
    line.stream.round_trip_time = 0.2
    line.write(frame_of([200] * 3))
    assert len(line.nack([0], 0.0)) == 1
    assert line.nack([0], 0.09) == []
    assert len(line.nack([0], 0.11)) == 1


def test_a_number_named_twice_is_sent_once() -> None:
    line = Line()
    line.write(frame_of([200] * 3))
    assert len(line.nack([1, 1, 1])) == 1


def test_a_packet_is_forgotten_after_a_second() -> None:
    line = Line()
    line.write(frame_of([200] * 3))
    assert len(line.nack([0], 1.0)) == 1
    assert line.nack([1], 1.01) == []


def test_only_so_many_packets_are_remembered() -> None:
    line = Line()
    for _ in range(HISTORY_PACKETS + 10):
        line.write(frame_of([20]))
    assert line.nack([9]) == []
    assert len(line.nack([10])) == 1


def test_a_greedy_viewer_gets_a_burst_and_then_a_quarter_of_what_is_sent() -> None:
    line = Line()
    sent = 0
    for count in range(600):
        now = count / 30
        line.write(frame_of([1000] * 8, time=now))
        sent += 8000
        line.nack([number & 0xFFFF for number in range(8 * count - 200, 8 * count + 8)], now)
    again = line.stream.retransmitted_bytes_sent
    assert RTX_SHARE * sent * 0.9 <= again <= RTX_SHARE * sent + RTX_BURST


def test_a_quiet_stream_can_still_mend_a_keyframe() -> None:
    line = Line()
    line.write(frame_of([1100] * 40))
    assert len(line.nack(range(40), 0.05)) == 40


def test_a_list_of_any_length_is_bounded_work() -> None:
    line = Line()
    line.write(frame_of([20] * 64))
    assert line.nack([5000] * 1000 + [1]) == []


def test_retransmissions_are_counted_as_w3c_wants() -> None:
    line = Line()
    line.write(frame_of([1000, 500]))
    line.nack([1])
    stream = line.stream
    assert (stream.packets_sent, stream.bytes_sent) == (3, 2000)
    assert (stream.retransmitted_packets_sent, stream.retransmitted_bytes_sent) == (1, 500)
    report = stream.sender_report(1.0)
    assert report is not None
    assert (report.packet_count, report.octet_count) == (2, 1500)


def test_a_report_on_the_rtx_stream_is_not_taken_for_the_streams_own() -> None:
    line = Line()
    line.stream.handle_report_block(ReportBlock(RTX_SSRC, 255, 9, 0, 0, 0, 0), 1.0)
    assert line.stream.remote_packets_lost == 0
