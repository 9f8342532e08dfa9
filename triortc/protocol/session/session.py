"""One WebRTC session: the machine that composes ICE, DTLS, RTP and their descriptions.

It is the only one that knows all protocols, and it has no clock, no socket and no task: bytes
and ``now`` go in, :attr:`Session.transmits` and :attr:`Session.events` come out.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from triortc.protocol.dtls.certificate import Certificate
from triortc.protocol.dtls.transport import (
    DtlsIdentity,
    DtlsRole,
    DtlsState,
    DtlsStateChanged,
    DtlsTransport,
)
from triortc.protocol.ice import agent as ice
from triortc.protocol.ice.candidate import IceCandidate, parse_candidate_untrusted
from triortc.protocol.ice.consent import HURRIED_INTERVAL
from triortc.protocol.rtp.frame import EncodedFrame
from triortc.protocol.rtp.srtp import Scratch
from triortc.protocol.sdp.description import (
    Direction,
    Fingerprint,
    SessionDescription,
    parse_description_untrusted,
)
from triortc.protocol.wire.clock import ClockAnchor
from triortc.protocol.wire.entropy import Entropy
from triortc.protocol.wire.errors import InvalidStateError, Malformed
from triortc.protocol.wire.machine import Address, Transmit
from triortc.protocol.wire.timers import earliest

from .codecs import CodecCapability
from .demux import DatagramKind, classify_untrusted
from .events import (
    AddressChecked,
    CloseReason,
    ConnectionState,
    ConnectionStateChanged,
    NegotiationNeeded,
    SendersChanged,
    SessionEnded,
    SessionEvent,
    SignalingState,
    SignalingStateChanged,
)
from .gathering import Gathering
from .media import MediaTransport
from .negotiation import Agreement, Negotiation
from .planning import RemoteTransport
from .receiving import Wanted
from .sections import LocalTransport
from .transceiver import Transceiver

MAX_HELD_DATAGRAMS = 4
MAX_HELD_BYTES = 8192


@dataclass(slots=True)
class SessionCounters:
    """Datagrams that changed nothing, by cause.

    Attributes:
      unknown: neither STUN, DTLS nor RTP, or empty, or too long.
      unchecked: from an address that passed no ICE check.
      not_held: DTLS that came before a pair was valid, above the limit.
      after_end: came after the session's end.
      frames_before_connected: frames that were offered while nothing could be sent.
    """

    unknown: int = 0
    unchecked: int = 0
    not_held: int = 0
    after_end: int = 0
    frames_before_connected: int = 0


class Session:
    """A peer connection without its I/O.

    Whoever drives it drains :attr:`transmits` before the turn ends, because their buffers are
    lent, and calls :meth:`handle_timeout` when :meth:`next_deadline` has come.
    """

    def __init__(
        self,
        *,
        certificate: Certificate | DtlsIdentity,
        anchor: ClockAnchor,
        entropy: Entropy,
        scratch: Scratch,
    ) -> None:
        self.transmits: deque[Transmit] = deque()
        self.events: deque[SessionEvent] = deque()
        self.counters = SessionCounters()
        self.anchor = anchor
        self.connection_state = ConnectionState.NEW
        self.ended: SessionEnded | None = None
        self.ice = ice.IceAgent(role=ice.IceRole.CONTROLLED, entropy=entropy)
        self.dtls: DtlsTransport | None = None
        self.negotiation = Negotiation(
            transport=LocalTransport(
                ufrag=self.ice.local_parameters.ufrag,
                pwd=self.ice.local_parameters.pwd,
                fingerprints=tuple(Fingerprint(*pair) for pair in certificate.fingerprints),
            ),
            entropy=entropy,
        )
        self.gathering = Gathering(self.ice, self.negotiation, self.events)
        self.media = MediaTransport(
            anchor=anchor, entropy=entropy, cname=self.negotiation.cname, scratch=scratch
        )
        self._certificate = certificate
        self._agreement: Agreement | None = None
        self._held: list[bytes] = []
        # The selected pair's two addresses: all but STUN is sent there, and nowhere else.
        self._path: tuple[Address, Address] | None = None
        self._negotiation_was_needed = False
        # Kept, because asking ICE for its deadline costs as much as taking a packet.
        self._ice_deadline: float | None = None
        self._dtls_deadline: float | None = None
        self.deadline_is_stale = True

    # Negotiation

    @property
    def signaling_state(self) -> SignalingState:
        """Where offer and answer stand."""
        return self.negotiation.state

    @property
    def transceivers(self) -> Sequence[Transceiver]:
        """All transceivers, in the order they were added."""
        return self.negotiation.transceivers

    def add_transceiver(
        self,
        kind: str,
        direction: Direction,
        capabilities: Sequence[CodecCapability],
        *,
        stream_ids: Sequence[str] = (),
        track_id: str = "",
        created_by_add_track: bool = False,
        send_rids: Sequence[str] = (),
    ) -> Transceiver:
        """Add a media section to the next offer, or for a remote offer to be matched with.

        Args:
          kind: ``"audio"`` or ``"video"``.
          direction: what this side wants of it.
          capabilities: the codecs, the preferred one first.
          stream_ids: the MediaStreams that its track is announced to be in.
          track_id: its track's id; a random one by default.
          created_by_add_track: whether a remote offer may be matched with it (RFC 9429 §5.10).
          send_rids: the names of its encodings, when it is to send several.
        """
        transceiver = self.negotiation.add_transceiver(
            kind,
            direction,
            capabilities,
            stream_ids=stream_ids,
            track_id=track_id,
            created_by_add_track=created_by_add_track,
            send_rids=send_rids,
        )
        self._check_negotiation_needed()
        return transceiver

    def note_change(self) -> None:
        """Note that what this side wants of a transceiver was changed.

        W3C "update the negotiation-needed flag" (webrtc §4.7.3).
        """
        self._check_negotiation_needed()

    def stop_transceiver(self, transceiver: Transceiver) -> None:
        """End a transceiver: its section is rejected by the next offer (W3C webrtc §5.4, ``stop``)."""
        transceiver.stopping = True
        self._check_negotiation_needed()

    def restart_ice(self) -> None:
        """Let the next offer restart ICE (W3C webrtc §4.4.2, ``restartIce``)."""

    def create_offer(self, *, ice_restart: bool = False) -> SessionDescription:
        """Return an offer; nothing changes until it is set.

        Args:
          ice_restart: whether it has new ICE credentials.
        """
        return self.negotiation.create_offer()

    def create_answer(self) -> SessionDescription:
        """Return an answer to the remote offer; nothing changes until it is set."""
        return self.negotiation.create_answer()

    def set_local_description(self, description: SessionDescription, now: float) -> None:
        """Apply a description that this session created."""
        self._after_exchange(self.negotiation.set_local(description), now)

    def set_remote_description(self, description: SessionDescription, now: float) -> None:
        """Apply a description of the remote side.

        Raises:
          RemoteProtocolError: if it breaks the protocol; nothing has changed.
        """
        self._after_exchange(self.negotiation.set_remote(description), now)
        self._take_described_candidates(description, now)

    def add_remote_candidate(self, candidate: IceCandidate | None, now: float) -> None:
        """Take a trickled candidate; None ends the remote's candidates.

        Raises:
          InvalidStateError: if no remote description has been set.
        """
        if self.negotiation.remote_description is None:
            raise InvalidStateError("a remote candidate needs a remote description first")
        if candidate is None:
            self.ice.end_of_remote_candidates(now)
        elif candidate.is_usable():
            self.ice.add_remote_candidate(candidate, now)
        self._after_ice(now)

    def _take_described_candidates(self, description: SessionDescription, now: float) -> None:
        ended = False
        for media in parse_description_untrusted(description.sdp).media:
            for text in media.candidates:
                try:
                    candidate = parse_candidate_untrusted(text)
                except Malformed:
                    self.counters.unknown += 1
                    continue
                self.add_remote_candidate(candidate, now)
            ended = ended or media.end_of_candidates
        if ended:
            self.add_remote_candidate(None, now)

    def _after_exchange(self, agreement: Agreement | None, now: float) -> None:
        self.events.append(SignalingStateChanged(self.negotiation.state))
        if agreement is not None:
            if self._agreement is None:
                self._agreement = agreement
                self._start_transport(agreement.transport, agreement.offered, now)
            self.media.configure(self.negotiation.transceivers, now)
            self.events.append(SendersChanged())
        self._check_negotiation_needed()
        self._after_ice(now)

    def _check_negotiation_needed(self) -> None:
        needed = self.negotiation.needed
        if needed and not self._negotiation_was_needed:
            self.events.append(NegotiationNeeded())
        self._negotiation_was_needed = needed

    def _start_transport(self, transport: RemoteTransport, offered: bool, now: float) -> None:
        # The offerer controls, and so does whoever faces an ICE-lite agent (RFC 8445 §6.1.1).
        controlling = offered or transport.lite
        self.ice.set_role(ice.IceRole.CONTROLLING if controlling else ice.IceRole.CONTROLLED)
        self.ice.set_remote_parameters(
            ice.IceParameters(transport.ufrag, transport.pwd), lite=transport.lite, now=now
        )

    # Gathering

    def add_host_address(self, base: Address, now: float) -> None:
        """Tell of a bound socket: one host candidate."""
        self.gathering.begin()
        self.ice.add_host_candidate(base, now)
        self._after_ice(now)

    def gather_server_reflexive(self, base: Address, server: Address, now: float) -> None:
        """Ask a STUN server what *base* looks like from there."""
        self.ice.gather_server_reflexive(base, server, now)
        self._after_ice(now)

    def end_of_bases(self, now: float) -> None:
        """Say that no socket and no server will be added any more."""
        self.gathering.end_of_bases()
        self._after_ice(now)

    @property
    def local_description(self) -> SessionDescription | None:
        """The local description, with the candidates found so far."""
        return self.gathering.describe()

    # Datagrams and time

    def receive_burst(self, burst: Sequence[tuple[bytes, Address]], local: Address, now: float) -> None:
        """Take datagrams that came to the socket at *local*; never raises for what they hold."""
        for data, remote in burst:
            self.receive_datagram(data, local, remote, now)

    def receive_datagram(self, data: bytes, local: Address, remote: Address, now: float) -> None:
        """Take one datagram; never raises for what it holds."""
        if self.ended is not None:
            self.counters.after_end += 1
            return
        kind = classify_untrusted(data)
        if kind is DatagramKind.UNKNOWN:
            self.counters.unknown += 1
        elif kind is DatagramKind.STUN:
            self.ice.receive_stun(data, local, remote, now)
            self._after_ice(now)
        elif not self.ice.is_checked(local, remote):
            self.counters.unchecked += 1
        elif kind is DatagramKind.DTLS:
            self._receive_dtls(data, now)
        elif self.media.receive(data, kind is DatagramKind.RTCP, now):
            if kind is DatagramKind.RTP:
                # Reports alone make no receiving pair: they are seconds apart.
                self.ice.note_received(now)
                if self._ice_deadline is None or self._ice_deadline > now + HURRIED_INTERVAL:
                    self._ice_deadline = self.ice.next_deadline()
            self._after_media()

    def _receive_dtls(self, data: bytes, now: float) -> None:
        if self.dtls is not None:
            self.dtls.receive_datagram(data, now)
            self._after_dtls(now)
        elif len(self._held) < MAX_HELD_DATAGRAMS and sum(map(len, self._held)) + len(data) <= MAX_HELD_BYTES:
            # A browser's ClientHello comes a millisecond after our first STUN response.
            self._held.append(data)
        else:
            self.counters.not_held += 1

    def next_deadline(self) -> float | None:
        """Return when :meth:`handle_timeout` wants to be called, or None.

        It may have changed since the last call only if :attr:`deadline_is_stale`.
        """
        self.deadline_is_stale = False
        if self.ended is not None:
            return None
        return earliest(self._ice_deadline, self._dtls_deadline, self.media.next_deadline())

    def handle_timeout(self, now: float) -> None:
        """Do what is due at *now*."""
        self.deadline_is_stale = True
        if self.ended is None and _is_due(self._ice_deadline, now):
            self.ice.handle_timeout(now)
            self._after_ice(now)
        if self.ended is None and self.dtls is not None and _is_due(self._dtls_deadline, now):
            self.dtls.handle_timeout(now)
            self._after_dtls(now)
        if self.ended is None and _is_due(self.media.next_deadline(), now):
            self.media.handle_timeout(now)
            self._after_media()

    # Media

    def send_frame(self, mid: str, frame: EncodedFrame) -> None:
        """Protect a frame's packets for this peer and queue them as few, large transmits."""
        path = self._path
        if path is None:
            self.counters.frames_before_connected += 1
            return
        local, remote = path
        for data, segment_size in self.media.write_frame(mid, frame):
            self.transmits.append(Transmit(data, local, remote, segment_size))

    def set_wanted(self, mid: str, rid: str | None, wanted: Wanted, now: float) -> None:
        """Say what is read of a track: of what is not read packets are counted, and no more."""
        self.media.set_wanted(mid, rid, wanted, now)
        self._after_media()

    def request_keyframe(self, mid: str, rid: str | None, now: float) -> None:
        """Ask the remote side for a keyframe, at most twice a second."""
        self.media.request_keyframe(mid, rid, now)
        self._after_media()

    def _after_media(self) -> None:
        self.deadline_is_stale = True
        self.events.extend(self.media.events)
        self.media.events.clear()
        if self._path is not None:
            local, remote = self._path
            for data, segment_size in self.media.outgoing:
                self.transmits.append(Transmit(data, local, remote, segment_size))
        self.media.outgoing.clear()

    # What ICE and DTLS have to say

    def _after_ice(self, now: float) -> None:
        self.deadline_is_stale = True
        agent = self.ice
        self.transmits.extend(agent.transmits)
        agent.transmits.clear()
        while agent.events and self.ended is None:
            event = agent.events.popleft()
            if isinstance(event, ice.LocalCandidate):
                self.gathering.add(event.candidate)
            elif isinstance(event, ice.AddressChecked):
                self.events.append(AddressChecked(event.local, event.remote))
            elif isinstance(event, ice.PairSelected):
                self._path = (event.pair.local_base, event.pair.remote)
                self._start_dtls(event.pair.rtt, now)
            elif isinstance(event, ice.IceStateChanged):
                self._ice_state_changed(event.state, now)
        if self.ended is None:
            self.gathering.check_complete()
        self._ice_deadline = agent.next_deadline()
        if agent.selected_pair is not None and agent.selected_pair.rtt is not None:
            self.media.set_round_trip_time(agent.selected_pair.rtt)

    def _ice_state_changed(self, state: ice.IceState, now: float) -> None:
        if state is ice.IceState.FAILED:
            was_connected = self.dtls is not None and self.dtls.state is DtlsState.CONNECTED
            self._end(CloseReason.CONSENT_LOST if was_connected else CloseReason.ICE_FAILED, "", now)
        else:
            self._update_connection_state()

    def _start_dtls(self, rtt: float | None, now: float) -> None:
        if self.dtls is not None or self._agreement is None:
            return
        self.dtls = DtlsTransport(
            certificate=self._certificate,
            role=DtlsRole.CLIENT if self._agreement.dtls_client else DtlsRole.SERVER,
            remote_fingerprints=[
                (fingerprint.algorithm, fingerprint.value)
                for fingerprint in self._agreement.transport.fingerprints
            ],
        )
        self.dtls.start(now, rtt=rtt)
        for data in self._held:
            self.dtls.receive_datagram(data, now)
        self._held.clear()
        self._after_dtls(now)

    def _after_dtls(self, now: float) -> None:
        self.deadline_is_stale = True
        assert self.dtls is not None
        self._flush_dtls(self.dtls)
        while self.dtls.events:
            event = self.dtls.events.popleft()
            if isinstance(event, DtlsStateChanged):
                self._dtls_state_changed(self.dtls, event, now)
        self._dtls_deadline = self.dtls.next_deadline()

    def _flush_dtls(self, dtls: DtlsTransport) -> None:
        if self._path is not None:
            local, remote = self._path
            self.transmits.extend(Transmit(data, local, remote) for data in dtls.datagrams)
        dtls.datagrams.clear()

    def _dtls_state_changed(self, dtls: DtlsTransport, event: DtlsStateChanged, now: float) -> None:
        if event.state is DtlsState.CONNECTED:
            assert dtls.srtp_profile is not None
            self.media.start(dtls.srtp_profile, dtls.export_srtp_keys(), now)
            self._update_connection_state()
            self.events.append(SendersChanged())
        elif event.state is DtlsState.FAILED:
            self._end(CloseReason.DTLS_FAILED, event.reason or "", now)
        elif event.state is DtlsState.CLOSED:
            self._end(CloseReason.REMOTE, "", now)
        else:
            self._update_connection_state()

    def _update_connection_state(self) -> None:
        """Put ICE and DTLS into one word (W3C "RTCPeerConnectionState")."""
        dtls_state = DtlsState.NEW if self.dtls is None else self.dtls.state
        if self.ice.state is ice.IceState.DISCONNECTED:
            state = ConnectionState.DISCONNECTED
        elif self.ice.state is ice.IceState.NEW:
            state = ConnectionState.NEW
        elif self.ice.state is ice.IceState.CHECKING or dtls_state is not DtlsState.CONNECTED:
            state = ConnectionState.CONNECTING
        else:
            state = ConnectionState.CONNECTED
        self._set_connection_state(state)

    def _set_connection_state(self, state: ConnectionState) -> None:
        if state is not self.connection_state:
            self.connection_state = state
            self.events.append(ConnectionStateChanged(state))

    # The end

    def close(self, now: float) -> None:
        """End the session: RTCP BYE and a DTLS close_notify are queued, and nothing after."""
        self._end(CloseReason.LOCAL, "", now)

    def _end(self, reason: CloseReason, detail: str, now: float) -> None:
        if self.ended is not None:
            return
        if reason in (CloseReason.LOCAL, CloseReason.DTLS_FAILED):
            self.media.close(now)
            self._after_media()
            if self.dtls is not None:
                self.dtls.close(now)
        # Without consent nothing more may be sent (RFC 7675 §5.1).
        if self.dtls is not None and reason not in (CloseReason.ICE_FAILED, CloseReason.CONSENT_LOST):
            self._flush_dtls(self.dtls)
        self.ended = SessionEnded(reason, detail)
        self._path = None
        self.ice.close()
        self.negotiation.close()
        self.deadline_is_stale = True
        self._set_connection_state(ConnectionState.FAILED if reason.is_failure else ConnectionState.CLOSED)
        self.events.append(SignalingStateChanged(SignalingState.CLOSED))
        self.events.append(self.ended)


def _is_due(deadline: float | None, now: float) -> bool:
    return deadline is not None and deadline <= now
