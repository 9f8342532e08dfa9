"""A film in a loop: with no encoder at all if its own codecs will do.

    python examples/play_file.py film.mp4

VP8, Opus and Baseline H.264 are sent as they lie in the file. Anything else is decoded,
and encoded once for all viewers.
"""

import sys

import trio

import triortc


async def show(film: triortc.MediaFile) -> None:
    async with triortc.open_media(film) as media, trio.open_nursery() as nursery:
        broadcast = await nursery.start(triortc.serve_broadcast, media)
        print(f"Watch it at {broadcast.url}", flush=True)


async def serve(path: str) -> None:
    try:
        await show(triortc.MediaFile(path, loop=True, transcode=False))
    except triortc.MediaError as error:
        print(error, flush=True)
        await show(triortc.MediaFile(path, loop=True))


if len(sys.argv) != 2:
    sys.exit(f"usage: {sys.argv[0]} FILE")
try:
    trio.run(serve, sys.argv[1], restrict_keyboard_interrupt_to_checkpoints=True)
except* KeyboardInterrupt:
    print("Ended.")
except* triortc.MediaError as failed:
    sys.exit(str(failed.exceptions[0]))
