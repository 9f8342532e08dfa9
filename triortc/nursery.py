"""A nursery whose one failure leaves it bare."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


@asynccontextmanager
async def open_bare_nursery() -> AsyncIterator[trio.Nursery]:
    """Open a nursery that raises a lone failure as itself, and several as a group.

    Cancelled siblings of a failed task are not failures. The nursery's own layer is
    removed, and no more: an exception group raised by the body leaves as it was.
    """
    failure: BaseException
    try:
        async with trio.open_nursery() as nursery:
            yield nursery
        return
    except BaseExceptionGroup as group:
        _, failures = group.split(trio.Cancelled)
        if failures is None or len(failures.exceptions) > 1:
            raise
        failure = failures.exceptions[0]
    try:
        raise failure  # outside of the handler, so that the group does not become its context
    finally:
        del failure
