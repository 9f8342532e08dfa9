"""Viewers by aiortc, a foreign peer: python aiortc_viewers.py URL COUNT

They join 0.3 s apart, watch some frames and leave. Prints one line of JSON for each.
"""

import asyncio
import json
import sys
import time

import httpx
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription

FRAMES = 30


async def watch(track: MediaStreamTrack, posted: float) -> float:
    """Return how long after *posted* the first frame came; stay for some more."""
    await track.recv()
    seconds = time.monotonic() - posted
    for _ in range(FRAMES - 1):
        await track.recv()
    return seconds


async def view(http: httpx.AsyncClient, url: str) -> None:
    peer = RTCPeerConnection()
    try:
        receivers = [peer.addTransceiver(kind, direction="recvonly").receiver for kind in ("video", "audio")]
        await peer.setLocalDescription(await peer.createOffer())
        posted = time.monotonic()
        headers = {"Content-Type": "application/sdp"}
        response = await http.post(url, content=peer.localDescription.sdp, headers=headers)
        response.raise_for_status()
        await peer.setRemoteDescription(RTCSessionDescription(response.text, "answer"))
        video, audio = await asyncio.gather(*(watch(receiver.track, posted) for receiver in receivers))
        left = await http.delete(response.url.join(response.headers["Location"]))
        print(json.dumps({"video": video, "audio": audio, "left": left.status_code}), flush=True)
    finally:
        await peer.close()


async def main(url: str, count: int) -> None:
    async with httpx.AsyncClient() as http, asyncio.TaskGroup() as viewers:
        for _ in range(count):
            viewers.create_task(view(http, url))
            await asyncio.sleep(0.3)


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
