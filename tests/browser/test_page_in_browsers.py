"""The project's own page in real browsers."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.broadcast import Broadcast
from support.browser import Browser, Page

Measured = Callable[[str], None]
pytestmark = pytest.mark.browser

SCREENSHOTS = Path(os.environ.get("TRIORTC_SCREENSHOTS", "/tmp/triortc-screenshots"))
IS_LIVE = "() => document.body.dataset.stage === 'live'"


@pytest.fixture(scope="module")
def broadcast() -> Iterator[Broadcast]:
    with Broadcast("test") as broadcast:
        yield broadcast


@pytest.fixture
def page(browser: Browser, broadcast: Broadcast) -> Iterator[Page]:
    with browser.open(broadcast.url) as page:
        yield page


def test_the_page_plays_with_no_click(page: Page, measured: Measured) -> None:
    assert page.wait_playing() == {"muted": True, "gesture": False}
    page.wait(IS_LIVE)
    join = page.evaluate("() => probe.joinSeconds()")
    flow = page.measure(8)
    measured(f"first frame {join:.2f} s after POST, {flow['fps']:.1f} fps, {flow['freezes']} freezes")

    assert join <= 5
    assert flow["fps"] >= 20
    assert flow["audioBytes"] > 0
    assert page.evaluate("() => document.querySelector('video').paused") is False
    assert page.troubles() == []


def test_a_page_that_is_left_is_forgotten_at_once(browser: Browser) -> None:
    with Broadcast("test") as broadcast, browser.open(broadcast.url) as page:
        page.wait_playing()
        assert len(broadcast.statistics()["viewers"]) == 1
        page.evaluate("() => { location.href = 'about:blank'; }")
        broadcast.wait_viewers(0)


@pytest.mark.parametrize(("name", "width", "height"), [("phone", 390, 844), ("desktop", 1280, 800)])
def test_the_page_fits_the_screen(browser: Browser, page: Page, name: str, width: int, height: int) -> None:
    page.resize(width, height)
    page.wait(IS_LIVE)
    page.wait("() => parseInt(document.getElementById('motion').textContent) > 0")
    page.screenshot(SCREENSHOTS / f"{browser.name}-{name}.png")
    assert page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0
