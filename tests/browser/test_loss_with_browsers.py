"""Lost packets: browsers ask us for them again, we ask browsers, and pictures and sound go on."""

from collections.abc import Callable
from typing import Any

import pytest
from support.browser import Browser
from support.browser_calls import open_call, open_caller
from support.lossy_network import LossyNetwork
from support.numbered_pictures import FRAMERATE, numbered_pictures, tone

import triortc
from triortc.net.endpoint import using_network

Measured = Callable[[str], None]
pytestmark = pytest.mark.browser

SECONDS = 3
LOSS = 0.08


def inbound_video(peer: triortc.Peer) -> dict[str, Any]:
    stats = peer.statistics().as_w3c().values()
    (found,) = (each for each in stats if (each["type"], each.get("kind")) == ("inbound-rtp", "video"))
    return found


def recovered(inbound: dict[str, Any]) -> str:
    names = "packetsReceived", "packetsLost", "nackCount", "pliCount", "retransmittedPacketsReceived"
    return ", ".join(f"{name} {inbound.get(name)}" for name in names)


async def test_lost_packets_are_sent_again_in_both_directions(browser: Browser, measured: Measured) -> None:
    with using_network(LossyNetwork(1, loss=LOSS)):
        async with (
            triortc.open_media(numbered_pictures(), tone()) as media,
            open_caller(browser) as caller,
            open_call(caller) as call,
        ):
            await call.connect(media.tracks, offerer="browser")
            exchange = await call.exchange(SECONDS)
            here, there = inbound_video(call.peer), exchange.inbound["video"]
    measured(f"{exchange}; here: {recovered(here)}; there: {recovered(there)}")

    exchange.check(pictures=SECONDS * FRAMERATE / 2)
    assert min(here["nackCount"], there["nackCount"]) > 0
    assert here["retransmittedPacketsReceived"] > 0
    assert there.get("retransmittedPacketsReceived", 1) > 0  # Firefox does not tell
