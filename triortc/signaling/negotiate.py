"""Perfect negotiation (W3C webrtc §10.7) over any channel of signaling messages."""

from collections import deque

import trio

from triortc.nursery import open_bare_nursery
from triortc.peer.errors import PeerClosed, PeerFailed
from triortc.peer.peer import Peer
from triortc.protocol.ice.candidate import IceCandidate
from triortc.protocol.sdp.description import SessionDescription
from triortc.protocol.session.events import SignalingState
from triortc.protocol.wire.errors import InvalidStateError, RemoteProtocolError

from .messages import SignalingMessage

MAX_EARLY_CANDIDATES = 100
"""Candidates that may come before the first description; the others are dropped."""

AWAITING_ANSWER = (SignalingState.HAVE_LOCAL_OFFER, SignalingState.HAVE_REMOTE_PRANSWER)


async def negotiate(peer: Peer, channel: "trio.abc.Channel[SignalingMessage]", *, polite: bool) -> None:
    """Keep a peer negotiated: offers, answers and candidates, for as long as both sides live.

    When both sides offer at once, the polite side takes its offer back. Returns when the peer
    or the channel has ended; the channel is left open.

    Args:
      peer: whose tracks to negotiate.
      channel: leads to the other side, which runs the same with the other *polite*.
      polite: which side gives way; exactly one of the two has to.

    Raises:
      RemoteProtocolError: if the remote side's description breaks the protocol.
    """
    pump = _Negotiator(peer, channel, polite)
    async with open_bare_nursery() as nursery:
        nursery.start_soon(pump.send_candidates, name="signaling candidates")
        nursery.start_soon(pump.send_offers, nursery.cancel_scope, name="signaling offers")
        await pump.receive()
        nursery.cancel_scope.cancel()


class _Negotiator:
    def __init__(self, peer: Peer, channel: "trio.abc.Channel[SignalingMessage]", polite: bool) -> None:
        self._peer = peer
        self._channel = channel
        self._polite = polite
        self._ignoring = False
        self._early: deque[IceCandidate | None] = deque()
        # One exchange at a time: an offer of ours must not slip into the answering of theirs.
        self._exchange = trio.Lock()

    async def send_candidates(self) -> None:
        async for candidate in self._peer.candidates:
            async with self._exchange:
                pass  # the description that names a candidate's generation goes before it
            try:
                await self._channel.send(candidate)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return

    async def send_offers(self, whole: trio.CancelScope) -> None:
        try:
            while True:
                await self._peer.wait_negotiation_needed()
                async with self._exchange:
                    if self._peer.negotiation_needed:
                        await self._offer()
        except (PeerClosed, PeerFailed, trio.BrokenResourceError, trio.ClosedResourceError):
            # The peer or the channel has ended, and with it the need to negotiate.
            whole.cancel()

    async def _offer(self) -> None:
        try:
            # The offer is made when its turn has come: tracks come and go until then.
            await self._peer.set_local_description()
        except InvalidStateError:
            return  # by then there was nothing to offer
        await self._channel.send(self._peer.local_description)

    async def receive(self) -> None:
        try:
            while True:
                await self._take(await self._channel.receive())
        except (trio.EndOfChannel, PeerFailed, trio.BrokenResourceError, trio.ClosedResourceError):
            # PeerClosed is an EndOfChannel.
            return

    async def _take(self, message: SignalingMessage) -> None:
        if isinstance(message, SessionDescription):
            async with self._exchange:
                await self._take_description(message)
        else:
            assert message is None or isinstance(message, IceCandidate)
            await self._take_candidate(message)

    async def _take_candidate(self, candidate: IceCandidate | None) -> None:
        if self._peer.remote_description is not None:
            if not self._ignoring:
                await self._peer.add_ice_candidate(candidate)
        elif len(self._early) < MAX_EARLY_CANDIDATES:
            self._early.append(candidate)

    async def _take_description(self, description: SessionDescription) -> None:
        peer = self._peer
        if description.type in ("answer", "pranswer"):
            self._ignoring = False
            if peer.signaling_state in AWAITING_ANSWER:
                await peer.set_remote_description(description)
                await self._take_early_candidates()
            return
        if description.type != "offer":
            raise RemoteProtocolError(f"a {description.type} is not a part of perfect negotiation")
        collision = peer.signaling_state is not SignalingState.STABLE
        self._ignoring = collision and not self._polite
        if self._ignoring:
            return
        await peer.set_remote_description(description)
        await self._take_early_candidates()
        await peer.set_local_description()
        await self._channel.send(peer.local_description)

    async def _take_early_candidates(self) -> None:
        """Take what overtook the first description."""
        while self._early:
            await self._peer.add_ice_candidate(self._early.popleft())
