"""Two peers that send sound and pictures to each other, for tests of what they tell of it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import trio
from support.peers import feed_frames, negotiating, open_video
from support.virtual_network import VirtualEndpoint, VirtualNetwork

import triortc
from triortc.media.local_track import Feed, open_fed_track
from triortc.net.endpoint import using_network
from triortc.protocol.ice import stun
from triortc.protocol.rtp.frame import EncodedFrame
from triortc.protocol.wire.machine import Transmit

SERVER = "198.51.100.1"
CONFIG = triortc.PeerConfig(ice_servers=(triortc.IceServer("stun:stun.example"),))


async def answer_stun(endpoint: VirtualEndpoint) -> None:
    """Be a STUN server that sees everybody behind a NAT."""
    while True:
        await endpoint.wait_readable()
        for data, (_, port) in endpoint.receive_burst():
            reply = stun.binding_success(stun.transaction_id(data), ("203.0.113.7", port), None)
            endpoint.send_nowait(Transmit(reply, endpoint.local, ("10.0.0.1", port)))


async def feed_sound(feed: Feed) -> None:
    """Publish packets of 20 ms for ever."""
    number = 0
    while True:
        feed.publish(
            EncodedFrame(
                [bytes([0xF8]) + bytes(80)], timestamp=number * 960, time=trio.current_time(), keyframe=True
            )
        )
        number += 1
        await trio.sleep(0.02)


@asynccontextmanager
async def calling(network: VirtualNetwork) -> AsyncIterator[tuple[triortc.Peer, triortc.Peer]]:
    """Let two peers talk; the first one knows a STUN server."""
    network.names["stun.example"] = [SERVER]
    server = network.host(SERVER).open_endpoint(SERVER, 3478)
    async with AsyncExitStack() as stack:
        nursery = await stack.enter_async_context(trio.open_nursery())
        stack.callback(nursery.cancel_scope.cancel)
        nursery.start_soon(answer_stun, server)
        with using_network(network.host("10.0.0.1")):
            alice = await stack.enter_async_context(triortc.open_peer(CONFIG))
        with using_network(network.host("10.0.0.2")):
            bob = await stack.enter_async_context(triortc.open_peer())
        for peer in (alice, bob):
            video, pictures = stack.enter_context(open_video())
            audio, sound = stack.enter_context(open_fed_track("audio", [triortc.Opus()]))
            peer.add_track(video)
            peer.add_track(audio)
            nursery.start_soon(feed_frames, pictures)
            nursery.start_soon(feed_sound, sound)
        async with negotiating(alice, bob):
            await alice.wait_connected()
            await bob.wait_connected()
            yield alice, bob
