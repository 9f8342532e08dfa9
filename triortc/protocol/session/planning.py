"""From descriptions to plans: what each media section will be, decided without changing anything."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from triortc.protocol.dtls.certificate import strongest_fingerprints
from triortc.protocol.sdp.description import Direction, Fingerprint, MediaDescription, ParsedDescription
from triortc.protocol.wire.errors import RemoteProtocolError

from .codecs import PayloadTypes, match_codecs
from .sections import SectionPlan, find_mid_extension
from .transceiver import Transceiver

RTP_PROTOCOLS = frozenset({"UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVPF", "RTP/SAVP"})

OFFERED_MID_EXTENSION_ID = 1


@dataclass(frozen=True, slots=True)
class RemoteTransport:
    """What a remote description says of its one, bundled transport.

    Attributes:
      ufrag: the remote's ICE user name fragment.
      pwd: its ICE password.
      lite: whether it is an ICE-lite agent.
      fingerprints: digests of its certificate.
      active: whether the remote opens the DTLS handshake; None when it leaves the choice.
    """

    ufrag: str
    pwd: str
    lite: bool
    fingerprints: tuple[Fingerprint, ...]
    active: bool | None


def read_transport(
    parsed: ParsedDescription, plans: Sequence[SectionPlan], *, answered: bool
) -> RemoteTransport | None:
    """Return the transport of the bundle: that of its first accepted media section, if there is one.

    Raises:
      RemoteProtocolError: if credentials or fingerprints are missing, or ``a=setup`` is no choice.
    """
    pairs = zip(parsed.media, plans, strict=True)
    media = next((media for media, plan in pairs if plan.accepted), None)
    if media is None:
        return None
    if not media.ice_ufrag or not media.ice_pwd:
        raise RemoteProtocolError("the description has no ICE credentials")
    if strongest_fingerprints((print.algorithm, print.value) for print in media.fingerprints) is None:
        raise RemoteProtocolError("the description has no sha-256, sha-384 or sha-512 fingerprint")
    if media.setup == "holdconn" or (answered and media.setup == "actpass"):
        raise RemoteProtocolError(f"a=setup:{media.setup} is not possible")
    return RemoteTransport(
        ufrag=media.ice_ufrag,
        pwd=media.ice_pwd,
        lite=parsed.ice_lite,
        fingerprints=media.fingerprints,
        active={"active": True, "passive": False}.get(media.setup or ""),
    )


def check_sections(parsed: ParsedDescription, known: Sequence[SectionPlan]) -> None:
    """Media sections keep their order and meaning (RFC 3264 §8).

    Raises:
      RemoteProtocolError: if they do not.
    """
    if not parsed.media:
        raise RemoteProtocolError("the description has no media section")
    if len(parsed.media) < len(known):
        raise RemoteProtocolError("media sections have disappeared")
    mids = [_section_mid(media, index) for index, media in enumerate(parsed.media)]
    if len(set(mids)) != len(mids):
        raise RemoteProtocolError("two media sections have one mid")
    for plan, media, mid in zip(known, parsed.media, mids, strict=False):
        if media.rejected or not plan.accepted:
            continue
        if mid != plan.mid or media.kind != plan.kind:
            raise RemoteProtocolError(f"media section {plan.mid} has become another one")


def plan_offer(
    sections: Sequence[SectionPlan], transceivers: Sequence[Transceiver], payload_types: PayloadTypes
) -> tuple[SectionPlan, ...]:
    """Plan an offer: the sections agreed on before, then one for each new transceiver."""
    plans = [_replan(plan, payload_types) for plan in sections]
    used = {plan.mid for plan in plans}
    mid_extension_id = _bundled_mid_extension_id(plans)
    for transceiver in transceivers:
        if transceiver.mid not in used:
            mid = transceiver.mid or _free_mid(used)
            used.add(mid)
            plan = SectionPlan(mid=mid, kind=transceiver.kind, transceiver=transceiver)
            plans.append(_replan(replace(plan, mid_extension_id=mid_extension_id), payload_types))
    return tuple(plans)


def _bundled_mid_extension_id(plans: Sequence[SectionPlan]) -> int:
    """Return the id that the mid has in the bundle already: one id means one thing in all of it."""
    agreed = (plan.mid_extension_id for plan in plans if plan.accepted)
    return next((id for id in agreed if id is not None), OFFERED_MID_EXTENSION_ID)


def _free_mid(used: set[str]) -> str:
    return next(mid for mid in map(str, range(len(used) + 1)) if mid not in used)


def _replan(plan: SectionPlan, payload_types: PayloadTypes) -> SectionPlan:
    if plan.transceiver is None or not plan.accepted:
        return plan
    return replace(
        plan,
        direction=plan.transceiver.direction,
        codecs=payload_types.offer(plan.transceiver.capabilities),
    )


def plan_answer(parsed: ParsedDescription, transceivers: Sequence[Transceiver]) -> tuple[SectionPlan, ...]:
    """Plan an answer: each offered section is served or refused, alone."""
    plans: list[SectionPlan] = []
    for index, media in enumerate(parsed.media):
        plan = SectionPlan(
            mid=_section_mid(media, index),
            kind=media.kind,
            protocol=media.protocol,
            formats=media.formats,
            remote_direction=media.direction,
        )
        refusal = _refusal(media, plan.mid, parsed, plans)
        if refusal is None:
            plan = _agree(plan, media, _match(media, plan.mid, transceivers, plans))
        else:
            plan = replace(plan, refusal=refusal)
        plans.append(plan)
    return tuple(plans)


def _section_mid(media: MediaDescription, index: int) -> str:
    """Return a section's mid; one without ``a=mid`` goes by its place."""
    return media.mid if media.mid is not None else str(index)


