"""What the browser does without us; when these fail, look at the machine before looking at triortc."""

from pathlib import Path

import pytest
from support.browser import Browser

pytestmark = pytest.mark.browser

LOOPBACK = (Path(__file__).parent / "loopback.html").as_uri()


def test_a_page_can_call_itself_and_plays_muted_without_a_gesture(browser: Browser) -> None:
    with browser.open(LOOPBACK) as page:
        assert page.wait_playing() == {"muted": True, "gesture": False}
        flow = page.measure(2)
        assert flow["fps"] >= 10, flow
        assert page.troubles() == []


def test_a_page_may_not_play_sound_without_a_gesture(browser: Browser) -> None:
    with browser.open(LOOPBACK) as page:
        page.wait_playing()
        assert page.evaluate("() => window.refusal") == "NotAllowedError"


def test_the_driver_reports_console_errors_and_exceptions(browser: Browser) -> None:
    with browser.open(LOOPBACK) as page:
        page.evaluate("() => { console.error('oh'); setTimeout(() => { throw new Error('dear'); }); }")
        page.wait("() => new Promise((resolve) => setTimeout(resolve, 200, true))")
        assert [trouble.split(":")[0] for trouble in page.troubles()] == ["console", "exception"]
