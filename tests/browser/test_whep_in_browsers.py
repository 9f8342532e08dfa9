"""A plain RTCPeerConnection in real browsers, by WHEP."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.broadcast import Broadcast
from support.browser import Browser, Page

Measured = Callable[[str], None]
pytestmark = pytest.mark.browser

VIEWER = (Path(__file__).parent / "whep_viewer.js").read_text()


def view(page: Page, codec: str = "video/VP8") -> dict[str, Any]:
    joined: dict[str, Any] = page.evaluate(VIEWER, {"codec": codec, "audio": True})
    return joined


def open_blank(browser: Browser, broadcast: Broadcast) -> Page:
    """Open something of the server's origin that is not the page, which would be a viewer too."""
    return browser.open(broadcast.url + "nothing-here")


def assert_plays(browser: Browser, codec: str, measured: Measured) -> None:
    with Broadcast("test", "--codec", codec.lower()) as broadcast, open_blank(browser, broadcast) as page:
        joined = view(page, f"video/{codec}")
        flow = page.measure(8)
        measured(f"{codec}: first frame {joined['firstFrame']:.2f} s after POST, {flow['fps']:.1f} fps")

        assert joined["firstFrame"] <= 5
        assert joined["hasEtag"]
        assert flow["fps"] >= 20
        assert flow["audioBytes"] > 0
        assert page.evaluate("() => document.querySelector('video').paused") is False
        assert page.evaluate("() => window.leave()") == 200
        broadcast.wait_viewers(0)


def test_vp8_plays(browser: Browser, measured: Measured) -> None:
    assert_plays(browser, "VP8", measured)


@pytest.mark.parametrize("browser", ["chromium"], indirect=True)  # Debian's Firefox offers no H.264
def test_h264_plays(browser: Browser, measured: Measured) -> None:
    assert_plays(browser, "H264", measured)


def test_a_viewer_that_comes_and_goes_costs_the_other_no_frame(browser: Browser, measured: Measured) -> None:
    with Broadcast("test") as broadcast, open_blank(browser, broadcast) as stayer:
        view(stayer)
        with open_blank(browser, broadcast) as guest:
            view(guest)
            flow = stayer.measure(3)
            broadcast.wait_viewers(2)
            assert guest.evaluate("() => window.leave()") == 200
        broadcast.wait_viewers(1)
        later = stayer.measure(3)
        measured(f"{flow['fps']:.1f} fps beside the guest, {later['fps']:.1f} fps after")

        assert min(flow["fps"], later["fps"]) >= 20
        assert flow["videoLost"] == later["videoLost"] == 0


def test_a_viewer_after_the_last_one_left_gets_video_at_once(browser: Browser, measured: Measured) -> None:
    with Broadcast("test") as broadcast, open_blank(browser, broadcast) as page:
        view(page)
        page.evaluate("() => window.leave()")
        broadcast.wait_viewers(0)
        joined = view(page)
        measured(f"first frame {joined['firstFrame']:.2f} s after POST")
        assert joined["firstFrame"] <= 5
