"""A nursery whose one failure leaves it bare."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


@asynccontextmanager
async def open_bare_nursery() -> AsyncIterator[trio.Nursery]:
    """Open a nursery that raises a lone failure as itself, and several as a group.

    Siblings that were cancelled because of it are not failures, and one exception that several
    of them raise is one failure. Only the nursery's own layer is removed: an exception group
    raised by the body or by a task leaves as it was.
    """
    try:
        async with trio.open_nursery() as nursery:
            yield nursery
    except BaseExceptionGroup as group:
        failures = _without_repetitions([error for error in group.exceptions if not _is_cancellation(error)])
        if len(failures) != 1:
            raise
        context = failures[0].__context__
        try:
            raise failures[0]
        finally:
            failures[0].__context__ = context  # not the group, nor the cancellation it brought about
            failures.clear()


def _without_repetitions(failures: list[BaseException]) -> list[BaseException]:
    """Return *failures* without those that are raised, or held in a group, by another one as well."""
    kept: list[BaseException] = []
    for failure in sorted(failures, key=lambda error: not isinstance(error, BaseExceptionGroup)):
        if not any(_holds(other, failure) for other in kept):
            kept.append(failure)
    return kept


def _holds(error: BaseException, wanted: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return any(_holds(each, wanted) for each in error.exceptions)
    return error is wanted


def _is_cancellation(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(map(_is_cancellation, error.exceptions))
    return isinstance(error, trio.Cancelled)
