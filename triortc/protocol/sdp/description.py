"""Session descriptions: the public inert object, and the frozen model of what one says."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from triortc.protocol.wire.errors import Malformed

from .attributes import (
    Codec,
    Direction,
    Fingerprint,
    HeaderExtension,
    Msid,
    Rid,
    Ssrc,
    SsrcGroup,
    find_direction,
    format_codec,
    format_extension,
    format_msid,
    format_rid,
    format_ssrc,
    format_ssrc_group,
    gather_codecs_untrusted,
    gather_ssrcs,
    parse_bandwidth_untrusted,
    parse_bundle_untrusted,
    parse_extension_untrusted,
    parse_feedback_untrusted,
    parse_fingerprint_untrusted,
    parse_fmtp_untrusted,
    parse_ice_credential_untrusted,
    parse_msid_untrusted,
    parse_rid_untrusted,
    parse_rtpmap_untrusted,
    parse_setup_untrusted,
    parse_ssrc_group_untrusted,
    parse_ssrc_untrusted,
)
from .grammar import (
    Section,
    is_uint,
    join_lines,
    parse_token_untrusted,
    parse_uint_untrusted,
    split_sections_untrusted,
    split_words_untrusted,
)

__all__ = [
    "Codec",
    "DescriptionType",
    "Direction",
    "Fingerprint",
    "HeaderExtension",
    "MediaDescription",
    "Msid",
    "ParsedDescription",
    "Rid",
    "SessionDescription",
    "Ssrc",
    "SsrcGroup",
    "parse_description_untrusted",
    "serialize_description",
]

DescriptionType: TypeAlias = Literal["offer", "answer", "pranswer", "rollback"]


SESSION_DEFAULTS = (
    "end-of-candidates",
    "extmap",
    "extmap-allow-mixed",
    "fingerprint",
    "ice-options",
    "ice-pwd",
    "ice-ufrag",
    "setup",
)
"""Attributes of the session part that hold for every media section without its own."""


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """An offer or answer as it travels (W3C ``RTCSessionDescription``). Inert.

    Attributes:
      type: ``"offer"``, ``"answer"``, ``"pranswer"`` or ``"rollback"``.
      sdp: the text; it holds the ICE password, so ``repr`` does not show it.
    """

    type: DescriptionType
    sdp: str = field(default="", repr=False)

    def as_json(self) -> dict[str, str]:
        """Return the browser's JSON form, ``{"type", "sdp"}``."""
        return {"type": self.type, "sdp": self.sdp}

    @classmethod
    def from_json_untrusted(cls, value: object) -> "SessionDescription":
        """Read the browser's JSON form; other keys are ignored, the SDP is not looked into.

        Raises:
          Malformed: if *value* is something else.
        """
        if not isinstance(value, dict):
            raise Malformed("a description is a JSON object")
        kind, sdp = value.get("type"), value.get("sdp", "")
        if not isinstance(sdp, str):
            raise Malformed("a description's sdp is a string")
        for known in ("offer", "answer", "pranswer", "rollback"):
            if kind == known:
                return cls(known, sdp)
        raise Malformed("a description's type is offer, answer, pranswer or rollback")


