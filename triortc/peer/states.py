"""The states of a peer, and how to wait for them."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from triortc.handles import RunBound
from triortc.protocol.session.events import (
    CloseReason,
    ConnectionState,
    IceGatheringState,
    SessionEnded,
    SignalingState,
)
from triortc.protocol.session.session import Session

from .errors import check_not_closed, check_not_ended
from .watch import Watched


class PeerStates(RunBound):
    """What state a peer is in; the half of :class:`triortc.Peer` that only tells and waits."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._connection_state = Watched(ConnectionState.NEW)
        self._signaling_state = Watched(SignalingState.STABLE)
        self._gathering_state = Watched(IceGatheringState.NEW)
        self._negotiation_needed = Watched(False)
        self._ended: Watched[SessionEnded | None] = Watched(None)

    @property
    def connection_state(self) -> ConnectionState:
        """ICE and DTLS in one word."""
        return self._connection_state.value

    @property
    def signaling_state(self) -> SignalingState:
        """Where offer and answer stand."""
        return self._signaling_state.value

    @property
    def ice_gathering_state(self) -> IceGatheringState:
        """Whether candidates are still looked for."""
        return self._gathering_state.value

    def watch_connection_state(self) -> AbstractAsyncContextManager[AsyncIterator[ConnectionState]]:
        """Iterate over the present state and each later one; only the latest is kept.

        ``async with peer.watch_connection_state() as states: async for state in states: ...``
        """
        self._check_open()
        return self._connection_state.watch()

    async def wait_connected(self) -> None:
        """Wait until media can flow.

        Raises:
          IceFailed: if no candidate pair works.
          PeerFailed: if the connection fails otherwise.
          PeerClosed: if either side closes first.
        """
        self._check_open()
        await self._connection_state.wait_until(
            lambda state: state is ConnectionState.CONNECTED or self._ended.value is not None
        )
        self._check_ended()

    async def wait_ice_gathering_complete(self) -> None:
        """Wait until all candidates of this side are known."""
        self._check_open()
        await self._gathering_state.wait_until(
            lambda state: state is IceGatheringState.COMPLETE or self._ended.value is not None
        )
        self._check_ended()

    async def wait_closed(self) -> CloseReason:
        """Wait until the peer has ended, in whatever way, and return how."""
        self._check_open()
        ended = await self._ended.wait_until(lambda ended: ended is not None)
        assert ended is not None
        return ended.reason

    async def wait_negotiation_needed(self) -> None:
        """Wait until an offer would change something.

        Raises:
          PeerClosed: if the peer ends first.
          PeerFailed: if the peer fails first.
        """
        self._check_open()
        # The value only wakes: what was needed may not be any more.
        needs = self._session.negotiation
        await self._negotiation_needed.wait_until(lambda _: needs.needed or self._ended.value is not None)
        self._check_ended()

    def _check_open(self) -> None:
        self._check_run()
        check_not_closed(self._session)

    def _check_ended(self) -> None:
        check_not_ended(self._session)

    def _check_live(self) -> None:
        self._check_open()
        self._check_ended()
