"""The HTTP server: hypercorn's trio connections under our own listeners. The only door to hypercorn.

``hypercorn.trio.serve`` is not used as a whole, for two reasons found by experiment (0.18): one
malformed ``Upgrade: h2c`` request raises through it and ends the server, and its writes are
shielded, so that a client which does not read makes it uncancellable. So each connection is
isolated here, its writes have a limit, and closing the sockets ends them all at once.
"""

import logging
from functools import partial
from typing import Final, cast

import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGISendCallable,
    ASGISendEvent,
    ConnectionState,
    Scope,
)

from triortc.isolation import Isolation
from triortc.nursery import open_bare_nursery

HEADERS_LIMIT = 16 * 1024
"""Bytes of one request's line and headers."""

HEADERS_TIMEOUT = 10.0
"""Seconds for a request's headers to arrive, and for an idle connection to live."""

SEND_TIMEOUT = 10.0
"""Seconds for one write of a response to be taken by the client."""

logger: Final = logging.getLogger(__name__)


async def open_listeners(host: str, port: int) -> list[trio.SocketListener]:
    """Bind and listen on TCP, so that a port in use is told before anything else starts.

    Raises:
      OSError: the host does not resolve, or the port cannot be bound; the message says which.
    """
    try:
        return await trio.open_tcp_listeners(port, host=host)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(error.errno, f"cannot listen on {host} port {port}: {reason}") from error


async def serve_http(
    app: ASGIFramework,
    listeners: list[trio.SocketListener],
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve an ASGI application for ever; when cancelled, close every connection at once."""
    connections = _Connections(app)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(trio.serve_listeners, connections.serve, listeners))
        task_status.started()
        try:
            await trio.sleep_forever()
        finally:
            connections.abort()


class _Connections:
    """All that is open now, each connection isolated from the others."""

    def __init__(self, app: ASGIFramework) -> None:
        self._app = ASGIWrapper(_drain_unread(app))
        self._config = _config()
        self._context = WorkerContext(None)
        self._isolation = Isolation(logger, "an HTTP connection", trio.current_time, level=logging.DEBUG)
        self._open: set[_Connection] = set()

    async def serve(self, stream: trio.SocketStream) -> None:
        connection = _Connection(stream)
        self._open.add(connection)
        state = ConnectionState({})
        hypercorn_stream = cast("trio.SSLStream[trio.SocketStream]", connection)
        try:
            with self._isolation:
                await TCPServer(self._app, self._config, self._context, state, hypercorn_stream).run()
        finally:
            self._open.discard(connection)

    def abort(self) -> None:
        for connection in self._open:
            connection.abort()


class _Connection:
    """What hypercorn takes for a :class:`trio.SocketStream`, but with writes that end."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.socket = stream.socket
        self._stream = stream

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        return bytes(await self._stream.receive_some(max_bytes))

    async def send_all(self, data: bytes) -> None:
        with trio.move_on_after(SEND_TIMEOUT) as timeout:
            try:
                await self._stream.send_all(data)
            except trio.BusyResourceError:  # hypercorn's reading task is closing it just now
                raise trio.BrokenResourceError("the connection is being closed") from None
        if timeout.cancelled_caught:
            self.abort()
            raise trio.BrokenResourceError("the client does not read")

    async def send_eof(self) -> None:
        await self._stream.send_eof()

    async def aclose(self) -> None:
        await self._stream.aclose()

    def abort(self) -> None:
        self.socket.close()


def _drain_unread(app: ASGIFramework) -> ASGIFramework:
    """Take what is left of a request's body while its response ends.

    hypercorn (0.18) tells an application of its own end through the same bounded queue as the
    body: with ten unread chunks in it, both its tasks would wait for each other for ever.
    """

    async def drained(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        async def send_and_drain(message: ASGISendEvent) -> None:
            if message["type"] != "http.response.body" or message.get("more_body"):
                await send(message)
                return
            # Bare, because hypercorn swallows groups, and with one a Ctrl-C.
            async with open_bare_nursery() as nursery:
                nursery.start_soon(_drain, receive)
                await send(message)
                nursery.cancel_scope.cancel()

        await app(scope, receive, send_and_drain)

    return drained


async def _drain(receive: ASGIReceiveCallable) -> None:
    while True:
        await receive()


def _config() -> Config:
    config = Config()
    config.accesslog = None
    config.errorlog = None
    config.include_server_header = False
    config.keep_alive_timeout = HEADERS_TIMEOUT
    config.h11_max_incomplete_size = HEADERS_LIMIT
    return config
