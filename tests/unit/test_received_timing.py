"""Where frames lie in time, and when they leave."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rtp_receiving import FRAME, Bench, frame, rtx, vp8

from triortc.protocol.rtp.pace import MAX_TARGET, Pace
from triortc.protocol.rtp.timeline import Timeline


def test_timestamps_are_unwrapped() -> None:
    timeline = Timeline()
    assert timeline.place(0xFFFFFF00, 90_000, 0.0) == (0xFFFFFF00, 0.0)
    assert timeline.place(0x100, 90_000, 0.0) == (0x1_0000_0100, 0.0)
    assert timeline.place(0xFFFFFFFF, 90_000, 0.0) == (0xFFFFFFFF, 0.0)


def test_a_joint_goes_on_by_as_much_as_has_passed() -> None:
    timeline = Timeline()
    timeline.place(1000, 90_000, 5.0)
    timeline.begin_anew()
    assert timeline.place(77, 90_000, 5.5) == (1000 + 45_000, 5.5)
    assert timeline.place(3077, 90_000, 5.5) == (1000 + 48_000, 5.5)


def test_a_jump_of_timestamps_that_no_time_explains_is_a_joint() -> None:
    timeline = Timeline()
    timeline.place(0, 90_000, 0.0)
    assert timeline.place(90_000 * 3600, 90_000, 0.1) == (9000, 0.1)
    assert timeline.place(90_000 * 3600 + 90_000 * 60, 90_000, 60.1) == (9000 + 90_000 * 60, 60.1)


def test_time_never_goes_back() -> None:
    timeline = Timeline()
    assert timeline.place(0, 90_000, 2.0)[1] == 2.0
    assert timeline.place(3000, 90_000, 1.0)[1] == 2.0


@given(
    st.lists(
        st.tuples(st.integers(0, 0xFFFFFFFF), st.sampled_from([8000, 48_000, 90_000]), st.floats(0, 1e6))
    )
)
def test_any_timestamps_make_a_timeline(frames: list[tuple[int, int, float]]) -> None:
    timeline = Timeline()
    times = [timeline.place(*it)[1] for it in frames]
    assert times == sorted(times)


def test_frames_that_come_evenly_leave_at_once() -> None:
    pace = Pace()
    for number in range(300):
        now = 100 + number * FRAME + 0.002 * (number % 2)
        assert pace.release_time(number * FRAME, now) <= now
    assert pace.target == 0.0


def test_a_late_frame_makes_the_next_ones_wait_and_that_comes_down_again() -> None:
    pace = Pace()
    targets = []
    for number in range(900):
        now = number * FRAME + (0.080 if number == 100 else 0.0)
        pace.release_time(number * FRAME, now)
        targets.append(pace.target)
    assert targets[99] == 0.0
    assert targets[101] == pytest.approx(0.080)
    assert all(after <= before for before, after in pairwise(targets[101:]))
    assert targets[100 + 30 * 10] == 0.0


def test_where_lateness_is_common_all_frames_leave_evenly() -> None:
    pace = Pace()
    released = [
        max(now, pace.release_time(number * FRAME, now))
        for number in range(900)
        for now in [number * FRAME + (0.100 if number % 7 == 0 else 0.0)]
    ]
    steps = [after - before for before, after in pairwise(released[30:])]
    assert max(steps) < FRAME + 0.01
    assert released[-1] == pytest.approx(899 * FRAME + 0.100, abs=0.01)


def test_a_clock_that_drifts_costs_no_delay() -> None:
    pace = Pace()
    for number in range(30 * 600):
        now = number * FRAME * 1.0002
        assert pace.release_time(number * FRAME, now) <= now
    assert pace.target == 0.0


@given(st.lists(st.tuples(st.floats(0, 1e5), st.floats(0, 1e3))))
def test_no_frame_waits_for_long(frames: list[tuple[float, float]]) -> None:
    pace, now = Pace(), 0.0
    for media_time, elapsed in frames:
        now += elapsed
        assert pace.release_time(media_time, now) <= now + MAX_TARGET + 1e-6


def test_after_a_loss_frames_leave_evenly_and_the_delay_goes() -> None:
    bench = Bench()
    for number in range(600):
        bench.now = max(bench.now, number * FRAME)
        packets = frame(number, key=number == 0)
        bench.take(packets[1:] if number == 100 else packets)
        if number == 102:
            bench.take(rtx(1, 200, vp8(), timestamp=300_000))
        bench.pass_time(FRAME - 1e-6)
    assert [it.timestamp for it in bench.frames] == [number * 3000 for number in range(600)]
    delays = [time - number * FRAME for number, time in enumerate(bench.times)]
    assert delays[100] == pytest.approx(2 * FRAME, abs=0.01)
    assert max(delays[101:160]) < 2 * FRAME + 0.01
    assert delays[-1] == pytest.approx(0.0, abs=0.001)
    gaps = [after - before for before, after in pairwise(bench.times[101:])]
    assert max(gaps) < FRAME + 0.01
