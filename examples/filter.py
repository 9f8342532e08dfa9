"""A filter: the browser's own pictures, sent back as drawings.

    python examples/filter.py

A source made of a track: what its generator takes out of the track it may change, leave out or
draw upon, and what it yields is encoded and sent. A picture that it has no time for gives way
to a newer one.
"""

import av
import numpy as np
import trio
from camera_page import serve_camera_page

import triortc


def draw(picture: av.VideoFrame) -> av.VideoFrame:
    """Return dark lines where the picture changes; called in a worker thread."""
    grey = picture.to_ndarray().astype(np.int16)
    change = abs(np.diff(grey, axis=0, append=grey[-1:])) + abs(np.diff(grey, axis=1, append=grey[:, -1:]))
    return av.VideoFrame.from_ndarray(255 - np.clip(change * 6, 0, 255).astype(np.uint8), format="gray")


@triortc.video_source
async def drawings_of(track: triortc.RemoteTrack):
    async with track.frames(format="gray") as frames:
        async for picture in frames:
            yield await trio.to_thread.run_sync(draw, picture)


async def mirror(peer: triortc.Peer) -> None:
    async for track in peer.tracks:  # until the browser has gone
        if track.kind == "video":
            async with triortc.open_media(drawings_of(track)) as media:
                peer.add_track(media.video)
                await track.wait_ended()


try:
    trio.run(serve_camera_page, mirror, restrict_keyboard_interrupt_to_checkpoints=True)
except* KeyboardInterrupt:
    print("Ended.")
