"""What a test may leave behind: nothing. A snapshot of this process's threads, descriptors and children."""

import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path

IDLE_WORKER = re.compile(
    r"Trio thread \d+"
)  # trio keeps such a thread for 10 s; one at work is named after its job
SELF = Path("/proc/self")


@dataclass(frozen=True)
class Snapshot:
    """Threads (Python's and those of C libraries), open descriptors and child processes of this process."""

    threads: frozenset[str]
    descriptors: frozenset[str]
    children: frozenset[str]

    @classmethod
    def take(cls) -> "Snapshot":
        """Look around."""
        return cls(frozenset(_threads()), frozenset(_descriptors()), frozenset(_children()))

    def left_since(self, before: "Snapshot") -> list[str]:
        """Return what is here now and was not *before*."""
        return sorted(
            (self.threads - before.threads)
            | (self.descriptors - before.descriptors)
            | (self.children - before.children)
        )


def wait_nothing_left(before: Snapshot, *, seconds: float) -> list[str]:
    """Return what is left since *before*, once nothing is or the time is up.

    A thread that has been joined takes a moment to leave the kernel's table.
    """
    deadline = time.monotonic() + seconds
    while (left := Snapshot.take().left_since(before)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def _threads() -> list[str]:
    known = {thread.native_id: thread.name for thread in threading.enumerate()}
    native = {int(task.name) for task in SELF.glob("task/*")} or known.keys()
    return [
        f"thread {task} {known.get(task, 'of a C library')!r}"
        for task in native
        if not IDLE_WORKER.fullmatch(known.get(task, ""))
    ]


def _descriptors() -> list[str]:
    return [f"descriptor {link.name} {target}" for link in SELF.glob("fd/*") if (target := _target(link))]


def _target(link: Path) -> str | None:
    try:
        return str(link.readlink())
    except FileNotFoundError:
        return None  # the descriptor that listed the directory


def _children() -> list[str]:
    return [f"child process {pid}" for task in SELF.glob("task/*") for pid in _words(task / "children")]


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except FileNotFoundError:
        return []  # a thread that has just ended, or a kernel without this list
