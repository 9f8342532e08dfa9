import itertools

import pytest

from triortc.media.framerate import Framerate


def kept(limit: float, times: list[float]) -> list[float]:
    framerate = Framerate(limit)
    return [time for time in times if framerate.take(time)]


@pytest.mark.parametrize(("given", "limit"), [(30, 15), (30, 10), (30, 20), (60, 25), (25, 7.5), (30, 0.5)])
def test_as_many_frames_are_kept_as_wanted(given: int, limit: float) -> None:
    times = kept(limit, [number / given for number in range(given * 20)])
    assert len(times) == pytest.approx(limit * 20, abs=1)
    steps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert max(steps) - min(steps) < 1.5 / given


def test_frames_that_tremble_are_not_lost() -> None:
    times = kept(15, [number / 30 + (0.004 if number % 3 else -0.004) for number in range(300)])
    assert 145 <= len(times) <= 155


def test_after_a_gap_nothing_is_caught_up() -> None:
    times = kept(10, [number / 30 for number in range(30)] + [60 + number / 30 for number in range(30)])
    assert 20 <= len(times) <= 22
