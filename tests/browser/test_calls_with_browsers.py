"""Pictures and sound, both ways at once, between a triortc peer and a browser in either role."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.browser import Browser
from support.browser_calls import open_call, open_caller, open_negotiating_call, until
from support.numbered_pictures import FRAMERATE, numbered_pictures, tone

import triortc

Measured = Callable[[str], None]
pytestmark = pytest.mark.browser

SCREENSHOTS = Path(os.environ.get("TRIORTC_SCREENSHOTS", "/tmp/triortc-screenshots"))
SECONDS = 2


def assert_sane(inbound: dict[str, Any]) -> None:
    """What the browser says of our video, on a line that loses nothing."""
    assert inbound["packetsLost"] == 0
    assert inbound["framesDecoded"] >= SECONDS * FRAMERATE / 2
    assert inbound.get("keyFramesDecoded", 1) >= 1  # Firefox does not tell
    assert inbound["nackCount"] == 0
    assert inbound["pliCount"] <= 2


@pytest.mark.parametrize("offerer", ["browser", "triortc"])
async def test_pictures_and_sound_go_both_ways(browser: Browser, offerer: str, measured: Measured) -> None:
    async with (
        triortc.open_media(numbered_pictures(), tone()) as media,
        open_caller(browser) as caller,
        open_call(caller) as call,
    ):
        await call.connect(media.tracks, offerer=offerer)
        exchange = await call.exchange(SECONDS)
        measured(str(exchange))
        await caller.screenshot(SCREENSHOTS / f"{browser.name}-call.png")

    exchange.check(pictures=SECONDS * FRAMERATE / 2)
    assert max(exchange.published.delay, exchange.played.delay) < 0.5
    assert_sane(exchange.inbound["video"])
    assert exchange.inbound["audio"]["packetsLost"] == 0
    assert exchange.outbound["video"]["nackCount"] == 0


async def test_fake_devices_are_published_to_a_server_of_peers(browser: Browser, measured: Measured) -> None:
    devices = {"fake": True}
    async with open_caller(browser) as caller, open_negotiating_call(caller) as call:
        await caller.add("video", options=devices)
        await caller.add("audio", options=devices)
        await until(lambda: len(call.watchers) == 2)
        await until(lambda: len(call.watcher("video").seen) >= FRAMERATE)
        await until(lambda: call.watcher("audio").hear()[1] > 0.01)
        pictures = call.watcher("video").drain()
        frequency, amplitude = call.watcher("audio").hear()
        measured(f"{pictures.sizes}, {frequency:.0f} Hz at {amplitude:.3f}")
        (outbound,) = await caller.stats("outbound-rtp", "video")

    assert pictures.sizes == {(640, 480)}
    assert outbound["nackCount"] == 0
    assert outbound["pliCount"] <= 2
