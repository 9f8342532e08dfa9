"""The keyframe economy: enough for everybody, and no more."""

import itertools

import pytest
import trio
import trio.testing

from triortc.media.encodings import VP8
from triortc.media.local_track import Feed, LocalTrack, open_fed_track
from triortc.media.subscription import VIDEO_CAPACITY, Subscription
from triortc.protocol.rtp.frame import EncodedFrame


class Encoder:
    """Publishes 30 frames a second, keyframes on request, and notes when those were."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.number = 0
        self.keyframes: list[float] = []

    def step(self) -> None:
        now = trio.current_time()
        keyframe = self.feed.keyframe_wanted(now) or self.number == 0
        if keyframe:
            self.keyframes.append(now)
        self.feed.publish(EncodedFrame([b"x"], timestamp=self.number * 3000, time=now, keyframe=keyframe))
        self.number += 1

    async def run(self, seconds: float, *drained: Subscription) -> None:
        for _ in range(round(seconds * 30)):
            self.step()
            for subscription in drained:
                while subscription.depth:
                    await subscription.receive()
            await trio.sleep(1 / 30)


def gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in itertools.pairwise(times)]


async def test_a_joiner_gets_a_keyframe_first_and_soon(autojump_clock: trio.testing.MockClock) -> None:
    with open_fed_track("video", [VP8()]) as (track, feed), track.subscribe(VP8()) as early:
        encoder = Encoder(feed)
        await encoder.run(3, early)
        with track.subscribe(VP8()) as joiner:
            encoder.step()
            assert (await joiner.receive()).keyframe
            assert joiner.frames_dropped == 0


async def test_a_joiner_gets_nothing_before_a_keyframe(autojump_clock: trio.testing.MockClock) -> None:
    with open_fed_track("video", [VP8()]) as (track, feed), track.subscribe(VP8()) as joiner:
        for number in range(20):
            feed.publish(EncodedFrame([b"x"], timestamp=number, time=0.0, keyframe=False))
        assert (joiner.depth, joiner.frames_dropped) == (0, 0)


async def test_requests_of_half_a_second_are_one(autojump_clock: trio.testing.MockClock) -> None:
    with open_fed_track("video", [VP8()]) as (track, feed):
        viewers = [track.subscribe(VP8()).__enter__() for _ in range(50)]
        encoder = Encoder(feed)
        for number in range(300):
            viewers[number % 50].request_keyframe()
            await encoder.run(1 / 30, *viewers)
        assert min(gaps(encoder.keyframes)) >= 0.5
        assert len(encoder.keyframes) <= 20
        for viewer in viewers:
            viewer.__exit__(None, None, None)


async def test_no_keyframe_is_made_unasked(autojump_clock: trio.testing.MockClock) -> None:
    with open_fed_track("video", [VP8()]) as (track, feed), track.subscribe(VP8()) as viewer:
        encoder = Encoder(feed)
        await encoder.run(60, viewer)
        assert len(encoder.keyframes) == 1


async def stalled(track: LocalTrack, encoder: Encoder, seconds: float) -> list[float]:
    """Return the times of the keyframes while one viewer reads nothing and another all."""
    with track.subscribe(VP8()), track.subscribe(VP8()) as good:
        await encoder.run(seconds, good)
        assert good.frames_dropped == 0
    return encoder.keyframes


async def test_a_viewer_that_overflows_waits_longer_each_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    with open_fed_track("video", [VP8()]) as (track, feed):
        keyframes = await stalled(track, Encoder(feed), 30)
        filling = VIDEO_CAPACITY / 30
        assert gaps(keyframes)[:5] == pytest.approx([filling + wait for wait in (0.5, 1, 2, 4, 4)], abs=0.1)


async def test_good_behaviour_is_rewarded(autojump_clock: trio.testing.MockClock) -> None:
    with open_fed_track("video", [VP8()]) as (track, feed), track.subscribe(VP8()) as viewer:
        encoder = Encoder(feed)
        await encoder.run(4)  # overflows three times
        await encoder.run(15, viewer)
        before = len(encoder.keyframes)
        await encoder.run(0.9)
        assert len(encoder.keyframes) == before + 1, "half a second after the overflow, not four"


async def test_an_overflowing_viewer_cannot_ask_out_of_turn(autojump_clock: trio.testing.MockClock) -> None:
    with open_fed_track("video", [VP8()]) as (track, feed), track.subscribe(VP8()) as viewer:
        encoder = Encoder(feed)
        await encoder.run(2)
        count = len(encoder.keyframes)
        while viewer.overflows == 2:
            await encoder.run(1 / 30)
        for _ in range(30):
            viewer.request_keyframe()
            await encoder.run(1 / 30)
        assert len(encoder.keyframes) <= count + 1


async def test_an_overflow_drops_half_a_group_of_pictures_whole(
    autojump_clock: trio.testing.MockClock,
) -> None:
    with open_fed_track("video", [VP8()]) as (track, feed), track.subscribe(VP8()) as viewer:
        for number in range(VIDEO_CAPACITY + 1):
            feed.publish(EncodedFrame([b"x"], timestamp=number, time=0.0, keyframe=number == 0))
        assert (viewer.depth, viewer.frames_dropped, viewer.overflows) == (0, VIDEO_CAPACITY + 1, 1)
        feed.publish(EncodedFrame([b"x"], timestamp=99, time=0.1, keyframe=True))
        feed.publish(EncodedFrame([b"x"], timestamp=100, time=0.2, keyframe=False))
        assert [(await viewer.receive()).timestamp for _ in range(2)] == [99, 100]


async def test_a_keyframe_makes_its_own_room(autojump_clock: trio.testing.MockClock) -> None:
    with open_fed_track("video", [VP8()]) as (track, feed), track.subscribe(VP8()) as viewer:
        for number in range(VIDEO_CAPACITY):
            feed.publish(EncodedFrame([b"x"], timestamp=number, time=0.0, keyframe=number == 0))
        feed.publish(EncodedFrame([b"x"], timestamp=99, time=0.1, keyframe=True))
        assert viewer.depth == 1
        assert (await viewer.receive()).timestamp == 99
