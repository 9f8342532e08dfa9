"""The examples and the programs of the documents, each in a process of its own on free ports."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = {path.name: path.read_text() for path in sorted(ROOT.glob("examples/*.py"))}
HELPERS = ("camera_page.py",)

FREE_PORTS = f"""
import functools, signal, sys, triortc
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore Ctrl-C
sys.path.append({str(ROOT / "examples")!r})
import camera_page
triortc.serve_broadcast = functools.partial(triortc.serve_broadcast, port=0)
camera_page.PAGE_PORT, camera_page.SIGNALING_PORT = 8080, 8081
"""


@contextmanager
def running(program: str, *arguments: str, cwd: Path = ROOT) -> Iterator[subprocess.Popen[str]]:
    """Run *program* with free ports in place of those it names."""
    program = re.sub(r"\b808[01]\b", lambda _: str(_free_port()), FREE_PORTS + program)
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def read_url(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"http://\S+", line):
            return found[0]
    pytest.fail(f"no URL was printed: {process.communicate()[1]}")


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as response:
        text: str = response.read().decode()
        return text


def interrupt(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Press Ctrl-C; return what was said and complained of, and see that it ended in time."""
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    said, complained = process.communicate(timeout=10)
    assert time.monotonic() - started < 4
    return said, complained


def assert_ends_quietly(process: subprocess.Popen[str]) -> None:
    said, complained = interrupt(process)
    assert complained == ""
    assert said.splitlines()[-1] == "Ended."
    assert process.returncode == 0


def assert_shows(url: str) -> None:
    assert "<video" in fetch(url)
    assert json.loads(fetch(url + "stats"))["totals"]["viewers"] == 0
