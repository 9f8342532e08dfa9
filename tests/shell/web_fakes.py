"""A web face in one process, with peers that only pretend."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import httpx
import trio

from triortc.access import Access
from triortc.isolation import Isolation
from triortc.peer.statistics import QueueStatistics
from triortc.protocol.ice.candidate import IceCandidate
from triortc.protocol.sdp.description import SessionDescription
from triortc.protocol.session.events import ConnectionState
from triortc.protocol.wire.errors import RemoteProtocolError
from triortc.web.app import logger, make_app
from triortc.web.stats import LoopLag
from triortc.web.viewers import Viewers

OFFER = """v=0
o=- 1 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
m=video 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=mid:0
a=recvonly
a=ice-ufrag:abcd
a=ice-pwd:0123456789012345678901
a=fingerprint:sha-256 FINGERPRINT
a=setup:actpass
a=rtcp-mux
a=rtpmap:96 VP8/90000
""".replace("\n", "\r\n").replace("FINGERPRINT", ":".join(["AB"] * 32))

ANSWER = OFFER.replace("recvonly", "sendonly").replace("actpass", "passive")

FRAGMENT = """a=ice-ufrag:abcd
a=ice-pwd:0123456789012345678901
m=video 9 UDP/TLS/RTP/SAVPF 96
a=mid:0
a=candidate:1 1 udp 2122260223 127.0.0.1 50000 typ host
a=candidate:2 1 udp 2122260222 3e4f.local 50001 typ host
a=end-of-candidates
""".replace("\n", "\r\n")

SDP = {"Content-Type": "application/sdp"}
BASE = "http://127.0.0.1:8080"


class FakeStatistics:
    queues = (QueueStatistics("dtls-srtp", 1, 2),)
    counters: ClassVar = {"unknown": 3}

    def as_w3c(self) -> dict[str, Any]:
        return {"T": {"type": "transport", "id": "T", "bytesSent": 7}}


class FakePeer:
    """Answers every offer with *answer*, and ends when told."""

    def __init__(self, answer: str = ANSWER) -> None:
        self.connection_state = ConnectionState.CONNECTING
        self.local_description: SessionDescription | None = None
        self.candidates: list[IceCandidate | None] = []
        self.tracks: list[object] = []
        self.remote_offer: str | None = None
        self.closed = trio.Event()
        self.error: Exception | None = None
        self.left = False
        self._answer = answer

    def add_track(self, track: object) -> None:
        self.tracks.append(track)

    def create_answer(self) -> SessionDescription:
        return SessionDescription("answer", self._answer)

    async def set_remote_description(self, description: SessionDescription) -> None:
        await trio.lowlevel.checkpoint()
        if "broken" in description.sdp:
            raise RemoteProtocolError("it is broken")
        self.remote_offer = description.sdp

    async def set_local_description(self, description: SessionDescription) -> None:
        await trio.lowlevel.checkpoint()
        self.local_description = description

    async def add_ice_candidate(self, candidate: IceCandidate | None) -> None:
        await trio.lowlevel.checkpoint()
        self.candidates.append(candidate)

    async def wait_ice_gathering_complete(self) -> None:
        await trio.sleep(0.1)

    async def wait_closed(self) -> None:
        await self.closed.wait()
        if self.error is not None:
            raise self.error

    def statistics(self) -> FakeStatistics:
        return FakeStatistics()

    def end(self, error: Exception | None = None) -> None:
        self.error = error
        self.closed.set()


class Web:
    """The application, a client, and every peer that was opened."""

    def __init__(self, nursery: trio.Nursery, access: Access, limit: int) -> None:
        self.peers: list[FakePeer] = []
        self.answer = ANSWER
        isolation = Isolation(logger, "a viewer", trio.current_time)
        self.viewers = Viewers(nursery, self._open_peer, (), limit=limit, isolation=isolation)
        self.app = make_app(self.viewers, (), LoopLag(), access)

    @asynccontextmanager
    async def _open_peer(self) -> AsyncIterator[FakePeer]:
        peer = FakePeer(self.answer)
        self.peers.append(peer)
        try:
            yield peer
        finally:
            peer.left = True

    def client(self, base_url: str = BASE, **kwargs: Any) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=base_url, **kwargs)


def local_access(**kwargs: Any) -> Access:
    return Access.for_server(["127.0.0.1"], 8080, **kwargs)


def remote_access(**kwargs: Any) -> Access:
    return Access.for_server(["0.0.0.0"], 8080, **kwargs)


@asynccontextmanager
async def open_web(access: Access | None = None, limit: int = 500) -> AsyncIterator[Web]:
    async with trio.open_nursery() as nursery:
        yield Web(nursery, access or local_access(), limit)
        nursery.cancel_scope.cancel()


async def watch(client: httpx.AsyncClient, offer: str = OFFER, **headers: str) -> httpx.Response:
    return await client.post("/whep", content=offer, headers={**SDP, **headers})
