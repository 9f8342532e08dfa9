"""One source, many browsers: the page, WHEP and statistics on one TCP port."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address

import trio

from triortc.access import Access, normal_origin, url_host
from triortc.handles import RunBound
from triortc.isolation import Isolation
from triortc.media.local_track import LocalTrack
from triortc.media.open import Media
from triortc.net.endpoint import current_network
from triortc.net.mux import SharedPort, open_shared_port
from triortc.nursery import open_bare_nursery
from triortc.peer.open import open_peer
from triortc.peer.peer import Peer
from triortc.protocol.ice.candidate import parse_candidate_untrusted

from .app import logger, make_app
from .server import open_listeners, serve_http
from .stats import LoopLag
from .viewers import Viewers

MAX_VIEWERS = 500
"""Most viewers of one server, if nothing else is said."""


@dataclass(frozen=True, slots=True)
class BroadcastStatistics:
    """The few figures of a broadcast that fit one line; ``/stats`` has them all.

    Attributes:
      viewers: who watch now.
      viewers_served: how many have been answered so far.
      viewers_crashed: how many a bug has ended.
      bytes_sent: UDP payload bytes to all viewers.
      datagrams_dropped: datagrams that the kernel did not take.
      encoders: encoders that run now.
      frames_encoded: video frames.
      frames_dropped: video frames that came too fast for the encoder.
      encode_seconds: time spent in the video encoders.
      loop_lag: seconds that the loop was late, the worst of the last 10 s.
    """

    viewers: int
    viewers_served: int
    viewers_crashed: int
    bytes_sent: int
    datagrams_dropped: int
    encoders: int
    frames_encoded: int
    frames_dropped: int
    encode_seconds: float
    loop_lag: float


class Broadcast(RunBound):
    """A running broadcast, as :func:`serve_broadcast` hands it to who started it.

    Attributes:
      urls: where to watch, the best one to give away first; with the token, if there is one.
      port: the TCP port.
      token: the bearer token, or None.
      udp_port: the port of all media.
    """

    def __init__(
        self,
        urls: Sequence[str],
        port: int,
        token: str | None,
        *,
        shared: SharedPort,
        viewers: Viewers,
        tracks: Sequence[LocalTrack],
        lag: LoopLag,
    ) -> None:
        super().__init__()
        self.urls: tuple[str, ...] = tuple(urls)
        self.port = port
        self.token = token
        self.udp_port: int = shared.port
        self._shared = shared
        self._viewers = viewers
        self._tracks = tracks
        self._lag = lag

    @property
    def url(self) -> str:
        """Where to watch."""
        return self.urls[0]

    @property
    def viewers(self) -> int:
        """How many watch now."""
        return len(self._viewers)

    def statistics(self) -> BroadcastStatistics:
        """Return the figures now."""
        self._check_run()
        renditions = [rendition for track in self._tracks for rendition in track.statistics().renditions]
        video = [rendition for rendition in renditions if rendition.encoding.kind == "video"]
        sockets = [endpoint.statistics for endpoint in self._shared.endpoints]
        return BroadcastStatistics(
            viewers=len(self._viewers),
            viewers_served=self._viewers.served,
            viewers_crashed=self._viewers.isolation.failures,
            bytes_sent=sum(socket.bytes_sent for socket in sockets),
            datagrams_dropped=sum(socket.send_drops for socket in sockets),
            encoders=sum(rendition.encoder_running for rendition in renditions),
            frames_encoded=sum(rendition.frames for rendition in video),
            frames_dropped=sum(rendition.queue_drops for rendition in video),
            encode_seconds=sum(rendition.encode_seconds for rendition in video),
            loop_lag=self._lag.report()["worstLag"],
        )

    def __repr__(self) -> str:
        return f"<Broadcast on port {self.port}, {self.viewers} viewers>"


async def serve_broadcast(
    media: Media,
    host: str = "127.0.0.1",
    port: int = 8080,
    *,
    token: str | None = None,
    public: bool = False,
    allow_origin: Iterable[str] = (),
    udp_port: int = 0,
    max_viewers: int = MAX_VIEWERS,
    task_status: trio.TaskStatus[Broadcast] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Show media to any number of browsers, for ever.

    Serves a page at ``/`` that plays with no click, WHEP at ``/whep``, and figures at
    ``/stats``. On loopback no token is asked for; bound to anything else, a token is made and
    is part of :attr:`Broadcast.url`.

    Args:
      media: what is shown.
      host, port: where HTTP listens; port 0 lets the system choose. Media goes by every
        interface, whatever the host.
      token: the bearer token to ask for, instead of a fresh one.
      public: ask for no token.
      allow_origin: foreign origins, such as ``https://example.org``, whose pages may watch.
      udp_port: the one UDP port of all viewers; 0 lets the system choose.
      max_viewers: most viewers at a time; the next one is told to come later.
      task_status: ``await nursery.start(serve_broadcast, media)`` returns the
        :class:`Broadcast`.

    Raises:
      OSError: a port cannot be bound.
      ValueError: an origin is none, or *token* and *public* are given.
    """
    _load_ice()
    origins = [normal_origin(origin) for origin in allow_origin]
    with _closing(await open_listeners(host, port)) as listeners:
        addresses = [listener.socket.getsockname()[0] for listener in listeners]
        port = listeners[0].socket.getsockname()[1]
        access = Access.for_server(addresses, port, token=token, public=public, allow_origin=origins)
        lag = LoopLag()
        async with _open_port(udp_port) as shared, open_bare_nursery() as nursery:
            viewers = Viewers(
                nursery,
                partial(_open_viewer, shared),
                media.tracks,
                limit=max_viewers,
                isolation=Isolation(logger, "a viewer", trio.current_time),
            )
            nursery.start_soon(lag.watch, name="loop lag")
            await nursery.start(serve_http, make_app(viewers, media.tracks, lag, access), listeners)
            urls = [make_url(address, port, access.token) for address in reachable(addresses)]
            task_status.started(
                Broadcast(
                    urls, port, access.token, shared=shared, viewers=viewers, tracks=media.tracks, lag=lag
                )
            )


