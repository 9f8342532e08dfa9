"""One source, many browsers: encoded once, on a page that plays by itself.

python examples/broadcast.py
"""

import trio

import triortc

SOURCE = (
    triortc.TestPattern()
)  # or triortc.Camera("/dev/video0"), or triortc.MediaFile("film.mp4", loop=True)


async def serve() -> None:
    async with triortc.open_media(SOURCE) as media, trio.open_nursery() as nursery:
        broadcast = await nursery.start(triortc.serve_broadcast, media)
        print(f"Watch it at {broadcast.url}", flush=True)


try:
    trio.run(serve, restrict_keyboard_interrupt_to_checkpoints=True)
except* KeyboardInterrupt:
    print("Ended.")
