"""Who is watching: each viewer a peer in a nursery of the server's own, isolated from the others."""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import trio

from triortc.isolation import Isolation
from triortc.protocol.ice.candidate import IceCandidate
from triortc.protocol.sdp.description import SessionDescription, parse_description_untrusted
from triortc.protocol.session.events import ConnectionState
from triortc.protocol.wire.errors import NoCommonCodec

if TYPE_CHECKING:
    from triortc.media.local_track import LocalTrack
    from triortc.peer.statistics import QueueStatistics

GATHERING_LIMIT = 0.5
"""Seconds that an answer may wait for the server's candidates."""

RETRY_AFTER = 10
"""Seconds after which a viewer who found the server full may ask again."""


class TooManyViewers(Exception):
    """The server is full."""


class ViewerStatistics(Protocol):
    """What a viewer's peer tells of itself; see :class:`triortc.PeerStatistics`."""

    @property
    def queues(self) -> "Sequence[QueueStatistics]":
        """Its queues."""
        ...

    @property
    def counters(self) -> Mapping[str, int]:
        """What it has dropped, by cause."""
        ...

    def as_w3c(self) -> dict[str, Any]:
        """Return a W3C statistics report."""
        ...


class ViewerPeer(Protocol):
    """As much of a :class:`triortc.Peer` as a viewer is made of; tests have one of their own."""

    @property
    def connection_state(self) -> ConnectionState:
        """Where the connection stands."""
        ...

    @property
    def local_description(self) -> SessionDescription | None:
        """The answer, with all candidates found so far."""
        ...

    def add_track(self, track: "LocalTrack", /) -> object:
        """Send a track."""
        ...

    def create_answer(self) -> SessionDescription:
        """Answer the remote offer."""
        ...

    async def set_remote_description(self, description: SessionDescription, /) -> None:
        """Apply the offer."""
        ...

    async def set_local_description(self, description: SessionDescription, /) -> None:
        """Apply the answer."""
        ...

    async def add_ice_candidate(self, candidate: IceCandidate | None, /) -> None:
        """Add a remote candidate."""
        ...

    async def wait_ice_gathering_complete(self) -> None:
        """Wait for the last local candidate."""
        ...

    async def wait_closed(self) -> object:
        """Wait for the end."""
        ...

    def statistics(self) -> ViewerStatistics:
        """Return statistics."""
        ...


OpenPeer = Callable[[], AbstractAsyncContextManager[ViewerPeer]]


class Viewer:
    """One watcher.

    Attributes:
      id: its unguessable name in URLs.
      number: its name in statistics; 1, 2, 3, …
      etag: names its ICE session (RFC 9725 §4.3.1), quotes included.
      answer: the SDP it was answered with.
      ufrags: ICE user name fragments of its offer.
      peer: what serves it.
      since: when it was answered, on the trio clock.
    """

    def __init__(self, number: int, peer: ViewerPeer, answer: str, ufrags: frozenset[str]) -> None:
        self.id: str = secrets.token_urlsafe(32)
        self.number = number
        self.etag: str = f'"{secrets.token_urlsafe(8)}"'
        self.answer = answer
        self.ufrags = ufrags
        self.peer = peer
        self.since: float = trio.current_time()
        self._scope = trio.CancelScope()

    def __repr__(self) -> str:
        return f"<Viewer {self.number} {self.peer.connection_state.value}>"

    def end(self) -> None:
        """Say goodbye to it."""
        self._scope.cancel()

    async def live(self) -> None:
        """Serve it until it leaves, is lost, or is ended."""
        with self._scope:
            await self.peer.wait_closed()


class Viewers:
    """All viewers of a server.

    Args:
      nursery: where they live; outlives every HTTP request.
      open_peer: opens one viewer's peer.
      tracks: what is sent to each.
      limit: most viewers at a time.
      isolation: where a viewer's crash ends.

    Attributes:
      served: how many have been answered so far.
    """

    def __init__(
        self,
        nursery: trio.Nursery,
        open_peer: OpenPeer,
        tracks: Sequence["LocalTrack"],
        *,
        limit: int,
        isolation: Isolation,
    ) -> None:
        self.served: int = 0
        self.limit = limit
        self.isolation = isolation
        self._nursery = nursery
        self._open_peer = open_peer
        self._tracks = tuple(tracks)
        self._places = 0
        self._by_id: dict[str, Viewer] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Viewer]:
        return iter(tuple(self._by_id.values()))

    def find(self, viewer_id: str) -> Viewer | None:
        """Return a viewer by its name in URLs."""
        return self._by_id.get(viewer_id)

    async def answer(self, offer: str) -> Viewer:
        """Answer an offer; from then on the viewer lives by itself.

        Raises:
          TooManyViewers: there is no place.
          Malformed, RemoteProtocolError: the offer is bad.
          NoCommonCodec: it asks for nothing that is sent here.
        """
        viewer: Viewer = await self._nursery.start(self._view, offer)
        return viewer

    def end(self, viewer: Viewer) -> None:
        """Forget a viewer and say goodbye to it."""
        self._by_id.pop(viewer.id, None)
        viewer.end()

    async def _view(self, offer: str, *, task_status: trio.TaskStatus[Viewer]) -> None:
        # Until it is answered, a viewer's failure is its HTTP request's; later, its own.
        with ExitStack() as boundary:
            boundary.enter_context(self._place())
            async with self._open_peer() as peer:
                viewer = await self._welcome(peer, offer)
                boundary.enter_context(self.isolation)
                with self._listed(viewer):
                    task_status.started(viewer)
                    await viewer.live()

    async def _welcome(self, peer: ViewerPeer, offer: str) -> Viewer:
        parsed = parse_description_untrusted(offer)
        for track in self._tracks:
            peer.add_track(track)
        await peer.set_remote_description(SessionDescription("offer", offer))
        await peer.set_local_description(peer.create_answer())
        with trio.move_on_after(GATHERING_LIMIT):
            await peer.wait_ice_gathering_complete()
        description = peer.local_description
        assert description is not None
        _check_sends(description.sdp)
        ufrags = frozenset(media.ice_ufrag for media in parsed.media if media.ice_ufrag is not None)
        self.served += 1
        return Viewer(self.served, peer, description.sdp, ufrags)

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self._places >= self.limit:
            raise TooManyViewers
        self._places += 1
        try:
            yield
        finally:
            self._places -= 1

    @contextmanager
    def _listed(self, viewer: Viewer) -> Iterator[None]:
        self._by_id[viewer.id] = viewer
        try:
            yield
        finally:
            self._by_id.pop(viewer.id, None)


def _check_sends(answer: str) -> None:
    for media in parse_description_untrusted(answer).media:
        if not media.rejected and media.direction.sends:
            return
    raise NoCommonCodec("", "the offer asks for nothing that is sent here")
