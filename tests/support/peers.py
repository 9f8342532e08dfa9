"""Peers for shell tests: two hosts on a virtual network, and tracks whose frames are handed in."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial

import trio
from support.virtual_network import VirtualNetwork

import triortc
from triortc.media.local_track import Feed, LocalTrack, open_fed_track
from triortc.net.endpoint import using_network
from triortc.protocol.rtp.frame import EncodedFrame
from triortc.protocol.rtp.payload import vp8
from triortc.protocol.session.session import Session

HOSTS = ("10.0.0.1", "10.0.0.2")


@asynccontextmanager
async def open_two_peers(
    network: VirtualNetwork | None = None, *, hosts: tuple[str, str] = HOSTS
) -> AsyncIterator[tuple[triortc.Peer, triortc.Peer]]:
    """Open a sender and a viewer on two hosts of their own; nothing is negotiated."""
    network = network or VirtualNetwork(delay=0.01)
    async with AsyncExitStack() as peers:
        with using_network(network.host(hosts[0])):
            sender = await peers.enter_async_context(triortc.open_peer())
        with using_network(network.host(hosts[1])):
            viewer = await peers.enter_async_context(triortc.open_peer())
        yield sender, viewer


@contextmanager
def open_video() -> Iterator[tuple[LocalTrack, Feed]]:
    """Open a VP8 track that is fed by hand."""
    with open_fed_track("video", [triortc.VP8()]) as (track, feed):
        yield track, feed


@asynccontextmanager
async def negotiating(sender: triortc.Peer, viewer: triortc.Peer) -> AsyncIterator[None]:
    """Keep two peers negotiated over signaling in memory; the sender is the impolite one."""
    left, right = triortc.open_memory_signaling()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(triortc.negotiate, sender, left, polite=False))
        nursery.start_soon(partial(triortc.negotiate, viewer, right, polite=True))
        yield
        nursery.cancel_scope.cancel()


def receive_media(peer: triortc.Peer, *kinds: str) -> None:
    """Let a peer ask for media that it only counts."""
    for kind in kinds:
        peer.add_transceiver(kind, direction="recvonly")


def session_of(peer: triortc.Peer) -> Session:
    return peer._session


def packets_received(peer: triortc.Peer) -> int:
    return sum(stream.packets_received for stream in session_of(peer).media.receive_streams.values())


def make_frame(number: int, *, packets: int = 3) -> EncodedFrame:
    """Make a frame of *packets* packets; the first one and every tenth is a keyframe."""
    payloads = [bytes([number % 256]) * 1000] * (packets - 1) + [bytes([number % 256]) * 100]
    return EncodedFrame(
        payloads, timestamp=number * 3000, time=trio.current_time(), keyframe=number % 10 == 0
    )


def make_vp8_frame(number: int, *, size: int = 2500) -> EncodedFrame:
    """Make a frame in the form of VP8, with nothing to see in it."""
    keyframe = number % 10 == 0
    tag = bytes([0x10 if keyframe else 0x11, number % 256])
    payloads = vp8.packetize(tag + bytes([number % 256]) * size, number)
    return EncodedFrame(payloads, timestamp=number * 3000, time=trio.current_time(), keyframe=keyframe)


async def feed_frames(feed: Feed, *, framerate: float = 30.0) -> None:
    """Publish frames for ever, on the trio clock."""
    number = 0
    while True:
        feed.publish(make_vp8_frame(number))
        number += 1
        await trio.sleep(1 / framerate)
