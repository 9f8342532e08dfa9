"""Who holds the loop: an instrument that names the tasks which keep all others waiting."""

import logging
from bisect import insort
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Final

import trio

SLOW: Final = 0.005
"""Seconds from which a step counts as slow."""

HELD: Final = 0.05
"""Seconds from which a step is said to have held the loop, if nothing else is asked for."""

WORST: Final = 10
"""Slow steps that are remembered."""

LOG_INTERVAL: Final = 10.0
"""Seconds in which one task is named in the log at most once."""

MAX_NAMES: Final = 100
"""Tasks that the log tells apart in that time."""

logger: Final = logging.getLogger("triortc.lag")


@dataclass(frozen=True, slots=True)
class SlowStep:
    """One step of one task that kept the others waiting.

    Attributes:
      task: the task's name.
      seconds: how long it took.
      where: module and line at which the task then waited, or "its end".
      time: when it ended, on the trio clock.
    """

    task: str
    seconds: float
    where: str
    time: float


@dataclass(frozen=True, slots=True)
class LoopStatistics:
    """What a :class:`LoopWatch` has seen.

    Attributes:
      steps: how often a task ran, from one wait to the next.
      busy: seconds that they took together, and trio between them.
      slow_steps: how many took more than 5 ms.
      held_steps: how many held the loop: 50 ms, or the limit that was asked for.
      worst: the slowest ten of the slow ones, the slowest first.
    """

    steps: int
    busy: float
    slow_steps: int
    held_steps: int
    worst: tuple[SlowStep, ...]


class LoopWatch(trio.abc.Instrument):
    """Measures every step of every task; costs about a microsecond each.

    For a whole run, ``trio.run(main, instruments=[watch])``; for a part of one,
    :func:`open_loop_watch`. What holds the loop is logged as a warning by the logger
    ``triortc.lag``, each task at most once in ten seconds.

    Args:
      limit: seconds from which a step is said to have held the loop.
    """

    def __init__(self, *, limit: float = HELD) -> None:
        self._limit = limit
        self._began = float("inf")
        self._steps = self._slow = self._held = 0
        self._busy = 0.0
        self._worst: list[SlowStep] = []
        self._logged: dict[str, float] = {}

    def before_run(self) -> None:
        """Be known to the run. For trio."""
        _installed.set(self)

    def statistics(self) -> LoopStatistics:
        """Return what was seen so far."""
        return LoopStatistics(self._steps, self._busy, self._slow, self._held, tuple(self._worst))

    def after_io_wait(self, timeout: float) -> None:
        """Take note of the time. For trio."""
        self._began = perf_counter()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Look at how long the step took. For trio.

        It began where the step before it ended: a hook before each step would cost as much again.
        """
        now = perf_counter()
        seconds, self._began = now - self._began, now
        if seconds < 0:  # the step that added this instrument
            return
        self._steps += 1
        self._busy += seconds
        if seconds > SLOW:
            self._note(task, seconds)

    def _note(self, task: trio.lowlevel.Task, seconds: float) -> None:
        self._slow += 1
        step = SlowStep(task.name, seconds, _place(task), trio.current_time())
        if seconds > self._limit:
            self._held += 1
            self._log(step)
        insort(self._worst, step, key=lambda known: -known.seconds)
        del self._worst[WORST:]

    def _log(self, step: SlowStep) -> None:
        if step.time - self._logged.get(step.task, float("-inf")) < LOG_INTERVAL:
            return
        if len(self._logged) >= MAX_NAMES:
            self._logged.clear()
        self._logged[step.task] = step.time
        logger.warning(
            "the task %s held the loop for %.0f ms, until %s", step.task, step.seconds * 1000, step.where
        )


@asynccontextmanager
async def open_loop_watch(*, limit: float = HELD) -> AsyncIterator[LoopWatch]:
    """Watch the loop while the block runs::

        async with triortc.open_loop_watch() as watch:
            await serve()
            print(watch.statistics().worst)

    Args:
      limit: seconds from which a step is said to have held the loop.
    """
    watch = LoopWatch(limit=limit)
    trio.lowlevel.add_instrument(watch)
    before = _installed.set(watch)
    try:
        await trio.lowlevel.checkpoint()
        yield watch
    finally:
        trio.lowlevel.remove_instrument(watch)
        _installed.reset(before)


_installed: "trio.lowlevel.RunVar[LoopWatch | None]" = trio.lowlevel.RunVar("triortc loop watch", None)


def installed_loop_watch() -> LoopWatch | None:
    """Return the watch that this run has, the latest of several, or None."""
    return _installed.get()


def _place(task: trio.lowlevel.Task) -> str:
    """Return where a task waits, in the innermost frame that is not trio's own."""
    place = "its end"
    for frame, line in task.iter_await_frames():
        module = frame.f_globals.get("__name__", "?")
        if module.partition(".")[0] != "trio":
            place = f"{module}:{line}"
    return place
