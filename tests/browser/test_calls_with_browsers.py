"""Pictures and sound, both ways at once, between a triortc peer and a browser in either role."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from support.browser import Browser
from support.browser_calls import Call, open_call, open_caller, open_negotiating_call, until
from support.numbered_pictures import FRAMERATE, numbered_pictures, tone

import triortc

Measured = Callable[[str], None]
pytestmark = pytest.mark.browser

SCREENSHOTS = Path(os.environ.get("TRIORTC_SCREENSHOTS", "/tmp/triortc-screenshots"))
SECONDS = 2


async def exchange_media(call: Call) -> None:
    """Let both sides see and hear each other, from when the first picture was seen on both."""
    await until(lambda: len(call.watchers) == 2)
    await until(lambda: call.watcher("video").seen)
    await call.caller.wait_seen()
    call.watcher("video").drain()
    await trio.sleep(SECONDS)


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
        for track in media.tracks:
            call.peer.add_track(track)
        if offerer == "browser":
            await caller.add("video")
            await caller.add("audio")
            await call.browser_offers()
        else:
            for kind in ("video", "audio"):
                await caller.call("addTrack", {"kind": kind})
            await call.triortc_offers()
        await exchange_media(call)

        published, played = call.watcher("video").drain(), await caller.drain()
        measured(f"published: {published}")
        measured(f"played: {played}")
        frequency, amplitude = call.watcher("audio").hear()
        heard = await caller.call("hear")
        measured(f"heard {frequency:.0f} Hz at {amplitude:.2f} by triortc, {heard} by the browser")
        caller.screenshot(SCREENSHOTS / f"{browser.name}-call.png")
        (inbound,) = await caller.stats("inbound-rtp", "video")
        (outbound,) = await caller.stats("outbound-rtp", "video")
        (sound,) = await caller.stats("inbound-rtp", "audio")

    for flow in (published, played):
        assert flow.in_order
        assert len(flow.numbers) >= SECONDS * FRAMERATE / 2
        assert flow.delay < 0.5
    assert frequency == pytest.approx(660 if heard else 1000, abs=5)
    assert amplitude > 0.05
    assert heard is None or heard["frequency"] == pytest.approx(880, abs=12)
    assert_sane(inbound)
    assert sound["packetsLost"] == 0
    assert heard or sound["totalAudioEnergy"] > 0
    assert outbound["nackCount"] == 0


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
