"""Renegotiation in a running call: tracks, directions and transceivers that come and go, and glare."""

import re
from collections.abc import Callable

import pytest
import trio
from support.browser import Browser
from support.browser_calls import Call, Caller, open_caller, open_negotiating_call, until
from support.numbered_pictures import Watcher, numbered_pictures, tone

import triortc

Measured = Callable[[str], None]
pytestmark = pytest.mark.browser


async def until_directions(caller: Caller, *expected: str | None) -> None:
    """Wait until the browser's transceivers have these current directions."""
    with trio.move_on_after(5):
        while await caller.directions() != list(expected):  # noqa: ASYNC110  (the page is asked)
            await trio.sleep(0.05)
    assert await caller.directions() == list(expected)


async def until_new(watcher: Watcher) -> None:
    """Wait until more is seen or heard."""
    watcher.drain()
    watcher.sound.clear()
    await until(lambda: watcher.seen or watcher.sound)


async def until_stable(call: Call) -> None:
    """Wait until nobody needs to negotiate."""
    await until(lambda: is_stable(call.peer))


def is_stable(peer: triortc.Peer) -> bool:
    return peer.signaling_state is triortc.SignalingState.STABLE and not peer.negotiation_needed


async def test_tracks_come_and_go_from_either_side(browser: Browser) -> None:
    async with (
        triortc.open_media(numbered_pictures(), tone()) as media,
        open_caller(browser) as caller,
        open_negotiating_call(caller) as call,
    ):
        video, sound = media.tracks
        await caller.add("video")
        await until(lambda: call.watchers)
        await until_new(call.watchers[0])
        await until_directions(caller, "sendonly")

        call.peer.add_track(video)  # into the same section
        await caller.wait_seen()
        await until_directions(caller, "sendrecv")

        await caller.add("audio")
        await until(lambda: len(call.watchers) == 2)
        await until_new(call.watchers[1])
        await until_directions(caller, "sendrecv", "sendonly")
        call.peer.add_track(sound)
        await until_directions(caller, "sendrecv", "sendrecv")

        await caller.call("remove", {"name": "audio"})
        await until_directions(caller, "sendrecv", "recvonly")
        await until(lambda: call.watchers[1].track.ended)
        call.peer.remove_track(sound)
        await until_directions(caller, "sendrecv", "inactive")

        await caller.call("remove", {"name": "video"})
        await until(lambda: call.watchers[0].track.ended)
        call.peer.remove_track(video)
        await until_directions(caller, "inactive", "inactive")

        call.peer.add_track(video)
        await caller.call("fill", {"name": "again", "kind": "video"})
        await until(lambda: len(call.watchers) == 3)
        await until_new(call.watchers[2])
        await caller.drain()
        await caller.wait_seen()


async def test_a_replaced_track_goes_on_in_the_same_stream(browser: Browser, measured: Measured) -> None:
    async with (
        triortc.open_media(numbered_pictures()) as media,
        triortc.open_media(numbered_pictures(first=5000)) as others,
        open_caller(browser) as caller,
        open_negotiating_call(caller) as call,
    ):
        assert media.video is not None
        transceiver = call.peer.add_track(media.video)
        await caller.add("video")
        await until(lambda: call.watchers)
        (watcher,) = call.watchers
        await until_new(watcher)
        await caller.wait_seen()

        await caller.call("replace", {"name": "video", "kind": "video", "options": {"first": 5000}})
        transceiver.replace_track(others.video)
        await trio.sleep(1)
        published, played = watcher.drain(), await caller.drain()
        for name, flow in (("published", published), ("played", played)):
            measured(f"{name}: {flow}")
            assert flow.in_order
            assert max(flow.numbers) > 5000
            assert flow.longest_gap < 1

        transceiver.replace_track(None)
        await caller.call("replace", {"name": "video"})
        await trio.sleep(0.5)
        watcher.drain(), await caller.drain()
        await trio.sleep(0.5)
        assert len(watcher.drain().seen) <= 1  # Firefox repeats one each second
        assert not (await caller.drain()).seen
        assert not watcher.track.ended
        (inbound,) = await caller.stats("inbound-rtp", "video")
        assert inbound["packetsLost"] == 0
        assert is_stable(call.peer)


async def test_directions_change_from_either_side(browser: Browser) -> None:
    async with (
        triortc.open_media(numbered_pictures()) as media,
        open_caller(browser) as caller,
        open_negotiating_call(caller) as call,
    ):
        assert media.video is not None
        transceiver = call.peer.add_transceiver(media.video)
        await caller.wait_seen()
        await until_directions(caller, "recvonly")
        await caller.call("fill", {"name": "video", "kind": "video"})
        await until_directions(caller, "sendrecv")
        await until(lambda: call.watchers)
        await until_new(call.watchers[0])

        transceiver.direction = "sendonly"
        await until_directions(caller, "recvonly")
        await until(lambda: call.watchers[0].track.ended)
        transceiver.direction = "inactive"
        await until_directions(caller, "inactive")
        transceiver.direction = "sendrecv"
        await until_directions(caller, "sendrecv")
        await until(lambda: len(call.watchers) == 2)
        await until_new(call.watchers[1])
        await caller.call("change", {"name": "video", "direction": "sendonly"})
        await until_directions(caller, "sendonly")
        assert transceiver.current_direction == "recvonly"
        await caller.call("change", {"name": "video", "direction": "recvonly"})
        await until_directions(caller, "recvonly")
        assert transceiver.current_direction == "sendonly"
        await caller.drain()
        await caller.wait_seen()


async def test_stopped_sections_are_used_again(browser: Browser) -> None:
    async with (
        triortc.open_media(numbered_pictures()) as media,
        open_caller(browser) as caller,
        open_negotiating_call(caller) as call,
    ):
        assert media.video is not None
        await caller.add("audio")  # the bundle needs something that stays
        await caller.add("video")
        await until(lambda: len(call.watchers) == 2)
        await until_new(call.watcher("video"))
        stopped = call.watcher("video")
        assert sections(call.peer) == ["audio 9 0", "video 9 1"]

        await caller.call("change", {"name": "video", "stop": True})
        await until(lambda: stopped.track.ended and len(call.peer.transceivers) == 1)
        await until_stable(call)
        assert sections(call.peer) == ["audio 9 0", "video 0 1"]

        sending = call.peer.add_transceiver(media.video, direction="sendonly")
        await caller.wait_seen()
        assert sections(call.peer) == ["audio 9 0", f"video 9 {sending.mid}"]
        assert sending.mid != "1"
        sending.stop()
        await until(lambda: len(call.peer.transceivers) == 1)
        await until_stable(call)

        await caller.add("video")
        await until(lambda: len(call.watchers) == 3)
        await until_new(call.watcher("video"))
        assert len(sections(call.peer)) == 2
        await until_new(call.watcher("audio"))


def sections(peer: triortc.Peer) -> list[str]:
    """Return kind, port and mid of each media section that was agreed on."""
    assert peer.local_description is not None
    _, *texts = peer.local_description.sdp.split("m=")
    mids = (re.search(r"a=mid:(\S+)", text) for text in texts)
    return [" ".join([*text.split()[:2], mid[1]]) for text, mid in zip(texts, mids, strict=True) if mid]
