"""A source of one's own: a description, and a reader that may block.

    python examples/own_source.py

`open`, `read` and `close` are called in a worker thread, so any library will do. `read` may also
return `av.VideoFrame`s; None is the end. What waits with trio rather than blocks is shorter as an
async generator under `video_source`.
"""

import time
from dataclasses import dataclass

import numpy as np
import trio

import triortc


@dataclass(frozen=True)
class Clouds:
    size: tuple[int, int] = (640, 360)
    framerate: int = 25

    def open(self) -> "CloudReader":
        return CloudReader(self)


class CloudReader:
    def __init__(self, clouds: Clouds) -> None:
        self._pause = 1 / clouds.framerate
        width, height = clouds.size
        self._y, self._x = np.mgrid[0:height, 0:width] / height * 9
        self._began = time.perf_counter()

    def read(self) -> np.ndarray:
        """Return red, green and blue of the next picture, when its time has come."""
        time.sleep(self._pause)
        now = time.perf_counter() - self._began
        sky = np.sin(self._x + now) + np.sin(self._y + np.sin(self._x / 2 + now / 3) * 2)
        return np.stack([sky * 30 + 120, sky * 40 + 150, sky * 10 + 220], axis=-1).astype(np.uint8)

    def close(self) -> None:
        """Nothing was opened that would have to be given back."""


async def serve() -> None:
    async with triortc.open_media(Clouds()) as media, trio.open_nursery() as nursery:
        broadcast = await nursery.start(triortc.serve_broadcast, media)
        print(f"Watch it at {broadcast.url}", flush=True)


try:
    trio.run(serve, restrict_keyboard_interrupt_to_checkpoints=True)
except* KeyboardInterrupt:
    print("Ended.")
