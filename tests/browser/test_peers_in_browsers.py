"""`triortc.serve_peers` and a browser's RTCPeerConnection, over a WebSocket."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.browser import Browser

pytestmark = pytest.mark.browser

HERE = Path(__file__).parent
POLITE_PEER = (HERE / "polite_peer.js").read_text()


@contextmanager
def peer_server() -> Iterator[Callable[[], str]]:
    """Run the server; give a function that reads its next line."""
    command = [sys.executable, str(HERE / "peer_server.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline
        finally:
            server.terminate()


def test_a_browser_takes_video_and_then_sound_from_a_handler(
    browser: Browser, measured: Callable[[str], None]
) -> None:
    with peer_server() as read_line:
        page_port, port = read_line().split()
        with browser.open(f"http://127.0.0.1:{page_port}/") as page:
            page.evaluate(POLITE_PEER, {"url": f"ws://127.0.0.1:{port}"})
            flow = page.measure(4)
            measured(f"{flow['fps']:.1f} fps, {flow['audioBytes']} bytes of sound")
            page.evaluate("() => window.leave()")
            reason = read_line().strip()

    assert flow["fps"] >= 20
    assert flow["audioBytes"] > 0
    assert reason == "REMOTE"
