"""Where frames lie on the time line of a recording."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triortc.media.alignment import SLEW, Alignment, TrackClock

NTP = 3_900_000_000.0


class Lane:
    """One track on an alignment, with timestamps that begin somewhere."""

    def __init__(self, alignment: Alignment, kind: str, base: float = 0.0) -> None:
        self._alignment = alignment
        self.clock: TrackClock = alignment.new_clock(kind)
        self.base = base

    def feed(self, captured: float, delay: float = 0.0, *, report: bool = False) -> float:
        """Return the place of a frame that arrives *delay* after it was captured."""
        stamp = self.base + captured
        self.clock.note(stamp, captured + delay, NTP + captured if report else None)
        return self._alignment.place(self.clock, stamp)


@pytest.fixture
def alignment() -> Alignment:
    return Alignment()


def test_frames_lie_where_their_timestamps_say_however_they_tremble_on_the_way(alignment: Alignment) -> None:
    lane = Lane(alignment, "video", base=777.0)
    lane.feed(0.0)
    places = [lane.feed(number / 30, delay=number * 7 % 5 / 100) for number in range(1, 300)]
    assert places == pytest.approx([number / 30 for number in range(1, 300)], abs=0.005)


def test_a_late_first_frame_is_made_up_for_without_a_jump(alignment: Alignment) -> None:
    lane = Lane(alignment, "video")
    places = [lane.feed(0.0, delay=0.3)] + [lane.feed(number / 30) for number in range(1, 300)]
    steps = [later - earlier for earlier, later in pairwise(places)]
    assert places[0] == 0.3
    assert places[-1] == pytest.approx(299 / 30, abs=0.001)
    assert min(steps) >= (1 - SLEW) / 30 - 1e-9


def test_a_track_that_starts_late_begins_late(alignment: Alignment) -> None:
    sound, pictures = Lane(alignment, "audio", base=50), Lane(alignment, "video", base=9000)
    assert sound.feed(0.0) == 0.0
    assert pictures.feed(1.5) == pytest.approx(1.5)


def test_a_pause_keeps_its_length(alignment: Alignment) -> None:
    lane = Lane(alignment, "audio")
    lane.feed(0.0)
    assert lane.feed(60.0) == pytest.approx(60.0)


def test_a_pause_in_which_the_timestamps_stood_still_keeps_its_length(alignment: Alignment) -> None:
    lane = Lane(alignment, "video")
    lane.feed(1.0)
    lane.base -= 10.0
    assert lane.feed(11.03) == pytest.approx(11.03)


@pytest.mark.parametrize("jump", [0.6, 3600.0, -3600.0, 40_000.0])
def test_a_restart_with_other_timestamps_goes_on_when_it_comes(alignment: Alignment, jump: float) -> None:
    lane = Lane(alignment, "video", base=50_000)
    before = [lane.feed(number / 30, delay=0.02) for number in range(30)]
    lane.base += jump
    after = [lane.feed(1 + number / 30, delay=0.02) for number in range(30)]
    assert before + after == sorted(before + after)
    assert after == pytest.approx([1.02 + number / 30 for number in range(30)], abs=0.002)


def test_a_burst_after_an_outage_lies_where_it_was_captured(alignment: Alignment) -> None:
    lane = Lane(alignment, "video")
    lane.feed(0.0)
    places = [lane.feed(1 + number / 30, delay=1.5 - number / 30) for number in range(30)]
    assert places == pytest.approx([1 + number / 30 for number in range(30)], abs=0.05)


def test_reports_put_pictures_in_step_with_the_sound(alignment: Alignment) -> None:
    sound, pictures = Lane(alignment, "audio", base=3), Lane(alignment, "video", base=80_000)
    for number in range(400):
        heard = sound.feed(number / 50, delay=0.05, report=True)
        seen = pictures.feed(number / 50, delay=0.35, report=True)
    assert heard == pytest.approx(7.98 + 0.05, abs=0.01)
    assert seen == pytest.approx(heard, abs=0.01)


def test_a_report_that_comes_late_moves_the_pictures_slowly(alignment: Alignment) -> None:
    sound, pictures = Lane(alignment, "audio"), Lane(alignment, "video")
    places = []
    for number in range(500):
        report = number > 100
        sound.feed(number / 50, delay=0.05, report=report)
        places.append(pictures.feed(number / 50, delay=0.25, report=report))
    steps = [later - earlier for earlier, later in pairwise(places)]
    assert places[100] == pytest.approx(100 / 50 + 0.25)
    assert places[-1] == pytest.approx(499 / 50 + 0.05, abs=0.01)
    assert min(steps) > 0.018


def test_reports_that_are_there_before_anything_is_placed_leave_nothing_to_move(alignment: Alignment) -> None:
    sound, pictures = alignment.new_clock("audio"), alignment.new_clock("video")
    for captured, report in ((0.0, None), (0.1, NTP + 0.1)):
        sound.note(captured, captured + 0.05, report)
        pictures.note(captured, captured + 0.25, report)
    assert alignment.place(pictures, 0.0) == pytest.approx(alignment.place(sound, 0.0))


def test_senders_whose_clocks_differ_do_not_disturb_each_other(alignment: Alignment) -> None:
    here, there = Lane(alignment, "audio"), Lane(alignment, "video")
    for number in range(100):
        here.feed(number / 50, delay=0.02, report=True)
        there.clock.note(number / 50, number / 50 + 0.1, NTP + 500 + number / 50)
        place = alignment.place(there.clock, number / 50)
    assert place == pytest.approx(99 / 50 + 0.1)


def test_a_sender_whose_clock_drifts_is_followed(alignment: Alignment) -> None:
    lane = Lane(alignment, "audio")
    for number in range(50 * 600):
        captured = number / 50
        lane.clock.note(captured * 1.0002, captured, None)
        place = alignment.place(lane.clock, captured * 1.0002)
    assert place == pytest.approx(captured, abs=0.01)


def test_timestamps_that_run_too_fast_do_not_run_away(alignment: Alignment) -> None:
    lane = Lane(alignment, "video")
    for number in range(3000):
        lane.base += 0.4
        assert abs(lane.feed(number / 30) - number / 30) < 3


@given(st.lists(st.tuples(st.floats(0, 1e5), st.floats(0, 1e5), st.floats(0, 5e9)), max_size=50))
def test_nothing_that_a_peer_claims_makes_it_fail(frames: list[tuple[float, float, float]]) -> None:
    alignment = Alignment()
    clocks = alignment.new_clock("audio"), alignment.new_clock("video")
    arrival = 0.0
    for number, (stamp, wait, ntp) in enumerate(frames):
        arrival += wait
        clock = clocks[number % 2]
        clock.note(stamp, arrival, ntp)
        assert abs(alignment.place(clock, stamp)) < 1e7
