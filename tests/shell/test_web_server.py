"""The HTTP server over real TCP on loopback: strangers, slow readers, and a quick end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import trio
from starlette.types import Receive, Scope, Send
from web_fakes import OFFER, SDP, local_access, open_web

from triortc.web import server
from triortc.web.app import make_app
from triortc.web.server import open_listeners, serve_http
from triortc.web.stats import LoopLag

LARGE = 8_000_000


async def say_much(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x" * LARGE})


async def refuse_unread(scope: Scope, receive: Receive, send: Send) -> None:
    await trio.sleep(0.1)  # the body piles up
    await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body"})


@asynccontextmanager
async def served(app: object) -> AsyncIterator[int]:
    listeners = await open_listeners("127.0.0.1", 0)
    port = listeners[0].socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        await nursery.start(serve_http, app, listeners)
        with trio.fail_after(10):
            yield port
        nursery.cancel_scope.cancel()


async def talk(port: int, request: bytes) -> trio.SocketStream:
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    await stream.send_all(request)
    return stream


async def read_all(stream: trio.SocketStream) -> bytes:
    heard = b""
    try:
        async for data in stream:
            heard += data
    except trio.BrokenResourceError:
        pass
    await stream.aclose()
    return heard


async def test_the_whole_web_face_answers_over_tcp() -> None:
    listeners = await open_listeners("127.0.0.1", 0)
    port = listeners[0].socket.getsockname()[1]
    access = local_access().for_server(["127.0.0.1"], port)
    async with open_web() as web, trio.open_nursery() as nursery:
        await nursery.start(serve_http, make_app(web.viewers, (), LoopLag(), access), listeners)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            page = await client.get("/")
            assert page.headers["content-type"].startswith("text/html")
            assert "server" not in page.headers
            again = await client.get("/", headers={"If-None-Match": page.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")
            answer = await client.post("/whep", content=OFFER, headers=SDP)
            assert answer.status_code == 201
            assert (await client.post("/whep", content="x" * 300_000, headers=SDP)).status_code == 413
            assert (await client.delete(answer.headers["location"])).status_code == 200
        nursery.cancel_scope.cancel()


async def test_a_port_in_use_is_told_in_one_line() -> None:
    (listener,) = await open_listeners("127.0.0.1", 0)
    port = listener.socket.getsockname()[1]
    with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1 port {port}: Address already in use"):
        await open_listeners("127.0.0.1", port)
    listener.socket.close()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        b"HTTP2-Settings: !!!a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 300,
        b"GET /%ff%00 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000,
    ],
)
async def test_garbage_ends_its_own_connection_only(request_bytes: bytes) -> None:
    async with served(say_much) as port:
        stream = await talk(port, request_bytes)
        await stream.send_eof()
        await read_all(stream)
        assert (await read_all(await talk(port, b"GET / HTTP/1.0\r\n\r\n"))).endswith(b"x" * 1000)


async def test_no_websocket_is_served() -> None:
    async with open_web() as web, served(web.app) as port:
        handshake = (
            b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        assert (await read_all(await talk(port, handshake))).startswith(b"HTTP/1.1 403 ")


async def test_a_client_that_does_not_read_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SEND_TIMEOUT", 0.1)
    async with served(say_much) as port:
        stream = await talk(port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await trio.sleep(0.3)
        assert len(await read_all(stream)) < LARGE


async def test_a_refused_body_holds_no_task() -> None:
    async with served(refuse_unread) as port:
        await trio.testing.wait_all_tasks_blocked()
        tasks = trio.lowlevel.current_statistics().tasks_living
        stream = await talk(port, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n")
        try:
            for _ in range(40):
                await stream.send_all(bytes(65536))
        except trio.BrokenResourceError:
            pass
        await stream.aclose()
        for _ in range(100):
            await trio.sleep(0.01)
            if trio.lowlevel.current_statistics().tasks_living <= tasks:
                return
        pytest.fail("the connection's task goes on")


async def test_the_end_waits_for_nobody() -> None:
    listeners = await open_listeners("127.0.0.1", 0)
    port = listeners[0].socket.getsockname()[1]
    requests = (
        b"",
        b"GET / HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n",
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(serve_http, say_much, listeners)
        streams = [await talk(port, request) for request in requests]
        await trio.sleep(0.2)
        cancelled = trio.current_time()
        nursery.cancel_scope.cancel()
    assert trio.current_time() - cancelled < 0.5
    for stream in streams:
        await stream.aclose()
