"""What a hostile sender can cost: bounded memory, bounded requests, and never an exception."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rtp_receiving import (
    AUDIO,
    AUDIO_SSRC,
    FRAME,
    OPUS,
    SIMULCAST,
    SSRC,
    VIDEO,
    VP8,
    VP8_RTX,
    Bench,
    frame,
    packet,
    rtx,
    vp8,
)

from triortc.protocol.rtp import incoming, jitter, nack, router
from triortc.protocol.rtp.incoming import Wanted


def test_the_limits_are_the_written_ones() -> None:
    assert (jitter.MAX_PACKETS, jitter.MAX_WAIT) == (512, 2.0)
    assert (nack.MAX_MISSING, nack.MAX_RETRIES, nack.MAX_GAP) == (1000, 10, 128)
    assert (router.MAX_SSRCS, incoming.KEYFRAME_INTERVAL) == (64, 0.5)


def test_the_buffer_holds_so_many_packets_and_no_more() -> None:
    bench = Bench().take(frame(0, key=True))
    for number in range(600):
        bench.take(packet(3 + number, vp8(start=False), timestamp=3000))
        assert bench.held <= jitter.MAX_PACKETS + 1
    assert bench.pass_time(0.1).keyframe_requests == 1


def test_a_frame_that_never_ends_is_dropped() -> None:
    bench = Bench().take(packet(0, vp8(key=True)))
    for number in range(1, 5000):
        bench.take(packet(number, vp8(start=False)))
        assert bench.held <= jitter.MAX_PACKETS + 1
    bench.take(frame(60, first=5000, key=True))
    assert len(bench.frames) == 1


def test_frames_that_wait_for_their_time_are_bounded_too() -> None:
    bench = Bench().take(frame(0, key=True)).pass_time(1.0).take(frame(1))
    for number in range(2, 1000):
        bench.take(frame(number))
        assert bench.held <= jitter.MAX_PACKETS + 2


def test_no_packet_is_awaited_for_more_than_two_seconds() -> None:
    bench = Bench()
    bench.receiving.set_round_trip_time(5.0)
    bench.take(frame(0, key=True), frame(1)[1], frame(2, key=True)).pass_time(2.0)
    assert len(bench.frames) == 2


def test_a_wide_gap_asks_for_a_keyframe_instead() -> None:
    bench = Bench().take(frame(0, key=True)).pass_time(FRAME).take(frame(1, first=2 + 129)).pass_time(0.1)
    assert (bench.nacked, bench.keyframe_requests) == ([], 1)
    bench.take(frame(9, first=133, key=True))
    assert len(bench.frames) == 2


def test_what_senders_have_forgotten_is_not_asked_for() -> None:
    bench = Bench().take(frame(0, key=True)).pass_time(2.0).take(frame(60, first=10)).pass_time(0.1)
    assert (bench.nacked, bench.keyframe_requests) == ([], 1)


def test_gaps_without_end_ask_for_a_thousand_packets_at_most() -> None:
    bench = Bench().take(frame(0, key=True))
    for number in range(200):
        bench.take(packet(2 + 100 * number + 99, vp8(), timestamp=3000, marker=True))
        assert bench.track().missing_packets <= nack.MAX_MISSING


def test_only_so_many_streams_are_known_and_the_silent_one_goes() -> None:
    bench = Bench(VIDEO, AUDIO, wanted=Wanted.NOTHING)
    for number in range(200):
        bench.take(packet(1, b"x", ssrc=10_000 + number, payload_type=OPUS)).pass_time(0.01)
        bench.take(packet(1, b"x", ssrc=20_000 + number, payload_type=VP8_RTX)).pass_time(0.01)
        bench.take(packet(number, b"x", ssrc=AUDIO_SSRC, payload_type=OPUS))
        assert len(bench.receiving.streams) + len(bench.receiving._repairs) <= router.MAX_SSRCS
    assert AUDIO_SSRC in bench.receiving.streams


def test_streams_that_take_turns_cannot_flood_with_requests() -> None:
    bench = Bench(VIDEO)
    for number in range(300):
        bench.take(frame(number, ssrc=50_000 + number % 100)).pass_time(0.01)
    assert bench.keyframe_requests <= 8


def test_what_nobody_reads_costs_no_memory_and_no_feedback() -> None:
    bench = Bench(wanted=Wanted.NOTHING)
    for number in range(0, 3000, 3):
        bench.take(frame(number, key=number == 0), packet(number, b"x", ssrc=AUDIO_SSRC, payload_type=OPUS))
    bench.pass_time(10)
    assert (bench.held, bench.frames, bench.feedback) == (0, [], [])
    assert bench.stream().packets_received == 2000
    assert bench.stream().packets_lost > 3000


def test_who_ceases_to_read_frees_what_is_held() -> None:
    bench = Bench().take(frame(0, key=True), frame(1)[1], frame(2))
    assert bench.held == 3
    bench.want("v", wanted=Wanted.NOTHING)
    assert (bench.held, bench.track().missing_packets, bench.receiving.next_deadline()) == (
        0,
        0,
        float("inf"),
    )


PACKETS = st.builds(
    packet,
    st.integers(0, 0xFFFF) | st.integers(0, 20),
    st.binary(max_size=12) | st.sampled_from([vp8(key=True), vp8(), vp8(start=False)]),
    timestamp=st.integers(0, 0xFFFFFFFF) | st.sampled_from([0, 3000, 6000]),
    marker=st.booleans(),
    ssrc=st.sampled_from([SSRC, SSRC, 0x2222, AUDIO_SSRC, 5, 6, 7]),
    payload_type=st.sampled_from([VP8, VP8, VP8_RTX, 102, OPUS, 0, 126]),
    elements=st.lists(
        st.tuples(st.integers(1, 4), st.sampled_from([b"v", b"a", b"s", b"q", b"h", b"\xff", b"zz"])),
        max_size=3,
    ),
    padding=st.sampled_from([0, 0, 0, 1, 200]),
)


@given(
    st.lists(
        st.tuples(PACKETS | st.binary(max_size=40), st.sampled_from([0.0, 0.0, 0.001, 0.05, 1.0])),
        max_size=60,
    )
)
def test_any_packets_are_taken_or_malformed_and_leave_in_order(packets: list[tuple[bytes, float]]) -> None:
    bench = Bench(VIDEO, AUDIO, SIMULCAST, wanted=Wanted.FRAMES | Wanted.PACKETS)
    for plain, elapsed in packets:
        bench.take(plain)
        bench.pass_time(elapsed)
    bench.pass_time(5.0)
    assert bench.held <= jitter.MAX_PACKETS
    for track in bench.receiving.tracks:
        times = [
            it.time for it, rid in zip(bench.frames, bench.rids, strict=True) if rid == track.rid and rid
        ]
        assert times == sorted(times)


@given(st.lists(st.lists(PACKETS, max_size=20), max_size=6))
def test_a_burst_is_as_good_as_its_packets_one_by_one(bursts: list[list[bytes]]) -> None:
    together, singly = (Bench(VIDEO, AUDIO, SIMULCAST, wanted=Wanted.FRAMES | Wanted.PACKETS) for _ in "12")
    for burst in bursts:
        together.take_burst(burst).pass_time(0.01)
        singly.take(burst).pass_time(0.01)
    for bench in (together, singly):
        bench.pass_time(5.0)
    assert [(it.timestamp, it.payloads, it.lost) for it in together.frames] == [
        (it.timestamp, it.payloads, it.lost) for it in singly.frames
    ]
    assert together.packets == singly.packets
    assert together.nacked == singly.nacked
    counted = [
        [(it.packets_received, it.packets_lost, it.bytes_received) for it in bench.receiving.streams.values()]
        for bench in (together, singly)
    ]
    assert counted[0] == counted[1]


@pytest.mark.parametrize("seed", range(20))
def test_any_order_duplicates_and_losses_give_whole_frames_in_order(seed: int) -> None:
    state = seed * 2654435761 + 1

    def chance(percent: int) -> bool:
        nonlocal state
        state = state * 6364136223846793005 + 1442695040888963407 & 0xFFFFFFFFFFFFFFFF
        return (state >> 33) % 100 < percent

    bench = Bench()
    late: list[bytes] = []
    for number in range(200):
        for index, it in enumerate(frame(number, key=number % 50 == 0, packets=3)):
            sequence = number * 3 + index
            if chance(10):
                late.append(rtx(sequence, sequence, it[12:], timestamp=number * 3000, marker=index == 2))
            elif chance(10):
                late.append(it)
            else:
                bench.take(it, it) if chance(5) else bench.take(it)
        bench.pass_time(FRAME)
        while late and chance(70):
            bench.take(late.pop(0))
    bench.take(late).pass_time(3.0)
    assert bench.timestamps == [number * 3000 for number in range(200)]
    assert all(len(it.payloads) == 3 for it in bench.frames)
