"""A page that sends the browser's camera and microphone, and shows whatever it is sent.

Its neighbours use it: two_way_call.py, filter.py and record.py. `serve_camera_page` serves it,
and gives each browser that opens it a peer of its own.
"""

from collections.abc import Awaitable, Callable
from functools import partial

import trio

import triortc

PAGE_PORT, SIGNALING_PORT = 8080, 8081
PAGE = """<!doctype html><meta charset="utf-8"><title>triortc</title>
<style>body {display: flex; flex-wrap: wrap; gap: 1em} video {width: 30em; background: #ccc}</style>
<script type="module">
const camera = await navigator.mediaDevices.getUserMedia({video: true, audio: true});
const peer = new RTCPeerConnection(), socket = new WebSocket("ws://127.0.0.1:%d/");
const say = (message) => socket.send(JSON.stringify(message));
function show(stream, muted) {
  if ([...document.querySelectorAll("video")].some((video) => video.srcObject === stream)) return;
  const video = Object.assign(document.createElement("video"), {autoplay: true, playsInline: true, muted});
  video.controls = !muted;  // where the browser does not play sound unasked
  document.body.append(video);
  video.srcObject = stream;
  stream.onremovetrack = () => stream.active || video.remove();
}
peer.ontrack = ({streams: [stream]}) => show(stream, false);
peer.onicecandidate = ({candidate}) => say(candidate ?? {candidate: ""});
peer.onnegotiationneeded = async () => {
  await peer.setLocalDescription();
  say(peer.localDescription);
};
socket.onmessage = async ({data}) => {
  const message = JSON.parse(data);
  if ("candidate" in message) return peer.addIceCandidate(message);
  await peer.setRemoteDescription(message);
  if (message.type === "offer") await peer.onnegotiationneeded();
};
socket.onopen = () => camera.getTracks().forEach((track) => peer.addTrack(track, camera));
show(camera, true);
onpagehide = () => peer.close();
</script>"""


async def serve_camera_page(handler: Callable[[triortc.Peer], Awaitable[object]]) -> None:
    """Serve the page for ever; call *handler* with the peer of each browser."""

    async def show_page(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n"
        await stream.send_all((head + PAGE % SIGNALING_PORT).encode())

    async with trio.open_nursery() as nursery:
        url = f"http://127.0.0.1:{PAGE_PORT}"
        await nursery.start(partial(triortc.serve_peers, handler, port=SIGNALING_PORT, allow_origin=[url]))
        await nursery.start(partial(trio.serve_tcp, show_page, PAGE_PORT, host="127.0.0.1"))
        print(f"Open {url}/", flush=True)
