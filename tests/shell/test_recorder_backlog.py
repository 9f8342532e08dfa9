"""The queue before a recorder's worker: who waits, and for what."""

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from triortc.media.backlog import MAX_AGE, MAX_BYTES, Backlog

HALF = MAX_BYTES // 2


@pytest.fixture
def backlog() -> Backlog[str]:
    return Backlog()


async def test_entries_come_out_together_and_in_order(backlog: Backlog[str]) -> None:
    await backlog.put("a", 10)
    backlog.put_nowait("b")
    assert (len(backlog), backlog.bytes) == (2, 10)
    assert await backlog.take() == ["a", "b"]
    assert (len(backlog), backlog.bytes) == (0, 0)


async def test_the_worker_waits_for_an_entry(backlog: Backlog[str], autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def _() -> None:
            assert await backlog.take() == ["a"]

        await trio.sleep(1)
        await backlog.put("a", 1)


async def test_a_track_waits_when_there_are_too_many_bytes(
    backlog: Backlog[str], autojump_clock: MockClock
) -> None:
    await backlog.put("a", HALF)
    await backlog.put("b", HALF)
    with trio.move_on_after(5) as scope:
        await backlog.put("c", 1)
    assert scope.cancelled_caught
    backlog.put_nowait("a mark has room")
    assert len(await backlog.take()) == 3
    await backlog.put("c", 1)


async def test_a_track_waits_when_the_oldest_entry_is_too_old(
    backlog: Backlog[str], autojump_clock: MockClock
) -> None:
    await backlog.put("a", 1)
    await trio.sleep(MAX_AGE / 2)
    await backlog.put("b", 1)
    await trio.sleep(MAX_AGE / 2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(backlog.put, "c", 1)
        await trio.testing.wait_all_tasks_blocked()
        assert list(await backlog.take()) == ["a", "b"]
    assert list(await backlog.take()) == ["c"]


async def test_closing_lets_everybody_go(backlog: Backlog[str], autojump_clock: MockClock) -> None:
    await backlog.put("a", MAX_BYTES)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(backlog.put, "late", 1)
        await trio.testing.wait_all_tasks_blocked()
        backlog.close()
    assert list(await backlog.take()) == ["a"]
    assert list(await backlog.take()) == []
