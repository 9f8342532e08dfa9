"""A page and signaling of one's own: every browser gets a peer, and `watch` decides what it sees.

python examples/own_page.py
"""

from functools import partial

import trio

import triortc

SOURCE = triortc.TestPattern(size=(640, 360))
PAGE_PORT, SIGNALING_PORT = 8080, 8081
ORIGIN = f"http://127.0.0.1:{PAGE_PORT}"

PAGE = """<!doctype html><title>triortc</title>
<video id="video" autoplay muted playsinline controls></video>
<script>
const peer = new RTCPeerConnection(), socket = new WebSocket("ws://127.0.0.1:%d/");
const say = (message) => socket.send(JSON.stringify(message));
peer.ontrack = ({streams}) => (video.srcObject = streams[0]);
peer.onicecandidate = ({candidate}) => say(candidate ?? {candidate: ""});
socket.onmessage = async ({data}) => {
  const message = JSON.parse(data);
  if ("candidate" in message) return peer.addIceCandidate(message);
  await peer.setRemoteDescription(message);
  await peer.setLocalDescription();
  say(peer.localDescription);
};
</script>"""


async def show_page(stream: trio.SocketStream) -> None:
    """Answer any request with the page."""
    await stream.receive_some()
    body = (PAGE % SIGNALING_PORT).encode()
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
    )
    await stream.send_all(f"{head}\r\n".encode() + body)


async def serve() -> None:
    async with triortc.open_media(SOURCE) as media, trio.open_nursery() as nursery:

        async def watch(peer: triortc.Peer) -> None:
            for track in media.tracks:
                peer.add_track(track)
            print(f"A viewer has left: {(await peer.wait_closed()).value}", flush=True)

        await nursery.start(partial(triortc.serve_peers, watch, port=SIGNALING_PORT, allow_origin=[ORIGIN]))
        await nursery.start(partial(trio.serve_tcp, show_page, PAGE_PORT, host="127.0.0.1"))
        print(f"Watch it at {ORIGIN}/", flush=True)


try:
    trio.run(serve, restrict_keyboard_interrupt_to_checkpoints=True)
except* KeyboardInterrupt:
    print("Ended.")
