"""Video frames out of packets: order, loss, keyframes, padding."""

import pytest
from rtp_receiving import FRAME, H264, SSRC, VP8, Bench, frame, packet, rtx, vp8

from triortc.protocol.rtp.incoming import Wanted
from triortc.protocol.rtp.rtcp_feedback import GenericNack, PictureLossIndication


def begun(packets: int = 2) -> Bench:
    """A stream whose first frame, a keyframe, has come."""
    return Bench().take(frame(0, key=True, packets=packets))


def test_a_frame_leaves_with_its_last_packet() -> None:
    first, last = frame(0, key=True)
    bench = Bench().take(first)
    assert bench.frames == []
    bench.take(last)
    (it,) = bench.frames
    assert (it.timestamp, it.keyframe, it.codec, it.lost, it.rid) == (0, True, "vp8", 0, None)
    assert it.payloads == (vp8(key=True), vp8(key=True, start=False))
    assert bench.feedback == []


def test_a_frame_without_a_marker_ends_where_the_next_one_begins() -> None:
    bench = Bench().take(packet(0, vp8(key=True)), packet(1, vp8(), timestamp=3000, marker=True))
    assert bench.timestamps == [0, 3000]


def test_reordered_packets_are_put_in_order() -> None:
    bench = begun()
    second, third = frame(1), frame(2)
    bench.take(third[1], second[1], third[0], second[0])
    assert bench.timestamps == [0, 3000, 6000]
    assert bench.nacked == []


def test_reordering_across_the_wrap_of_both_counters() -> None:
    bench = Bench()
    start = 0xFFFFFFFF - 3000
    bench.take(packet(0xFFFE, vp8(key=True), timestamp=start, marker=True))
    bench.take(packet(0x0000, vp8(), timestamp=start + 6000, marker=True))
    bench.take(packet(0xFFFF, vp8(), timestamp=start + 3000, marker=True))
    assert bench.timestamps == [start, start + 3000, start + 6000]


def test_a_duplicate_changes_nothing() -> None:
    bench = begun()
    bench.take(frame(1), frame(1), frame(0))
    assert bench.timestamps == [0, 3000]
    assert bench.stream().packets_discarded == 4


def test_a_lost_packet_is_asked_for_and_comes_by_retransmission() -> None:
    bench = begun().pass_time(FRAME).take(frame(1)[1]).pass_time(FRAME).take(frame(2)).pass_time(0.02)
    assert bench.feedback == [GenericNack(7, SSRC, (2,))]
    bench.take(rtx(5, 2, vp8(), timestamp=3000))
    assert bench.timestamps == [0, 3000]
    assert bench.pass_time(0.2).timestamps == [0, 3000, 6000]
    stream = bench.stream()
    assert (stream.retransmitted_packets_received, stream.nack_count, stream.packets_lost) == (1, 1, 1)
    assert (bench.keyframe_requests, stream.frames_dropped) == (0, 0)


def test_what_is_given_up_drops_frames_up_to_a_keyframe() -> None:
    bench = begun()
    bench.take(frame(1)[1], frame(2)).pass_time(2.0)
    assert bench.timestamps == [0]
    assert bench.keyframe_requests >= 1
    assert bench.nacked == [2] * 10
    bench.take(frame(60))
    assert bench.timestamps == [0]
    bench.take(frame(61, key=True), frame(62))
    assert bench.timestamps == [0, 61 * 3000, 62 * 3000]
    assert [it.lost for it in bench.frames] == [0, 115, 0]


def test_a_whole_keyframe_ends_the_waiting_for_anything_older() -> None:
    bench = Bench().take(frame(0))
    assert bench.pass_time(0.01).keyframe_requests == 1
    bench.take(frame(1)[1], frame(2, key=True))
    assert bench.timestamps == [6000]
    assert bench.frames[0].lost == 0  # nobody has seen anything before it


def test_a_keyframe_behind_a_gap_waits_for_the_gap_as_long_as_it_can_be_mended() -> None:
    bench = begun()
    bench.take(frame(1)[1], frame(2, key=True)).pass_time(0.05)
    assert bench.timestamps == [0]
    bench.pass_time(1.5)
    assert bench.timestamps == [0, 6000]
    assert bench.keyframe_requests == 0


def test_a_stream_that_does_not_begin_with_a_keyframe_asks_for_one() -> None:
    bench = Bench().take(frame(0)).pass_time(0.01)
    assert bench.feedback == [PictureLossIndication(7, SSRC)]
    assert bench.frames == []


def test_requests_for_a_keyframe_are_repeated_ever_more_slowly_until_one_comes() -> None:
    bench = Bench().take(frame(0)).pass_time(20.0)
    assert 4 <= bench.keyframe_requests <= 9
    bench.take(frame(600, first=2, key=True))
    before = bench.keyframe_requests
    assert bench.pass_time(20.0).keyframe_requests == before


def test_keyframes_are_asked_for_at_most_twice_a_second() -> None:
    bench = begun()
    for _ in range(100):
        bench.receiving.request_keyframe("v", None, bench.now)
        bench.pass_time(0.01)
    assert 1 <= bench.keyframe_requests <= 3
    assert bench.stream().pli_count == bench.keyframe_requests


