"""Offer and answer (RFC 9429, JSEP): the state table, and what each description changes.

Nothing here knows ICE, DTLS or RTP machines: a finished exchange is handed on as an
:class:`Agreement`, as changed transceivers, and as events.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from triortc.protocol.ice.agent import IceParameters
from triortc.protocol.sdp.description import (
    Direction,
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

from .answering import associate, offered_rids, plan_answer, read_offered_transport
from .bundle import RemoteTransport
from .codecs import CodecCapability
from .events import SessionEvent, SignalingState
from .needed import is_negotiation_needed
from .numbers import ExtensionIds, PayloadTypes
from .offering import plan_offer, read_answer
from .roster import Roster, check_rids
from .sections import LocalTransport, SectionPlan, describe_media, read_remote_media
from .settling import end, expect_answer, retire, settle, take_remote_media
from .standing import Agreement, Applied, Created, Standing
from .transceiver import Transceiver

_STABLE = SignalingState.STABLE
_LOCAL_OFFER, _REMOTE_OFFER = SignalingState.HAVE_LOCAL_OFFER, SignalingState.HAVE_REMOTE_OFFER
_LOCAL_PRANSWER, _REMOTE_PRANSWER = SignalingState.HAVE_LOCAL_PRANSWER, SignalingState.HAVE_REMOTE_PRANSWER

# In which states a description may be set (RFC 9429 §3.2). A remote offer in have-local-offer
# rolls this side's back (W3C webrtc §4.4.1.6).
_LOCAL_IS_POSSIBLE = {
    "offer": (_STABLE, _LOCAL_OFFER),
    "answer": (_REMOTE_OFFER, _LOCAL_PRANSWER),
    "pranswer": (_REMOTE_OFFER, _LOCAL_PRANSWER),
    "rollback": (_LOCAL_OFFER, _REMOTE_OFFER),
}
_REMOTE_IS_POSSIBLE = {
    "offer": (_STABLE, _REMOTE_OFFER, _LOCAL_OFFER),
    "answer": (_LOCAL_OFFER, _REMOTE_PRANSWER),
    "pranswer": (_LOCAL_OFFER, _REMOTE_PRANSWER),
    "rollback": (_LOCAL_OFFER, _REMOTE_OFFER),
}


class Negotiation:
    """The signaling state of one session, its media sections and its transceivers.

    Attributes:
      standing: where offer and answer stand.
      cname: names this side in RTCP.
    """

    def __init__(self, *, transport: LocalTransport, entropy: Entropy) -> None:
        self.standing: Standing = Standing(_STABLE, transport, PayloadTypes(), ExtensionIds())
        self.cname: str = random_ice_string(entropy, 16)
        self._roster = Roster(entropy)
        self._entropy = entropy
        self._session_id = random_uint(entropy, 64) >> 1
        self._version = 0
        self._dtls_client: bool | None = None
        # The last stable one, while an offer is pending.
        self._stable: Standing | None = None
        self._created: dict[Literal["offer", "answer"], Created] = {}
        # W3C [[LocalIceCredentialsToReplace]], by user name fragment.
        self._ufrags_to_replace: frozenset[str] = frozenset()

    @property
    def transceivers(self) -> list[Transceiver]:
        """Those that have not ended, in the order they were added."""
        return self._roster.transceivers

    @property
    def events(self) -> deque[SessionEvent]:
        """What has happened to transceivers and to remote tracks."""
        return self._roster.events

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
        """Add a media section to the next offer; see :meth:`Session.add_transceiver`."""
        self._require_open()
        if not capabilities:
            raise LocalProtocolError(f"a {kind} transceiver needs a codec")
        check_rids(send_rids)
        transceiver = self._roster.make(kind, direction, capabilities, send_rids)
        transceiver.stream_ids = tuple(dict.fromkeys(stream_ids))
        self._roster.name_track(transceiver, track_id)
        transceiver.created_by_add_track = created_by_add_track
        self._roster.add(transceiver)
        return transceiver

    def name_track(self, transceiver: Transceiver, track_id: str) -> None:
        """Announce a transceiver's track by its own id, unless another one is announced by it."""
        self._roster.name_track(transceiver, track_id)

    def stop(self, transceiver: Transceiver) -> None:
        """End a transceiver (W3C webrtc §5.4, ``stop``); see :meth:`Session.stop_transceiver`."""
        self._require_open()
        if transceiver.stopping:
            return
        retire(transceiver, self.events)
        # A description that was created before may still be set, and then the remote side has to be told.
        created = {plan.transceiver for each in self._created.values() for plan in each.plans}
        if transceiver not in created:
            self._roster.end_unassociated()

    def restart_ice(self) -> None:
        """Let the next offer have new credentials (W3C webrtc §4.4.2, ``restartIce``)."""
        self._ufrags_to_replace = self._ufrags_to_replace.union(self.standing.described_ufrags)

    @property
    def needed(self) -> bool:
        """Whether an exchange would change anything (W3C "check if negotiation is needed")."""
        standing = self.standing
        if standing.state is not _STABLE:
            return False
        local, remote = standing.current_local, standing.current_remote
        restarts = not self._ufrags_to_replace.isdisjoint(standing.described_ufrags)
        return restarts or is_negotiation_needed(
            self.transceivers,
            None if local is None else local.parsed,
            None if remote is None else remote.parsed,
            offered=local is not None and local.description.type == "offer",
        )

    # What stands

    @property
    def state(self) -> SignalingState:
        """The signaling state."""
        return self.standing.state

    @property
    def local_description(self) -> ParsedDescription | None:
        """What the last local description says, without candidates."""
        return None if self.standing.local is None else self.standing.local.parsed

    @property
    def remote_description(self) -> SessionDescription | None:
        """The last remote description that was set."""
        return None if self.standing.remote is None else self.standing.remote.description

    # Creating descriptions: pure but for remembering what was created

    def create_offer(self, *, ice_restart: bool = False) -> SessionDescription:
        """Return an offer of all transceivers; nothing changes until it is set."""
        self._require(_STABLE, _LOCAL_OFFER)
        base = self.standing_before_offer
        payload_types, extension_ids = base.payload_types.copy(), base.extension_ids.copy()
        plans, next_mid = plan_offer(
            base.sections, self.transceivers, base.next_mid, payload_types, extension_ids
        )
        if not plans:
            raise InvalidStateError("nothing to offer: add a track first")
        transport = self.standing.transport
        if transport.ufrag in self._ufrags_to_replace or (ice_restart and self.standing.local is not None):
            transport = self._new_credentials()
        applied = self._describe("offer", plans, transport, "actpass")
        created = Created(applied, plans, payload_types, extension_ids, next_mid, transport)
        self._created["offer"] = created
        return applied.description

    def create_answer(self) -> SessionDescription:
        """Return an answer to the remote offer; nothing changes until it is set.

        Raises:
          NoCommonCodec: if nothing of the offer can be served, for lack of a codec.
        """
        self._require(_REMOTE_OFFER, _LOCAL_PRANSWER)
        standing = self.standing
        payload_types = standing.payload_types.copy()
        plans = plan_answer(standing.offered, payload_types)
        if not any(plan.accepted for plan in plans):
            for plan in plans:
                if plan.no_common_codec:
                    raise NoCommonCodec(plan.mid, f"the offer cannot be served: {plan.refusal}")
        setup = "active" if self._answers_as_client(standing.offered_transport) else "passive"
        applied = self._describe("answer", plans, standing.transport, setup)
        self._created["answer"] = Created(
            applied, plans, payload_types, standing.extension_ids, standing.next_mid, standing.transport
        )
        return applied.description

    def _describe(
        self,
        kind: Literal["offer", "answer"],
        plans: Sequence[SectionPlan],
        transport: LocalTransport,
        setup: str,
    ) -> Applied:
        parsed = ParsedDescription(
            session_id=self._session_id,
            session_version=self._version,
            bundle=tuple(plan.mid for plan in plans if plan.accepted),
            media=tuple(describe_media(plan, transport, setup, self.cname) for plan in plans),
        )
        return Applied(SessionDescription(kind, serialize_description(parsed)), parsed)

    def _answers_as_client(self, remote: RemoteTransport | None) -> bool:
        if self._dtls_client is not None:
            return self._dtls_client
        # Chromium as a DTLS client takes our preferred SRTP profile; as a server it does not.
        return remote is not None and remote.active is False

    def _new_credentials(self) -> LocalTransport:
        drawn = IceParameters.draw(self._entropy)
        return replace(self.standing.transport, ufrag=drawn.ufrag, pwd=drawn.pwd)

    # Applying descriptions

    def set_local(self, description: SessionDescription) -> Agreement | None:
        """Apply a description made by :meth:`create_offer` or :meth:`create_answer`.

        Returns:
          the agreement when it finishes an exchange, or does so for now, in which anything is served.
        """
        self._require(*_LOCAL_IS_POSSIBLE[description.type])
        if description.type == "rollback":
            self._roll_back()
            return None
        created = self._find_created(description)
        applied = replace(
            created.applied, description=replace(description, sdp=created.applied.description.sdp)
        )
        if created.applied.parsed.session_version == self._version:
            self._version += 1
        if description.type == "offer":
            self._set_local_offer(created, applied)
            return None
        standing = replace(self.standing, pending_local=applied, payload_types=created.payload_types)
        self.standing = standing
        provisional = description.type == "pranswer"
        if not provisional:
            self._created = {}
        client = self._answers_as_client(standing.offered_transport)
        return self._finish(
            created.plans, standing.offered_transport, offered=False, client=client, provisional=provisional
        )

    def _find_created(self, description: SessionDescription) -> Created:
        kind: Literal["offer", "answer"] = "offer" if description.type == "offer" else "answer"
        if not description.sdp:
            # W3C webrtc §4.4.1.5: the one that was created last, or that would be now.
            if kind not in self._created:
                self.create_offer() if kind == "offer" else self.create_answer()
            return self._created[kind]
        created = self._created.get(kind)
        if created is None or created.applied.description.sdp != description.sdp:
            raise LocalProtocolError("the description is not the last one created by this peer")
        return created

    def _set_local_offer(self, created: Created, applied: Applied) -> None:
        self._begin_offer()
        offered = [plan.transceiver for plan in created.plans]
        for transceiver in self.transceivers:
            if transceiver not in offered:
                transceiver.mid = None
        for plan in created.plans:
            expect_answer(plan)
        self._roster.end_unassociated()
        self._created = {}
        self.standing = replace(
            self.standing_before_offer,
            state=_LOCAL_OFFER,
            planned=created.plans,
            payload_types=created.payload_types,
            extension_ids=created.extension_ids,
            next_mid=created.next_mid,
            transport=created.transport,
            pending_local=applied,
        )

    def set_remote(self, description: SessionDescription) -> Agreement | None:
        """Apply a remote description.

        Returns:
          the agreement when it finishes an exchange, or does so for now, in which anything is served.

        Raises:
          RemoteProtocolError: if the description breaks the protocol; nothing has changed.
        """
        self._require(*_REMOTE_IS_POSSIBLE[description.type])
        if description.type == "rollback":
            self._roll_back()
            return None
        try:
            parsed = parse_description_untrusted(description.sdp)
        except Malformed as error:
            raise RemoteProtocolError(f"not a session description: {error}") from error
        applied = Applied(description, parsed)
        if description.type == "offer":
            self._take_offer(applied)
            return None
        return self._take_answer(applied, provisional=description.type == "pranswer")

    def _take_offer(self, applied: Applied) -> None:
        base, parsed = self.standing_before_offer, applied.parsed
        offered = associate(parsed, base.sections, self.transceivers, self._roster.make_receiver)
        transport = read_offered_transport(parsed, offered)
        _refuse_other_certificate(transport, base.agreed)
        # All has been checked: from here on nothing can fail.
        if self.state is not _STABLE:
            self._roll_back()
        self._begin_offer()
        payload_types, extension_ids = base.payload_types.copy(), base.extension_ids.copy()
        payload_types.reserve(parsed)
        extension_ids.reserve(parsed)
        self._created = {}
        self.standing = replace(
            base,
            state=_REMOTE_OFFER,
            offered=offered,
            offered_transport=transport,
            payload_types=payload_types,
            extension_ids=extension_ids,
            # A remote restart is answered by one of ours (RFC 8839 §4.4.1.1.1).
            transport=self._new_credentials() if _restarts(transport, base.agreed) else base.transport,
            pending_remote=applied,
        )
        self._adopt_offered()

    def _adopt_offered(self) -> None:
        for section in self.standing.offered:
            transceiver = section.transceiver
            if transceiver is None:
                continue
            self._roster.add_offered(transceiver)
            transceiver.mid = section.mid
            remote = read_remote_media(section.media)
            if not transceiver.track_announced:  # whoever hears of the track wants to choose
                transceiver.receive_rids = offered_rids(section.media)
            take_remote_media(transceiver, remote, self.events, receives=remote.direction.sends)
            if section.media.rejected:
                end(transceiver, self.events)

    def _take_answer(self, applied: Applied, *, provisional: bool) -> Agreement | None:
        standing = self.standing
        plans, transport = read_answer(applied.parsed, standing.planned)
        _refuse_other_certificate(transport, standing.agreed)
        restarted = standing.transport != self.standing_before_offer.transport
        if not restarted and standing.state is _LOCAL_OFFER and _restarts(transport, standing.agreed):
            raise RemoteProtocolError("an answer cannot restart ICE")
        extension_ids = standing.extension_ids.copy()
        extension_ids.reserve(applied.parsed)
        self.standing = replace(standing, pending_remote=applied, extension_ids=extension_ids)
        self._created = {}
        client = transport is not None and transport.active is False
        return self._finish(plans, transport, offered=True, client=client, provisional=provisional)

    # Committing and taking back

    def _finish(
        self,
        plans: tuple[SectionPlan, ...],
        transport: RemoteTransport | None,
        *,
        offered: bool,
        client: bool,
        provisional: bool,
    ) -> Agreement | None:
        for plan in plans:
            settle(plan, self.events, provisional=provisional)
        if not any(plan.accepted for plan in plans):
            transport = None
            self._keep_generation()
        self.standing = replace(self.standing, agreed=transport or self.standing.agreed)
        if provisional:
            state = _REMOTE_PRANSWER if offered else _LOCAL_PRANSWER
            self.standing = replace(self.standing, state=state)
        else:
            self._become_stable(plans)
        if transport is None:
            return None
        if self._dtls_client is None:
            self._dtls_client = client
        return Agreement(transport, offered=offered, dtls_client=self._dtls_client)

    def _keep_generation(self) -> None:
        """Give a restart up, since nothing is served by which it could be agreed on."""
        before = self.standing_before_offer
        if self.standing.agreed == before.agreed:
            self.standing = replace(self.standing, transport=before.transport)

    def _become_stable(self, plans: tuple[SectionPlan, ...]) -> None:
        standing = self.standing
        payload_types = standing.payload_types.copy()
        payload_types.forget_all_but({plan.mid for plan in plans})
        self.standing = Standing(
            _STABLE,
            standing.transport,
            payload_types,
            standing.extension_ids,
            next_mid=standing.next_mid,
            sections=plans,
            agreed=standing.agreed,
            current_local=standing.pending_local,
            current_remote=standing.pending_remote,
        )
        self._stable = None
        self._roster.settle_offer([plan.transceiver for plan in plans if plan.rejected])
        if self._ufrags_to_replace.isdisjoint(self.standing.described_ufrags):
            self._ufrags_to_replace = frozenset()

    @property
    def standing_before_offer(self) -> Standing:
        """The last stable one; without a pending offer that is :attr:`standing`."""
        return self.standing if self._stable is None else self._stable

    def _begin_offer(self) -> None:
        self._stable = self.standing_before_offer
        self._roster.begin_offer()
        self._created = {}

    def _roll_back(self) -> None:
        """Take the pending offer back (RFC 9429 §4.1.10.2)."""
        self.standing, self._stable = self.standing_before_offer, None
        self._created = {}
        self._roster.roll_back()

    def close(self) -> None:
        """Allow nothing more."""
        self.standing = replace(self.standing, state=SignalingState.CLOSED)

    def _require_open(self) -> None:
        if self.state is SignalingState.CLOSED:
            raise InvalidStateError("the session is closed")

    def _require(self, *states: SignalingState) -> None:
        if self.state not in states:
            raise InvalidStateError(f"not possible in the signaling state {self.state.value}")


def _refuse_other_certificate(transport: RemoteTransport | None, agreed: RemoteTransport | None) -> None:
    if transport is None or agreed is None:
        return
    if set(transport.fingerprints) != set(agreed.fingerprints):
        raise RemoteProtocolError("a change of certificate is not supported")


def _restarts(transport: RemoteTransport | None, agreed: RemoteTransport | None) -> bool:
    """Whether new credentials begin a new generation of ICE (RFC 8839 §4.4.3.1)."""
    return transport is not None and agreed is not None and transport.credentials != agreed.credentials
