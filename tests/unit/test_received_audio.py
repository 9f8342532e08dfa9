"""Sound out of packets: in order, at once, with what is missing told."""

from dataclasses import replace

import pytest
from rtp_receiving import AUDIO, AUDIO_SSRC, OPUS, PCMU, VIDEO, Bench, packet

STEP = 960


def sound(number: int, *, timestamp: int | None = None, payload: bytes = b"\xfc1234", **fields: int) -> bytes:
    timestamp = number * STEP if timestamp is None else timestamp
    fields = {"ssrc": AUDIO_SSRC, "payload_type": OPUS} | fields
    return packet(number, payload, timestamp=timestamp, **fields)


def test_a_packet_leaves_as_it_comes() -> None:
    bench = Bench().take(sound(0), sound(1))
    first, second = bench.frames
    assert (first.codec, first.keyframe, first.payloads, first.lost) == ("opus", True, (b"\xfc1234",), 0)
    assert second.timestamp == STEP
    assert bench.times == [0.0, 0.0]


def test_packets_that_overtake_one_wait_for_it() -> None:
    bench = Bench().take(sound(0), sound(2), sound(3)).pass_time(0.005)
    assert bench.timestamps == [0]
    bench.take(sound(1))
    assert bench.timestamps == [0, STEP, 2 * STEP, 3 * STEP]
    assert [it.lost for it in bench.frames] == [0] * 4


def test_a_lost_packet_is_soon_given_up_and_told() -> None:
    bench = Bench().take(sound(0), sound(2)).pass_time(0.06)
    assert bench.timestamps == [0, 2 * STEP]
    assert [it.lost for it in bench.frames] == [0, 1]
    assert bench.times[1] <= 0.06
    assert bench.feedback == []


def test_a_packet_that_comes_after_it_was_given_up_is_discarded() -> None:
    bench = Bench().take(sound(0), sound(2)).pass_time(0.1).take(sound(1), sound(3))
    assert bench.timestamps == [0, 2 * STEP, 3 * STEP]
    assert bench.stream(AUDIO_SSRC).packets_discarded == 1


def test_waiting_follows_the_reordering_that_is_seen() -> None:
    bench = Bench().take(sound(0))
    for number in range(1, 60, 2):
        bench.take(sound(number + 1)).pass_time(0.030).take(sound(number)).pass_time(0.010)
    timestamps = bench.timestamps
    assert timestamps == sorted(timestamps)
    assert timestamps[-20:] == [number * STEP for number in range(41, 61)]


def test_a_pause_of_the_sender_is_no_loss() -> None:
    bench = Bench().take(sound(0), sound(1)).pass_time(0.4).take(sound(2, timestamp=20 * STEP))
    assert [it.lost for it in bench.frames] == [0, 0, 0]
    assert bench.timestamps == [0, STEP, 20 * STEP]
    assert bench.stream(AUDIO_SSRC).packets_lost == 0


def test_a_pause_of_minutes_keeps_the_timeline() -> None:
    bench = Bench().take(sound(0)).pass_time(600).take(sound(1, timestamp=600 * 48_000))
    assert bench.timestamps == [0, 600 * 48_000]


def test_timestamps_and_sequence_numbers_wrap() -> None:
    start = 0xFFFFFFFF - STEP + 1
    bench = Bench().take(*(sound(0xFFFF + n, timestamp=start + n * STEP) for n in range(3)))
    assert bench.timestamps == [start + n * STEP for n in range(3)]


def test_an_empty_payload_is_no_frame() -> None:
    bench = Bench().take(sound(0), sound(1, payload=b""), sound(2))
    assert bench.timestamps == [0, 2 * STEP]
    assert [it.lost for it in bench.frames] == [0, 0]


def test_another_codec_goes_on_where_the_first_one_ended() -> None:
    bench = Bench().take(sound(0), sound(1)).pass_time(0.020)
    bench.take(sound(2, timestamp=77_777, payload_type=PCMU)).pass_time(0.020)
    bench.take(sound(3, timestamp=77_777 + 160, payload_type=PCMU))
    assert [it.codec for it in bench.frames] == ["opus", "opus", "pcmu", "pcmu"]
    seconds = [it.timestamp / (48_000 if it.codec == "opus" else 8_000) for it in bench.frames]
    assert seconds == pytest.approx([0, 0.02, 0.04, 0.06])


def test_a_long_outage_is_told_as_so_many_packets() -> None:
    bench = Bench().take(sound(0)).pass_time(10).take(sound(500)).pass_time(0.1)
    assert [it.lost for it in bench.frames] == [0, 499]


def test_a_sender_that_begins_anew_has_lost_nothing() -> None:
    bench = Bench().take(sound(0)).pass_time(0.02)
    bench.take(
        sound(30_000, timestamp=9), sound(30_001, timestamp=9 + STEP), sound(30_002, timestamp=9 + 2 * STEP)
    )
    assert [it.lost for it in bench.frames] == [0, 0, 0]
    assert bench.timestamps == [0, STEP, 2 * STEP]


def test_sound_is_asked_for_again_only_where_that_was_agreed() -> None:
    bench = Bench(VIDEO, replace(AUDIO, nack=True)).take(sound(0), sound(2)).pass_time(0.03)
    assert bench.nacked == [1]
    assert bench.timestamps == [0]
    bench.take(sound(1))
    assert bench.timestamps == [0, STEP, 2 * STEP]


def test_sound_waits_no_quarter_of_a_second_for_what_was_asked_for() -> None:
    bench = Bench(VIDEO, replace(AUDIO, nack=True)).take(sound(0), sound(2)).pass_time(0.26)
    assert [it.lost for it in bench.frames] == [0, 1]
    asked = len(bench.nacked)
    assert len(bench.pass_time(2.0).nacked) <= asked + 10
