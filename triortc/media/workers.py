"""Worker threads: where FFmpeg may block, and who may use how many."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

import trio

CLOSE_TIMEOUT = 10.0
"""Seconds until a device or codec that does not let itself be closed is given up."""

ResultT = TypeVar("ResultT")

_codec_limiter: trio.lowlevel.RunVar[trio.CapacityLimiter] = trio.lowlevel.RunVar("triortc codec limiter")


class Closable(Protocol):
    """Something that must be closed, which may block."""

    def close(self) -> None:
        """Close it."""
        ...


ClosableT = TypeVar("ClosableT", bound=Closable)


def codec_limiter() -> trio.CapacityLimiter:
    """Return this run's limiter for encoders and decoders: one thread per processor.

    Never trio's default limiter, which is the user's.
    """
    try:
        return _codec_limiter.get()
    except LookupError:
        limiter = trio.CapacityLimiter(os.cpu_count() or 1)
        _codec_limiter.set(limiter)
        return limiter


async def run_in_worker(function: Callable[[], ResultT], limiter: trio.CapacityLimiter) -> ResultT:
    """Call *function* in a worker thread and wait for it, even when cancelled.

    Once the thread has begun, its result is always delivered: what it opened is never lost.
    """
    return await trio.to_thread.run_sync(function, limiter=limiter, abandon_on_cancel=False)


@asynccontextmanager
async def opened_in_worker(
    open_it: Callable[[], ClosableT], limiter: trio.CapacityLimiter
) -> AsyncIterator[ClosableT]:
    """Open something in a worker thread, and close it in one when the block ends."""
    resource = await run_in_worker(open_it, limiter)
    try:
        yield resource
    finally:
        # The one shield of the media floor. A device that hangs in close() is left behind.
        with trio.move_on_after(CLOSE_TIMEOUT, shield=True):
            await trio.to_thread.run_sync(resource.close, limiter=limiter, abandon_on_cancel=True)
