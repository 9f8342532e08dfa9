"""One media section: what was planned for it, and how that is written down."""

from collections.abc import Sequence
from dataclasses import dataclass

from triortc.protocol.rtp.extensions import REPAIRED_RID_URI, RID_URI
from triortc.protocol.sdp.description import (
    Codec,
    Direction,
    Fingerprint,
    HeaderExtension,
    MediaDescription,
    Msid,
    Rid,
    Ssrc,
    SsrcGroup,
)

from .codecs import NegotiatedCodec
from .simulcast import describe_simulcast
from .transceiver import Transceiver

SIMULCAST_URIS = (RID_URI, REPAIRED_RID_URI)


@dataclass(frozen=True, slots=True)
class LocalTransport:
    """What this side's descriptions say of its transport."""

    ufrag: str
    pwd: str
    fingerprints: tuple[Fingerprint, ...]


@dataclass(frozen=True, slots=True)
class RemoteMedia:
    """What the remote side says of what it sends in a media section.

    Attributes:
      direction: its direction, as it sees it.
      stream_ids: the MediaStreams that its track is in.
      track_id: its track's id, or the empty string.
      ssrcs: the SSRCs it declares, each with that of its retransmissions, or None.
    """

    direction: Direction
    stream_ids: tuple[str, ...] = ()
    track_id: str = ""
    ssrcs: tuple[tuple[int, int | None], ...] = ()


@dataclass(frozen=True, slots=True)
class SectionPlan:
    """What one media section will be, once the exchange is finished.

    Attributes:
      mid: its name.
      kind: ``"audio"``, ``"video"``, ``"application"`` or what the remote side wrote.
      protocol: its transport protocol.
      formats: the formats to write when it is rejected.
      transceiver: its transceiver, None when it has none.
      direction: this side's direction in it.
      codecs: the codecs, in this side's order.
      extensions: the header extensions.
      rtcp_rsize: whether RTCP may be of reduced size (RFC 5506), as far as this side can tell.
      send_rids: the encodings that this side sends, if several.
      receive_rids: the encodings that the remote sends, if several.
      remote: what the remote sends, None while it has not answered.
      refusal: why it is refused, or None.
      no_common_codec: whether that is for lack of a codec.
      rejected: whether a description has rejected it, so that another may take its place.
    """

    mid: str
    kind: str
    protocol: str = "UDP/TLS/RTP/SAVPF"
    formats: tuple[str, ...] = ()
    transceiver: Transceiver | None = None
    direction: Direction = Direction.INACTIVE
    codecs: tuple[NegotiatedCodec, ...] = ()
    extensions: tuple[HeaderExtension, ...] = ()
    rtcp_rsize: bool = True
    send_rids: tuple[str, ...] = ()
    receive_rids: tuple[Rid, ...] = ()
    remote: RemoteMedia | None = None
    refusal: str | None = None
    no_common_codec: bool = False
    rejected: bool = False

    @property
    def accepted(self) -> bool:
        """Whether it is served."""
        return self.refusal is None


def read_remote_media(media: MediaDescription) -> RemoteMedia:
    """Return what a remote description says of what it sends (RFC 8830, RFC 5576)."""
    if media.rejected or not media.direction.sends:
        return RemoteMedia(Direction.INACTIVE if media.rejected else media.direction)
    msids = media.msids or _find_old_msid(media)
    return RemoteMedia(
        direction=media.direction,
        stream_ids=tuple(dict.fromkeys(msid.stream for msid in msids if msid.stream != "-")),
        track_id=next((msid.track for msid in msids if msid.track), ""),
        ssrcs=_pair_ssrcs(media),
    )


def _find_old_msid(media: MediaDescription) -> tuple[Msid, ...]:
    """Return what was said by ``a=ssrc:… msid:`` before there was ``a=msid``."""
    for source in media.ssrcs:
        for name, value in source.attributes:
            words = (value or "").split()
            if name == "msid" and words:
                return (Msid(*words[:2]),)
    return ()


