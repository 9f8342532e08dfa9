"""Streams of a track: retransmissions, changes of SSRC, clocks, goodbyes, simulcast."""

import pytest
from rtp_receiving import (
    AUDIO_SSRC,
    MID_ID,
    OPUS,
    REPAIRED_RID_ID,
    RID_ID,
    RTX_SSRC,
    SIMULCAST,
    SSRC,
    VIDEO,
    VP8_RTX,
    Bench,
    frame,
    packet,
    rtx,
    vp8,
)

from triortc.protocol.rtp.incoming import Wanted
from triortc.protocol.rtp.rtcp_feedback import PictureLossIndication
from triortc.protocol.rtp.rtcp_reports import SenderReport

UNDECLARED = VIDEO.__class__(**{**{name: getattr(VIDEO, name) for name in VIDEO.__slots__}, "ssrcs": ()})


def report(seconds: float, timestamp: int, ssrc: int = SSRC) -> SenderReport:
    return SenderReport(ssrc, int(seconds * (1 << 32)), timestamp, 0, 0)


def layer(rid: str, number: int, *, ssrc: int, key: bool = False, tell: bool = True) -> list[bytes]:
    elements = [(MID_ID, b"s"), (RID_ID, rid.encode())] if tell else []
    return frame(number, key=key, ssrc=ssrc, elements=elements)  # type: ignore[arg-type]


def test_probing_on_the_retransmission_stream_is_no_frame() -> None:
    bench = Bench().take(packet(1, b"", ssrc=RTX_SSRC, payload_type=VP8_RTX, padding=200))
    bench.take(packet(2, b"\x00", ssrc=RTX_SSRC, payload_type=VP8_RTX))
    bench.take(rtx(3, 0, vp8()), frame(0, key=True), rtx(4, 0, vp8(key=True)))
    assert bench.timestamps == [0]
    assert (list(bench.receiving.streams), bench.stream().rtx_ssrc) == ([SSRC], RTX_SSRC)
    assert bench.stream().packets_discarded == 1


def test_a_retransmission_that_nobody_declared_belongs_to_the_stream_of_its_section() -> None:
    bench = Bench(UNDECLARED).take(frame(0, key=True)).take(frame(1)[0], frame(2))
    bench.take(rtx(9, 3, vp8(start=False), timestamp=3000, marker=True)).pass_time(1.0)
    assert bench.timestamps == [0, 3000, 6000]


def test_a_retransmission_before_the_loss_is_seen_is_as_good_as_in_time() -> None:
    bench = Bench().take(frame(0, key=True), frame(1)[0])
    bench.take(rtx(9, 3, vp8(start=False), timestamp=3000, marker=True), frame(2)).pass_time(1.0)
    assert bench.timestamps == [0, 3000, 6000]
    assert bench.feedback == []


def test_reports_tell_of_retransmission_streams_too() -> None:
    bench = Bench().take(frame(0, key=True), rtx(5, 1, vp8()))
    assert {block.ssrc for block in bench.receiving.report_blocks(1.0)} == {SSRC, RTX_SSRC}
    assert bench.receiving.report_blocks(9.0) == []


def test_another_ssrc_takes_over_and_the_timeline_goes_on() -> None:
    bench = Bench(UNDECLARED).take(frame(0, key=True)).pass_time(1.0)
    bench.take(frame(500, key=True, ssrc=0x9999), frame(501, ssrc=0x9999))
    assert bench.timestamps == [0, 90_000, 93_000]
    bench.take(frame(1))  # a straggler of the old one
    assert len(bench.frames) == 3
    assert (bench.stream(SSRC).packets_discarded, bench.stream(0x9999).packets_discarded) == (2, 0)


def test_an_earlier_ssrc_may_come_back_when_the_present_one_is_silent() -> None:
    bench = Bench(UNDECLARED).take(frame(0, key=True)).take(frame(0, key=True, ssrc=0x9999)).pass_time(2.0)
    bench.take(frame(60, key=True, first=2))
    assert [it.keyframe for it in bench.frames] == [True] * 3
    assert bench.timestamps == sorted(set(bench.timestamps))


def test_a_new_ssrc_that_begins_without_a_keyframe_is_asked_for_one() -> None:
    bench = Bench(UNDECLARED).take(frame(0, key=True)).take(frame(1, ssrc=0x9999)).pass_time(0.01)
    assert bench.feedback == [PictureLossIndication(7, 0x9999)]


def test_goodbye_lets_go_of_what_is_whole_and_forgets_the_rest() -> None:
    bench = Bench().take(frame(0, key=True)).pass_time(1 / 30).take(frame(1)[0], frame(2)).pass_time(0.05)
    bench.take(rtx(1, 3, vp8(start=False), timestamp=3000, marker=True))
    assert bench.timestamps == [0, 3000]
    bench.receiving.take_goodbye([SSRC, 0xDEAD], bench.now)
    bench.take(packet(0, b"\xfc", ssrc=AUDIO_SSRC, payload_type=OPUS))
    assert 6000 in bench.timestamps
    assert list(bench.receiving.streams) == [AUDIO_SSRC]
    before = len(bench.feedback)
    assert len(bench.pass_time(5.0).feedback) == before


