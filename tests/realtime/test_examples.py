"""The examples, and the program in the README."""

import re
from functools import partial
from pathlib import Path

import av
import pytest
import trio
from support.examples import (
    EXAMPLES,
    HELPERS,
    ROOT,
    assert_ends_quietly,
    assert_shows,
    fetch,
    interrupt,
    read_url,
    running,
)
from support.peers import packets_received, receive_media

import triortc

pytestmark = pytest.mark.realtime

README = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
NO_CAMERA = "/dev/video99"


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
