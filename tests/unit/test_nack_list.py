from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triortc.protocol.rtp.nack import (
    MAX_GAP,
    MAX_MISSING,
    MAX_RETRIES,
    MAX_TOLERANCE,
    MIN_TOLERANCE,
    TOLERANCE_HALF_LIFE,
    NackList,
    retry_interval,
)


def missing(first: int = 5, end: int = 6) -> NackList:
    nacks = NackList(rtx=True)
    assert nacks.add(first, end, 0.0)
    return nacks


def test_a_packet_is_first_given_time_to_be_merely_late() -> None:
    nacks = missing()
    assert nacks.deadline == MIN_TOLERANCE
    assert nacks.take_due(0.0, 0.05) == []
    assert nacks.take_due(MIN_TOLERANCE, 0.05) == [5]


@pytest.mark.parametrize(
    ("round_trip", "interval"), [(None, 0.115), (0.06, 0.071), (0.001, 0.020), (1.0, 1.105)]
)
def test_it_is_asked_for_again_after_a_round_trip(round_trip: float | None, interval: float) -> None:
    nacks = missing()
    nacks.take_due(1.0, round_trip)
    assert nacks.deadline == pytest.approx(1.0 + interval)
    assert retry_interval(round_trip) == pytest.approx(interval)


def test_it_is_asked_for_ten_times_and_no_more() -> None:
    nacks = missing()
    asked = 0
    while nacks.deadline < inf:
        asked += len(nacks.take_due(nacks.deadline, 0.05))
    assert (asked, len(nacks)) == (MAX_RETRIES, 0)


def test_what_is_due_at_about_the_same_time_is_asked_for_together_and_in_order() -> None:
    nacks = missing(8, 10)
    nacks.add(3, 5, 0.002)
    assert nacks.take_due(MIN_TOLERANCE, 0.05) == [3, 4, 8, 9]


def test_what_has_come_is_not_asked_for() -> None:
    nacks = missing(5, 8)
    nacks.found(6, 0.001, repaired=False)
    nacks.found(99, 0.001, repaired=False)
    assert nacks.take_due(1.0, 0.05) == [5, 7]
    nacks.found(5, 1.0, repaired=True)
    nacks.found(7, 1.0, repaired=True)
    assert nacks.deadline == inf


def test_a_wide_gap_is_not_asked_for() -> None:
    assert not NackList(rtx=True).add(0, MAX_GAP + 1, 0.0)
    assert NackList(rtx=True).add(0, MAX_GAP, 0.0)


def test_the_list_is_bounded() -> None:
    nacks = NackList(rtx=True)
    assert all(nacks.add(n * 200, n * 200 + 100, 0.0) for n in range(MAX_MISSING // 100))
    assert not nacks.add(10**6, 10**6 + 1, 0.0)
    assert len(nacks) == MAX_MISSING


def test_common_reordering_is_tolerated_and_in_time_forgotten() -> None:
    nacks = NackList(rtx=True)
    nacks.add(5, 6, 0.0)
    nacks.found(5, 0.040, repaired=False)
    nacks.add(6, 7, 0.040)
    nacks.found(6, 0.041, repaired=False)
    assert nacks.tolerance(0.041) == pytest.approx(0.050, abs=0.001)
    assert nacks.tolerance(0.041 + TOLERANCE_HALF_LIFE) == pytest.approx(0.025, abs=0.001)
    assert nacks.tolerance(60.0) == MIN_TOLERANCE
    nacks.add(7, 8, 60.0)
    nacks.found(7, 69.0, repaired=False)
    assert nacks.tolerance(69.0) == MAX_TOLERANCE


def test_a_retransmission_says_nothing_of_reordering() -> None:
    nacks = missing()
    nacks.found(5, 0.09, repaired=True)
    plain = NackList(rtx=False)
    plain.add(5, 6, 0.0)
    plain.take_due(0.01, 0.05)
    plain.found(5, 0.09, repaired=False)
    assert nacks.tolerance(0.09) == plain.tolerance(0.09) == MIN_TOLERANCE


def test_what_is_of_no_use_any_more_is_not_asked_for() -> None:
    nacks = missing(5, 10)
    nacks.forget_before(8)
    assert nacks.take_due(1.0, 0.05) == [8, 9]
    nacks.clear()
    assert (len(nacks), nacks.deadline) == (0, inf)


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(1, 60), st.floats(0, 0.5), st.sampled_from("afdt")))
)
def test_the_deadline_is_when_something_is_due(steps: list[tuple[int, int, float, str]]) -> None:
    nacks, now = NackList(rtx=True), 0.0
    for first, count, elapsed, step in steps:
        now += elapsed
        if step == "a":
            nacks.add(first, first + count, now)
        elif step == "f":
            nacks.found(first, now, repaired=bool(count % 2))
        elif step == "d":
            nacks.forget_before(first)
        else:
            nacks.take_due(now, elapsed)
            assert nacks.deadline > now
        assert (nacks.deadline == inf) == (len(nacks) == 0)
