"""The half of a session that descriptions speak of: negotiation, ICE and its candidates."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from triortc.protocol.ice.agent import IceParameters, IceRole
from triortc.protocol.ice.candidate import IceCandidate, parse_candidate_untrusted
from triortc.protocol.sdp.description import (
    Direction,
    Fingerprint,
    MediaDescription,
    ParsedDescription,
    SessionDescription,
)
from triortc.protocol.wire.entropy import Entropy
from triortc.protocol.wire.errors import InvalidStateError, Malformed
from triortc.protocol.wire.machine import Address

from .bundle import RemoteTransport
from .codecs import CodecCapability
from .connectivity import Connectivity
from .events import (
    IceRestarted,
    IceRestartRolledBack,
    NegotiationNeeded,
    SendersChanged,
    SessionEvent,
    SignalingState,
    SignalingStateChanged,
    TransceiverStopped,
)
from .gathering import Gathering
from .negotiation import Negotiation
from .sections import LocalTransport
from .standing import Agreement, Applied
from .transceiver import Transceiver


@dataclass(slots=True)
class SessionCounters:
    """Datagrams that changed nothing, by cause.

    Attributes:
      unknown: neither STUN, DTLS nor RTP, or empty, or too long; or a candidate that is none.
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


class Signaling(ABC):
    """Descriptions and candidates go in and come out; what they agree on goes to the other half.

    Attributes:
      events: what has happened, to be drained by the owner.
      ice: the way to the remote side.
      negotiation: offer and answer.
      gathering: this side's candidates.
    """

    def __init__(self, *, fingerprints: Sequence[tuple[str, str]], entropy: Entropy) -> None:
        self.events: deque[SessionEvent] = deque()
        self.counters: SessionCounters = SessionCounters()
        self.ice: Connectivity = Connectivity(role=IceRole.CONTROLLED, entropy=entropy)
        self.negotiation: Negotiation = Negotiation(
            transport=LocalTransport(
                ufrag=self.ice.local_parameters.ufrag,
                pwd=self.ice.local_parameters.pwd,
                fingerprints=tuple(Fingerprint(*pair) for pair in fingerprints),
            ),
            entropy=entropy,
        )
        self.gathering: Gathering = Gathering(self.ice, self.negotiation, self.events)
        self._agreement: Agreement | None = None
        self._negotiation_was_needed = False

    @abstractmethod
    def _configure(self) -> None:
        """Take over what the transceivers may send and receive now."""

    @abstractmethod
    def _after_ice(self, now: float) -> None:
        """Do what ICE has to say."""

    # Transceivers

    @property
    def transceivers(self) -> Sequence[Transceiver]:
        """All that have not ended, in the order they were added."""
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
          track_id: its track's id; a random one by default, or if another transceiver has it.
          created_by_add_track: whether a remote offer may be matched with it (RFC 9429 §5.10).
          send_rids: the names of its encodings, when it is to send several.

        Raises:
          LocalProtocolError: if there is no codec, or a name of an encoding is none.
          InvalidStateError: if the session is closed.
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
        for transceiver in self.transceivers:
            transceiver.put_sendable_first()
        self._configure()
        self._check_negotiation_needed()

    def stop_transceiver(self, transceiver: Transceiver) -> None:
        """End a transceiver (W3C webrtc §5.4, ``stop``); a second time does nothing.

        It neither sends nor receives from now on. The next description rejects its media section,
        and the one after may use that for another transceiver.

        Raises:
          InvalidStateError: if the session is closed.
        """
        self.negotiation.stop(transceiver)
        self._tell_of_transceivers()
        self._configure()
        self.events.append(SendersChanged())
        self._check_negotiation_needed()

    # Descriptions

    @property
    def signaling_state(self) -> SignalingState:
        """Where offer and answer stand."""
        return self.negotiation.state

    def restart_ice(self) -> None:
        """Let the next offer restart ICE (W3C webrtc §4.4.2, ``restartIce``)."""
        self.negotiation.restart_ice()
        self._check_negotiation_needed()

    def create_offer(self, *, ice_restart: bool = False) -> SessionDescription:
        """Return an offer; nothing changes until it is set.

        Args:
          ice_restart: whether it has new ICE credentials.

        Raises:
          InvalidStateError: if an exchange is under way that the remote side began, or there is
            nothing to offer.
        """
        return self.negotiation.create_offer(ice_restart=ice_restart)

    def create_answer(self) -> SessionDescription:
        """Return an answer to the remote offer; nothing changes until it is set.

        Raises:
          InvalidStateError: if there is no remote offer.
          NoCommonCodec: if nothing of it can be served, for lack of a codec.
        """
        return self.negotiation.create_answer()

    def set_local_description(self, description: SessionDescription, now: float) -> None:
        """Apply a description that this session created, or take an offer back.

        Without its text it is the one that was created last, or that would be now.

        Raises:
          LocalProtocolError: if it is not the last one created.
          InvalidStateError: if it does not fit the signaling state.
        """
        before = self.signaling_state
        agreement = self.negotiation.set_local(description)
        self._follow_description(before, agreement, now)

    def set_remote_description(self, description: SessionDescription, now: float) -> None:
        """Apply a description of the remote side, or take an offer back.

        An offer that comes while one of this side is pending takes that back (W3C webrtc §4.4.1.6).

        Raises:
          RemoteProtocolError: if it breaks the protocol; nothing has changed.
          InvalidStateError: if it does not fit the signaling state.
        """
        before = self.signaling_state
        agreement = self.negotiation.set_remote(description)
        self._follow_description(before, agreement, now)
        if description.type != "rollback" and self.negotiation.standing.remote is not None:
            self._take_described_candidates(self.negotiation.standing.remote.parsed, now)

    def _follow_description(self, before: SignalingState, agreement: Agreement | None, now: float) -> None:
        if self.signaling_state is not before:
            self.events.append(SignalingStateChanged(self.signaling_state))
        self._follow_generation()
        if agreement is not None:
            self._follow_agreement(agreement, now)
        ended = self._tell_of_transceivers()
        self._configure()
        if ended or agreement is not None:
            self.events.append(SendersChanged())
        self._check_negotiation_needed()
        self._after_ice(now)

    def _tell_of_transceivers(self) -> bool:
        """Hand on what happened to transceivers; return whether one has ended."""
        told = self.negotiation.events
        ended = any(isinstance(event, TransceiverStopped) for event in told)
        self.events.extend(told)
        told.clear()
        return ended

    def _check_negotiation_needed(self) -> None:
        needed = self.negotiation.needed
        if needed and not self._negotiation_was_needed:
            self.events.append(NegotiationNeeded())
        self._negotiation_was_needed = needed

    @property
    def local_description(self) -> SessionDescription | None:
        """The pending local description, else the current one, with the candidates found so far."""
        return self.gathering.describe(self.negotiation.standing.local)

    @property
    def current_local_description(self) -> SessionDescription | None:
        """The local description of the last finished exchange."""
        return self.gathering.describe(self.negotiation.standing.current_local)

    @property
    def pending_local_description(self) -> SessionDescription | None:
        """The local description of the exchange that is under way."""
        return self.gathering.describe(self.negotiation.standing.pending_local)

    @property
    def remote_description(self) -> SessionDescription | None:
        """The pending remote description, else the current one."""
        return self.negotiation.remote_description

    @property
    def current_remote_description(self) -> SessionDescription | None:
        """The remote description of the last finished exchange."""
        return _description_of(self.negotiation.standing.current_remote)

    @property
    def pending_remote_description(self) -> SessionDescription | None:
        """The remote description of the exchange that is under way."""
        return _description_of(self.negotiation.standing.pending_remote)

    # ICE

    def _follow_generation(self) -> None:
        """Begin or give up a generation of ICE, as descriptions have it."""
        standing, before = self.negotiation.standing, self.negotiation.standing_before_offer.transport
        transport = standing.transport
        parameters = IceParameters(transport.ufrag, transport.pwd)
        if self.ice.local_parameters != parameters:
            self.ice.roll_back_restart()
        if self.ice.local_parameters != parameters:
            self.ice.restart(parameters)
        gathered, known = self.gathering.ufrag, self.gathering.knows(transport.ufrag)
        # Before this side has told its new credentials, the remote could do nothing with candidates.
        told = known or transport.ufrag in standing.described_ufrags
        if transport.ufrag == gathered or not told:
            return
        if gathered not in (transport.ufrag, before.ufrag):
            self.events.append(IceRestartRolledBack(gathered))
        self.gathering.follow(transport.ufrag, {before.ufrag})
        if not known:
            self.events.append(IceRestarted(transport.ufrag))

    def _follow_agreement(self, agreement: Agreement, now: float) -> None:
        transport = agreement.transport
        if self._agreement is None:
            # The offerer controls, and so does whoever faces an ICE-lite agent (RFC 8445 §6.1.1).
            controlling = agreement.offered or transport.lite
            self.ice.set_role(IceRole.CONTROLLING if controlling else IceRole.CONTROLLED)
        self._agreement = agreement
        parameters = IceParameters(transport.ufrag, transport.pwd)
        if self.ice.remote_parameters != parameters:
            self.ice.set_remote_parameters(parameters, lite=transport.lite, now=now)

    def add_remote_candidate(self, candidate: IceCandidate | None, now: float) -> None:
        """Take a trickled candidate; None ends the remote's candidates.

        Raises:
          InvalidStateError: if no remote description has been set.
        """
        if self.negotiation.standing.remote is None:
            raise InvalidStateError("a remote candidate needs a remote description first")
        if candidate is None:
            self.ice.end_of_remote_candidates(now)
        elif candidate.is_usable() and self._is_of_the_bundle(candidate):
            self.ice.add_remote_candidate(candidate, now)
        self._after_ice(now)

    def _is_of_the_bundle(self, candidate: IceCandidate) -> bool:
        """Whether a candidate leads to the transport that carries all, not to that of a refused section."""
        remote, transport = self.negotiation.standing.remote, self.negotiation.standing.remote_transport
        sections = () if remote is None else remote.parsed.media
        named = next((each for each in sections if each.mid == candidate.sdp_mid is not None), None)
        if named is None or transport is None or named.ice_ufrag is None:
            return True
        return named.ice_ufrag == transport.ufrag

    def _take_described_candidates(self, parsed: ParsedDescription, now: float) -> None:
        """Take the candidates of the bundle's transport; others lead to what is not served."""
        transport = self.negotiation.standing.remote_transport
        if transport is None:
            return
        sections = [media for media in parsed.media if media.ice_ufrag == transport.ufrag]
        for media in sections:
            self._take_candidates(media, transport, now)
        if any(media.end_of_candidates for media in sections):
            self.add_remote_candidate(None, now)

    def _take_candidates(self, media: MediaDescription, transport: RemoteTransport, now: float) -> None:
        for text in media.candidates:
            try:
                candidate = parse_candidate_untrusted(text)
            except Malformed:
                self.counters.unknown += 1
                continue
            self.add_remote_candidate(replace(candidate, username_fragment=transport.ufrag), now)

    def add_host_address(self, base: Address, now: float) -> None:
        """Tell of a bound socket: one host candidate."""
        self.gathering.begin()
        self.ice.add_host_candidate(base, now)
        self._after_ice(now)

    def gather_server_reflexive(self, base: Address, server: Address, now: float, url: str = "") -> None:
        """Ask a STUN server, of that URL, what *base* looks like from there."""
        if self.ice.local_parameters.ufrag == self.gathering.ufrag:
            self.ice.gather_server_reflexive(base, server, now, url)
            self._after_ice(now)

    def end_of_bases(self, now: float) -> None:
        """Say that no socket and no server will be added any more."""
        self.gathering.end_of_bases()
        self._after_ice(now)


def _description_of(applied: Applied | None) -> SessionDescription | None:
    return None if applied is None else applied.description
