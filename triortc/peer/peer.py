"""The hub: one WebRTC peer connection, as the application sees it."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from ipaddress import ip_address

import trio

from triortc.handles import RunBound
from triortc.media.local_track import LocalTrack
from triortc.net.endpoint import Endpoint, Network
from triortc.net.mux import SharedPort, SharedPortMember
from triortc.nursery import open_bare_nursery
from triortc.protocol.ice.candidate import IceCandidate
from triortc.protocol.rtp.srtp import Scratch
from triortc.protocol.sdp.description import Direction, SessionDescription
from triortc.protocol.session import events
from triortc.protocol.session.codecs import CAPABILITIES
from triortc.protocol.session.events import (
    CloseReason,
    ConnectionState,
    IceGatheringState,
    SessionEvent,
    SignalingState,
)
from triortc.protocol.session.session import Session
from triortc.protocol.wire.errors import LocalProtocolError
from triortc.protocol.wire.machine import Address

from .config import PeerConfig
from .driver import Driver
from .errors import IceFailed, PeerClosed, PeerFailed
from .statistics import PeerStatistics, gather_statistics
from .transceiver import Transceiver
from .watch import Watched

MAX_UNREAD_CANDIDATES = 64


class Peer(RunBound):
    """One end of a WebRTC connection (W3C ``RTCPeerConnection``).

    Born in ``async with triortc.open_peer(...)``; there is no public constructor. Its methods
    may be called from any task of the run that opened it.
    """

    def __init__(
        self,
        session: Session,
        scratch: Scratch,
        *,
        config: PeerConfig,
        network: Network,
        port: SharedPort | None,
        nursery: trio.Nursery,
    ) -> None:
        super().__init__()
        self._session = session
        self._config = config
        self._network = network
        self._nursery = nursery
        self._driver = Driver(session, scratch, self._handle_event)
        self._transceivers: list[Transceiver] = []
        self._connection_state = Watched(ConnectionState.NEW)
        self._signaling_state = Watched(SignalingState.STABLE)
        self._gathering_state = Watched(IceGatheringState.NEW)
        self._negotiation_needed = Watched(False)
        self._ended: Watched[events.SessionEnded | None] = Watched(None)
        # The operations chain of W3C webrtc §4.4.1.2: a trio.Lock is first come, first served.
        self._operations = trio.Lock()
        self._gathering = False
        self._sockets: list[Endpoint] = []
        self._member: SharedPortMember | None = None
        if port is not None:
            self._member = port.attach(session.ice.local_parameters.ufrag, self._driver)
        # session → peer.candidates: 64, BLOCK, which never comes to pass: a generation has at most
        # 32 candidates and their end.
        self._candidate_sender, self._candidate_receiver = trio.open_memory_channel[IceCandidate | None](
            MAX_UNREAD_CANDIDATES
        )

    # Media

    def add_track(self, track: LocalTrack) -> Transceiver:
        """Send a track to the remote side, from the next finished offer and answer on.

        Raises:
          LocalProtocolError: if this peer sends the track already.
          trio.ClosedResourceError: after the block.
        """
        self._check_open()
        track._check_run()
        if any(transceiver.track is track for transceiver in self._transceivers):
            raise LocalProtocolError(f"the track {track.id} was added before")
        capabilities = [CAPABILITIES[encoding.name.lower()] for encoding in track.encodings]
        with self._driver.turn() as session:
            core = session.add_transceiver(
                track.kind,
                Direction.SENDONLY,
                capabilities,
                stream_ids=(session.negotiation.cname,),
                track_id=track.id,
                created_by_add_track=True,
            )
            transceiver = Transceiver(core, track, self._driver)
            self._transceivers.append(transceiver)
        return transceiver

    @property
    def transceivers(self) -> tuple[Transceiver, ...]:
        """The media sections of this side's tracks, in the order they were added."""
        return tuple(self._transceivers)

    # Negotiation

    def create_offer(self) -> SessionDescription:
        """Return an offer of all tracks; pure, nothing changes until it is set (RFC 9429 §4.1.8).

        Raises:
          InvalidStateError: if there is nothing to offer, or an exchange is under way.
        """
        self._check_open()
        return self._session.create_offer()

    def create_answer(self) -> SessionDescription:
        """Return an answer to the remote offer; pure (RFC 9429 §4.1.9).

        Raises:
          InvalidStateError: if there is no remote offer.
          NoCommonCodec: if no media section of the offer can be served.
        """
        self._check_open()
        return self._session.create_answer()

    async def set_local_description(self, description: SessionDescription | None = None) -> None:
        """Apply what :meth:`create_offer` or :meth:`create_answer` returned.

        Without an argument the description that fits the signaling state is created. Returns
        when host candidates are bound; gathering goes on (RFC 9429 §4.1.10).

        Raises:
          LocalProtocolError: if the description is not the last one that was created.
          InvalidStateError: if it does not fit the signaling state.
        """
        self._check_open()
        async with self._operations:
            self._check_ended()
            if description is None:
                answers = self._session.signaling_state is SignalingState.HAVE_REMOTE_OFFER
                description = self.create_answer() if answers else self.create_offer()
            with self._driver.turn() as session:
                session.set_local_description(description, trio.current_time())
            if not self._gathering:
                self._gathering = True
                self._start_gathering()

    async def set_remote_description(self, description: SessionDescription) -> None:
        """Apply the remote side's offer or answer (RFC 9429 §4.1.11).

        Raises:
          RemoteProtocolError: if the description breaks the protocol; nothing has changed.
          InvalidStateError: if it does not fit the signaling state.
        """
        self._check_open()
        async with self._operations:
            self._check_ended()
            with self._driver.turn() as session:
                session.set_remote_description(description, trio.current_time())

    async def add_ice_candidate(self, candidate: IceCandidate | None) -> None:
        """Take a candidate of the remote side; None says that no more will come.

        Candidates that cannot be used (a ``.local`` name, TCP) are passed over.

        Raises:
          InvalidStateError: if no remote description was set.
        """
        self._check_open()
        async with self._operations:
            self._check_ended()
            with self._driver.turn() as session:
                session.add_remote_candidate(candidate, trio.current_time())

    @property
    def local_description(self) -> SessionDescription | None:
        """The local description with the candidates found so far, or None."""
        return self._session.local_description

    @property
    def remote_description(self) -> SessionDescription | None:
        """The remote description, or None."""
        return self._session.negotiation.remote_description

    @property
    def negotiation_needed(self) -> bool:
        """Whether an offer would change anything (W3C "negotiationneeded")."""
        return self._session.negotiation.needed

    async def wait_negotiation_needed(self) -> None:
        """Wait until an offer would change something.

        Raises:
          PeerClosed: if the peer ends first.
          PeerFailed: if the peer fails first.
        """
        self._check_open()
        await self._negotiation_needed.wait_until(lambda needed: needed or self._ended.value is not None)
        self._check_ended()

    @property
    def candidates(self) -> "trio.MemoryReceiveChannel[IceCandidate | None]":
        """This side's candidates as they are found; None ends them."""
        return self._candidate_receiver

    # States

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

    async def aclose(self) -> None:
        """Say goodbye to the remote side and end; leaving the block does the same."""
        self._check_run()
        self.close()
        await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """End now: synchronous, so it works under cancellation; a second time does nothing."""
        self._check_run()
        self._driver.close()
        self._release()

    def statistics(self) -> PeerStatistics:
        """Return what can be said in figures now: frozen, and cheap enough for once a second."""
        self._check_run()
        return gather_statistics(self._session, self._driver, self._transceivers, trio.current_time())

    def __repr__(self) -> str:
        pair = self._session.ice.selected_pair
        path = ""
        if pair is not None:
            path = f" {_endpoint_name(pair.local_base)} → {_endpoint_name(pair.remote)}"
            if pair.rtt is not None:
                path += f" rtt={pair.rtt * 1000:.0f}ms"
        media = "".join(
            f" {transceiver.kind}:{transceiver.current_direction or transceiver.direction}"
            for transceiver in self._transceivers
        )
        return f"<Peer {self.connection_state.value}{path}{media}>"

    # Inside: tasks, events, the end

    def _start(self) -> None:
        """Start the tasks that every peer has; :func:`open_peer` does."""
        self._nursery.start_soon(self._driver.run_timers, name="timers")
        self._nursery.start_soon(self._driver.run_dtls_srtp, name="dtls-srtp")

    def _start_gathering(self) -> None:
        if self._member is not None:
            endpoints: tuple[Endpoint, ...] = self._member.endpoints
        else:
            endpoints = tuple(self._open_sockets())
        self._driver.endpoints.update({endpoint.local: endpoint for endpoint in endpoints})
        with self._driver.turn() as session:
            now = trio.current_time()
            for endpoint in endpoints:
                session.add_host_address(endpoint.local, now)
            if not self._config.ice_servers:
                session.end_of_bases(now)
        if self._config.ice_servers:
            self._nursery.start_soon(
                self._gather_server_reflexive, [endpoint.local for endpoint in endpoints], name="ice.gather"
            )

    def _open_sockets(self) -> list[Endpoint]:
        for address in self._network.addresses():
            try:
                endpoint = self._network.open_endpoint(address)
            except OSError:
                # An interface that went away meanwhile is no reason to fail the others.
                continue
            self._sockets.append(endpoint)
            self._nursery.start_soon(
                self._driver.run_receive, endpoint, name=f"ice.receive {_endpoint_name(endpoint.local)}"
            )
        return self._sockets

    async def _gather_server_reflexive(self, bases: list[Address]) -> None:
        """Ask every STUN server from every socket; a dead one delays nobody else."""
        async with open_bare_nursery() as nursery:
            for server in self._config.ice_servers:
                for host, port in server.addresses():
                    nursery.start_soon(self._ask_server, host, port, bases, name=f"ice.gather {host}")
        with self._driver.turn() as session:
            session.end_of_bases(trio.current_time())

    async def _ask_server(self, host: str, port: int, bases: list[Address]) -> None:
        try:
            addresses = await self._network.resolve(host, port)
        except OSError:
            return
        with self._driver.turn() as session:
            now = trio.current_time()
            for base in bases:
                server = next((address for address in addresses if _can_reach(base, address)), None)
                if server is not None:
                    session.gather_server_reflexive(base, server, now)

    def _handle_event(self, event: SessionEvent) -> None:
        match event:
            case events.KeyframeRequested(mid):
                self._request_keyframe(mid)
            case events.AddressChecked(local, remote):
                if self._member is not None:
                    self._member.route(local, remote)
            case events.LocalCandidateFound(candidate):
                self._candidate_sender.send_nowait(candidate)
            case events.ConnectionStateChanged(state):
                self._connection_state.set(state)
            case events.SignalingStateChanged(state):
                self._signaling_state.set(state)
                self._negotiation_needed.set(self._session.negotiation.needed)
            case events.IceGatheringStateChanged(state):
                self._gathering_state.set(state)
            case events.NegotiationNeeded():
                self._negotiation_needed.set(True)
            case events.SendersChanged():
                self._update_senders()
            case events.SessionEnded():
                self._finish(event)

    def _request_keyframe(self, mid: str) -> None:
        for transceiver in self._transceivers:
            if transceiver.mid == mid:
                transceiver.request_keyframe()

    def _update_senders(self) -> None:
        connected = self._session.media.started and self._session.ended is None
        for transceiver in self._transceivers:
            transceiver.update(self._nursery, connected=connected)

    def _finish(self, ended: events.SessionEnded) -> None:
        self._ended.set(ended)
        # Whoever waits for something that will not come any more looks again.
        self._connection_state.set(self._session.connection_state)
        self._gathering_state.set(self._gathering_state.value)
        self._negotiation_needed.set(False)
        self._candidate_sender.close()
        self._update_senders()

    def _release(self) -> None:
        """Give sockets back; their tasks end with them."""
        if self._member is not None:
            self._member.detach()
        for endpoint in self._sockets:
            endpoint.close()

    def _check_open(self) -> None:
        self._check_run()
        ended = self._ended.value
        if ended is not None and ended.reason is CloseReason.LOCAL:
            raise trio.ClosedResourceError("the peer is closed")

    def _check_ended(self) -> None:
        ended = self._ended.value
        if ended is None:
            return
        if ended.reason is CloseReason.ICE_FAILED:
            raise IceFailed(ended.reason, tuple(map(str, self._session.ice.candidate_pairs)))
        if ended.reason.is_failure:
            raise PeerFailed(ended.reason, ended.detail)
        raise PeerClosed(ended.reason)


def _endpoint_name(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _can_reach(base: Address, server: Address) -> bool:
    """Whether a socket and a server are of one family, and both or neither on loopback."""
    one, other = ip_address(base[0]), ip_address(server[0])
    return one.version == other.version and one.is_loopback == other.is_loopback
