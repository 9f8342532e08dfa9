"""Glare: both sides offer at once, and whoever is polite takes its offer back."""

from collections.abc import Callable

import pytest
from support.browser import Browser
from support.browser_calls import Call, open_caller, open_negotiating_call, until
from support.numbered_pictures import numbered_pictures, tone

import triortc

Measured = Callable[[str], None]
pytestmark = pytest.mark.browser

HELD_UP = 300
"""Milliseconds on the way, in which the other side makes an offer too."""


async def collide(call: Call, first: str, track: triortc.LocalTrack, kind: str) -> None:
    """Add a track on either side, so that the other one's offer comes when one's own is made."""
    caller, peer = call.caller, call.peer
    before = await caller.call("collisions")
    if first == "browser":
        await caller.call("delay", {"out": HELD_UP, "in": 0})
        await caller.add(kind)
        peer.add_track(track)
    else:
        await caller.call("delay", {"out": 0, "in": HELD_UP})
        peer.add_track(track)
        await until(lambda: peer.signaling_state is triortc.SignalingState.HAVE_LOCAL_OFFER)
        await caller.add(kind)
    await until(lambda: call.watchers and call.watchers[-1].track.kind == kind)
    await caller.call("quiet")
    await until(lambda: peer.signaling_state is triortc.SignalingState.STABLE and not peer.negotiation_needed)
    assert await caller.call("collisions") == before + 1


@pytest.mark.parametrize("polite", [False, True], ids=["impolite", "polite"])
async def test_both_sides_offer_at_once(browser: Browser, polite: bool, measured: Measured) -> None:
    async with (
        triortc.open_media(numbered_pictures(), tone()) as media,
        open_caller(browser) as caller,
        open_negotiating_call(caller, polite=polite) as call,
    ):
        video, audio = media.tracks
        await collide(call, "triortc" if polite else "browser", video, "audio")
        await collide(call, "browser" if polite else "triortc", audio, "video")
        await until(lambda: call.watcher("video").seen and call.watcher("audio").sound)
        await caller.wait_seen()
        measured(f"{await caller.directions()} {call.peer!r}")
