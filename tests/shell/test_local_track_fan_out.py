"""One frame for all viewers; a slow viewer loses frames, and holds nobody up."""

import pytest
import trio
import trio.testing
from support.peers import make_frame

from triortc.handles import WrongRunError
from triortc.media.encodings import H264, VP8, Opus
from triortc.media.local_track import LocalTrack, open_fed_track
from triortc.media.subscription import AUDIO_CAPACITY, VIDEO_CAPACITY, Subscription
from triortc.protocol.rtp.frame import EncodedFrame
from triortc.protocol.wire.errors import LocalProtocolError


async def collect(subscription: Subscription, count: int) -> list[EncodedFrame]:
    return [await subscription.receive() for _ in range(count)]


async def test_every_viewer_gets_the_same_object(autojump_clock: trio.testing.MockClock) -> None:
    with (
        open_fed_track("video", [VP8()]) as (track, feed),
        track.subscribe(VP8()) as first,
        track.subscribe(VP8()) as second,
    ):
        frames = [make_frame(number) for number in range(3)]
        for frame in frames:
            feed.publish(frame)
        for subscription in (first, second):
            got = await collect(subscription, 3)
            assert all(mine is theirs for mine, theirs in zip(got, frames, strict=True))


async def test_a_waiting_viewer_wakes_for_a_frame(autojump_clock: trio.testing.MockClock) -> None:
    with open_fed_track("video", [VP8()]) as (track, feed), track.subscribe(VP8()) as subscription:
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def publish() -> None:
                await trio.sleep(5)
                feed.publish(make_frame(0))

            assert (await subscription.receive()).keyframe
            assert trio.current_time() == pytest.approx(5, abs=0.01)


async def test_a_slow_viewer_does_not_hold_up_a_quick_one(autojump_clock: trio.testing.MockClock) -> None:
    with (
        open_fed_track("video", [VP8()]) as (track, feed),
        track.subscribe(VP8()) as slow,
        track.subscribe(VP8()) as quick,
    ):
        for number in range(1000):
            feed.publish(make_frame(number))
            assert (await quick.receive()).timestamp == number * 3000
        assert quick.frames_dropped == 0
        assert slow.frames_dropped > 900
        assert slow.depth <= VIDEO_CAPACITY


async def test_a_slow_listener_keeps_the_newest_packets(autojump_clock: trio.testing.MockClock) -> None:
    with open_fed_track("audio", [Opus()]) as (track, feed), track.subscribe(Opus()) as listener:
        for number in range(25):
            feed.publish(make_frame(number, packets=1))
        assert listener.depth == AUDIO_CAPACITY
        assert listener.frames_dropped == 15
        got = await collect(listener, AUDIO_CAPACITY)
        assert [frame.timestamp // 3000 for frame in got] == list(range(15, 25))


async def test_the_end_comes_after_what_was_queued(autojump_clock: trio.testing.MockClock) -> None:
    with open_fed_track("video", [VP8()]) as (track, feed), track.subscribe(VP8()) as subscription:
        feed.publish(make_frame(0))
        feed.finish()
        await track.wait_ended()
        assert (await subscription.receive()).timestamp == 0
        with pytest.raises(trio.EndOfChannel):
            await subscription.receive()
        with track.subscribe(VP8()) as latecomer, pytest.raises(trio.EndOfChannel):
            await latecomer.receive()


async def test_the_end_wakes_a_waiting_viewer(autojump_clock: trio.testing.MockClock) -> None:
    with open_fed_track("video", [VP8()]) as (track, feed), track.subscribe(VP8()) as subscription:
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def end() -> None:
                await trio.sleep(1)
                feed.finish()

            with pytest.raises(trio.EndOfChannel):
                await subscription.receive()


async def test_leaving_unsubscribes(autojump_clock: trio.testing.MockClock) -> None:
    with open_fed_track("video", [VP8()]) as (track, feed):
        with track.subscribe(VP8()) as subscription:
            feed.publish(make_frame(0))
            assert track.statistics().renditions[0].subscribers == 1
        assert track.statistics().renditions[0].subscribers == 0
        feed.publish(make_frame(10))
        assert subscription.depth == 0
        with pytest.raises(trio.ClosedResourceError):
            await subscription.receive()


async def test_one_task_receives_at_a_time(autojump_clock: trio.testing.MockClock) -> None:
    with open_fed_track("video", [VP8()]) as (track, feed), track.subscribe(VP8()) as subscription:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(subscription.receive)
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(trio.BusyResourceError):
                await subscription.receive()
            feed.publish(make_frame(0))


async def test_a_cancelled_receive_loses_no_frame(autojump_clock: trio.testing.MockClock) -> None:
    with open_fed_track("video", [VP8()]) as (track, feed), track.subscribe(VP8()) as subscription:
        with trio.move_on_after(1):
            await subscription.receive()
        feed.publish(make_frame(0))
        feed.publish(make_frame(1))
        with trio.CancelScope() as scope:
            scope.cancel()
            await subscription.receive()
        assert [frame.timestamp for frame in await collect(subscription, 2)] == [0, 3000]


async def test_an_encoding_is_one_of_the_tracks_own(autojump_clock: trio.testing.MockClock) -> None:
    with open_fed_track("video", [VP8(), H264()]) as (track, feed):
        with pytest.raises(LocalProtocolError, match="has no encoding"):
            track.subscribe(VP8(bitrate=10_000))
        with track.subscribe(H264()) as other:
            feed.publish(make_frame(0), VP8())
            assert other.depth == 0
            feed.publish(make_frame(0), H264())
            assert other.depth == 1


async def test_a_closed_track_says_so(autojump_clock: trio.testing.MockClock) -> None:
    with open_fed_track("video", [VP8()]) as (track, _):
        assert repr(track) == "<LocalTrack video live VP8>"
    assert repr(track) == "<LocalTrack video closed VP8>"
    with pytest.raises(trio.ClosedResourceError):
        track.subscribe(VP8())


def test_a_track_works_in_its_own_run_only() -> None:
    async def make() -> LocalTrack:
        with open_fed_track("video", [VP8()]) as (track, _):
            return track

    async def use(track: LocalTrack) -> None:
        with pytest.raises(WrongRunError, match="LocalTrack"):
            track.subscribe(VP8())
        with pytest.raises(WrongRunError):
            await trio.to_thread.run_sync(track.subscribe, VP8(), limiter=trio.CapacityLimiter(1))

    track = trio.run(make)
    trio.run(use, track)
    with pytest.raises(WrongRunError, match=r"outside of any trio\.run"):
        track.statistics()
