"""A camera that may be unplugged: the broadcast ends with it, and comes back with it.

    python examples/reconnecting_camera.py [/dev/video0]

A source that fails crashes its `open_media` block, and all that lives inside says goodbye.
Whether and when to try again is the program's own loop; viewers' pages come back by themselves.
"""

import sys

import trio

import triortc

DEVICE = sys.argv[1] if len(sys.argv) > 1 else None
CAMERA = triortc.Camera(DEVICE, size=(1280, 720), framerate=30)
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 8.0


async def show() -> None:
    """Broadcast until the camera fails."""
    async with triortc.open_media(CAMERA) as media, trio.open_nursery() as nursery:
        broadcast = await nursery.start(triortc.serve_broadcast, media)
        print(f"Watch it at {broadcast.url}", flush=True)


async def serve() -> None:
    pause = FIRST_PAUSE
    while True:
        started = trio.current_time()
        try:
            await show()
        except triortc.MediaError as error:
            if trio.current_time() - started > LONGEST_PAUSE:
                pause = FIRST_PAUSE
            print(f"{error}; trying again in {pause:.0f} s", flush=True)
        await trio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


try:
    trio.run(serve, restrict_keyboard_interrupt_to_checkpoints=True)
except* KeyboardInterrupt:
    print("Ended.")
