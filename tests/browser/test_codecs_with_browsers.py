"""Every codec that a browser and triortc have in common, sent and received by both in one call."""

from collections.abc import Callable

import pytest
import trio
from support.browser import Browser
from support.browser_calls import Caller, open_call, open_caller, until
from support.numbered_pictures import FRAMERATE, numbered_pictures, tone

import triortc
from triortc.media.encodings import AudioEncoding, VideoEncoding

Measured = Callable[[str], None]
pytestmark = pytest.mark.browser

SECONDS = 1
TOGETHER: tuple[tuple[VideoEncoding, AudioEncoding], ...] = (
    (triortc.VP8(), triortc.Opus()),
    (triortc.VP9(), triortc.G722()),
    (triortc.AV1(), triortc.PCMA()),
    (triortc.H264(), triortc.PCMU()),
)


async def exchange(
    caller: Caller,
    encodings: tuple[VideoEncoding, AudioEncoding],
    *,
    browser_offers: bool,
    measured: Measured,
) -> None:
    video, audio = encodings
    async with (
        triortc.open_media(numbered_pictures(), tone(), video=video, audio=audio) as media,
        open_call(caller) as call,
    ):
        for track in media.tracks:
            call.peer.add_track(track)
        if browser_offers:
            await caller.add("video", codec=video.name)
            await caller.add("audio", codec=audio.name)
            await call.browser_offers()
        else:
            for kind in ("video", "audio"):
                await caller.call("addTrack", {"kind": kind})
            await call.triortc_offers()
        await until(lambda: len(call.watchers) == 2)
        await until(lambda: call.watcher("video").seen and call.watcher("audio").hear()[1] > 0.05)
        await caller.wait_seen()
        call.watcher("video").drain()
        await trio.sleep(SECONDS)
        published, played = call.watcher("video").drain(), await caller.drain()
        frequency, amplitude = call.watcher("audio").hear()
        heard = await caller.call("hear")
        coded = [
            (await caller.stats(f"{direction}-rtp", kind))[0]["codec"].lower()
            for direction in ("inbound", "outbound")
            for kind in ("video", "audio")
        ]
        (sound,) = await caller.stats("inbound-rtp", "audio")
    measured(f"{video.name} published: {published}")
    measured(f"{video.name} played: {played}")
    measured(f"{audio.name}: heard {frequency:.0f} Hz at {amplitude:.2f} by triortc, {heard} by the browser")

    assert coded == [f"video/{video.name}".lower(), f"audio/{audio.name}".lower()] * 2
    for flow in (published, played):
        assert flow.in_order
        assert len(flow.numbers) >= SECONDS * FRAMERATE / 2
    assert frequency == pytest.approx(660 if heard else 1000, abs=5)
    assert heard is None or heard["frequency"] == pytest.approx(880, abs=12)
    assert heard or sound["totalAudioEnergy"] > 0


async def test_each_common_codec_goes_both_ways(browser: Browser, measured: Measured) -> None:
    async with open_caller(browser) as caller:
        known = {*await caller.call("capabilities", "video"), *await caller.call("capabilities", "audio")}
        for index, (video, audio) in enumerate(TOGETHER):
            if f"video/{video.name}" in known:
                offering = index % 2 == 0
                await exchange(caller, (video, audio), browser_offers=offering, measured=measured)
            else:
                # Debian's Firefox decodes H.264 by OpenH264, which it would have to download first.
                measured(f"{browser.version} has no {video.name} in WebRTC")
                assert (browser.name, video.name) == ("firefox", "H264")
                encodings = triortc.VP8(), audio
                await exchange(caller, encodings, browser_offers=False, measured=measured)
