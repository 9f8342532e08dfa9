"""``serve_peers`` with real WebSockets and real UDP on loopback."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import trio
import trio_websocket
from support.peers import feed_frames, open_video, packets_received, receive_media

import triortc
from triortc.signaling.serve import PeerHandler

pytestmark = pytest.mark.realtime


@asynccontextmanager
async def serving(handler: PeerHandler, **options: Any) -> AsyncIterator[int]:
    async with trio.open_nursery() as nursery:
        yield await nursery.start(partial(triortc.serve_peers, handler, port=0, **options))
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def visiting(port: int) -> AsyncIterator[triortc.Peer]:
    """Open a peer that receives video, negotiated with the server."""
    url = f"ws://127.0.0.1:{port}/"
    async with triortc.open_websocket_signaling(url) as channel, triortc.open_peer() as viewer:
        receive_media(viewer, "video")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(triortc.negotiate, viewer, channel, polite=True))
            yield viewer
            nursery.cancel_scope.cancel()


async def until(condition) -> None:
    with trio.fail_after(10):
        while not condition():  # noqa: ASYNC110
            await trio.sleep(0.01)


async def wait_closed(peer: triortc.Peer) -> None:
    await peer.wait_closed()


async def test_visitors_get_frames():
    with open_video() as (track, feed):

        async def watch(peer: triortc.Peer) -> None:
            peer.add_track(track)
            await peer.wait_closed()

        async with serving(watch) as port, trio.open_nursery() as nursery:
            nursery.start_soon(feed_frames, feed)
            async with visiting(port) as one, visiting(port) as other:
                await until(lambda: min(packets_received(one), packets_received(other)) >= 15)
            nursery.cancel_scope.cancel()


async def test_a_handler_that_crashes_ends_its_own_peer_and_is_logged(caplog):
    calls = 0

    async def crash_first(peer: triortc.Peer) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise RuntimeError("the handler's bug")
        await peer.wait_closed()

    with caplog.at_level(logging.ERROR, "triortc.signaling"):
        async with serving(crash_first) as port:
            async with visiting(port):
                await until(lambda: caplog.records)
            async with visiting(port):
                await until(lambda: calls == 2)
    (record,) = caplog.records
    assert "the handler's bug" in str(record.exc_info[1])


@pytest.mark.parametrize(
    ("origin", "status"), [("https://evil.example", b"403"), ("https://good.example", b"101")]
)
async def test_a_foreign_page_is_refused_and_an_allowed_one_let_in(origin, status):
    async with serving(wait_closed, allow_origin=["https://good.example"]) as port:  # noqa: SIM117
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(
                f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: {origin}\r\n"
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
            )
            assert (await stream.receive_some(100)).split()[1] == status


async def test_a_full_server_refuses_and_a_leaver_makes_room():
    with open_video() as (track, _):

        async def watch(peer: triortc.Peer) -> None:
            peer.add_track(track)
            await peer.wait_closed()

        async with serving(watch, max_peers=1) as port:
            async with visiting(port) as viewer:
                await viewer.wait_connected()
                with pytest.raises(OSError, match="503"):
                    async with triortc.open_websocket_signaling(f"ws://127.0.0.1:{port}/"):
                        pass
            with trio.fail_after(5):
                while True:
                    try:
                        async with visiting(port) as viewer:
                            await viewer.wait_connected()
                            break
                    except ConnectionError:
                        await trio.sleep(0.01)


@pytest.mark.parametrize(
    "words", [b"", b"GET / HTTP/1.1\r\n\r\n", b"\x00\xff" * 50, b"GET /" + b"x" * 100_000]
)
async def test_whoever_speaks_no_websocket_ends_nobody_else(words):
    async with serving(wait_closed) as port:
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(words)
        async with triortc.open_websocket_signaling(f"ws://127.0.0.1:{port}/"):
            pass


async def test_hostile_messages_are_passed_over():
    async with serving(wait_closed) as port:  # noqa: SIM117
        async with trio_websocket.open_websocket_url(f"ws://127.0.0.1:{port}/") as connection:
            for message in ("hello", "[" * 1000, '{"type": 1}', b"\x00", '{"candidate": "candidate:x"}'):
                await connection.send_message(message)
            await connection.ping()


async def test_a_port_in_use_is_an_error():
    async with serving(wait_closed) as port:
        with pytest.raises(OSError, match="in use"):
            await triortc.serve_peers(wait_closed, port=port)
    with pytest.raises(OSError, match=r"no signaling|refused|connect"):
        async with triortc.open_websocket_signaling(f"ws://127.0.0.1:{port}/"):
            pass


async def test_who_leaves_before_media_flows_is_gone_at_once():
    reasons = []

    async def watch(peer: triortc.Peer) -> None:
        reasons.append(await peer.wait_closed())

    async with serving(watch) as port:
        async with triortc.open_websocket_signaling(f"ws://127.0.0.1:{port}"):
            pass
        await until(lambda: reasons)
    assert reasons == [triortc.CloseReason.LOCAL]
