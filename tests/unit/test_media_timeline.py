"""A source's timestamps on the run's clock, and the sample clock of the Opus encoder."""

import itertools

import pytest

from triortc.media.audio_encoder import SampleClock
from triortc.media.timeline import Timeline


def test_a_live_frame_that_was_held_up_keeps_its_time() -> None:
    timeline = Timeline()
    assert timeline.place_live(5.0, 100.0) == 100.0
    assert timeline.place_live(5.1, 100.18) == pytest.approx(100.1, abs=0.001)
    assert timeline.place_live(5.2, 100.2) == pytest.approx(100.2, abs=0.001)


def test_a_live_timeline_believes_the_frame_that_was_least_late() -> None:
    timeline = Timeline()
    timeline.place_live(0.0, 100.05)
    assert timeline.place_live(0.1, 100.1) == pytest.approx(100.1)
    assert timeline.place_live(0.2, 100.23) == pytest.approx(100.2, abs=0.001)


def test_a_live_timeline_follows_a_clock_that_is_slow() -> None:
    timeline = Timeline()
    for number in range(30 * 600):
        now = number / 30
        placed = timeline.place_live(now * 0.9999, now)
    assert abs(placed - now) < 0.01


def test_a_live_timeline_begins_anew_after_a_jump() -> None:
    timeline = Timeline()
    timeline.place_live(5.0, 100.0)
    assert timeline.place_live(9_000.0, 100.1) == pytest.approx(100.1)
    assert timeline.place_live(2.0, 100.2) == pytest.approx(100.2)


def test_stored_frames_are_due_by_their_timestamps() -> None:
    timeline = Timeline()
    assert timeline.place_stored(7.0, 100.0) == 100.0
    assert timeline.place_stored(7.5, 100.01) == 100.5
    assert timeline.place_stored(8.0, 101.3) == 101.0, "a little late: catch up"


def test_a_stalled_file_does_not_hurry_and_a_gap_is_not_waited_for() -> None:
    timeline = Timeline()
    timeline.place_stored(0.0, 100.0)
    assert timeline.place_stored(0.1, 105.0) == 105.0
    assert timeline.place_stored(3_600.0, 105.1) == pytest.approx(105.1)


def test_opus_timestamps_are_even_although_the_capture_times_tremble() -> None:
    clock = SampleClock()
    stamps = []
    for number in range(50):
        tremble = 0.004 * (-1) ** number
        clock.note_input(1_000 + round((number / 50 + tremble) * 48_000), number / 50 + tremble, 0.02)
        stamps.append(clock.next_packet()[0])
    assert {later - earlier for earlier, later in itertools.pairwise(stamps)} == {960}


def test_opus_timestamps_jump_over_a_gap_in_the_sound() -> None:
    clock = SampleClock()
    clock.note_input(0, 0.0, 0.02)
    assert clock.next_packet() == (0, 0.0)
    clock.note_input(9_600, 0.2, 0.02)
    timestamp, captured = clock.next_packet()
    assert timestamp == 9_600
    assert captured == pytest.approx(0.2)


def test_opus_timestamps_count_samples_where_pieces_are_of_another_length() -> None:
    clock = SampleClock()
    packets = []
    for number in range(30):
        clock.note_input(round(number * 1024 / 44_100 * 48_000), number * 1024 / 44_100, 1024 / 44_100)
        if (number + 1) * 1024 / 44_100 >= (len(packets) + 1) * 0.02:
            packets.append(clock.next_packet())
    for number, (timestamp, captured) in enumerate(packets):
        assert timestamp == number * 960
        assert captured == pytest.approx(number * 0.02)
