"""Every codec that a browser and triortc have in common, sent and received by both in one call."""

from collections.abc import Callable

import pytest
from support.browser import Browser
from support.browser_calls import Caller, open_call, open_caller
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


async def check(
    caller: Caller, video: VideoEncoding, audio: AudioEncoding, offerer: str, measured: Measured
) -> None:
    names = [video.name, audio.name]
    async with (
        triortc.open_media(numbered_pictures(), tone(), video=video, audio=audio) as media,
        open_call(caller) as call,
    ):
        await call.connect(media.tracks, offerer=offerer, codecs=names)
        exchange = await call.exchange(SECONDS)
    measured(f"{video.name} and {audio.name}, offered by {offerer}: {exchange}")

    exchange.check(pictures=SECONDS * FRAMERATE / 2)
    for way in (exchange.inbound, exchange.outbound):
        assert [way[kind]["codec"].split("/")[1] for kind in ("video", "audio")] == names


async def test_each_common_codec_goes_both_ways(browser: Browser, measured: Measured) -> None:
    async with open_caller(browser) as caller:
        known = {*await caller.call("capabilities", "video"), *await caller.call("capabilities", "audio")}
        for (video, audio), offerer in zip(TOGETHER, ("browser", "triortc") * 2, strict=True):
            if f"video/{video.name}" not in known:
                # Debian's Firefox has H.264 by OpenH264, which it would have to download first.
                assert (browser.name, video.name) == ("firefox", "H264")
                measured(f"{browser.version} has no {video.name} in WebRTC")
                video = triortc.VP8()
            await check(caller, video, audio, offerer, measured)
