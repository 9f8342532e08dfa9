"""One media section: what was planned for it, and how that is written down."""

from dataclasses import dataclass

from triortc.protocol.rtp.extensions import MID_URI
from triortc.protocol.sdp.description import (
    Codec,
    Direction,
    Fingerprint,
    HeaderExtension,
    MediaDescription,
    Msid,
    Ssrc,
    SsrcGroup,
)

from .codecs import NegotiatedCodec
from .transceiver import Transceiver


@dataclass(frozen=True, slots=True)
class LocalTransport:
    """What this side's descriptions say of its transport."""

    ufrag: str
    pwd: str
    fingerprints: tuple[Fingerprint, ...]


@dataclass(frozen=True, slots=True)
class SectionPlan:
    """What one media section will be, once the exchange is finished.

    Attributes:
      mid: its name.
      kind: ``"audio"``, ``"video"``, ``"application"`` or what the remote side wrote.
      protocol: its transport protocol.
      formats: the remote's formats, to echo when it is rejected.
      transceiver: its transceiver, None when it has none.
      direction: this side's direction in it.
      codecs: the codecs, in this side's order.
      mid_extension_id: the id of the mid header extension, or None.
      remote_direction: the remote's direction, None while it has not answered.
      refusal: why it is rejected, or None.
      no_common_codec: whether that is for lack of a codec.
    """

    mid: str
    kind: str
    protocol: str = "UDP/TLS/RTP/SAVPF"
    formats: tuple[str, ...] = ()
    transceiver: Transceiver | None = None
    direction: Direction = Direction.INACTIVE
    codecs: tuple[NegotiatedCodec, ...] = ()
    mid_extension_id: int | None = None
    remote_direction: Direction | None = None
    refusal: str | None = None
    no_common_codec: bool = False

    @property
    def accepted(self) -> bool:
        """Whether it is served."""
        return self.refusal is None


def find_mid_extension(media: MediaDescription) -> int | None:
    """Return the id under which the remote side takes the mid header extension (RFC 9143 §15)."""
    return next((extension.id for extension in media.extensions if extension.uri == MID_URI), None)


def describe_media(plan: SectionPlan, transport: LocalTransport, setup: str, cname: str) -> MediaDescription:
    """Write an accepted section down."""
    codecs = tuple(line for codec in plan.codecs for line in codec.describe())
    extensions: tuple[HeaderExtension, ...] = ()
    if plan.mid_extension_id is not None:
        extensions = (HeaderExtension(id=plan.mid_extension_id, uri=MID_URI, direction=None),)
    sources, groups, msids = _describe_sources(plan, codecs, cname)
    return MediaDescription(
        kind=plan.kind,
        port=9,
        protocol=plan.protocol,
        formats=tuple(str(codec.payload_type) for codec in codecs),
        mid=plan.mid,
        direction=plan.direction,
        ice_ufrag=transport.ufrag,
        ice_pwd=transport.pwd,
        ice_options=("trickle",),
        fingerprints=transport.fingerprints,
        setup=setup,
        rtcp_mux=True,
        rtcp_rsize=True,
        codecs=codecs,
        extensions=extensions,
        ssrcs=sources,
        ssrc_groups=groups,
        msids=msids,
    )


def _describe_sources(
    plan: SectionPlan, codecs: tuple[Codec, ...], cname: str
) -> tuple[tuple[Ssrc, ...], tuple[SsrcGroup, ...], tuple[Msid, ...]]:
    transceiver = plan.transceiver
    if transceiver is None or not plan.direction.sends:
        return (), (), ()
    msids = tuple(Msid(stream, transceiver.track_id) for stream in transceiver.stream_ids or ("-",))
    attributes = (("cname", cname), ("msid", f"{msids[0].stream} {transceiver.track_id}"))
    source = Ssrc(transceiver.ssrc, attributes)
    if not any(codec.name == "rtx" for codec in codecs):
        return (source,), (), msids
    group = SsrcGroup("FID", (transceiver.ssrc, transceiver.rtx_ssrc))
    return (source, Ssrc(transceiver.rtx_ssrc, attributes)), (group,), msids


def reject(plan: SectionPlan) -> MediaDescription:
    """Write a rejected section down: port zero, the remote's own formats (RFC 3264 §6)."""
    return MediaDescription(
        kind=plan.kind,
        port=0,
        protocol=plan.protocol,
        formats=plan.formats,
        mid=plan.mid,
        direction=Direction.INACTIVE,
    )
