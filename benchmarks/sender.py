"""Broadcast a file as it is, without an encoder."""

import sys
from functools import partial

import trio

import triortc


async def serve(path: str) -> None:
    clip = triortc.MediaFile(path, loop=True, transcode=False)
    async with triortc.open_media(clip) as media, trio.open_nursery() as nursery:
        broadcast = await nursery.start(partial(triortc.serve_broadcast, media, port=0))
        print(broadcast.url, flush=True)
        await trio.sleep_forever()


trio.run(serve, sys.argv[1])
