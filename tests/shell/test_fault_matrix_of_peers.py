"""Where a fault strikes, and where it shows: the rows that need no thread.

``tests/realtime/test_fault_matrix.py`` has the others. In every row another pair of peers looks on, whose
media flows on, and nothing is left.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial

import pytest
import trio
from support.peers import feed_frames, negotiating, open_two_peers, open_video, session_of
from support.virtual_network import VirtualNetwork

import triortc
from triortc.media.local_track import Feed, LocalTrack
from triortc.net.endpoint import using_network
from triortc.nursery import open_bare_nursery
from triortc.protocol.session.events import CloseReason
from triortc.protocol.wire.machine import Transmit


class Oops(Exception):
    """What a stranger's code raises."""


@dataclass
class Call:
    """Alice sends video to bob; the test strikes alice, or what alice depends on."""

    network: VirtualNetwork
    alice: triortc.Peer
    bob: triortc.Peer
    track: LocalTrack
    feed: Feed
    signaling: tuple[triortc.MemorySignaling, triortc.MemorySignaling]
    nursery: trio.Nursery
    patch: pytest.MonkeyPatch
    received: list[float] = field(default_factory=list)
    failure: list[BaseException] = field(default_factory=list)

    async def listen(self) -> None:
        try:
            track = await self.bob.tracks.receive()
            async with track.encoded_frames() as frames:
                async for _ in frames:
                    self.received.append(trio.current_time())
        except triortc.PeerFailed as error:
            self.failure.append(error)

    async def flows(self) -> bool:
        """Whether bob gets frames still."""
        seen = len(self.received)
        await trio.sleep(2)
        return len(self.received) > seen + 30


# Strikes: each runs in the body of alice's block


async def nothing(call: Call) -> None:
    pass


async def raise_it(call: Call) -> None:
    raise Oops


async def raise_twice(call: Call) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(raise_it, call)
        nursery.start_soon(raise_it, call)


async def strike_turns(call: Call) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("a bug")

    call.patch.setattr(session_of(call.alice).ice, "handle_timeout", fail)
    await trio.sleep_forever()


async def strike_events(call: Call) -> None:
    def fail(event: object) -> None:
        raise RuntimeError("a bug")

    call.patch.setattr(call.alice._driver, "_handle_event", fail)
    call.bob.add_transceiver("audio")
    await trio.sleep_forever()


async def strike_sending(call: Call) -> None:
    def fail(transmit: object) -> bool:
        raise RuntimeError("a bug")

    for endpoint in call.alice._driver.endpoints.values():
        call.patch.setattr(endpoint, "send_nowait", fail)
    await trio.sleep_forever()


async def break_signaling(call: Call) -> None:
    for end in call.signaling:
        await end.aclose()


async def strike_signaling(call: Call) -> None:
    async def fail(message: object) -> None:
        raise Oops

    call.signaling[0].send = fail
    call.alice.add_transceiver("audio")
    await trio.sleep_forever()


async def describe_nonsense(call: Call) -> None:
    await call.signaling[1].send(triortc.SessionDescription("offer", "v=0\r\nnonsense"))
    await trio.sleep_forever()


async def apply_nonsense(call: Call) -> None:
    for kind in ("offer", "answer", "pranswer"):
        expected = triortc.RemoteProtocolError if kind == "offer" else triortc.InvalidStateError
        with pytest.raises(expected):
            await call.alice.set_remote_description(triortc.SessionDescription(kind, "nonsense"))
    assert call.alice.signaling_state.value == "stable"


async def send_garbage(call: Call) -> None:
    """Let bob's own socket say things of every protocol to alice."""
    pair = session_of(call.bob).ice.selected_pair
    before = sum(call.alice.statistics().counters.values())
    starts = {"STUN": 0, "DTLS": 22, "alert": 21, "TURN": 64, "RTP": 128, "RTCP": 128, "unknown": 255}
    for name, first in starts.items():
        for size in (1, 2, 12, 13, 20, 60, 1200, 2000):
            second = 201 if name == "RTCP" else 96
            data = (bytes([first, second]) + bytes(range(256)) * 8)[:size]
            call.bob._driver.endpoints[pair.local_base].send_nowait(
                Transmit(data, pair.local_base, pair.remote)
            )
    await trio.sleep(1)
    assert sum(call.alice.statistics().counters.values()) > before + 40


async def cut_the_line(call: Call) -> None:
    hosts = [endpoint.local[0] for endpoint in call.bob._gatherer._sockets]
    call.network.unplugged.update(hosts)
    assert await call.alice.wait_closed() is CloseReason.CONSENT_LOST
    assert call.alice.connection_state.value == "failed"
    for wait in (call.alice.wait_connected, call.alice.set_local_description):
        with pytest.raises(triortc.PeerFailed):
            await wait()


async def let_bob_go(call: Call) -> None:
    call.bob.close()
    assert await call.alice.wait_closed() is CloseReason.REMOTE
    with pytest.raises(triortc.PeerClosed):
        await call.alice.wait_connected()


