"""``serve_broadcast`` with real sockets and real peers, and a client that never connects."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httpx
import pytest
import trio

import triortc
from triortc.media.encodings import VP8
from triortc.media.local_track import open_fed_track
from triortc.media.open import Media

pytestmark = pytest.mark.realtime

OFFER = "\r\n".join(
    (
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0",
        "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=recvonly\r\na=rtcp-mux",
        "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=setup:actpass",
        f"a=fingerprint:sha-256 {':'.join(['AB'] * 32)}\r\na=rtpmap:96 VP8/90000\r\n",
    )
)
SDP = {"Content-Type": "application/sdp"}


@asynccontextmanager
async def open_broadcast(**options: Any) -> AsyncIterator[tuple[triortc.Broadcast, httpx.AsyncClient]]:
    with open_fed_track("video", [VP8()]) as (track, _feed):
        async with trio.open_nursery() as nursery:
            serve = partial(triortc.serve_broadcast, Media([track]), port=0, **options)
            broadcast = await nursery.start(serve)
            base = f"http://127.0.0.1:{broadcast.port}"
            async with httpx.AsyncClient(base_url=base) as client:
                yield broadcast, client
            nursery.cancel_scope.cancel()


async def test_every_viewer_is_answered_with_candidates_on_one_port() -> None:
    async with open_broadcast() as (broadcast, client):
        assert broadcast.url == f"http://127.0.0.1:{broadcast.port}/"
        for _ in range(3):
            answer = await client.post("/whep", content=OFFER, headers=SDP)
            assert answer.status_code == 201
            candidates = re.findall(r"a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host", answer.text)
            assert "127.0.0.1" in {address for address, _ in candidates}
            assert {int(port) for _, port in candidates} == {broadcast.udp_port}
            assert "a=end-of-candidates" in answer.text
            assert "a=setup:passive" in answer.text
        assert broadcast.viewers == broadcast.statistics().viewers_served == 3
        stats = (await client.get("/stats")).json()
        assert stats["encoders"] == 0
        assert [viewer["number"] for viewer in stats["viewers"]] == [1, 2, 3]
        assert (await client.delete(answer.headers["location"])).status_code == 200
        assert broadcast.viewers == 2


async def test_an_offer_for_what_is_not_sent_gets_406() -> None:
    async with open_broadcast() as (broadcast, client):
        for other in (
            OFFER.replace("VP8", "AV1"),
            OFFER.replace("video", "audio"),
            OFFER.replace("recvonly", "sendonly"),
        ):
            response = await client.post("/whep", content=other, headers=SDP)
            assert response.status_code == 406, response.text
        assert broadcast.viewers == 0


async def test_a_full_broadcast_refuses_and_a_leaver_makes_room() -> None:
    async with open_broadcast(max_viewers=1) as (_broadcast, client):
        answer = await client.post("/whep", content=OFFER, headers=SDP)
        assert (await client.post("/whep", content=OFFER, headers=SDP)).status_code == 503
        await client.delete(answer.headers["location"])
        await trio.testing.wait_all_tasks_blocked()
        assert (await client.post("/whep", content=OFFER, headers=SDP)).status_code == 201


async def test_a_token_guards_whep_and_stats() -> None:
    async with open_broadcast(token="secret") as (broadcast, client):
        assert broadcast.url.endswith("/#token=secret")
        assert (await client.get("/")).status_code == 200
        assert (await client.get("/stats")).status_code == 401
        assert (await client.post("/whep", content=OFFER, headers=SDP)).status_code == 401
        client.headers["Authorization"] = "Bearer secret"
        assert (await client.post("/whep", content=OFFER, headers=SDP)).status_code == 201


async def test_a_taken_udp_port_leaves_no_tcp_port_behind() -> None:
    with (
        trio.socket.socket(type=trio.socket.SOCK_DGRAM) as taken,
        open_fed_track("video", [VP8()]) as (track, _),
    ):
        await taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"cannot use UDP port {port}: "):
            await triortc.serve_broadcast(Media([track]), port=0, udp_port=port)