@dataclass(frozen=True, slots=True)
class MediaDescription:
    """One ``m=`` section. What the session part says for all of them is already in it.

    Attributes:
      kind: ``"audio"``, ``"video"``, ``"application"``, or what the remote wrote.
      port: 9 for a section in use; see :attr:`rejected` for 0.
      protocol: the transport, such as ``"UDP/TLS/RTP/SAVPF"``.
      formats: as on the ``m=`` line. When empty, the codecs' payload types are written.
      mid: its name (RFC 5888 §4), unique in the description.
      direction: which way media flows, as the describing side sees it.
      ice_ufrag, ice_pwd, ice_options: the side's ICE credentials and options (RFC 8839 §5).
      candidates: each the text after ``a=``, beginning with ``candidate:``.
      end_of_candidates: whether no more will come (RFC 8840 §8.2).
      fingerprints: of the side's certificate (RFC 8122 §5).
      setup: the role in the DTLS handshake (RFC 5763 §5), or None.
      rtcp_mux, rtcp_rsize: RFC 5761, RFC 5506.
      bundle_only: whether it exists inside its bundle only (RFC 9143 §6).
      codecs: the codecs, in order of preference.
      extensions, extmap_allow_mixed: RTP header extensions (RFC 8285).
      ssrcs, ssrc_groups: the side's RTP sources (RFC 5576).
      msids: the MediaStreams it carries (RFC 8830).
      rids, simulcast: RFC 8851; RFC 8853, the attribute's value as it stands.
      sctp_port, max_message_size: of data channels (RFC 8841 §5, §6).
      bandwidth: ``b=`` types and numbers, such as ``("AS", 2500)`` (RFC 8866 §5.8).
    """

    kind: str
    port: int = 9
    protocol: str = "UDP/TLS/RTP/SAVPF"
    formats: tuple[str, ...] = ()
    mid: str | None = None
    direction: Direction = Direction.SENDRECV
    ice_ufrag: str | None = field(default=None, repr=False)
    ice_pwd: str | None = field(default=None, repr=False)
    ice_options: tuple[str, ...] = ()
    candidates: tuple[str, ...] = field(default=(), repr=False)
    end_of_candidates: bool = False
    fingerprints: tuple[Fingerprint, ...] = ()
    setup: str | None = None
    rtcp_mux: bool = False
    rtcp_rsize: bool = False
    bundle_only: bool = False
    codecs: tuple[Codec, ...] = ()
    extensions: tuple[HeaderExtension, ...] = ()
    extmap_allow_mixed: bool = False
    ssrcs: tuple[Ssrc, ...] = ()
    ssrc_groups: tuple[SsrcGroup, ...] = ()
    msids: tuple[Msid, ...] = ()
    rids: tuple[Rid, ...] = ()
    simulcast: str | None = None
    sctp_port: int | None = None
    max_message_size: int | None = None
    bandwidth: tuple[tuple[str, int], ...] = ()

    @property
    def rejected(self) -> bool:
        """Whether the section is refused: port zero (RFC 3264 §6), but not for being bundle-only."""
        return self.port == 0 and not self.bundle_only


@dataclass(frozen=True, slots=True)
class ParsedDescription:
    """What a description says.

    Attributes:
      session_id, session_version: of its ``o=`` line; the version grows by one with each change.
      name: its ``s=`` line.
      bundle: the mids of its first BUNDLE group (RFC 9143).
      ice_lite: whether the side only answers checks (RFC 8839 §5.3).
      msid_semantic: the value of ``a=msid-semantic``, which only old browsers read.
      media: its media sections, in order.
    """

    session_id: int = 0
    session_version: int = 0
    name: str = "-"
    bundle: tuple[str, ...] = ()
    ice_lite: bool = False
    msid_semantic: str | None = "WMS *"
    media: tuple[MediaDescription, ...] = ()


def parse_description_untrusted(sdp: str) -> ParsedDescription:
    """Parse a description from the network.

    Unknown lines and attributes are passed over, as are codecs that cannot be named; where one
    value is expected and several are given, the first one counts.

    Raises:
      Malformed: if it is no session description, an attribute we read is broken, a mid stands
        twice, or a limit of the grammar is passed.
    """
    session, sections = split_sections_untrusted(sdp)
    session_id, session_version = _parse_origin_untrusted(session)
    media = tuple(_parse_media_untrusted(section, session) for section in sections)
    mids = [section.mid for section in media if section.mid is not None]
    if len(set(mids)) < len(mids):
        raise Malformed("two media sections have the same a=mid")
    return ParsedDescription(
        session_id=session_id,
        session_version=session_version,
        name=session.lines.get("s", ["-"])[0],
        bundle=parse_bundle_untrusted(session.values("group")),
        ice_lite="ice-lite" in session.attributes,
        msid_semantic=session.first("msid-semantic", str.strip),
        media=media,
    )