def test_a_track_may_begin_again_after_goodbye() -> None:
    bench = Bench().take(frame(0, key=True))
    bench.receiving.take_goodbye([SSRC], bench.now)
    bench.pass_time(1.0).take(frame(7, key=True))
    assert bench.timestamps == [0, 90_000]


def test_sender_reports_place_frames_in_the_senders_time() -> None:
    bench = Bench().take(frame(0, key=True))
    assert bench.frames[0].ntp_time is None
    bench.receiving.take_sender_report(report(3_900_000_000.5, 3000), 0.0)
    bench.take(frame(1), frame(2))
    assert [it.ntp_time for it in bench.frames[1:]] == pytest.approx(
        [3_900_000_000.5, 3_900_000_000.5 + 1 / 30]
    )


def test_tracks_of_one_sender_meet_in_its_time() -> None:
    bench = Bench()
    bench.take(frame(0, key=True), packet(0, b"\xfc", ssrc=AUDIO_SSRC, payload_type=OPUS, timestamp=5))
    bench.receiving.take_sender_report(report(1000.0, 90_000), 0.0)
    bench.receiving.take_sender_report(report(1000.5, 5 + 48_000, AUDIO_SSRC), 0.0)
    bench.take(frame(15), packet(1, b"\xfc", ssrc=AUDIO_SSRC, payload_type=OPUS, timestamp=5))
    assert [it.ntp_time for it in bench.frames[2:]] == pytest.approx([999.5])
    assert bench.stream(AUDIO_SSRC).ntp_time(5) == pytest.approx(999.5)


def test_a_sender_that_begins_anew_is_followed() -> None:
    bench = Bench().take(frame(0, key=True)).pass_time(0.5)
    bench.take(frame(900, first=40_000, key=True), frame(901, first=40_002)).pass_time(0.2)
    assert bench.keyframe_requests == 1  # the jump must be confirmed, which costs the first packet
    bench.take(frame(906, first=40_004, key=True))
    assert bench.timestamps == [0, 63_000]
    assert bench.frames[1].lost == 0


def test_simulcast_layers_are_tracks_of_their_own() -> None:
    bench = Bench(SIMULCAST)
    for number in range(3):
        for index, rid in enumerate("qhf"):
            bench.take(layer(rid, number, ssrc=100 + index, key=number == 0, tell=number < 2))
    assert sorted(bench.rids) == ["f"] * 3 + ["h"] * 3 + ["q"] * 3
    assert {(it.rid, it.timestamp) for it in bench.frames} == {(r, n * 3000) for r in "qhf" for n in range(3)}
    assert {stream.rid: stream.ssrc for stream in bench.receiving.streams.values()} == {
        "q": 100,
        "h": 101,
        "f": 102,
    }


def test_a_layer_that_nobody_reads_is_counted_only() -> None:
    bench = Bench(SIMULCAST, wanted=Wanted.NOTHING)
    bench.want("s", "h")
    for index, rid in enumerate("qhf"):
        bench.take(layer(rid, 0, ssrc=100 + index, key=True), layer(rid, 2, ssrc=100 + index))
    bench.pass_time(0.1)
    assert set(bench.rids) == {"h"}
    assert {it.media_ssrc for it in bench.feedback} == {101}  # type: ignore[union-attr]
    assert [stream.packets_received for stream in bench.receiving.streams.values()] == [4, 4, 4]


def test_retransmissions_of_a_layer_are_told_by_the_repaired_rid() -> None:
    bench = Bench(SIMULCAST).take(layer("h", 0, ssrc=101, key=True), layer("f", 0, ssrc=102, key=True))
    bench.take(layer("h", 1, ssrc=101)[1])
    bench.take(
        packet(
            7,
            b"\x00\x02" + vp8(),
            timestamp=3000,
            ssrc=501,
            payload_type=VP8_RTX,
            elements=[(MID_ID, b"s"), (REPAIRED_RID_ID, b"h")],
        )
    )
    assert [(it.rid, it.timestamp) for it in bench.frames] == [("h", 0), ("f", 0), ("h", 3000)]
    assert bench.stream(101).rtx_ssrc == 501


def test_renegotiation_keeps_what_flows_and_forgets_what_is_gone() -> None:
    bench = Bench().take(frame(0, key=True), packet(0, b"\xfc", ssrc=AUDIO_SSRC, payload_type=OPUS))
    bench.receiving.configure([VIDEO])
    bench.take(frame(1), packet(1, b"\xfc", ssrc=AUDIO_SSRC, payload_type=OPUS))
    assert [it.codec for it in bench.frames] == ["vp8", "opus", "vp8"]
    assert list(bench.receiving.streams) == [SSRC]
    assert bench.receiving.unrouted == 1
