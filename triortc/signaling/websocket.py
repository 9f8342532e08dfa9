"""Signaling over a WebSocket; the one door to trio-websocket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
import trio_websocket

from triortc.handles import RunBound
from triortc.protocol.wire.errors import Malformed

from .messages import MAX_MESSAGE_SIZE, SignalingMessage, parse_message_untrusted, serialize_message


class WebSocketSignaling(RunBound, trio.abc.Channel[SignalingMessage]):
    """Signaling messages as text frames.

    Attributes:
      malformed: how many frames were passed over because they were no message.
    """

    def __init__(self, connection: trio_websocket.WebSocketConnection) -> None:
        super().__init__()
        self.malformed = 0
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


@asynccontextmanager
async def open_websocket_signaling(url: str) -> AsyncIterator[WebSocketSignaling]:
    """Connect to a ``ws:`` or ``wss:`` URL, such as :func:`triortc.serve_peers` serves.

    Raises:
      OSError: if there is no server, or it refuses.
    """
    try:
        async with trio_websocket.open_websocket_url(url, max_message_size=MAX_MESSAGE_SIZE) as connection:
            yield WebSocketSignaling(connection)
    except trio_websocket.HandshakeError as error:
        raise ConnectionError(f"no signaling at {url}: {error!r}") from error


def read_host_and_origin(request: trio_websocket.WebSocketRequest) -> tuple[str | None, str | None]:
    """Return a handshake's Host and Origin headers, each None when it is missing."""
    headers = {name.lower(): value.decode("latin-1") for name, value in request.headers}
    # wsproto keeps Host apart from the other headers, and trio-websocket keeps it to itself.
    return request._event.host, headers.get(b"origin")