def _refusal(
    media: MediaDescription, mid: str, parsed: ParsedDescription, before: Sequence[SectionPlan]
) -> str | None:
    """Return why a section cannot be served at all, or None."""
    if media.rejected:
        return "it was offered as rejected"
    if media.kind not in ("audio", "video"):
        return f"{media.kind} is not supported"
    if media.protocol not in RTP_PROTOCOLS:
        return f"the protocol {media.protocol} is not supported"
    if not media.rtcp_mux:
        return "RTP without rtcp-mux is not supported"
    tagged = next((plan.mid for plan in before if plan.accepted), None)
    if tagged is not None and not {tagged, mid} <= set(parsed.bundle):
        return "it cannot be bundled"
    return None


def _match(
    media: MediaDescription, mid: str, transceivers: Sequence[Transceiver], before: Sequence[SectionPlan]
) -> Transceiver | None:
    """Find the transceiver of a remote section (RFC 9429 §5.10)."""
    for transceiver in transceivers:
        if transceiver.mid == mid:
            return transceiver
    taken = [plan.transceiver for plan in before]
    for transceiver in transceivers:
        free = transceiver.mid is None and transceiver.kind == media.kind and transceiver not in taken
        if free and transceiver.agreed_direction(media.direction) is not Direction.INACTIVE:
            return transceiver
    return None


def _agree(plan: SectionPlan, media: MediaDescription, transceiver: Transceiver | None) -> SectionPlan:
    if transceiver is None:
        return replace(plan, refusal="there is nothing to send")
    codecs = match_codecs(transceiver.capabilities, media.codecs)
    if not codecs:
        names = "/".join(capability.name for capability in transceiver.capabilities)
        return replace(plan, refusal=f"it does not know {names}", no_common_codec=True)
    return replace(
        plan,
        transceiver=transceiver,
        direction=transceiver.agreed_direction(media.direction),
        codecs=codecs,
        mid_extension_id=find_mid_extension(media),
    )


def read_answer(parsed: ParsedDescription, offered: Sequence[SectionPlan]) -> tuple[SectionPlan, ...]:
    """Return the plans of an offer as the remote side answered them."""
    tagged = next((plan.mid for plan in offered if plan.accepted), None)
    bundle = {tagged, *parsed.bundle}
    return tuple(
        _read_answered(plan, media, bundle) for plan, media in zip(offered, parsed.media, strict=True)
    )


def _read_answered(plan: SectionPlan, media: MediaDescription, bundle: set[str | None]) -> SectionPlan:
    if not plan.accepted or plan.transceiver is None:
        return plan
    if media.rejected:
        return _refused(plan, media, "the remote side rejected it")
    if plan.mid not in bundle:
        return _refused(plan, media, "the remote side did not bundle it")
    codecs = match_codecs(plan.transceiver.capabilities, media.codecs)
    direction = plan.transceiver.agreed_direction(media.direction) if codecs else Direction.INACTIVE
    return replace(
        plan,
        codecs=codecs,
        direction=direction,
        remote_direction=media.direction,
        mid_extension_id=find_mid_extension(media),
    )


def _refused(plan: SectionPlan, media: MediaDescription, refusal: str) -> SectionPlan:
    # That it is inactive counts as agreed, lest it be offered again and again.
    return replace(plan, refusal=refusal, formats=media.formats, remote_direction=Direction.INACTIVE)
