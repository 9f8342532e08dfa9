"""The command in a process of its own."""

import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

pytestmark = pytest.mark.realtime

COMMAND = [sys.executable, "-c", "from triortc.cli.main import main; main()"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=30)


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*COMMAND, "broadcast", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_url(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip().startswith("http://"):
            return line.strip()
    pytest.fail("no URL was printed")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--codec", "cinepak"),
        ("/dev/video99", "--no-audio"),
        ("/nothing/here.mp4",),
        ("--size", "641x361"),
        ("--size", "large"),
        ("--bitrate", "0"),
        ("--host", "192.0.2.1"),
        ("--allow-origin", "example.org"),
        ("--nonsense",),
    ],
)
def test_what_cannot_work_is_one_line_and_status_2(arguments: tuple[str, ...]) -> None:
    ended = run("broadcast", *arguments)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith("triortc: ")
    assert ended.stderr.count("\n") == 1


def test_a_port_in_use_is_one_line_and_status_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run("broadcast", "--port", str(port))
        assert ended.returncode == 2
        expected = f"triortc: cannot listen on 127.0.0.1 port {port}: Address already in use\n"
        assert ended.stderr == expected
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        ended = run("broadcast", "--port", "0", "--udp-port", str(port))
        assert ended.returncode == 2
        assert ended.stderr == f"triortc: cannot use UDP port {port}: Address already in use\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_at_once_with_one_line(number: signal.Signals) -> None:
    with running("--port", "0") as process:
        url = read_url(process)
        with urllib.request.urlopen(url) as page, socket.create_connection(("127.0.0.1", _port(url))):
            assert b"triortc" in page.read()
            started = time.monotonic()
            process.send_signal(number)
            said, complained = process.communicate(timeout=10)
            assert time.monotonic() - started < 3
        assert process.returncode in (0, 130)
        assert said.splitlines()[-1] == "Ended; viewers served: 0."
        assert complained == ""


def test_a_token_is_printed_beyond_loopback_and_public_drops_it() -> None:
    with running("--port", "0", "--host", "0.0.0.0") as process:
        assert len(read_url(process).partition("#token=")[2]) >= 43
    with running("--port", "0", "--host", "0.0.0.0", "--public") as process:
        assert "token" not in read_url(process)


def test_the_version_loads_no_media_and_no_web() -> None:
    script = (
        "import sys; from triortc.cli.main import cli; cli.main(['--version'], standalone_mode=False);"
        "print([name for name in ('av', 'trio', 'hypercorn', 'starlette', 'rich') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
    version, loaded = ended.stdout.splitlines()
    assert version.startswith("triortc ")
    assert loaded == "[]"


def _port(url: str) -> int:
    return int(url.split("/")[2].rpartition(":")[2])
