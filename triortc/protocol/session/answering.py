"""From a remote offer to an answer: each section is served or refused, alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from triortc.protocol.rtp.extensions import MID_URI, RID_URI
from triortc.protocol.sdp.description import Direction, MediaDescription, ParsedDescription

from .bundle import RemoteTransport, name_sections, read_transport
from .codecs import NegotiatedCodec, default_capabilities, match_codecs
from .numbers import PayloadTypes, find_extensions
from .sections import SIMULCAST_URIS, SectionPlan, read_remote_media
from .simulcast import answer_rids, read_rids
from .transceiver import Transceiver

RTP_PROTOCOLS = frozenset({"UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVPF", "RTP/SAVP"})


@dataclass(frozen=True, slots=True)
class OfferedSection:
    """A section of a remote offer, and who is to serve it.

    Attributes:
      mid: its name.
      media: what the offer says of it.
      transceiver: its transceiver, None when it has none.
      refusal: why it cannot be served, or None.
      no_common_codec: whether that is for lack of a codec.
    """

    mid: str
    media: MediaDescription
    transceiver: Transceiver | None = None
    refusal: str | None = None
    no_common_codec: bool = False


def associate(
    parsed: ParsedDescription,
    known: Sequence[SectionPlan],
    transceivers: Sequence[Transceiver],
    create: Callable[[str], Transceiver],
) -> tuple[OfferedSection, ...]:
    """Find or make a transceiver for each section of an offer (RFC 9429 §5.10).

    Args:
      parsed: the offer.
      known: the sections that were agreed on before.
      transceivers: all of them.
      create: makes one of a kind that receives only; it belongs to nobody yet.

    Raises:
      RemoteProtocolError: if the sections are not what they were.
    """
    offered: list[OfferedSection] = []
    for index, (mid, media) in enumerate(zip(name_sections(parsed, known), parsed.media, strict=True)):
        previous = known[index] if index < len(known) and not known[index].rejected else None
        transceiver = None if previous is None else previous.transceiver
        refusal = _refuse(media, mid, parsed, offered)
        if refusal is None and transceiver is None:
            taken = [plan.transceiver for plan in known] + [section.transceiver for section in offered]
            transceiver = _match(media, [each for each in transceivers if each not in taken])
            if transceiver is None and match_codecs(default_capabilities(media.kind), media.codecs):
                transceiver = create(media.kind)
        unknown = refusal is None and transceiver is None
        if unknown:
            refusal = "it has no codec that is known here"
        offered.append(OfferedSection(mid, media, transceiver, refusal, unknown))
    return tuple(offered)


def _refuse(
    media: MediaDescription, mid: str, parsed: ParsedDescription, before: Sequence[OfferedSection]
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
    tagged = next((section.mid for section in before if _is_servable(section)), None)
    if tagged is not None and not {tagged, mid} <= set(parsed.bundle):
        return "it cannot be bundled"
    return None


def _is_servable(section: OfferedSection) -> bool:
    if section.refusal is not None or section.transceiver is None:
        return False
    return bool(match_codecs(section.transceiver.capabilities, section.media.codecs))


def _match(media: MediaDescription, transceivers: Sequence[Transceiver]) -> Transceiver | None:
    """Find a transceiver that waits for a section in which the remote receives."""
    if not media.direction.receives:
        return None
    for transceiver in transceivers:
        waits = transceiver.created_by_add_track and not transceiver.stopping
        if waits and transceiver.kind == media.kind:
            return transceiver
    return None


def read_offered_transport(
    parsed: ParsedDescription, offered: Sequence[OfferedSection]
) -> RemoteTransport | None:
    """Return the transport of an offer: that of the first section that can be served, if there is one.

    Raises:
      RemoteProtocolError: if it is not complete.
    """
    first = next((section.media for section in offered if _is_servable(section)), None)
    return None if first is None else read_transport(first, lite=parsed.ice_lite, answered=False)


def plan_answer(offered: Sequence[OfferedSection], payload_types: PayloadTypes) -> tuple[SectionPlan, ...]:
    """Plan an answer, as the transceivers stand now.

    Args:
      offered: the sections of the offer.
      payload_types: takes the offer's numbers over.
    """
    return tuple(_plan(section, payload_types) for section in offered)


def _plan(section: OfferedSection, payload_types: PayloadTypes) -> SectionPlan:
    media, transceiver = section.media, section.transceiver
    plan = SectionPlan(
        mid=section.mid,
        kind=media.kind,
        protocol=media.protocol,
        formats=media.formats,
        transceiver=transceiver,
        rtcp_rsize=media.rtcp_rsize,
        remote=read_remote_media(media),
    )
    if transceiver is None or section.refusal is not None:
        return replace(plan, refusal=section.refusal, rejected=True, no_common_codec=section.no_common_codec)
    if transceiver.stopping:
        return replace(plan, refusal="it was stopped", rejected=True)
    codecs = match_codecs(
        transceiver.capabilities, media.codecs, in_remote_order=not transceiver.has_preferences
    )
    if not codecs:
        refusal = _explain_strangeness(media, transceiver)
        return replace(plan, refusal=refusal, rejected=True, no_common_codec=True)
    return _serve(plan, media, transceiver, payload_types.answer(section.mid, codecs))


def _explain_strangeness(media: MediaDescription, transceiver: Transceiver) -> str:
    names = list(dict.fromkeys(each.name for each in transceiver.capabilities))
    offered = {codec.name.lower() for codec in media.codecs}
    alike = [name for name in names if name.lower() in offered]
    if alike:  # such as an H264 of another profile
        return f"it knows {'/'.join(alike)} with other parameters (a=fmtp) only"
    return f"it does not know {'/'.join(names)}"


def offered_rids(media: MediaDescription) -> tuple[str, ...]:
    """Return the names of the encodings that an offered section is to send, if several."""
    return tuple(rid.id for rid in read_rids(media, "send")) if find_extensions(media, {RID_URI}) else ()


def _serve(
    plan: SectionPlan,
    media: MediaDescription,
    transceiver: Transceiver,
    codecs: tuple[NegotiatedCodec, ...],
) -> SectionPlan:
    direction = transceiver.agreed_direction(media.direction)
    if not any(transceiver.can_send(codec) for codec in codecs):
        direction = Direction.of(False, direction.receives)
    plan = replace(plan, direction=direction, codecs=codecs, extensions=find_extensions(media, {MID_URI}))
    if not find_extensions(media, {RID_URI}):
        return plan  # without RIDs in the packets nobody can tell the encodings apart
    wanted = {rid.id for rid in read_rids(media, "recv")}
    several = direction.sends and len(transceiver.send_rids) > 1
    send = tuple(rid for rid in transceiver.send_rids if several and rid in wanted)
    numbers = [codec.payload_type for codec in codecs]
    receive = answer_rids(read_rids(media, "send"), numbers) if direction.receives else ()
    if not send and not receive:
        return plan
    return replace(
        plan,
        extensions=find_extensions(media, {MID_URI, *SIMULCAST_URIS}),
        send_rids=send,
        receive_rids=receive,
    )
