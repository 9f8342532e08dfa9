"""ICE restarts by either side of a running call: the way is looked for anew, and media flows on."""

import re
from collections.abc import Callable

import pytest
import trio
from support.browser import Browser
from support.browser_calls import Call, open_caller, open_negotiating_call, until
from support.numbered_pictures import numbered_pictures
from support.peers import session_of

import triortc

Measured = Callable[[str], None]
pytestmark = pytest.mark.browser


def ufrags(peer: triortc.Peer) -> list[str]:
    """Return both sides' user name fragments."""
    descriptions = peer.local_description, peer.remote_description
    return [
        fragment for it in descriptions if it for fragment in re.findall(r"a=ice-ufrag:(\S+)", it.sdp)[:1]
    ]


def has_restarted(peer: triortc.Peer, before: list[str]) -> bool:
    return (
        not set(before) & set(ufrags(peer))
        and peer.signaling_state is triortc.SignalingState.STABLE
        and not session_of(peer).ice.restarting
    )


async def restart(call: Call, side: str) -> None:
    """Restart, and wait until both sides have new credentials and use them."""
    before = ufrags(call.peer)
    if side == "browser":
        await call.caller.call("restartIce")
    else:
        call.peer.restart_ice()
    await until(lambda: has_restarted(call.peer, before))


async def test_media_flows_on_over_restarts_from_either_side(browser: Browser, measured: Measured) -> None:
    async with (
        triortc.open_media(numbered_pictures()) as media,
        open_caller(browser) as caller,
        open_negotiating_call(caller) as call,
    ):
        assert media.video is not None
        call.peer.add_track(media.video)
        await caller.add("video")
        await until(lambda: call.watchers and call.watcher("video").seen)
        await caller.wait_seen()
        for side in ("browser", "triortc"):
            call.watcher("video").drain()
            await caller.drain()
            begin = trio.current_time()
            await restart(call, side)
            took = trio.current_time() - begin
            await trio.sleep(1)
            published, played = call.watcher("video").drain(), await caller.drain()
            measured(f"restart by {side} took {took * 1000:.0f} ms; published: {published}; played: {played}")
            for flow in (published, played):
                assert flow.in_order
                assert flow.longest_gap < 1
        assert await caller.call("stateChanges") == ["connecting", "connected"]
        assert len(call.watchers) == 1
