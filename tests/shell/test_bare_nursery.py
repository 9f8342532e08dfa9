"""One failure leaves a nursery bare, several leave as a group."""

from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import trio
import trio.testing

from triortc.nursery import open_bare_nursery

Body = Callable[[trio.Nursery], Awaitable[None]]


async def fail(error: Exception) -> None:
    raise error


async def wait(_: trio.Nursery) -> None:
    await trio.sleep_forever()


async def run(*tasks: Callable[[], Awaitable[object]], body: Body | None = None) -> None:
    async with open_bare_nursery() as nursery:
        for task in tasks:
            nursery.start_soon(task)
        if body is not None:
            await body(nursery)


async def test_a_task_that_fails_alone_is_seen_bare(autojump_clock: trio.testing.MockClock) -> None:
    error = ValueError("x")
    with pytest.raises(ValueError, match="x") as raised:
        await run(partial(fail, error), trio.sleep_forever, body=wait)
    assert raised.value is error
    assert error.__context__ is None


async def test_the_body_that_fails_alone_is_seen_bare(autojump_clock: trio.testing.MockClock) -> None:
    with pytest.raises(KeyError):
        await run(trio.sleep_forever, body=lambda _: fail(KeyError()))


async def test_nested_nurseries_leave_one_failure_bare(autojump_clock: trio.testing.MockClock) -> None:
    with pytest.raises(KeyError):
        await run(trio.sleep_forever, body=lambda _: run(partial(fail, KeyError()), trio.sleep_forever))


async def test_several_failures_stay_a_group(autojump_clock: trio.testing.MockClock) -> None:
    with pytest.RaisesGroup(KeyError, ValueError):
        await run(partial(fail, KeyError()), partial(fail, ValueError()))


async def test_a_group_of_the_bodys_own_is_left_alone(autojump_clock: trio.testing.MockClock) -> None:
    group = ExceptionGroup("mine", [KeyError()])
    with pytest.RaisesGroup(KeyError, match="mine"):
        await run(body=lambda _: fail(group))


async def test_cancellation_passes_through(autojump_clock: trio.testing.MockClock) -> None:
    with trio.move_on_after(1) as scope:
        await run(trio.sleep_forever)
    assert scope.cancelled_caught


async def test_a_failure_during_cancellation_is_not_lost(autojump_clock: trio.testing.MockClock) -> None:
    async def fail_late() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise KeyError

    with pytest.raises(KeyError), trio.move_on_after(1):
        await run(fail_late, trio.sleep_forever)


async def test_one_failure_that_several_raise_is_one(autojump_clock: trio.testing.MockClock) -> None:
    error = KeyError()
    with pytest.raises(KeyError) as raised:
        await run(partial(fail, error), partial(fail, error), body=lambda _: run(partial(fail, error)))
    assert raised.value is error


async def test_one_failure_is_in_the_bodys_group_or_beside_it(autojump_clock: trio.testing.MockClock) -> None:
    error = KeyError()
    group = ExceptionGroup("mine", [error])
    with pytest.RaisesGroup(KeyError, match="mine"):
        await run(partial(fail, error), body=lambda _: fail(group))
