"""Who holds the loop is counted and named."""

import logging
import time
from collections.abc import Callable

import pytest
import trio

from triortc.lag import LoopWatch, open_loop_watch


async def hold(seconds: float) -> None:
    """Do something that belongs in a thread."""
    time.sleep(seconds)  # noqa: ASYNC251  (that is the point)
    await trio.lowlevel.checkpoint()


async def test_the_task_that_held_the_loop_is_named(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "triortc.lag"):
        async with open_loop_watch() as watch, trio.open_nursery() as nursery:
            nursery.start_soon(hold, 0.06, name="decode in the loop")
            nursery.start_soon(hold, 0.01, name="a little slow")
            nursery.start_soon(hold, 0, name="quick")
    seen = watch.statistics()
    assert seen.slow_steps >= 2, "and perhaps some that another process held up"
    assert seen.held_steps >= 1
    by_name = {step.task: step for step in seen.worst}
    held, slow = by_name["decode in the loop"], by_name["a little slow"]
    assert 0.06 <= held.seconds < 0.5
    assert 0.01 <= slow.seconds < held.seconds
    assert held.where.startswith("test_loop_watch:")
    assert 0.07 <= seen.busy < 2
    assert seen.steps >= 6
    message = (
        f"the task decode in the loop held the loop for {held.seconds * 1000:.0f} ms, until {held.where}"
    )
    assert message in [record.getMessage() for record in caplog.records]


async def test_a_task_that_holds_the_loop_and_ends_is_named_as_well() -> None:
    async def end() -> None:
        time.sleep(0.01)  # noqa: ASYNC251

    async with open_loop_watch() as watch, trio.open_nursery() as nursery:
        nursery.start_soon(end, name="short")
    assert ("short", "its end") in [(step.task, step.where) for step in watch.statistics().worst]


async def test_the_worst_are_kept_and_the_log_stays_quiet(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "triortc.lag"):
        async with open_loop_watch(limit=0.006) as watch:
            for number in range(14):
                await hold(0.0065 + 0.001 * (number % 5))
    seen = watch.statistics()
    assert seen.held_steps >= 14
    assert len(seen.worst) == 10
    assert sorted(seen.worst, key=lambda step: -step.seconds) == list(seen.worst)
    assert len(caplog.records) == 1


async def test_after_the_block_nothing_is_measured() -> None:
    async with open_loop_watch() as watch:
        await trio.lowlevel.checkpoint()
    seen = watch.statistics()
    await hold(0.01)
    assert watch.statistics() == seen


def test_a_whole_run_can_be_watched() -> None:
    watch = LoopWatch()
    trio.run(hold, 0.01, instruments=[watch])
    assert watch.statistics().slow_steps >= 1
    assert any(step.task.endswith("hold") for step in watch.statistics().worst)


def test_watching_a_step_costs_about_a_microsecond(measured: Callable[[str], None]) -> None:
    async def step(times: int) -> None:
        for _ in range(times):
            await trio.lowlevel.cancel_shielded_checkpoint()

    async def spin() -> float:
        started = time.process_time()
        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(step, 200)
        return (time.process_time() - started) / 20_000 * 1e6

    def best(*instruments: LoopWatch) -> float:
        return min(trio.run(spin, instruments=instruments) for _ in range(3))

    plain, watched = best(), best(LoopWatch())
    measured(f"{watched - plain:.2f} µs more than {plain:.2f} µs a step")
    assert watched - plain < 5
