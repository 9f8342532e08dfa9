"""A real `triortc broadcast` in a process of its own."""

import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

TRIORTC = Path(sys.executable).with_name("triortc")


class Broadcast:
    """`triortc broadcast ARGUMENTS` on a free port; use it as a context manager.

    The block begins when the server answers, and ends with a Ctrl-C, which must end the command cleanly.
    """

    def __init__(self, *arguments: str) -> None:
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}/"
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115  (closed in __exit__)
        self._process = subprocess.Popen(
            [TRIORTC, "broadcast", *arguments, "--port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def __enter__(self) -> "Broadcast":
        try:
            self._wait_started(seconds=20)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, exc_type: object, *exc_info: object) -> None:
        status, said = self._stop()
        if exc_type is None:
            assert status in (0, 130), f"status {status} after Ctrl-C: {said}"
            assert "Traceback" not in said, said

    def statistics(self) -> Any:
        """Return what `/stats` says."""
        with urllib.request.urlopen(self.url + "stats", timeout=5) as response:
            return json.load(response)

    def wait_viewers(self, count: int, *, state: str | None = None, seconds: float = 10) -> None:
        """Wait until `/stats` counts *count* viewers, all of them in *state* when one is given."""
        deadline = time.monotonic() + seconds
        while True:
            seen = [viewer["state"] for viewer in self.statistics()["viewers"]]
            if len(seen) == count and all(state in (None, each) for each in seen):
                return
            assert time.monotonic() < deadline, f"not {count} viewers but {seen}"
            time.sleep(0.05)

    def _wait_started(self, *, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.statistics()
            except OSError:
                assert self._process.poll() is None, f"it ended at once: {self._said()}"
                assert time.monotonic() < deadline, f"no answer within {seconds} s: {self._said()}"
                time.sleep(0.05)
            else:
                return

    def _stop(self) -> tuple[int, str]:
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        said = self._said()
        self._log.close()
        return self._process.returncode, said

    def _said(self) -> str:
        self._log.seek(0)
        return self._log.read()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
