"""Lost packets: browsers ask us for them again, we ask browsers, and pictures and sound go on."""

from collections.abc import Callable
from typing import Any

import pytest
import trio
from support.browser import Browser
from support.browser_calls import open_call, open_caller, until
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
            for track in media.tracks:
                call.peer.add_track(track)
                await caller.add(track.kind)
            await call.browser_offers()
            await until(lambda: len(call.watchers) == 2 and call.watcher("video").seen)
            await caller.wait_seen()
            call.watcher("video").drain()
            await trio.sleep(SECONDS)
            published, played = call.watcher("video").drain(), await caller.drain()
            frequency, amplitude = call.watcher("audio").hear()
            heard = await caller.call("hear")
            here = inbound_video(call.peer)
            (there,) = await caller.stats("inbound-rtp", "video")
    measured(f"published: {published}; {recovered(here)}; heard {frequency:.0f} Hz at {amplitude:.2f}")
    measured(f"played: {played}; {recovered(there)}; heard {heard}")

    for flow, inbound in ((published, here), (played, there)):
        assert flow.in_order
        assert len(flow.numbers) >= SECONDS * FRAMERATE / 2
        assert inbound["nackCount"] > 0
    assert here["retransmittedPacketsReceived"] > 0
    assert there.get("retransmittedPacketsReceived", 1) > 0  # Firefox does not tell
    assert frequency == pytest.approx(660 if heard else 1000, abs=10)
    assert heard is None or heard["frequency"] == pytest.approx(880, abs=12)
