"""Simulcast: a browser sends one picture in three sizes, which arrive as three layers of one track."""

from collections.abc import Callable
from typing import Any

import pytest
import trio
from support.browser import Browser
from support.browser_calls import Call, Caller, open_call, open_caller, until
from support.numbered_pictures import Watcher

import triortc
from triortc.nursery import open_bare_nursery

Measured = Callable[[str], None]
pytestmark = pytest.mark.browser

DRAWN = 1280, 720
# Browsers begin at 300 kbit/s, and leave layers out that do not fit in.
LAYERS: list[dict[str, Any]] = [
    {"rid": "q", "scaleResolutionDownBy": 4, "maxBitrate": 60_000},
    {"rid": "h", "scaleResolutionDownBy": 2, "maxBitrate": 80_000},
    {"rid": "f", "scaleResolutionDownBy": 1, "maxBitrate": 100_000},
]
SIZES = {"q": {(320, 180)}, "h": {(640, 360)}, "f": {DRAWN}}


async def watch_layers(track: triortc.RemoteTrack) -> dict[str, Watcher]:
    """Decode ten pictures of every layer at the same time."""
    layers = {rid: Watcher(track, DRAWN) for rid in track.rids}
    async with open_bare_nursery() as nursery:
        for rid, layer in layers.items():
            nursery.start_soon(layer.watch, rid)
        await until(lambda: all(len(layer.seen) >= 10 for layer in layers.values()))
        nursery.cancel_scope.cancel()
    return layers


async def plis(caller: Caller) -> dict[str, int]:
    return {each["rid"]: each["pliCount"] for each in await caller.stats("outbound-rtp", "video")}


async def wait_keyframe_on_request(call: Call, track: triortc.RemoteTrack, rid: str) -> float:
    """Return seconds from the request to the keyframe."""
    async with track.encoded_frames(rid) as frames:
        await anext(frames)  # a reader begins with a keyframe too
        await trio.sleep(0.6)
        begin = trio.current_time()
        track.request_keyframe(rid)
        with trio.fail_after(5):
            async for frame in frames:
                assert frame.rid == rid
                if frame.keyframe and frame.time > begin:
                    return trio.current_time() - begin
    raise AssertionError("the track has ended")


async def test_three_layers_arrive_each_in_its_own_size(browser: Browser, measured: Measured) -> None:
    async with open_caller(browser) as caller, open_call(caller) as call:
        options = {"width": DRAWN[0], "height": DRAWN[1], "framerate": 10}
        await caller.add("video", options=options, init={"sendEncodings": LAYERS})
        await call.browser_offers()
        await until(lambda: call.watchers)
        track = call.watchers[0].track
        assert track.rids == ("q", "h", "f")

        layers = await watch_layers(track)
        flows = {rid: layer.drain() for rid, layer in layers.items()}
        for rid, flow in flows.items():
            measured(f"{rid} {flow.sizes}: {flow}")
        before = await plis(caller)
        waited = await wait_keyframe_on_request(call, track, "h")
        after = await plis(caller)
        measured(
            f"a keyframe of h {waited * 1000:.0f} ms after it was asked for; PLIs {before}, then {after}"
        )

    assert {rid: flow.sizes for rid, flow in flows.items()} == SIZES
    assert all(flow.in_order and flow.numbers for flow in flows.values())
    assert after["h"] > before["h"]
    assert after["q"] == before["q"]