def _pair_ssrcs(media: MediaDescription) -> tuple[tuple[int, int | None], ...]:
    pairs = {group.ssrcs[0]: group.ssrcs[1] for group in media.ssrc_groups if _is_pair(group)}
    retransmissions = set(pairs.values())
    primary = dict.fromkeys((*(source.id for source in media.ssrcs), *pairs))
    return tuple((ssrc, pairs.get(ssrc)) for ssrc in primary if ssrc not in retransmissions)


def _is_pair(group: SsrcGroup) -> bool:
    return group.semantics == "FID" and len(group.ssrcs) == 2


def describe_media(plan: SectionPlan, transport: LocalTransport, setup: str, cname: str) -> MediaDescription:
    """Write a section down."""
    if not plan.accepted:
        return _reject(plan)
    codecs = tuple(line for codec in plan.codecs for line in codec.describe())
    sources, groups = _describe_sources(plan, codecs, cname)
    send = tuple(Rid(rid, "send") for rid in plan.send_rids)
    return MediaDescription(
        kind=plan.kind,
        port=9,
        protocol=plan.protocol,
        formats=formats_of(plan.codecs),
        mid=plan.mid,
        direction=plan.direction,
        ice_ufrag=transport.ufrag,
        ice_pwd=transport.pwd,
        ice_options=("trickle",),
        fingerprints=transport.fingerprints,
        setup=setup,
        rtcp_mux=True,
        rtcp_rsize=plan.rtcp_rsize,
        codecs=codecs,
        extensions=plan.extensions,
        ssrcs=sources,
        ssrc_groups=groups,
        msids=_describe_streams(plan.transceiver),
        rids=(*send, *plan.receive_rids),
        simulcast=describe_simulcast(plan.send_rids, [rid.id for rid in plan.receive_rids]),
    )


def formats_of(codecs: Sequence[NegotiatedCodec]) -> tuple[str, ...]:
    """Return the payload types of codecs as an ``m=`` line has them."""
    return tuple(str(line.payload_type) for codec in codecs for line in codec.describe())


def _describe_streams(transceiver: Transceiver | None) -> tuple[Msid, ...]:
    """Name the streams of what this side wants to send, even if it may not now (RFC 9429 §5.3.1)."""
    if transceiver is None or not transceiver.direction.sends:
        return ()
    return tuple(Msid(stream, transceiver.track_id) for stream in transceiver.stream_ids or ("-",))


def _describe_sources(
    plan: SectionPlan, codecs: Sequence[Codec], cname: str
) -> tuple[tuple[Ssrc, ...], tuple[SsrcGroup, ...]]:
    transceiver = plan.transceiver
    # Encodings with a RID say by it who they are, and need no SSRC in advance.
    if transceiver is None or plan.send_rids:
        return (), ()
    # Named once, it is named for good: Chromium would not show what comes under it later again.
    if not plan.direction.sends and not transceiver.ssrc_announced:
        return (), ()
    stream = next(iter(transceiver.stream_ids), "-")
    attributes = (("cname", cname), ("msid", f"{stream} {transceiver.track_id}"))
    source = Ssrc(transceiver.ssrc, attributes)
    if not any(codec.name == "rtx" for codec in codecs):
        return (source,), ()
    group = SsrcGroup("FID", (transceiver.ssrc, transceiver.rtx_ssrc))
    return (source, Ssrc(transceiver.rtx_ssrc, attributes)), (group,)


def _reject(plan: SectionPlan) -> MediaDescription:
    """Write a refused section down: port zero, and formats because there must be some (RFC 3264 §6)."""
    return MediaDescription(
        kind=plan.kind,
        port=0,
        protocol=plan.protocol,
        formats=plan.formats,
        mid=plan.mid,
        direction=Direction.INACTIVE,
    )
