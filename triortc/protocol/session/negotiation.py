"""Offer and answer (RFC 9429, JSEP): the state table, and what each description changes.

Nothing here knows ICE, DTLS or RTP machines: a finished exchange is handed on as a
:class:`RemoteTransport` and as changed transceivers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from triortc.protocol.sdp.description import (
    Direction,
    MediaDescription,
    ParsedDescription,
    SessionDescription,
    parse_description_untrusted,
    serialize_description,
)
from triortc.protocol.wire.entropy import Entropy, random_ice_string, random_uint
from triortc.protocol.wire.errors import (
    InvalidStateError,
    LocalProtocolError,
    Malformed,
    NoCommonCodec,
    RemoteProtocolError,
)

from .codecs import CodecCapability, NegotiatedCodec, PayloadTypes
from .events import SignalingState
from .planning import (
    RemoteTransport,
    check_sections,
    plan_answer,
    plan_offer,
    read_answer,
    read_transport,
)
from .sections import LocalTransport, SectionPlan, describe_media, reject
from .transceiver import Transceiver


@dataclass(frozen=True, slots=True)
class Agreement:
    """A finished exchange.

    Attributes:
      transport: the remote's transport.
      offered: whether this side made the offer, and so has the controlling ICE role.
      dtls_client: whether this side opens the DTLS handshake.
    """

    transport: RemoteTransport
    offered: bool
    dtls_client: bool


class Negotiation:
    """The signaling state of one session, its media sections and its transceivers."""

    def __init__(self, *, transport: LocalTransport, entropy: Entropy) -> None:
        self.state = SignalingState.STABLE
        self.transceivers: list[Transceiver] = []
        self.cname = random_ice_string(entropy, 16)
        self._entropy = entropy
        self._transport = transport
        self._session_id = random_uint(entropy, 64) >> 1
        self._version = 0
        self._payload_types = PayloadTypes()
        self._local: ParsedDescription | None = None
        self._local_type: Literal["offer", "answer"] = "offer"
        self._remote: SessionDescription | None = None
        self._stable_local: tuple[ParsedDescription | None, Literal["offer", "answer"]] = (None, "offer")
        self._stable_remote: SessionDescription | None = None
        self._sections: tuple[SectionPlan, ...] = ()
        self._pending: tuple[SectionPlan, ...] = ()
        self._pending_remote: RemoteTransport | None = None
        self._created: dict[SessionDescription, ParsedDescription] = {}
        self._planned: tuple[SectionPlan, ...] = ()
        self._agreed: RemoteTransport | None = None
        self._dtls_client: bool | None = None

    # What the application asks for

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
        """Add a media section to the next offer, or for a remote offer to be matched with."""
        if self.state is SignalingState.CLOSED:
            raise InvalidStateError("the session is closed")
        if not capabilities:
            raise LocalProtocolError(f"a {kind} transceiver needs a codec")
        transceiver = Transceiver(
            kind=kind,
            direction=direction,
            capabilities=tuple(capabilities),
            stream_ids=tuple(stream_ids),
            track_id=track_id or random_ice_string(self._entropy, 16),
            ssrc=self._new_ssrc(),
            rtx_ssrc=self._new_ssrc(),
            created_by_add_track=created_by_add_track,
            send_rids=tuple(send_rids),
        )
        self.transceivers.append(transceiver)
        return transceiver

    @property
    def needed(self) -> bool:
        """Whether an exchange would change anything (W3C "check if negotiation is needed")."""
        if self.state is not SignalingState.STABLE:
            return False
        return any(self._differs(transceiver) for transceiver in self.transceivers)

    def _differs(self, transceiver: Transceiver) -> bool:
        if transceiver.mid is None or transceiver.remote_direction is None:
            return True
        if not transceiver.codecs:
            return False
        # As the offerer, this side's wish stands in its own description; as the answerer, only
        # what the offer left possible does.
        if self._local_type == "offer":
            return transceiver.direction not in (
                self._local_direction(transceiver),
                transceiver.remote_direction.reversed(),
            )
        return self._local_direction(transceiver) is not transceiver.agreed_direction(
            transceiver.remote_direction
        )

    def _local_direction(self, transceiver: Transceiver) -> Direction | None:
        assert self._local is not None
        return next((media.direction for media in self._local.media if media.mid == transceiver.mid), None)

    @property
    def local_description(self) -> ParsedDescription | None:
        """The last local description that was set, without candidates."""
        return self._local

    @property
    def local_type(self) -> Literal["offer", "answer"]:
        """The type of :attr:`local_description`."""
        return self._local_type

    @property
    def remote_description(self) -> SessionDescription | None:
        """The last remote description that was set."""
        return self._remote

    @property
    def transport_mid(self) -> str | None:
        """The media section that carries the transport, and so the candidates."""
        plans = self._pending or self._sections
        return next((plan.mid for plan in plans if plan.accepted), None)

    def section_index(self, mid: str | None) -> int | None:
        """Return the place of a media section, or None."""
        plans = self._pending or self._sections
        return next((index for index, plan in enumerate(plans) if plan.mid == mid), None)

    # Creating descriptions: pure but for remembering what was created

    def create_offer(self) -> SessionDescription:
        """Return an offer of all transceivers; nothing changes until it is set."""
        self._require(SignalingState.STABLE, SignalingState.HAVE_LOCAL_OFFER)
        plans = plan_offer(self._sections, self.transceivers, self._payload_types)
        if not plans:
            raise InvalidStateError("nothing to offer: add a track first")
        media = tuple(
            describe_media(plan, self._transport, "actpass", self.cname) if plan.accepted else reject(plan)
            for plan in plans
        )
        return self._remember("offer", media, plans)

    def create_answer(self) -> SessionDescription:
        """Return an answer to the remote offer; nothing changes until it is set.

        Raises:
          NoCommonCodec: if nothing of the offer can be served, for lack of a codec.
        """
        self._require(SignalingState.HAVE_REMOTE_OFFER)
        if not any(plan.accepted for plan in self._pending):
            for plan in self._pending:
                if plan.no_common_codec:
                    raise NoCommonCodec(plan.mid, f"the offer cannot be served: {plan.refusal}")
        setup = "active" if self._answers_as_client(self._pending_remote) else "passive"
        media = tuple(
            describe_media(plan, self._transport, setup, self.cname) if plan.accepted else reject(plan)
            for plan in self._pending
        )
        return self._remember("answer", media, self._pending)

    def _answers_as_client(self, remote: RemoteTransport | None) -> bool:
        if self._dtls_client is not None:
            return self._dtls_client
        # Chromium as a DTLS client takes our preferred SRTP profile; as a server it does not.
        return remote is not None and remote.active is False

    def _remember(
        self,
        kind: Literal["offer", "answer"],
        media: tuple[MediaDescription, ...],
        plans: tuple[SectionPlan, ...],
    ) -> SessionDescription:
        description = ParsedDescription(
            session_id=self._session_id,
            session_version=self._version,
            bundle=tuple(plan.mid for plan in plans if plan.accepted),
            media=media,
        )
        created = SessionDescription(kind, serialize_description(description))
        self._created = {created: description}
        self._planned = plans
        return created

    # Applying descriptions

    def set_local(self, description: SessionDescription) -> Agreement | None:
        """Apply a description made by :meth:`create_offer` or :meth:`create_answer`.

        Returns:
          the agreement when it finishes an exchange in which anything is served.
        """
        if description.type == "rollback":
            self._roll_back()
            return None
        if description.type == "offer":
            self._require(SignalingState.STABLE, SignalingState.HAVE_LOCAL_OFFER)
        elif description.type == "answer":
            self._require(SignalingState.HAVE_REMOTE_OFFER)
        else:
            raise LocalProtocolError(f"cannot set a local description of type {description.type!r}")
        parsed = self._created.get(description)
        if parsed is None:
            raise LocalProtocolError("the description is not the last one created by this peer")
        self._local = parsed
        self._local_type = "offer" if description.type == "offer" else "answer"
        self._version += 1
        self._created = {}
        if description.type == "offer":
            self._pending = self._planned
            self._associate(self._pending)
            self.state = SignalingState.HAVE_LOCAL_OFFER
            return None
        self._associate(self._pending)
        return self._finish(
            self._pending_remote, offered=False, client=self._answers_as_client(self._pending_remote)
        )

    def _roll_back(self) -> None:
        """Take the pending offer back (RFC 9429 §4.1.10.2)."""
        self._require(SignalingState.HAVE_LOCAL_OFFER, SignalingState.HAVE_REMOTE_OFFER)
        agreed = {plan.mid for plan in self._sections}
        for transceiver in self.transceivers:
            if transceiver.mid not in agreed:
                transceiver.mid = None
        self._local, self._local_type = self._stable_local
        self._remote = self._stable_remote
        self._pending, self._pending_remote = (), None
        self._created = {}
        self.state = SignalingState.STABLE

    def set_remote(self, description: SessionDescription) -> Agreement | None:
        """Apply a remote offer or answer.

        Returns:
          the agreement when it finishes an exchange in which anything is served.

        Raises:
          RemoteProtocolError: if the description breaks the protocol; nothing has changed.
        """
        if description.type == "offer":
            self._require(SignalingState.STABLE)
        elif description.type == "answer":
            self._require(SignalingState.HAVE_LOCAL_OFFER)
        else:
            raise LocalProtocolError(f"cannot set a remote description of type {description.type!r}")
        try:
            parsed = parse_description_untrusted(description.sdp)
        except Malformed as error:
            raise RemoteProtocolError(f"not a session description: {error}") from error
        if description.type == "offer":
            self._take_offer(parsed)
            self._remote = description
            return None
        agreement = self._take_answer(parsed)
        self._remote = self._stable_remote = description
        return agreement

    def _take_offer(self, parsed: ParsedDescription) -> None:
        check_sections(parsed, self._sections)
        plans = plan_answer(parsed, self.transceivers)
        transport = read_transport(parsed, plans, answered=False)
        self._refuse_restart(transport)
        self._pending, self._pending_remote = plans, transport
        self.state = SignalingState.HAVE_REMOTE_OFFER

    def _take_answer(self, parsed: ParsedDescription) -> Agreement | None:
        if len(parsed.media) != len(self._pending):
            raise RemoteProtocolError("the answer has not as many media sections as the offer")
        check_sections(parsed, self._pending)
        plans = read_answer(parsed, self._pending)
        transport = read_transport(parsed, plans, answered=True)
        self._refuse_restart(transport)
        self._pending = plans
        return self._finish(
            transport, offered=True, client=transport is not None and transport.active is False
        )

    def _refuse_restart(self, transport: RemoteTransport | None) -> None:
        if self._agreed is None or transport is None:
            return
        if (transport.ufrag, transport.pwd) != (self._agreed.ufrag, self._agreed.pwd):
            raise RemoteProtocolError("an ICE restart is not supported")
        if set(transport.fingerprints) != set(self._agreed.fingerprints):
            raise RemoteProtocolError("a change of certificate is not supported")

    # Committing

    def _associate(self, plans: Sequence[SectionPlan]) -> None:
        for plan in plans:
            if plan.transceiver is not None:
                plan.transceiver.mid = plan.mid

    def _finish(self, transport: RemoteTransport | None, *, offered: bool, client: bool) -> Agreement | None:
        for plan in self._pending:
            if plan.transceiver is not None:
                self._commit(plan, plan.transceiver)
        self._sections, self._pending = self._pending, ()
        self._pending_remote = None
        self._stable_local = (self._local, self._local_type)
        self._stable_remote = self._remote
        self.state = SignalingState.STABLE
        if transport is None:
            return None
        self._agreed = transport
        if self._dtls_client is None:
            self._dtls_client = client
        return Agreement(transport, offered=offered, dtls_client=self._dtls_client)

    def _commit(self, plan: SectionPlan, transceiver: Transceiver) -> None:
        codecs: tuple[NegotiatedCodec, ...] = plan.codecs if plan.accepted else ()
        transceiver.mid = plan.mid
        transceiver.codecs = codecs
        transceiver.current_direction = plan.direction if codecs else Direction.INACTIVE
        transceiver.remote_direction = plan.remote_direction
        transceiver.mid_extension_id = plan.mid_extension_id
        transceiver.receptive = transceiver.current_direction.receives
        transceiver.receive_codecs = {
            number: meaning for codec in codecs for number, meaning in codec.receive_types().items()
        }
        self._payload_types.adopt(codecs)

    def close(self) -> None:
        """Allow nothing more."""
        self.state = SignalingState.CLOSED

    def _require(self, *states: SignalingState) -> None:
        if self.state not in states:
            raise InvalidStateError(f"not possible in the signaling state {self.state.value}")

    def _new_ssrc(self) -> int:
        taken = {0}
        for transceiver in self.transceivers:
            taken.update((transceiver.ssrc, transceiver.rtx_ssrc))
        while (ssrc := random_uint(self._entropy, 32)) in taken:
            pass
        return ssrc
