"""The examples, and the program in the README, each in a process of its own on free ports."""

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
from functools import partial
from pathlib import Path

import av
import pytest
import trio
from support.peers import packets_received, receive_media

import triortc

pytestmark = pytest.mark.realtime

ROOT = Path(__file__).parents[2]
EXAMPLES = {path.name: path.read_text() for path in sorted(ROOT.glob("examples/*.py"))}
HELPERS = ("camera_page.py",)
README = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
NO_CAMERA = "/dev/video99"

FREE_PORTS = f"""
import functools, sys, triortc
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


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Half a second of VP8, and of nothing else."""
    path = tmp_path / "clip.webm"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx", rate=30)
        stream.width, stream.height = 160, 120
        for _ in range(15):
            container.mux(stream.encode(av.VideoFrame(160, 120, "yuv420p")))
        container.mux(stream.encode())
    return path


def test_the_broadcast_shows_its_page_and_ends_quietly() -> None:
    with running(EXAMPLES["broadcast.py"]) as process:
        assert_shows(read_url(process))
        assert_ends_quietly(process)


def test_the_broadcaster_in_the_readme_runs_and_is_as_short_as_it_says() -> None:
    program = README[0]
    assert "trio.run(serve" in program
    assert len(program.splitlines()) <= 16
    with running(program) as process:
        assert_shows(read_url(process))
        interrupt(process)
        assert process.returncode != 0


def test_a_film_is_shown_as_it_is(clip: Path) -> None:
    with running(EXAMPLES["play_file.py"], str(clip)) as process:
        assert_shows(read_url(process))
        assert_ends_quietly(process)


@pytest.mark.parametrize("arguments", [(), ("/nothing/here.mp4",)])
def test_a_film_that_cannot_be_shown_is_one_line(arguments: tuple[str, ...]) -> None:
    with running(EXAMPLES["play_file.py"], *arguments) as process:
        _, complained = process.communicate(timeout=20)
        assert complained.count("\n") == 1
        assert process.returncode == 1


def test_a_missing_camera_is_tried_again_until_ctrl_c() -> None:
    with running(EXAMPLES["reconnecting_camera.py"], NO_CAMERA) as process:
        assert process.stdout is not None
        first, second = process.stdout.readline(), process.stdout.readline()
        assert NO_CAMERA in first
        assert first.endswith("trying again in 1 s\n")
        assert second.endswith("trying again in 2 s\n")
        assert_ends_quietly(process)


async def test_a_page_of_ones_own_is_served_and_its_viewer_gets_media() -> None:
    with running(EXAMPLES["own_page.py"]) as process:
        page = await trio.to_thread.run_sync(lambda: fetch(read_url(process)))
        signaling = re.search(r'"(ws://[^"]+)"', page)
        assert signaling is not None
        async with (
            triortc.open_websocket_signaling(signaling[1]) as channel,
            triortc.open_peer() as viewer,
            trio.open_nursery() as nursery,
        ):
            receive_media(viewer, "video", "audio")
            nursery.start_soon(partial(triortc.negotiate, viewer, channel, polite=True))
            with trio.fail_after(20):
                await viewer.wait_connected()
                while packets_received(viewer) < 30:  # noqa: ASYNC110  (counters tell nobody)
                    await trio.sleep(0.02)
            nursery.cancel_scope.cancel()
        assert_ends_quietly(process)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_short(name: str) -> None:
    assert len(EXAMPLES[name].splitlines()) <= (25 if name == "broadcast.py" else 60)


@pytest.mark.parametrize("name", EXAMPLES.keys() - HELPERS)
def test_every_example_names_its_command_and_ends_at_checkpoints(name: str) -> None:
    program = EXAMPLES[name]
    assert f"python examples/{name}" in program
    assert "restrict_keyboard_interrupt_to_checkpoints=True" in program
