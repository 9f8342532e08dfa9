"""What holds for every test: nothing is left behind, and in CI nothing is skipped in silence."""

import os
from collections.abc import Callable, Generator, Iterator

import hypothesis
import pytest
from support.leaks import Snapshot, wait_nothing_left

FIGURES = pytest.StashKey[list[str]]()
CI = bool(os.environ.get("CI"))

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy would start threads when it is first imported

hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if CI else "here")


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """No thread, socket, descriptor or child process outlives the test; ``trio.run`` answers for the tasks.

    Nothing is collected before the look: what must wait for the garbage collector was not closed.
    """
    before = Snapshot.take()
    yield
    left = wait_nothing_left(before, seconds=2)
    if left:
        pytest.fail("left behind: " + ", ".join(left), pytrace=False)


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Write a figure into the report at the end of the run."""
    figures = request.config.stash.setdefault(FIGURES, [])
    return lambda figure: figures.append(f"{request.node.name}: {figure}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if figures := config.stash.get(FIGURES, None):
        terminalreporter.section("measured")
        terminalreporter.write("\n".join(figures) + "\n")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if (
        CI
        and report.skipped
        and not hasattr(report, "wasxfail")
        and any(map(item.get_closest_marker, ("browser", "interop")))
    ):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI takes for a failure: {report.longrepr}"
    return report
