"""The hub: one WebRTC peer connection, as the application sees it."""

from collections.abc import Sequence
from typing import cast

import trio

from triortc.media.local_track import LocalTrack
from triortc.net.endpoint import Network
from triortc.net.mux import SharedPort
from triortc.protocol.ice.candidate import IceCandidate
from triortc.protocol.rtp.srtp import Scratch
from triortc.protocol.sdp.description import SessionDescription
from triortc.protocol.session import events
from triortc.protocol.session.events import (
    SessionEvent,
    SignalingState,
)
from triortc.protocol.session.session import Session
from triortc.protocol.wire.errors import LocalProtocolError

from .config import PeerConfig
from .driver import Driver
from .errors import failure_of
from .gathering import Gatherer, endpoint_name
from .parameters import EncodingParameters
from .remote_track import RemoteTrack
from .sections import MediaSections
from .states import PeerStates
from .statistics import PeerStatistics, StatisticsGatherer
from .transceiver import DirectionName, Kind, Transceiver, parse_direction

MAX_UNREAD_CANDIDATES = 64


class Peer(PeerStates):
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
        super().__init__(session)
        self._config = config
        self._nursery = nursery
        self._driver = Driver(session, scratch, self._handle_event)
        self._sections = MediaSections(self._driver, nursery)
        self._gatherer = Gatherer(self._driver, network, nursery, port)
        # The operations chain of W3C webrtc §4.4.1.2: a trio.Lock is first come, first served.
        self._operations = trio.Lock()
        # session → peer.candidates: 64, BLOCK, which never comes to pass: a generation has at most
        # 32 candidates and their end, and a restart discards the unread ones.
        self._candidate_sender, self._candidate_receiver = trio.open_memory_channel[IceCandidate | None](
            MAX_UNREAD_CANDIDATES
        )
        self._statistics = StatisticsGatherer(
            session, self._driver, self._sections, self._gatherer, self._candidate_receiver
        )

    # Media

    def add_track(self, track: LocalTrack, *stream_ids: str) -> Transceiver:
        """Send a track to the remote side, from the next finished offer and answer on.

        A media section of the track's kind that never sent anything is used, else a new one,
        in which the remote side may send as well (W3C ``addTrack``).

        Args:
          track: what to send.
          stream_ids: the MediaStreams to announce it in; by default one that all the peer's
            tracks share, so that receivers keep them in step.

        Raises:
          LocalProtocolError: if this peer sends the track already.
          trio.ClosedResourceError: after the block.
        """
        self._check_live()
        track._check_run()
        return self._sections.add_track(track, stream_ids)

    def add_transceiver(
        self,
        track_or_kind: LocalTrack | Kind,
        *,
        direction: DirectionName = "sendrecv",
        stream_ids: Sequence[str] = (),
        send_encodings: Sequence[EncodingParameters] = (),
    ) -> Transceiver:
        """Add a media section to the next offer (W3C ``addTransceiver``).

        Args:
          track_or_kind: what to send; or ``"audio"`` or ``"video"``, to receive, or to send
            later (:meth:`Transceiver.replace_track`).
          direction: what this side wants.
          stream_ids: as in :meth:`add_track`.
          send_encodings: how to send the track; several, each with a rid, are a simulcast.

        Raises:
          LocalProtocolError: for another kind or direction, or encodings that do not go together.
          trio.ClosedResourceError: after the block.
        """
        self._check_live()
        track = track_or_kind if isinstance(track_or_kind, LocalTrack) else None
        if track is not None:
            track._check_run()
        kind = cast(Kind, track_or_kind) if track is None else track.kind
        if kind not in ("audio", "video"):
            raise LocalProtocolError(f"not a kind of media: {kind!r}")
        return self._sections.add_transceiver(
            track, kind, parse_direction(direction), stream_ids, send_encodings
        )

    def remove_track(self, track: LocalTrack) -> None:
        """Send a track no more; its media section stays, and may be used again (W3C ``removeTrack``)."""
        self._check_live()
        self._sections.remove_track(track)

    @property
    def transceivers(self) -> tuple[Transceiver, ...]:
        """The media sections that were not stopped, in the order they were added."""
        return tuple(self._sections.all)

    @property
    def tracks(self) -> "trio.MemoryReceiveChannel[RemoteTrack]":
        """The remote side's tracks, as descriptions announce them; ends with the peer."""
        return self._sections.tracks

    # Negotiation

    def create_offer(self, *, ice_restart: bool = False) -> SessionDescription:
        """Return an offer of all tracks; pure, nothing changes until it is set (RFC 9429 §4.1.8).

        Args:
          ice_restart: look for the way to the remote side anew; media goes on meanwhile.

        Raises:
          InvalidStateError: if there is nothing to offer, or an exchange is under way.
        """
        self._check_live()
        return self._session.create_offer(ice_restart=ice_restart)

    def create_answer(self) -> SessionDescription:
        """Return an answer to the remote offer; pure (RFC 9429 §4.1.9).

        Raises:
          InvalidStateError: if there is no remote offer.
          NoCommonCodec: if no media section of the offer can be served.
        """
        self._check_live()
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
                description = self.create_answer() if self._is_to_answer() else self.create_offer()
            with self._driver.turn() as session:
                session.set_local_description(description, trio.current_time())
            self._gatherer.start(self._config.ice_servers)

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

    def restart_ice(self) -> None:
        """Let the next offer look for the way to the remote side anew (W3C ``restartIce``).

        A negotiation is needed for it; media goes on meanwhile.
        """
        self._check_live()
        with self._driver.turn() as session:
            session.restart_ice()

    @property
    def local_description(self) -> SessionDescription | None:
        """The local description with the candidates found so far, or None."""
        return self._session.local_description

    @property
    def remote_description(self) -> SessionDescription | None:
        """The remote description, or None."""
        return self._session.remote_description

    @property
    def current_local_description(self) -> SessionDescription | None:
        """This side's description of the last finished exchange, or None."""
        return self._session.current_local_description

    @property
    def pending_local_description(self) -> SessionDescription | None:
        """This side's description of the exchange that is under way, or None."""
        return self._session.pending_local_description

    @property
    def current_remote_description(self) -> SessionDescription | None:
        """The remote side's description of the last finished exchange, or None."""
        return self._session.current_remote_description

    @property
    def pending_remote_description(self) -> SessionDescription | None:
        """The remote side's description of the exchange that is under way, or None."""
        return self._session.pending_remote_description

    @property
    def negotiation_needed(self) -> bool:
        """Whether an offer would change anything (W3C "negotiationneeded")."""
        return self._session.negotiation.needed

    @property
    def candidates(self) -> "trio.MemoryReceiveChannel[IceCandidate | None]":
        """This side's candidates as they are found; None ends them."""
        return self._candidate_receiver

    def get_configuration(self) -> PeerConfig:
        """Return how this peer connects (W3C ``getConfiguration``)."""
        self._check_run()
        return self._config

    def set_configuration(self, config: PeerConfig) -> None:
        """Change how this peer connects (W3C ``setConfiguration``).

        Other servers are asked by the next gathering, such as that of an ICE restart.

        Raises:
          LocalProtocolError: if *config* has other certificates: they cannot change.
        """
        self._check_live()
        self._config = self._config.changed_to(config)

    # The end, and what can be told

    async def aclose(self) -> None:
        """Say goodbye to the remote side and end; leaving the block does the same."""
        self._check_run()
        self.close()
        await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """End now: synchronous, so it works under cancellation; a second time does nothing."""
        self._check_run()
        self._driver.close()
        self._gatherer.close()

    def statistics(self) -> PeerStatistics:
        """Return what can be said in figures now: frozen, and cheap enough for once a second."""
        self._check_run()
        return self._statistics.gather()

    def __repr__(self) -> str:
        pair = self._session.ice.selected_pair
        path = ""
        if pair is not None:
            path = f" {endpoint_name(pair.local_base)} → {endpoint_name(pair.remote)}"
            if pair.rtt is not None:
                path += f" rtt={pair.rtt * 1000:.0f}ms"
        media = "".join(
            f" {transceiver.kind}:{transceiver.current_direction or transceiver.direction}"
            for transceiver in self._sections.all
        )
        return f"<Peer {self.connection_state.value}{path}{media}>"

    # Inside: tasks, events, the end

    def _start(self) -> None:
        """Start the tasks that every peer has; :func:`open_peer` does."""
        self._nursery.start_soon(self._driver.run_timers, name="timers")
        self._nursery.start_soon(self._driver.run_dtls_srtp, name="dtls-srtp")

    def _is_to_answer(self) -> bool:
        return self._session.signaling_state in (
            SignalingState.HAVE_REMOTE_OFFER,
            SignalingState.HAVE_LOCAL_PRANSWER,
        )

    def _handle_event(self, event: SessionEvent) -> None:
        match event:
            case events.AddressChecked(local, remote):
                self._gatherer.route(local, remote)
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
            case events.IceRestarted(ufrag):
                self._discard_candidates()
                self._gatherer.restart(ufrag, self._config.ice_servers)
            case events.IceRestartRolledBack(ufrag):
                self._gatherer.roll_back_restart(ufrag)
            case events.SendersChanged():
                self._sections.set_connected(self._session.media.started and self._session.ended is None)
            case events.SessionEnded():
                self._finish(event)
            case _:
                self._sections.handle(event)

    def _discard_candidates(self) -> None:
        """Forget what was found for the generation before."""
        try:
            while True:
                self._candidate_receiver.receive_nowait()
        except (trio.WouldBlock, trio.ClosedResourceError):
            return

    def _finish(self, ended: events.SessionEnded) -> None:
        self._ended.set(ended)
        # Whoever waits for something that will not come any more looks again.
        self._connection_state.set(self._session.connection_state)
        self._gathering_state.set(self._gathering_state.value)
        self._negotiation_needed.set(False)
        self._candidate_sender.close()
        self._sections.end(failure_of(self._session))
