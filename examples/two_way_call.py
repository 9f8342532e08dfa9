"""A call: everybody who opens the page sees and hears everybody else.

    python examples/two_way_call.py

What comes from one is sent on to all others as it is; nothing is decoded or encoded.
"""

import trio
from camera_page import serve_camera_page

import triortc


class Call:
    def __init__(self) -> None:
        self.peers: set[triortc.Peer] = set()
        self.tracks: dict[triortc.LocalTrack, triortc.RemoteTrack] = {}

    async def join(self, peer: triortc.Peer) -> None:
        for track, remote in self.tracks.items():
            peer.add_track(track, *remote.stream_ids)
        self.peers.add(peer)
        try:
            async with trio.open_nursery() as nursery:
                async for remote in peer.tracks:  # until the browser has gone
                    nursery.start_soon(self.share, peer, remote)
        finally:
            self.peers.remove(peer)

    async def share(self, owner: triortc.Peer, remote: triortc.RemoteTrack) -> None:
        async with triortc.open_relay(remote) as track:
            self.tracks[track] = remote
            for peer in self.peers - {owner}:
                peer.add_track(track, *remote.stream_ids)
            try:
                await remote.wait_ended()
            finally:
                del self.tracks[track]
                for peer in self.peers - {owner}:
                    peer.remove_track(track)


try:
    trio.run(serve_camera_page, Call().join, restrict_keyboard_interrupt_to_checkpoints=True)
except* KeyboardInterrupt:
    print("Ended.")
