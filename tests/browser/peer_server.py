"""A server of peers for the browser tests: video at once, and sound half a second later.

Prints the port of an empty page, then that of the signaling; then how each viewer has ended.
"""

from functools import partial

import trio

import triortc

PATTERN = triortc.TestPattern(size=(640, 360))
EMPTY_PAGE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<body>"
)


async def show_page(stream: trio.SocketStream) -> None:
    await stream.receive_some()
    await stream.send_all(EMPTY_PAGE)


async def serve() -> None:
    async with triortc.open_media(PATTERN) as media, trio.open_nursery() as nursery:

        async def watch(peer: triortc.Peer) -> None:
            assert media.video is not None
            assert media.audio is not None
            peer.add_track(media.video)
            await peer.wait_connected()
            await trio.sleep(0.5)
            peer.add_track(media.audio)
            print((await peer.wait_closed()).name, flush=True)

        listeners = await nursery.start(partial(trio.serve_tcp, show_page, 0, host="127.0.0.1"))
        page_port = listeners[0].socket.getsockname()[1]
        serve_peers = partial(
            triortc.serve_peers, watch, port=0, allow_origin=[f"http://127.0.0.1:{page_port}"]
        )
        print(page_port, await nursery.start(serve_peers), flush=True)


trio.run(serve)
