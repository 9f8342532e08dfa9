"""The one boundary at which an exception ends: what failed is counted and logged, the others go on."""

import logging
from collections import Counter
from collections.abc import Callable
from types import TracebackType

LOG_INTERVAL = 10.0
"""Seconds in which one cause is logged at most once."""

MAX_CAUSES = 100
"""Causes that are told apart; later ones are counted together."""

OTHER_CAUSES = "other"


class Isolation:
    """A context manager that ends what fails inside it, and nothing else.

    Whoever serves many strangers runs each of them inside ``with isolation:``. An exception
    ends that one, is counted, and is logged with its traceback at most once per 10 s per cause.
    Cancellation and other :class:`BaseException`\\ s pass, also out of a group that holds both.

    One object may be entered by any number of tasks at a time.

    Args:
      logger: where failures are told.
      subject: what fails here, the first words of the log line, such as ``"a viewer"``.
      clock: returns seconds; ``trio.current_time`` above the sans-IO line.
      level: of the log line; lower it where a stranger can cause failures at will.

    Attributes:
      causes: how often each cause has struck, named by exception type and source line.
    """

    def __init__(
        self,
        logger: logging.Logger,
        subject: str,
        clock: Callable[[], float],
        *,
        level: int = logging.ERROR,
    ) -> None:
        self.causes: Counter[str] = Counter()
        self._logger = logger
        self._subject = subject
        self._clock = clock
        self._level = level
        self._logged: dict[str, float] = {}

    @property
    def failures(self) -> int:
        """How many exceptions ended here."""
        return self.causes.total()

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if isinstance(error, Exception):
            self._note(error)
            return True
        if isinstance(error, BaseExceptionGroup):
            failed, rest = error.split(Exception)
            if failed is not None and rest is not None:
                self._note(failed)
                raise rest
        return False

    def _note(self, error: BaseException) -> None:
        cause = cause_of(error)
        if cause not in self.causes and len(self.causes) >= MAX_CAUSES:
            cause = OTHER_CAUSES
        self.causes[cause] += 1
        now = self._clock()
        if now - self._logged.get(cause, -LOG_INTERVAL) >= LOG_INTERVAL:
            self._logged[cause] = now
            self._logger.log(
                self._level,
                "%s failed (%s, %d times so far)",
                self._subject,
                cause,
                self.causes[cause],
                exc_info=error,
            )


def cause_of(error: BaseException) -> str:
    """Return a name for what went wrong: the first leaf's type, and the line that raised it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    name = type(error).__name__
    traceback = error.__traceback__
    if traceback is None:
        return name
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    module = traceback.tb_frame.f_globals.get("__name__", "?")
    return f"{name} at {module}:{traceback.tb_lineno}"