def make_url(address: str, port: int, token: str | None) -> str:
    """Return the page's URL; the token is in the fragment, which no browser sends or logs."""
    suffix = "" if port == 80 else f":{port}"
    fragment = "" if token is None else f"#token={token}"
    return f"http://{url_host(address)}{suffix}/{fragment}"


def reachable(bound: Iterable[str]) -> list[str]:
    """Return the addresses that a server is reached at, those to give away first."""
    found: dict[str, None] = {}
    for address in bound:
        if ip_address(address).is_unspecified:
            local = current_network().addresses()
            found.update(dict.fromkeys(other for other in local if (":" in other) == (":" in address)))
        else:
            found[address] = None
    return sorted(found, key=lambda address: (ip_address(address).is_loopback, ":" in address))


@asynccontextmanager
async def _open_port(udp_port: int) -> AsyncIterator[SharedPort]:
    async with AsyncExitStack() as stack:
        try:
            shared = await stack.enter_async_context(open_shared_port(udp_port))
        except OSError as error:
            reason = error.strerror or str(error)
            raise OSError(error.errno, f"cannot use UDP port {udp_port}: {reason}") from error
        yield shared


def _load_ice() -> None:
    # aioice is loaded when it is first needed, and takes 0.1 s: the first viewer's join would hold the loop.
    parse_candidate_untrusted("1 1 udp 1 127.0.0.1 9 typ host")


def _open_viewer(shared: SharedPort) -> AbstractAsyncContextManager[Peer]:
    return open_peer(port=shared)


@contextmanager
def _closing(listeners: list[trio.SocketListener]) -> Iterator[list[trio.SocketListener]]:
    try:
        yield listeners
    finally:
        for listener in listeners:
            listener.socket.close()
