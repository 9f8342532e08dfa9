"""A recorder: each browser's camera and microphone into a file, until its page is closed.

    python examples/record.py

What the browser has encoded is stored as it comes, and decoding costs nothing. A file plays
even if this program is killed.
"""

from itertools import count

import trio
from camera_page import serve_camera_page

import triortc

NUMBERS = count(1)


async def record(peer: triortc.Peer) -> None:
    path = f"recording-{next(NUMBERS)}.webm"
    async with triortc.open_recorder(path) as recorder:
        async for track in peer.tracks:  # until the browser has gone
            recorder.add_track(track)
    print(f"{path} lasts {recorder.statistics().duration:.1f} s", flush=True)


try:
    trio.run(serve_camera_page, record, restrict_keyboard_interrupt_to_checkpoints=True)
except* KeyboardInterrupt:
    print("Ended.")