async def end_the_track(call: Call) -> None:
    call.feed.finish()
    await trio.sleep(60)
    assert call.alice.connection_state.value == "connected"


@dataclass
class Row:
    """What is to be seen.

    Attributes:
      strike: what happens.
      leaves: what leaves alice's block.
      bob: how bob's connection ends after it, or None: alice was well, and went as one goes.
      flows: whether media flows after it.
      reader: what bob's reader is told.
    """

    strike: Callable[[Call], Awaitable[None]]
    leaves: type[BaseException] | None = None
    bob: CloseReason = CloseReason.REMOTE
    flows: bool = False
    reader: type[BaseException] | None = None


LOST = {"bob": CloseReason.CONSENT_LOST, "reader": triortc.PeerFailed}  # nobody could say goodbye
MATRIX = {
    "nothing": Row(nothing, flows=True),
    "the body raises": Row(raise_it, leaves=Oops),
    "two tasks of the body raise": Row(raise_twice, leaves=ExceptionGroup),
    "a bug in a turn": Row(strike_turns, leaves=RuntimeError, **LOST),
    "a bug in the handling of an event": Row(strike_events, leaves=RuntimeError, **LOST),
    "a bug in sending": Row(strike_sending, leaves=RuntimeError, **LOST),
    "signaling ends": Row(break_signaling, flows=True),
    "signaling raises": Row(strike_signaling, leaves=Oops),
    "the remote side describes nonsense": Row(describe_nonsense, leaves=triortc.RemoteProtocolError),
    "nonsense is set by hand": Row(apply_nonsense, flows=True),
    "the remote side sends garbage": Row(send_garbage, flows=True),
    "the network is gone": Row(cut_the_line, **LOST),
    "the remote side goes": Row(let_bob_go, bob=CloseReason.LOCAL),
    "the track ends": Row(end_the_track),
}


@asynccontextmanager
async def looking_on(network: VirtualNetwork) -> AsyncIterator[None]:
    """Have another pair of peers at the side, which must not notice anything."""
    async with open_two_peers(network, hosts=("10.9.0.1", "10.9.0.2")) as (carol, dave):
        with open_video() as (track, feed):
            carol.add_track(track)
            async with negotiating(carol, dave), trio.open_nursery() as nursery:
                nursery.start_soon(feed_frames, feed)
                track = await dave.tracks.receive()
                async with track.encoded_frames() as frames:
                    await anext(frames)
                    yield
                    for _ in range(100):
                        await anext(frames)
                assert carol.connection_state is dave.connection_state is triortc.ConnectionState.CONNECTED
                nursery.cancel_scope.cancel()


@asynccontextmanager
async def calling(
    network: VirtualNetwork, bob: triortc.Peer, patch: pytest.MonkeyPatch
) -> AsyncIterator[Call]:
    with using_network(network.host("10.0.0.1")):
        async with triortc.open_peer() as alice, open_bare_nursery() as nursery:
            with open_video() as (track, feed):
                alice.add_track(track)
                signaling = triortc.open_memory_signaling()
                call = Call(network, alice, bob, track, feed, signaling, nursery, patch)
                yield call
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize("where", MATRIX)
async def test_a_fault_shows_where_it_belongs(autojump_clock, monkeypatch, where):
    row, network = MATRIX[where], VirtualNetwork(delay=0.01)
    tasks = trio.lowlevel.current_statistics().tasks_living
    async with looking_on(network), trio.open_nursery() as nursery:
        with using_network(network.host("10.0.0.2")):
            async with triortc.open_peer() as bob:
                with pytest.raises(row.leaves) if row.leaves else nullcontext() as caught:
                    async with calling(network, bob, monkeypatch) as call:
                        nursery.start_soon(call.listen)
                        nursery.start_soon(partial(triortc.negotiate, bob, call.signaling[1], polite=True))
                        call.nursery.start_soon(
                            partial(triortc.negotiate, call.alice, call.signaling[0], polite=False)
                        )
                        call.nursery.start_soon(feed_frames, call.feed)
                        await call.alice.wait_connected()
                        assert await call.flows()
                        with trio.fail_after(120):
                            await row.strike(call)
                        assert await call.flows() is row.flows
                assert row.leaves is None or type(caught.value) is row.leaves, "bare, and nothing derived"
                with trio.fail_after(40):
                    assert await bob_ends(bob, row) is row.bob
        assert [type(error) for error in call.failure] == [row.reader] * (row.reader is not None)
        nursery.cancel_scope.cancel()
    assert trio.lowlevel.current_statistics().tasks_living == tasks
    assert all(not host.endpoints for host in network.hosts)


async def bob_ends(bob: triortc.Peer, row: Row) -> CloseReason:
    if row.bob is CloseReason.LOCAL:
        return session_of(bob).ended.reason
    return await bob.wait_closed()
