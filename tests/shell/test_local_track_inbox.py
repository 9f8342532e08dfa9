"""The queue between capture and an encoder, by its three policies."""

from typing import cast

import pytest
import trio
import trio.testing

from triortc.media.inbox import Inbox, Raw
from triortc.media.reader import RawFrame


def raw(number: int) -> Raw:
    return Raw(cast(RawFrame, None), number, 0.0)


async def drain(inbox: Inbox) -> list[int]:
    inbox.finish()
    return [item.timestamp async for item in inbox.frames]


async def test_live_video_keeps_the_latest_picture(autojump_clock: trio.testing.MockClock) -> None:
    inbox = Inbox("video", live=True)
    for number in range(5):
        await inbox.put(raw(number))
    assert (inbox.depth, inbox.drops) == (1, 4)
    assert await drain(inbox) == [4]


async def test_live_sound_has_200_ms_of_slack(autojump_clock: trio.testing.MockClock) -> None:
    inbox = Inbox("audio", live=True)
    for number in range(13):
        await inbox.put(raw(number))
    assert (inbox.depth, inbox.drops) == (10, 3)
    assert await drain(inbox) == list(range(3, 13))


async def test_a_file_waits_for_its_encoder(autojump_clock: trio.testing.MockClock) -> None:
    inbox = Inbox("video", live=False)
    await inbox.put(raw(0))
    await inbox.put(raw(1))
    with trio.move_on_after(10) as scope:
        await inbox.put(raw(2))
    assert scope.cancelled_caught
    assert inbox.drops == 0
    assert await drain(inbox) == [0, 1]


async def test_a_blocked_file_goes_on_when_the_last_viewer_leaves(
    autojump_clock: trio.testing.MockClock,
) -> None:
    inbox = Inbox("video", live=False)
    await inbox.put(raw(0))
    await inbox.put(raw(1))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.put, raw(2))
        await trio.testing.wait_all_tasks_blocked()
        inbox.close()
    with pytest.raises(trio.ClosedResourceError):
        await inbox.frames.receive()
