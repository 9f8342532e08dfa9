"""A line that loses packets between aiortc and triortc: both ask again, and both send again."""

from collections.abc import Callable

import pytest
import trio
from support.aiortc_calls import Side, frames_dropped, negotiate, open_call, receive_tracks, watch
from support.cards import Sighting, sum_up
from support.lossy_network import LossyNetwork

import triortc
from triortc.net.endpoint import using_network

pytestmark = pytest.mark.interop

FRAMES = 240


@pytest.mark.parametrize(
    ("offerer", "encoding"),
    [("triortc", triortc.VP8()), ("aiortc", triortc.H264())],
    ids=["triortc-VP8", "aiortc-H264"],
)
async def test_lost_packets_of_pictures_are_sent_again(
    offerer: Side, encoding: triortc.Encoding, measured: Callable[[str], None]
) -> None:
    seen: list[Sighting] = []

    async def look_at(track: triortc.RemoteTrack) -> None:
        await watch(track, FRAMES, seen)

    network = LossyNetwork(seed=1)
    with using_network(network):
        async with open_call(video=encoding) as (peer, foreign, media):
            assert media.video is not None
            await foreign.ask("send", kind="video", codec=encoding.name)
            peer.add_track(media.video)
            await negotiate(peer, foreign, offerer)
            [track] = await receive_tracks(peer, "video")
            network.loss = 0.05
            async with trio.open_nursery() as nursery:
                nursery.start_soon(look_at, track)
                [away] = await foreign.watch(0, frames=FRAMES)
            dropped = frames_dropped(peer, media.video)
            sent_again, came_again = retransmissions(peer)

    here, there = sum_up(seen), sum_up(away.sightings)
    measured(f"aiortc to triortc: {here}, {came_again} packets came again")
    measured(f"triortc to aiortc: {there}, {sent_again} packets sent again")
    assert network.lost >= 20
    assert came_again >= 3
    assert sent_again >= 3
    assert here.missing <= FRAMES * 0.05
    assert there.missing <= dropped + FRAMES * 0.05
    assert here.damaged + there.damaged <= 10


def retransmissions(peer: triortc.Peer) -> tuple[int, int]:
    """Return how many packets were sent again, and how many came again."""
    report = peer.statistics().as_w3c().values()
    sent = [each.get("retransmittedPacketsSent", 0) for each in report if each["type"] == "outbound-rtp"]
    came = [each.get("retransmittedPacketsReceived", 0) for each in report if each["type"] == "inbound-rtp"]
    return sum(map(int, sent)), sum(map(int, came))
