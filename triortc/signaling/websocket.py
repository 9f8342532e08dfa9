"""Signaling over a WebSocket; the one door to trio-websocket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias
from urllib.parse import urlsplit

import trio
import trio_websocket

from triortc.handles import RunBound
from triortc.nursery import open_bare_nursery
from triortc.protocol.wire.errors import LocalProtocolError, Malformed

from .messages import MAX_MESSAGE_SIZE, SignalingMessage, parse_message_untrusted, serialize_message

ClientStream: TypeAlias = "trio.SocketStream | trio.SSLStream[trio.SocketStream]"

CONNECT_TIMEOUT = 10.0
CLOSE_TIMEOUT = 1.0


class WebSocketSignaling(RunBound, trio.abc.Channel[SignalingMessage]):
    """Signaling messages as text frames.

    Attributes:
      malformed: how many frames were passed over because they were no message.
    """

    def __init__(self, connection: trio_websocket.WebSocketConnection) -> None:
        super().__init__()
        self.malformed: int = 0
        self._connection = connection

    async def send(self, value: SignalingMessage) -> None:
        """Send a message.

        Raises:
          trio.BrokenResourceError: if the connection is gone.
        """
        self._check_run()
        try:
            await self._connection.send_message(serialize_message(value))
        except trio_websocket.ConnectionClosed as error:
            raise trio.BrokenResourceError("the signaling connection is closed") from error

    async def receive(self) -> SignalingMessage:
        """Wait for the remote side's next message; frames that are none are counted.

        Raises:
          trio.EndOfChannel: when the connection is gone.
        """
        self._check_run()
        while True:
            try:
                return parse_message_untrusted(await self._connection.get_message())
            except Malformed:
                self.malformed += 1
            except trio_websocket.ConnectionClosed as error:
                raise trio.EndOfChannel from error

    async def aclose(self) -> None:
        """Close the connection."""
        self._check_run()
        await self._connection.aclose()
        await trio.lowlevel.checkpoint()  # that of a closed connection is none


@asynccontextmanager
async def open_websocket_signaling(url: str) -> AsyncIterator[WebSocketSignaling]:
    """Connect to a ``ws:`` or ``wss:`` URL, such as :func:`triortc.serve_peers` serves.

    Raises:
      LocalProtocolError: if *url* is none of these.
      OSError: if there is no server, or it refuses.
    """
    stream = await _open_stream(url)
    try:
        # The stream is ours to close: trio-websocket leaves it open when the server says goodbye.
        async with stream, open_bare_nursery() as nursery:
            connection = await _shake_hands(nursery, stream, url)
            try:
                yield WebSocketSignaling(connection)
            finally:
                with trio.move_on_after(CLOSE_TIMEOUT):
                    await connection.aclose()
                nursery.cancel_scope.cancel()
    except trio_websocket.HandshakeError as error:  # trio-websocket raises it in the nursery
        raise ConnectionError(f"no signaling at {url}: {error!r}") from error


def read_host_and_origin(request: trio_websocket.WebSocketRequest) -> tuple[str | None, str | None]:
    """Return a handshake's Host and Origin headers, each None when it is missing."""
    headers = {name.lower(): value.decode("latin-1") for name, value in request.headers}
    # wsproto keeps Host apart from the other headers, and trio-websocket keeps it to itself.
    return request._event.host, headers.get(b"origin")


async def _open_stream(url: str) -> ClientStream:
    scheme, host, port, _ = _split_url(url)
    if scheme == "ws":
        return await trio.open_tcp_stream(host, port)
    return await trio.open_ssl_over_tcp_stream(host, port, https_compatible=True)


async def _shake_hands(
    nursery: trio.Nursery, stream: ClientStream, url: str
) -> trio_websocket.WebSocketConnection:
    _, host, port, resource = _split_url(url)
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        with trio.fail_after(CONNECT_TIMEOUT):
            return await trio_websocket.wrap_client_stream(
                nursery, stream, authority, resource, max_message_size=MAX_MESSAGE_SIZE
            )
    except trio.TooSlowError as error:
        raise ConnectionError(f"no answer from {url}") from error


def _split_url(url: str) -> tuple[str, str, int, str]:
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or parts.hostname is None:
        raise LocalProtocolError(f"not a ws: or wss: URL: {url!r}")
    port = parts.port or (80 if parts.scheme == "ws" else 443)
    resource = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.scheme, parts.hostname, port, resource
