import logging

import pytest
import trio

from triortc.isolation import LOG_INTERVAL, MAX_CAUSES, Isolation


class FakeClock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def isolation(clock: FakeClock) -> Isolation:
    return Isolation(logging.getLogger("test.isolation"), "a viewer", clock)


def fail(isolation: Isolation) -> None:
    with isolation:
        raise ValueError("broken")


def test_an_exception_ends_here_and_is_counted(
    isolation: Isolation, caplog: pytest.LogCaptureFixture
) -> None:
    fail(isolation)
    assert isolation.failures == 1
    assert caplog.records[0].exc_info is not None
    assert caplog.records[0].getMessage().startswith("a viewer failed (ValueError at ")


def test_one_cause_is_logged_once_in_ten_seconds(
    isolation: Isolation, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        fail(isolation)
    assert len(caplog.records) == 1
    clock.now += LOG_INTERVAL
    fail(isolation)
    assert len(caplog.records) == 2
    assert isolation.failures == 6


def test_two_causes_are_logged_apart(isolation: Isolation, caplog: pytest.LogCaptureFixture) -> None:
    fail(isolation)
    with isolation:
        raise ValueError("broken elsewhere")
    assert len(caplog.records) == len(isolation.causes) == 2


def test_causes_are_bounded(isolation: Isolation) -> None:
    for index in range(MAX_CAUSES + 20):
        with isolation:
            raise type(f"Error{index}", (Exception,), {})
    assert len(isolation.causes) == MAX_CAUSES + 1
    assert isolation.failures == MAX_CAUSES + 20


def test_what_is_no_exception_passes(isolation: Isolation) -> None:
    with pytest.raises(KeyboardInterrupt), isolation:
        raise KeyboardInterrupt
    assert isolation.failures == 0


def test_a_group_is_one_failure(isolation: Isolation) -> None:
    with isolation:
        raise ExceptionGroup("two", [ValueError(), OSError()])
    assert isolation.failures == 1


def test_a_mixed_group_loses_its_exceptions_only(isolation: Isolation) -> None:
    with pytest.raises(BaseExceptionGroup) as caught, isolation:
        raise BaseExceptionGroup("mixed", [ValueError(), KeyboardInterrupt()])
    assert [type(error) for error in caught.value.exceptions] == [KeyboardInterrupt]
    assert isolation.failures == 1


async def test_cancellation_passes_and_the_crash_beside_it_is_counted(isolation: Isolation) -> None:
    async def crash_when_cancelled() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise RuntimeError("while closing")

    with trio.move_on_after(0) as scope, isolation:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(crash_when_cancelled)
            nursery.start_soon(trio.sleep_forever)
    assert scope.cancelled_caught
    assert isolation.failures == 1
