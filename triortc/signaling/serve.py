"""A server of peers: one handler call per browser that connects by WebSocket."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import trio
import trio_websocket

from triortc.access import Access
from triortc.isolation import Isolation
from triortc.net.mux import SharedPort, open_shared_port
from triortc.nursery import open_bare_nursery
from triortc.peer.config import PeerConfig
from triortc.peer.open import open_peer
from triortc.peer.peer import Peer
from triortc.protocol.session.events import ConnectionState

from .messages import MAX_MESSAGE_SIZE
from .negotiate import negotiate
from .websocket import WebSocketSignaling, read_host_and_origin

PeerHandler: TypeAlias = Callable[[Peer], Awaitable[object]]

CLOSE_TIMEOUT = 1.0
CONNECT_TIMEOUT = 10.0

_DEFAULT_CONFIG = PeerConfig()
_logger = logging.getLogger("triortc.signaling")


async def serve_peers(
    handler: PeerHandler,
    host: str = "127.0.0.1",
    port: int = 8080,
    *,
    config: PeerConfig = _DEFAULT_CONFIG,
    udp_port: int = 0,
    allow_origin: Sequence[str] = (),
    max_peers: int = 500,
    task_status: "trio.TaskStatus[int]" = trio.TASK_STATUS_IGNORED,
) -> None:
    """Call *handler* with a fresh, negotiating peer for each browser that connects; for ever.

    Browsers connect by WebSocket and speak the JSON of W3C perfect negotiation's example; this
    side is the impolite one. The handler may add tracks at any time. When it returns, its peer
    is closed; when it raises, that ends its peer alone, and is logged.

    Args:
      handler: called in a task of its own for each browser.
      host: the address to listen on.
      port: the TCP port to listen on; 0 lets the system choose.
      config: how the peers connect.
      udp_port: the one UDP port that all peers share; 0 lets the system choose.
      allow_origin: foreign web origins whose pages may connect, as ``https://example.org``.
      max_peers: further browsers are refused with 503.
      task_status: told the TCP port once the server listens.

    Raises:
      OSError: if a port is in use.
    """
    async with open_shared_port(udp_port) as shared, open_bare_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(port, host=host)
        addresses = [listener.socket.getsockname() for listener in listeners]
        access = Access.for_server(
            [address[0] for address in addresses], addresses[0][1], public=True, allow_origin=allow_origin
        )
        door = _Door(handler, config, shared, access, max_peers)
        server = trio_websocket.WebSocketServer(
            door.answer,
            listeners,
            max_message_size=MAX_MESSAGE_SIZE,
            connect_timeout=CONNECT_TIMEOUT,
            disconnect_timeout=CLOSE_TIMEOUT,
        )
        await nursery.start(server.run)
        task_status.started(addresses[0][1])


class _Door:
    """Lets browsers in, one task each, and keeps their failures apart."""

    def __init__(
        self, handler: PeerHandler, config: PeerConfig, shared: SharedPort, access: Access, max_peers: int
    ) -> None:
        self._handler = handler
        self._config = config
        self._shared = shared
        self._access = access
        self._max_peers = max_peers
        self._peers = 0
        self._isolation = Isolation(_logger, "a peer", trio.current_time)

    async def answer(self, request: trio_websocket.WebSocketRequest) -> None:
        host, origin = read_host_and_origin(request)
        refusal = self._access.refuse_host(host) or self._access.refuse_origin(origin, host)
        if refusal is not None:
            await request.reject(refusal.status, body=refusal.reason.encode())
        elif self._peers >= self._max_peers:
            await request.reject(503, body=b"This server has as many peers as it may.")
        else:
            self._peers += 1
            try:
                with self._isolation:
                    await self._serve(WebSocketSignaling(await request.accept()))
            finally:
                self._peers -= 1

    async def _serve(self, channel: WebSocketSignaling) -> None:
        async with open_peer(self._config, port=self._shared) as peer, open_bare_nursery() as nursery:
            nursery.start_soon(_pump, peer, channel, name="signaling pump")
            await self._handler(peer)
            nursery.cancel_scope.cancel()


async def _pump(peer: Peer, channel: WebSocketSignaling) -> None:
    await negotiate(peer, channel, polite=False)
    # Media goes on without signaling, but cannot begin without it.
    if peer.connection_state in (ConnectionState.NEW, ConnectionState.CONNECTING):
        await peer.aclose()
