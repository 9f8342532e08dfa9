"""aiortc as a viewer."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.broadcast import Broadcast

pytestmark = pytest.mark.interop

VIEWERS = Path(__file__).parent / "aiortc_viewers.py"


def test_a_viewer_that_vanishes_is_forgotten() -> None:
    with Broadcast("test") as broadcast:
        command = [sys.executable, VIEWERS, broadcast.url + "whep", "1"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as viewer:
            broadcast.wait_viewers(1, state="connected")
            viewer.kill()
        broadcast.wait_viewers(0, seconds=35)


def test_twelve_viewers_join_a_moment_apart_and_leave(measured: Callable[[str], None]) -> None:
    with Broadcast("test") as broadcast:
        viewers = subprocess.run(
            [sys.executable, VIEWERS, broadcast.url + "whep", "12"],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert viewers.returncode == 0, viewers.stderr
        broadcast.wait_viewers(0)

    joined = [json.loads(line) for line in viewers.stdout.splitlines()]
    waits = sorted(viewer["video"] for viewer in joined)
    measured(f"first frame {', '.join(f'{wait:.2f}' for wait in waits)} s after POST")
    assert len(joined) == 12
    assert {viewer["left"] for viewer in joined} == {200}
    assert waits[-1] <= 5
