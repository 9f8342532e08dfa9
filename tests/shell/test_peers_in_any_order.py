"""Two peers that negotiate whatever their programs do, in whatever order: they settle, and media flows.

Hypothesis chooses what is done, when, and how long signaling takes; trio's scheduling is its choice as well.
"""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from itertools import cycle

import hypothesis
import trio
from hypothesis import strategies as st
from support.peers import feed_frames, open_two_peers, open_video
from support.virtual_network import VirtualNetwork
from trio.testing import MockClock

import triortc
from triortc.media.local_track import open_fed_track

DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
SETTLING = 30.0


class Side:
    """One peer and the program that uses it.

    Attributes:
      peer: the peer.
      tracks: what it may send; all of them are fed all the time.
    """

    def __init__(self, peer: triortc.Peer, tracks: list[triortc.LocalTrack]) -> None:
        self.peer = peer
        self.tracks = tracks

    @property
    def sent(self) -> list[triortc.LocalTrack | None]:
        return [transceiver.track for transceiver in self.peer.transceivers]

    @property
    def alive(self) -> list[triortc.Transceiver]:
        return [transceiver for transceiver in self.peer.transceivers if not transceiver.stopped]

    def unsent(self, kind: str) -> list[triortc.LocalTrack]:
        return [track for track in self.tracks if track.kind == kind and track not in self.sent]

    # What a program may do; *choice* says with which of the candidates

    def add_track(self, choice: int) -> None:
        tracks = [track for track in self.tracks if track not in self.sent]
        if tracks:
            self.peer.add_track(pick(tracks, choice))

    def remove_track(self, choice: int) -> None:
        sent = [track for track in self.sent if track is not None]
        if sent:
            self.peer.remove_track(pick(sent, choice))

    def replace_track(self, choice: int) -> None:
        if transceivers := self.alive:
            transceiver = pick(transceivers, choice)
            transceiver.replace_track(pick([None, *self.unsent(transceiver.kind)], choice))

    def add_transceiver(self, choice: int) -> None:
        if len(self.peer.transceivers) < 6:
            kind = pick(("audio", "video"), choice)
            self.peer.add_transceiver(kind, direction=pick(DIRECTIONS, choice // 2))

    def change_direction(self, choice: int) -> None:
        if transceivers := self.alive:
            pick(transceivers, choice).direction = pick(DIRECTIONS, choice // 2)

    def stop(self, choice: int) -> None:
        if transceivers := self.alive:
            pick(transceivers, choice).stop()

    def restart_ice(self, choice: int) -> None:
        self.peer.restart_ice()


def pick(things, choice: int):
    return things[choice % len(things)]


ACTS: list[Callable[[Side, int], None]] = [
    Side.add_track,
    Side.add_track,
    Side.remove_track,
    Side.replace_track,
    Side.add_transceiver,
    Side.change_direction,
    Side.change_direction,
    Side.stop,
    Side.restart_ice,
]
STEPS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from(ACTS),
        st.integers(0, 23),
        st.sampled_from([0.0, 0.0, 0.03, 0.1, 0.5]),
    ),
    min_size=1,
    max_size=20,
)
DELAYS = st.tuples(*[st.lists(st.sampled_from([0.0, 0.02, 0.1, 0.3]), min_size=1, max_size=5)] * 2)


def slow_down(channel: triortc.MemorySignaling, delays: list[float]) -> None:
    """Let messages take their time, in order."""
    send, rest = channel.send, cycle(delays)

    async def slow(message: object) -> None:
        await trio.sleep(next(rest))
        await send(message)

    channel.send = slow


def is_settled(sides: list[Side]) -> bool:
    return all(
        side.peer.signaling_state.value == "stable" and not side.peer.negotiation_needed for side in sides
    )


async def settle(sides: list[Side]) -> None:
    with trio.move_on_after(SETTLING) as limit:
        calm = 0
        while calm < 10:  # a second without anything to do
            calm = calm + 1 if is_settled(sides) else 0
            await trio.sleep(0.1)
    assert not limit.cancelled_caught, f"they go on negotiating: {[side.peer for side in sides]}"


def sections(side: Side) -> dict[str, triortc.Transceiver]:
    return {it.mid: it for it in side.peer.transceivers if it.mid is not None}


async def check_media(sides: list[Side]) -> None:
    """See that all agree, and that what is sent arrives."""
    here, there = map(sections, sides)
    assert here.keys() == there.keys()
    for mid, ours in here.items():
        theirs = there[mid]
        assert ours.kind == theirs.kind
        assert ours.current_direction == mirrored(theirs.current_direction)
        for sender, receiver in ((ours, theirs), (theirs, ours)):
            sends = sender.current_direction in ("sendrecv", "sendonly")
            assert (receiver.remote_track is not None) is sends
            if sends and sender.track is not None:
                with trio.fail_after(5):
                    async with receiver.remote_track.encoded_frames() as frames:
                        await anext(frames)


def mirrored(direction: str | None) -> str | None:
    return {"sendonly": "recvonly", "recvonly": "sendonly"}.get(direction, direction)


async def run(steps, delays) -> None:
    network = VirtualNetwork(delay=0.01)
    with ExitStack() as stack:
        async with open_two_peers(network) as peers, trio.open_nursery() as nursery:
            sides = []
            for peer in peers:
                fed = [stack.enter_context(open_video()) for _ in range(2)]
                fed += [stack.enter_context(open_fed_track("audio", [triortc.Opus()]))]
                for _, feed in fed:
                    nursery.start_soon(feed_frames, feed)
                sides.append(Side(peer, [track for track, _ in fed]))
            for number, channel in enumerate(triortc.open_memory_signaling()):
                slow_down(channel, delays[number])
                nursery.start_soon(
                    partial(triortc.negotiate, peers[number], channel, polite=number == 1), name="negotiate"
                )
            for number, act, choice, pause in steps:
                act(sides[number], choice)
                await trio.sleep(pause)
            await settle(sides)
            if any(it.current_direction not in (None, "inactive") for it in peers[0].transceivers):
                with trio.fail_after(10):
                    for peer in peers:
                        await peer.wait_connected()
            await check_media(sides)
            assert all(peer._driver.unroutable_transmits == 0 for peer in peers)
            nursery.cancel_scope.cancel()
    assert all(not host.endpoints for host in network.hosts)


@hypothesis.settings(max_examples=40, suppress_health_check=[hypothesis.HealthCheck.too_slow])
@hypothesis.given(STEPS, DELAYS)
def test_they_settle_and_media_flows(steps, delays):
    trio.run(run, steps, delays, clock=MockClock(autojump_threshold=0))