def _parse_origin_untrusted(session: Section) -> tuple[int, int]:
    if session.lines.get("v") != ["0"]:
        raise Malformed("no v=0 line")
    _, session_id, version, *_ = split_words_untrusted(session.lines.get("o", [""])[0], 6, 6)
    if not (is_uint(session_id, 20) and is_uint(version, 20)):
        raise Malformed("the session id and version of the o= line are no numbers")
    return int(session_id), int(version)


def _parse_media_untrusted(section: Section, session: Section) -> MediaDescription:
    section.inherit(session, SESSION_DEFAULTS)
    kind, port, protocol, formats = _parse_media_line_untrusted(section.lines["m"][0])
    direction = find_direction(section.attributes) or find_direction(session.attributes)
    return MediaDescription(
        kind=kind,
        port=port,
        protocol=protocol,
        formats=formats,
        mid=section.first("mid", parse_token_untrusted),
        direction=direction or Direction.SENDRECV,
        ice_ufrag=section.first("ice-ufrag", parse_ice_credential_untrusted),
        ice_pwd=section.first("ice-pwd", parse_ice_credential_untrusted),
        ice_options=tuple(section.first("ice-options", str.split) or ()),
        candidates=tuple(f"candidate:{value}" for value in section.values("candidate")),
        end_of_candidates="end-of-candidates" in section.attributes,
        fingerprints=section.every("fingerprint", parse_fingerprint_untrusted),
        setup=section.first("setup", parse_setup_untrusted),
        rtcp_mux="rtcp-mux" in section.attributes,
        rtcp_rsize="rtcp-rsize" in section.attributes,
        bundle_only="bundle-only" in section.attributes,
        codecs=_parse_codecs_untrusted(section, formats) if _is_rtp(protocol) else (),
        extensions=section.every("extmap", parse_extension_untrusted),
        extmap_allow_mixed="extmap-allow-mixed" in section.attributes,
        ssrcs=gather_ssrcs(section.every("ssrc", parse_ssrc_untrusted)),
        ssrc_groups=section.every("ssrc-group", parse_ssrc_group_untrusted),
        msids=section.every("msid", parse_msid_untrusted),
        rids=section.every("rid", parse_rid_untrusted),
        simulcast=section.first("simulcast", str.strip),
        sctp_port=_parse_sctp_port_untrusted(section),
        max_message_size=section.first("max-message-size", _parse_size_untrusted),
        bandwidth=parse_bandwidth_untrusted(section.lines.get("b", ())),
    )


def _parse_media_line_untrusted(line: str) -> tuple[str, int, str, tuple[str, ...]]:
    kind, port, protocol, *formats = split_words_untrusted(line, 3, 4)
    number = parse_uint_untrusted(port.partition("/")[0], 65535)
    words = tuple(" ".join(formats).split())
    return parse_token_untrusted(kind), number, parse_token_untrusted(protocol), words


def _parse_codecs_untrusted(section: Section, formats: tuple[str, ...]) -> tuple[Codec, ...]:
    return gather_codecs_untrusted(
        formats,
        section.every("rtpmap", parse_rtpmap_untrusted),
        section.every("fmtp", parse_fmtp_untrusted),
        section.every("rtcp-fb", parse_feedback_untrusted),
    )


def _parse_sctp_port_untrusted(section: Section) -> int | None:
    # Before RFC 8841 it was a=sctpmap:<port> <application> <streams>; Firefox < 65 wrote that.
    port = section.first("sctp-port", _parse_port_untrusted)
    return section.first("sctpmap", _parse_port_untrusted) if port is None else port


def _parse_port_untrusted(value: str) -> int:
    return parse_uint_untrusted(split_words_untrusted(value, 1, 2)[0], 65535)


def _parse_size_untrusted(value: str) -> int:
    return parse_uint_untrusted(value, 9_999_999_999)


