import pytest
from hypothesis import given
from hypothesis import strategies as st
from rtp_streams import SSRC, Line, frame_of

from triortc.protocol.rtp.rtcp_feedback import parse_compound_untrusted, serialize_compound
from triortc.protocol.rtp.rtcp_reports import ReportBlock, SourceDescription
from triortc.protocol.wire.clock import compact_ntp


def block(last_sr: int = 0, delay: int = 0) -> ReportBlock:
    return ReportBlock(SSRC, 64, 12, 99, 900, last_sr, delay)


def test_there_is_no_report_before_the_first_frame() -> None:
    assert Line().stream.sender_report(1.0) is None


def test_a_report_places_the_timeline_in_wall_clock_time() -> None:
    line = Line()
    line.send(frame_of([30], timestamp=9000, time=5.0))
    report = line.stream.sender_report(5.5)
    assert report is not None
    assert report.ssrc == SSRC
    assert report.rtp_timestamp == 9000 + 45_000
    assert report.ntp_time >> 32 == 2_208_988_800 + 1_700_000_005
    assert report.ntp_time & 0xFFFFFFFF == 1 << 31


def test_a_report_begins_at_the_streams_own_offset() -> None:
    line = Line(entropy=0xFF)
    (packet,) = line.send(frame_of([30], timestamp=0, time=1.0))
    report = line.stream.sender_report(1.0)
    assert report is not None
    assert report.rtp_timestamp == packet.timestamp


def test_streams_of_one_clock_agree_on_the_time() -> None:
    early, late = Line(), Line(entropy=0x55)
    early.send(frame_of([30], timestamp=90_000, time=2.0))
    (packet,) = late.send(frame_of([30], timestamp=180_000, time=3.0))
    first, second = early.stream.sender_report(4.0), late.stream.sender_report(4.0)
    assert first is not None
    assert second is not None
    assert first.ntp_time == second.ntp_time
    assert (first.rtp_timestamp - 90_000) / 90_000 == 2.0
    assert (second.rtp_timestamp - packet.timestamp) / 90_000 == 1.0


def test_a_compound_report_is_understood() -> None:
    line = Line()
    line.send(frame_of([30]))
    report = line.stream.sender_report(1.0, [block()])
    assert report is not None
    compound = [report, line.stream.source_description]
    assert parse_compound_untrusted(serialize_compound(compound)) == compound
    assert compound[1] == SourceDescription.of_cname(SSRC, "someone")


def test_what_the_viewer_reports_is_kept() -> None:
    stream = Line().stream
    stream.handle_report_block(block(), 1.0)
    assert (stream.remote_packets_lost, stream.remote_fraction_lost, stream.remote_jitter) == (12, 0.25, 0.01)
    assert stream.round_trip_time is None


@given(st.floats(0, 1e6), st.floats(0.0001, 5), st.floats(0, 5))
def test_the_round_trip_is_measured_whatever_the_viewers_delay(sent: float, rtt: float, held: float) -> None:
    line = Line()
    line.send(frame_of([30]))
    report = line.stream.sender_report(sent)
    assert report is not None
    line.stream.handle_report_block(
        block(compact_ntp(report.ntp_time), round(held * 65536)), sent + held + rtt
    )
    assert line.stream.round_trip_time == pytest.approx(rtt, abs=5e-5)


def test_round_trips_are_summed() -> None:
    line = Line()
    line.send(frame_of([30]))
    for rtt in (0.25, 0.5):
        report = line.stream.sender_report(1.0)
        assert report is not None
        line.stream.handle_report_block(block(compact_ntp(report.ntp_time)), 1.0 + rtt)
    assert line.stream.round_trip_time == 0.5
    assert (line.stream.total_round_trip_time, line.stream.round_trip_time_measurements) == (0.75, 2)


def test_a_report_from_the_future_means_no_time_at_all() -> None:
    line = Line()
    line.send(frame_of([30]))
    report = line.stream.sender_report(1.0)
    assert report is not None
    line.stream.handle_report_block(block(compact_ntp(report.ntp_time), 65536), 1.5)
    assert line.stream.round_trip_time == 0.0


@given(st.integers(1, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_an_invented_report_is_not_believed_for_long_round_trips(last_sr: int, delay: int) -> None:
    stream = Line().stream
    stream.handle_report_block(block(last_sr, delay), 1.0)
    assert stream.round_trip_time is None or 0 <= stream.round_trip_time <= 60
