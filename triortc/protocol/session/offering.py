"""From transceivers to an offer, and from its answer to what was agreed on."""

from collections.abc import Sequence
from dataclasses import replace

from triortc.protocol.rtp.extensions import MID_URI, RID_URI
from triortc.protocol.sdp.description import Direction, HeaderExtension, MediaDescription, ParsedDescription
from triortc.protocol.wire.errors import RemoteProtocolError

from .bundle import RemoteTransport, name_sections, read_transport
from .codecs import NegotiatedCodec, match_codecs
from .numbers import ExtensionIds, PayloadTypes, extension_id, find_extensions
from .sections import SIMULCAST_URIS, SectionPlan, formats_of, read_remote_media
from .simulcast import read_rids
from .transceiver import Transceiver


def plan_offer(
    sections: Sequence[SectionPlan],
    transceivers: Sequence[Transceiver],
    next_mid: int,
    payload_types: PayloadTypes,
    extension_ids: ExtensionIds,
) -> tuple[tuple[SectionPlan, ...], int]:
    """Plan an offer: the sections agreed on before, then one for each new transceiver.

    A section that was rejected is given to a new transceiver, under a new mid (RFC 9429 §5.2.2).

    Args:
      sections: those agreed on before.
      transceivers: all of them.
      next_mid: the least number to name new sections by.
      payload_types, extension_ids: number what is new.

    Returns:
      the sections, and the next *next_mid*.
    """
    used = {plan.mid for plan in sections} | {each.mid for each in transceivers}
    planner = _Planner(used, next_mid, payload_types, extension_ids)
    known = [plan.transceiver for plan in sections if not plan.rejected]
    waiting = [each for each in transceivers if each not in known and not each.stopping]
    plans = []
    for plan in sections:
        if plan.rejected and waiting:
            plans.append(planner.begin(waiting.pop(0)))
        else:
            plans.append(planner.go_on(plan))
    plans.extend(map(planner.begin, waiting))
    return tuple(plans), planner.next_mid


class _Planner:
    def __init__(
        self,
        used_mids: set[str | None],
        next_mid: int,
        payload_types: PayloadTypes,
        extension_ids: ExtensionIds,
    ) -> None:
        self.next_mid = next_mid
        self._used_mids = used_mids
        self._payload_types = payload_types
        self._extension_ids = extension_ids

    def begin(self, transceiver: Transceiver) -> SectionPlan:
        """Plan a new section; one that was offered before without an answer keeps its mid."""
        mid = transceiver.mid or self._new_mid()
        return self.go_on(SectionPlan(mid=mid, kind=transceiver.kind, transceiver=transceiver))

    def _new_mid(self) -> str:
        while str(self.next_mid) in self._used_mids:
            self.next_mid += 1
        self.next_mid += 1
        return str(self.next_mid - 1)

    def go_on(self, plan: SectionPlan) -> SectionPlan:
        """Plan a section that there was before."""
        transceiver = plan.transceiver
        if transceiver is None or transceiver.stopping or not plan.accepted:
            return replace(plan, refusal=plan.refusal or "it was stopped", rejected=True)
        codecs = self._codecs(plan, transceiver)
        direction = transceiver.direction
        send = transceiver.send_rids if len(transceiver.send_rids) > 1 and direction.sends else ()
        receive = plan.receive_rids if direction.receives else ()
        uris = (MID_URI, *SIMULCAST_URIS) if send or receive else (MID_URI,)
        return replace(
            plan,
            direction=direction,
            codecs=codecs,
            formats=formats_of(codecs),
            extensions=self._extensions(plan, uris),
            send_rids=send,
            receive_rids=receive,
        )

    def _codecs(self, plan: SectionPlan, transceiver: Transceiver) -> tuple[NegotiatedCodec, ...]:
        """Offer all capabilities; those in use under the parameters that were agreed on."""
        used = {codec.capability: codec for codec in plan.codecs}
        offered = self._payload_types.offer(plan.mid, transceiver.capabilities)
        return tuple(
            replace(codec, local_parameters=used[codec.capability].local_parameters)
            if codec.capability in used
            else codec
            for codec in offered
        )

    def _extensions(self, plan: SectionPlan, uris: Sequence[str]) -> tuple[HeaderExtension, ...]:
        kept = {extension.uri: extension for extension in plan.extensions}
        new = {extension.uri: extension for extension in self._extension_ids.offer(uris)}
        return tuple({**new, **kept}[uri] for uri in uris if uri in new or uri in kept)


def read_answer(
    parsed: ParsedDescription, offered: Sequence[SectionPlan]
) -> tuple[tuple[SectionPlan, ...], RemoteTransport | None]:
    """Return the sections of an offer as the remote side answered them, and its transport, if any.

    Raises:
      RemoteProtocolError: if the answer does not fit the offer.
    """
    if len(parsed.media) != len(offered):
        raise RemoteProtocolError("the answer has not as many media sections as the offer")
    name_sections(parsed, offered)
    tagged = next((plan.mid for plan in offered if plan.accepted), None)
    bundle = {tagged, *parsed.bundle}
    plans = tuple(
        _read_section(plan, media, bundle) for plan, media in zip(offered, parsed.media, strict=True)
    )
    served = (media for plan, media in zip(plans, parsed.media, strict=True) if plan.accepted)
    first = next(served, None)
    if first is None:
        return plans, None
    return plans, read_transport(first, lite=parsed.ice_lite, answered=True)


def _read_section(plan: SectionPlan, media: MediaDescription, bundle: set[str | None]) -> SectionPlan:
    remote = read_remote_media(media)
    if not plan.accepted or plan.transceiver is None:
        return replace(plan, remote=remote, rejected=True)
    if media.rejected:
        return replace(plan, remote=remote, refusal="the remote side rejected it", rejected=True)
    if plan.mid not in bundle:
        return replace(plan, remote=remote, refusal="the remote side did not bundle it")
    codecs = _read_codecs(plan.codecs, media, in_remote_order=not plan.transceiver.has_preferences)
    direction = Direction.of(
        plan.direction.sends and media.direction.receives, plan.direction.receives and media.direction.sends
    )
    offered = {extension.uri for extension in plan.extensions}
    extensions = find_extensions(media, offered)
    taken = {rid.id for rid in read_rids(media, "recv")} if extension_id(extensions, RID_URI) else set()
    send = tuple(rid for rid in plan.send_rids if rid in taken)
    sent = {rid.id for rid in read_rids(media, "send")}
    return replace(
        plan,
        remote=remote,
        codecs=codecs,
        direction=direction if codecs else Direction.INACTIVE,
        extensions=extensions,
        send_rids=send,
        receive_rids=tuple(rid for rid in plan.receive_rids if rid.id in sent),
    )


def _read_codecs(
    offered: Sequence[NegotiatedCodec], media: MediaDescription, *, in_remote_order: bool
) -> tuple[NegotiatedCodec, ...]:
    """Return the codecs of an answer: its numbers to send under, the offer's to receive under."""
    by_capability = {codec.capability: codec for codec in offered}
    answered = match_codecs(tuple(by_capability), media.codecs, in_remote_order=in_remote_order)
    return tuple(_combine(by_capability[codec.capability], codec) for codec in answered)


def _combine(offered: NegotiatedCodec, answered: NegotiatedCodec) -> NegotiatedCodec:
    retransmission = offered.rtx_payload_type if answered.rtx_payload_type is not None else None
    ours, theirs = (offered.payload_type, retransmission), (answered.payload_type, answered.rtx_payload_type)
    return replace(
        answered,
        local_parameters=offered.local_parameters,
        received_as=None if ours == theirs else ours,
    )