def _is_rtp(protocol: str) -> bool:
    return "RTP" in protocol.split("/")


def serialize_description(description: ParsedDescription) -> str:
    """Write a description as browsers take it, in the order of JSEP (RFC 9429 §5.2.1).

    Every address is the dummy one, ``0.0.0.0``: candidates say where to send. What
    :func:`parse_description_untrusted` reads of it equals *description*.

    Raises:
      LocalProtocolError: if a string holds a CR, LF or NUL.
    """
    return join_lines(_session_lines(description))


def _session_lines(description: ParsedDescription) -> Iterator[str]:
    mixed = bool(description.media) and all(media.extmap_allow_mixed for media in description.media)
    yield "v=0"
    yield f"o=- {description.session_id} {description.session_version} IN IP4 127.0.0.1"
    yield f"s={description.name}"
    yield "t=0 0"
    if description.bundle:
        yield f"a=group:BUNDLE {' '.join(description.bundle)}"
    yield from _flag("extmap-allow-mixed", mixed)
    if description.msid_semantic is not None:
        yield f"a=msid-semantic: {description.msid_semantic}"
    yield from _flag("ice-lite", description.ice_lite)
    for media in description.media:
        yield from _media_lines(media, mixed)


def _media_lines(media: MediaDescription, mixed: bool) -> Iterator[str]:
    yield f"m={media.kind} {media.port} {media.protocol} {' '.join(_formats(media))}"
    yield "c=IN IP4 0.0.0.0"
    for kind, number in media.bandwidth:
        yield f"b={kind}:{number}"
    yield from _lines("mid", media.mid)
    if _is_rtp(media.protocol) or media.direction is not Direction.SENDRECV:
        yield f"a={media.direction.value}"
    for codec in media.codecs:
        yield from format_codec(codec)
    yield from _flag("extmap-allow-mixed", media.extmap_allow_mixed and not mixed)
    yield from _lines("extmap", *map(format_extension, media.extensions))
    yield from _lines("msid", *map(format_msid, media.msids))
    yield from _lines("rid", *map(format_rid, media.rids))
    yield from _lines("simulcast", media.simulcast)
    yield from _lines("ssrc-group", *map(format_ssrc_group, media.ssrc_groups))
    for source in media.ssrcs:
        yield from format_ssrc(source)
    yield from _flag("bundle-only", media.bundle_only)
    yield from _transport_lines(media)


def _transport_lines(media: MediaDescription) -> Iterator[str]:
    yield from _lines("ice-ufrag", media.ice_ufrag)
    yield from _lines("ice-pwd", media.ice_pwd)
    yield from _lines("ice-options", " ".join(media.ice_options) or None)
    yield from _lines("fingerprint", *(f"{each.algorithm} {each.value}" for each in media.fingerprints))
    yield from _lines("setup", media.setup)
    if _is_rtp(media.protocol) and media.port:
        yield "a=rtcp:9 IN IP4 0.0.0.0"
    yield from _flag("rtcp-mux", media.rtcp_mux)
    yield from _flag("rtcp-rsize", media.rtcp_rsize)
    yield from _lines("sctp-port", media.sctp_port)
    yield from _lines("max-message-size", media.max_message_size)
    for candidate in media.candidates:
        yield f"a={candidate}"
    yield from _flag("end-of-candidates", media.end_of_candidates)


def _formats(media: MediaDescription) -> tuple[str, ...]:
    if media.formats:
        return media.formats
    if not _is_rtp(media.protocol):
        return ("webrtc-datachannel",)
    # An m= line has at least one format (RFC 8866 §5.14), a rejected one too.
    return tuple(str(codec.payload_type) for codec in media.codecs) or ("0",)


def _lines(name: str, *values: str | int | None) -> Iterator[str]:
    return (f"a={name}:{value}" for value in values if value is not None)


def _flag(name: str, present: bool) -> tuple[str, ...]:
    return (f"a={name}",) if present else ()