def test_the_first_packets_of_a_stream_may_come_late() -> None:
    packets = frame(0, key=True, packets=4)
    bench = Bench().take(packets[2], packets[3], packets[1], packets[0], frame(1, first=4))
    assert bench.timestamps == [0, 3000]
    assert [it.lost for it in bench.frames] == [0, 0]


def test_the_first_packet_of_a_stream_may_be_lost() -> None:
    bench = Bench().take(frame(0, key=True, packets=4)[1:], frame(1, first=4)).pass_time(0.01)
    assert bench.nacked == [0]
    bench.take(rtx(1, 0, vp8(key=True)))
    assert bench.timestamps == [0, 3000]
    assert bench.keyframe_requests == 0


def test_who_begins_to_read_gets_a_keyframe() -> None:
    bench = Bench(wanted=Wanted.NOTHING).take(frame(0, key=True), frame(1))
    assert bench.pass_time(1.0).feedback == []
    bench.want("v")
    bench.take(frame(30, first=4))
    assert bench.feedback == [PictureLossIndication(7, SSRC)]
    bench.take(frame(31, first=6, key=True))
    assert [it.keyframe for it in bench.frames] == [True]


def test_padding_alone_has_its_place_in_the_row_and_makes_no_frame() -> None:
    bench = begun()
    bench.take(packet(2, b"", timestamp=0, padding=200), packet(3, b"", timestamp=0, padding=200))
    bench.take(frame(1, first=4), packet(6, b"", timestamp=3000), frame(2, first=7))
    assert bench.timestamps == [0, 3000, 6000]
    assert (bench.nacked, bench.held) == ([], 0)


def test_padding_within_a_frame_and_at_its_end() -> None:
    bench = begun()
    bench.take(packet(2, vp8(), timestamp=3000), packet(3, b"", timestamp=3000, padding=9))
    bench.take(packet(4, vp8(start=False), timestamp=3000), packet(5, b"", timestamp=3000, marker=True))
    assert [len(it.payloads) for it in bench.frames] == [2, 2]


def test_a_payload_of_another_kind_has_its_place_in_the_row() -> None:
    bench = begun()
    bench.take(packet(2, b"\x01\x02", timestamp=0, payload_type=126), frame(1, first=3))
    assert bench.timestamps == [0, 3000]
    assert bench.receiving.unrouted == 1


def test_a_change_of_codec_waits_for_a_keyframe() -> None:
    bench = begun()
    slice_, idr = b"\x41\x9a\x00", b"\x65\x88\x00"
    bench.take(packet(2, slice_, timestamp=3000, marker=True, payload_type=H264))
    assert bench.timestamps == [0]
    bench.take(packet(3, idr, timestamp=6000, marker=True, payload_type=H264))
    bench.take(packet(4, slice_, timestamp=9000, marker=True, payload_type=H264))
    assert [(it.codec, it.timestamp) for it in bench.frames[1:]] == [("h264", 6000), ("h264", 9000)]
    assert bench.stream().payload_type == H264


@pytest.mark.parametrize("payload", [b"\x90", b"\x10", b"\x00\x00"])
def test_a_broken_frame_is_dropped_and_a_keyframe_asked_for(payload: bytes) -> None:
    bench = begun()
    bench.take(packet(2, payload, timestamp=3000, marker=True), frame(2, first=3)).pass_time(0.01)
    assert bench.timestamps == [0]
    assert bench.keyframe_requests == 1
    assert bench.stream().frames_dropped == 2


def test_frames_count_and_delay_are_told() -> None:
    bench = begun()
    bench.take(frame(1)[0])
    bench.pass_time(0.005)
    bench.take(frame(1)[1])
    stream = bench.stream()
    assert (stream.frames_received, stream.key_frames_received, stream.jitter_buffer_emitted_count) == (
        2,
        1,
        2,
    )
    assert stream.jitter_buffer_delay == pytest.approx(0.005)


def test_time_is_the_arrival_of_the_first_packet_and_never_goes_back() -> None:
    bench = begun()
    bench.pass_time(FRAME).take(frame(1)[0]).pass_time(0.004).take(frame(1)[1])
    assert [it.time for it in bench.frames] == [0.0, pytest.approx(FRAME)]
    late = frame(3)
    bench.pass_time(FRAME).take(late).pass_time(0.003).take(frame(2)).pass_time(1.0)
    times = [it.time for it in bench.frames]
    assert len(times) == 4
    assert times == sorted(times)


def test_packets_of_the_payload_type_vp8_are_as_they_came() -> None:
    bench = Bench(wanted=Wanted.PACKETS).take(frame(1, key=True), frame(3), frame(2))
    assert [(it.sequence, it.payload_type) for it in bench.packets] == [
        (number, VP8) for number in (2, 3, 6, 7, 4, 5)
    ]
    assert (bench.frames, bench.pass_time(1.0).feedback, bench.held) == ([], [], 0)
