"""The values of attributes: what each one says, how it is read and written.

All ``*_untrusted`` functions here read text from the network and raise only ``Malformed``.
"""

import enum
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TypeAlias

from triortc.protocol.wire.errors import Malformed

from .grammar import (
    MAX_SHARED_VALUES,
    is_uint,
    parse_token_untrusted,
    parse_uint_untrusted,
    split_words_untrusted,
)

Parameters: TypeAlias = tuple[tuple[str, str | None], ...]
"""``name=value`` pairs in order; a name alone has the value None."""

MAX_PARAMETERS = 32
"""Most parameters of an ``a=fmtp`` or ``a=rid``."""

MAX_GROUP_SIZE = 64
"""Most sources of an ``a=ssrc-group``."""

MAX_FINGERPRINT_LENGTH = 256
"""Longest digest of an ``a=fingerprint``, with its colons: sha-512 has 191 characters."""

MAX_ICE_CREDENTIAL_LENGTH = 256
"""Longest ``a=ice-ufrag`` and ``a=ice-pwd`` (RFC 8839 §5.4)."""

MAX_UINT32 = 0xFFFFFFFF
HEXADECIMAL = frozenset("0123456789ABCDEFabcdef")
SETUP_ROLES = frozenset({"active", "passive", "actpass", "holdconn"})


class Direction(enum.Enum):
    """Which way media flows, as the describing side sees it (RFC 8866 §6.7)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @classmethod
    def of(cls, sends: bool, receives: bool) -> "Direction":
        """Return the direction of a side that sends and receives so."""
        if sends:
            return cls.SENDRECV if receives else cls.SENDONLY
        return cls.RECVONLY if receives else cls.INACTIVE

    @property
    def sends(self) -> bool:
        """Whether the describing side sends."""
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        """Whether the describing side receives."""
        return self in (Direction.SENDRECV, Direction.RECVONLY)

    def reversed(self) -> "Direction":
        """Return the same direction as the other side sees it."""
        return Direction.of(self.receives, self.sends)


@dataclass(frozen=True, slots=True)
class Codec:
    """One RTP payload type: its rtpmap, fmtp and rtcp-fb (RFC 8866 §6.6, §6.15, RFC 4585 §4.2).

    Attributes:
      payload_type: the RTP payload type, 0…127.
      name: the encoding name as it was spelled; compare it without case.
      clock_rate: RTP timestamp units per second.
      channels: audio channels, or None when not given.
      parameters: its ``a=fmtp``, in order.
      feedback: its ``a=rtcp-fb`` values, such as ``"nack pli"``.
    """

    payload_type: int
    name: str
    clock_rate: int
    channels: int | None = None
    parameters: Parameters = ()
    feedback: tuple[str, ...] = ()

    def parameter(self, name: str) -> str | None:
        """Return the value of a format parameter, or None; names have no case (RFC 4855 §3)."""
        wanted = name.lower()
        return next((value for key, value in self.parameters if key.lower() == wanted), None)


@dataclass(frozen=True, slots=True)
class HeaderExtension:
    """An RTP header extension, ``a=extmap`` (RFC 8285 §5); extension attributes are not kept.

    Attributes:
      id: its number in the packets.
      uri: what it is.
      direction: which way it is used, None for both.
    """

    id: int
    uri: str
    direction: Direction | None = None


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A certificate's fingerprint (RFC 8122 §5).

    Attributes:
      algorithm: the hash function in lower case, such as ``"sha-256"``.
      value: upper-case hexadecimal bytes, colons between them.
    """

    algorithm: str
    value: str


@dataclass(frozen=True, slots=True)
class Ssrc:
    """What is said of one RTP source, ``a=ssrc`` (RFC 5576 §4.1).

    Attributes:
      id: the SSRC.
      attributes: pairs such as ``("cname", "x")``, at least one; a flag has the value None.
    """

    id: int
    attributes: Parameters


@dataclass(frozen=True, slots=True)
class SsrcGroup:
    """Sources that belong together, ``a=ssrc-group`` (RFC 5576 §4.2).

    Attributes:
      semantics: why, such as ``"FID"``: a source and its retransmissions.
      ssrcs: the sources, in order.
    """

    semantics: str
    ssrcs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Msid:
    """The MediaStream and track that a section carries, ``a=msid`` (RFC 8830 §2).

    Attributes:
      stream: the stream's identifier; ``"-"`` for none.
      track: the track's identifier, or None.
    """

    stream: str
    track: str | None = None


@dataclass(frozen=True, slots=True)
class Rid:
    """A restriction identifier, ``a=rid`` (RFC 8851 §10).

    Attributes:
      id: its name.
      direction: ``"send"`` or ``"recv"``.
      parameters: payload types and restrictions, in order.
    """

    id: str
    direction: str
    parameters: Parameters = ()


# RFC 3551 §6; G722's clock rate is 8,000 by an old mistake (§4.5.2).
STATIC_CODECS = {
    "0": Codec(0, "PCMU", 8000),
    "8": Codec(8, "PCMA", 8000),
    "9": Codec(9, "G722", 8000),
}


def parse_parameters_untrusted(text: str) -> Parameters:
    """Parse ``name=value`` pairs with semicolons between them."""
    items = text.split(";", MAX_PARAMETERS)
    if len(items) > MAX_PARAMETERS:
        raise Malformed(f"more than {MAX_PARAMETERS} parameters")
    parameters: list[tuple[str, str | None]] = []
    for item in items:
        name, equals, value = item.partition("=")
        if name := name.strip():
            parameters.append((name, value.strip() if equals else None))
    return tuple(parameters)


def format_parameters(parameters: Parameters) -> str:
    """Write what :func:`parse_parameters_untrusted` reads."""
    return ";".join(name if value is None else f"{name}={value}" for name, value in parameters)


def parse_rtpmap_untrusted(value: str) -> Codec:
    """Parse ``<payload type> <name>/<clock rate>[/<channels>]``."""
    payload_type, encoding = split_words_untrusted(value, 2, 2)
    name, *numbers = encoding.split("/")
    if not 1 <= len(numbers) <= 2:
        raise Malformed(f"{encoding[:20]!r} is no <name>/<clock rate>[/<channels>]")
    clock_rate = parse_uint_untrusted(numbers[0], MAX_UINT32)
    if clock_rate == 0:
        raise Malformed("the clock rate is 0")
    channels = parse_uint_untrusted(numbers[1], 255) if numbers[1:] else None
    return Codec(parse_uint_untrusted(payload_type, 255), parse_token_untrusted(name), clock_rate, channels)


def parse_fmtp_untrusted(value: str) -> tuple[str, Parameters]:
    """Parse ``<format> <parameters>``."""
    payload_type, text = split_words_untrusted(value, 2, 2)
    return payload_type, parse_parameters_untrusted(text)


def parse_feedback_untrusted(value: str) -> tuple[str, str]:
    """Parse ``<payload type> <feedback>``; the payload type ``*`` means all (RFC 4585 §4.2)."""
    payload_type, *feedback = split_words_untrusted(value, 2, 3)
    return payload_type, " ".join(feedback)


def gather_codecs_untrusted(
    formats: Sequence[str],
    rtpmaps: Sequence[Codec],
    fmtps: Sequence[tuple[str, Parameters]],
    feedbacks: Sequence[tuple[str, str]],
) -> tuple[Codec, ...]:
    """Put the codecs of a section together, in the order of its formats.

    A format that is no payload type (0…127), or has no rtpmap and is none of the static ones we
    know, is left out: the rest of the section can still be served.
    """
    # Reversed, so that the first of several lines for one payload type is the one that counts.
    named = {str(codec.payload_type): codec for codec in reversed(rtpmaps) if codec.payload_type <= 127}
    codecs = {**STATIC_CODECS, **named}
    parameters = dict(reversed(fmtps))
    feedback: dict[str, list[str]] = {}
    for payload_type, value in feedbacks:
        feedback.setdefault(payload_type, []).append(value)
    everywhere = feedback.get("*", [])
    if len(everywhere) > MAX_SHARED_VALUES:
        raise Malformed(f"more than {MAX_SHARED_VALUES} a=rtcp-fb:* values")
    return tuple(
        replace(
            codecs[payload_type],
            parameters=parameters.get(payload_type, ()),
            feedback=tuple(dict.fromkeys([*feedback.get(payload_type, ()), *everywhere])),
        )
        for payload_type in dict.fromkeys(formats)
        if payload_type in codecs
    )


def format_codec(codec: Codec) -> Iterator[str]:
    """Write a codec's ``a=rtpmap``, ``a=rtcp-fb`` and ``a=fmtp`` lines."""
    channels = "" if codec.channels is None else f"/{codec.channels}"
    yield f"a=rtpmap:{codec.payload_type} {codec.name}/{codec.clock_rate}{channels}"
    for feedback in codec.feedback:
        yield f"a=rtcp-fb:{codec.payload_type} {feedback}"
    if codec.parameters:
        yield f"a=fmtp:{codec.payload_type} {format_parameters(codec.parameters)}"


def parse_extension_untrusted(value: str) -> HeaderExtension:
    """Parse ``<id>[/<direction>] <uri>``; ids up to 4,351 are allowed in offers (RFC 8285 §6)."""
    number, uri = split_words_untrusted(value, 2, 3)[:2]
    digits, slash, direction = number.partition("/")
    identifier = parse_uint_untrusted(digits, 4351)
    if identifier == 0:
        raise Malformed("the id 0 is padding")
    return HeaderExtension(identifier, uri, parse_direction_untrusted(direction) if slash else None)


def format_extension(extension: HeaderExtension) -> str:
    """Write what :func:`parse_extension_untrusted` reads."""
    direction = "" if extension.direction is None else f"/{extension.direction.value}"
    return f"{extension.id}{direction} {extension.uri}"


def parse_direction_untrusted(value: str) -> Direction:
    """Parse a direction's name."""
    try:
        return Direction(value)
    except ValueError:
        raise Malformed(f"{value[:20]!r} is no direction") from None


def find_direction(attributes: Container[str]) -> Direction | None:
    """Return the direction among attribute names, or None."""
    return next((direction for direction in Direction if direction.value in attributes), None)


def parse_fingerprint_untrusted(value: str) -> Fingerprint:
    """Parse ``<algorithm> <hex bytes with colons>``."""
    algorithm, digest = split_words_untrusted(value, 2, 2)
    if len(digest) > MAX_FINGERPRINT_LENGTH:
        raise Malformed("more bytes than any known hash function gives")
    for pair in digest.split(":"):
        if len(pair) != 2 or not HEXADECIMAL.issuperset(pair):
            raise Malformed("not bytes in hexadecimal")
    return Fingerprint(parse_token_untrusted(algorithm).lower(), digest.upper())


def parse_setup_untrusted(value: str) -> str:
    """Parse the role in the DTLS handshake (RFC 4145 §4, RFC 5763 §5)."""
    if value not in SETUP_ROLES:
        raise Malformed(f"{value[:20]!r} is no role")
    return value


def parse_ice_credential_untrusted(value: str) -> str:
    """Parse an ``a=ice-ufrag`` or ``a=ice-pwd``; only the upper limit of its length is enforced."""
    if len(value) > MAX_ICE_CREDENTIAL_LENGTH:
        raise Malformed(f"more than {MAX_ICE_CREDENTIAL_LENGTH} characters")
    try:
        return parse_token_untrusted(value)
    except Malformed:
        raise Malformed("no token") from None  # an error may be shown; a password may not


def parse_ssrc_untrusted(value: str) -> Ssrc:
    """Parse ``<id> <attribute>[:<value>]``: one of the things said of a source."""
    number, attribute = split_words_untrusted(value, 2, 2)
    name, colon, text = attribute.partition(":")
    return Ssrc(parse_uint_untrusted(number, MAX_UINT32), ((name, text if colon else None),))


def gather_ssrcs(lines: Iterable[Ssrc]) -> tuple[Ssrc, ...]:
    """Put all that is said of each source together, in the order of first mention."""
    sources: dict[int, list[Ssrc]] = {}
    for line in lines:
        sources.setdefault(line.id, []).append(line)
    return tuple(
        said[0]
        if len(said) == 1
        else Ssrc(number, tuple(chain.from_iterable(line.attributes for line in said)))
        for number, said in sources.items()
    )


def format_ssrc(source: Ssrc) -> Iterator[str]:
    """Write a source's ``a=ssrc`` lines."""
    for name, value in source.attributes:
        yield f"a=ssrc:{source.id} {name}" if value is None else f"a=ssrc:{source.id} {name}:{value}"


def parse_ssrc_group_untrusted(value: str) -> SsrcGroup:
    """Parse ``<semantics> <id> …``."""
    semantics, *numbers = value.split(None, MAX_GROUP_SIZE + 1) or [""]
    if len(numbers) > MAX_GROUP_SIZE:
        raise Malformed(f"more than {MAX_GROUP_SIZE} sources")
    ssrcs = tuple(parse_uint_untrusted(number, MAX_UINT32) for number in numbers)
    return SsrcGroup(parse_token_untrusted(semantics), ssrcs)


def format_ssrc_group(group: SsrcGroup) -> str:
    """Write what :func:`parse_ssrc_group_untrusted` reads."""
    return " ".join([group.semantics, *map(str, group.ssrcs)])


def parse_msid_untrusted(value: str) -> Msid:
    """Parse ``<stream> [<track>]``."""
    return Msid(*split_words_untrusted(value, 1, 2))


def format_msid(msid: Msid) -> str:
    """Write what :func:`parse_msid_untrusted` reads."""
    return msid.stream if msid.track is None else f"{msid.stream} {msid.track}"


def parse_rid_untrusted(value: str) -> Rid:
    """Parse ``<id> send|recv [<restrictions>]``."""
    identifier, direction, *restrictions = split_words_untrusted(value, 2, 3)
    if direction not in ("send", "recv"):
        raise Malformed(f"{direction[:20]!r} is neither send nor recv")
    return Rid(identifier, direction, parse_parameters_untrusted("".join(restrictions)))


def format_rid(rid: Rid) -> str:
    """Write what :func:`parse_rid_untrusted` reads."""
    return " ".join(filter(None, [rid.id, rid.direction, format_parameters(rid.parameters)]))


def parse_bundle_untrusted(groups: Sequence[str]) -> tuple[str, ...]:
    """Return the mids of the first ``BUNDLE`` among ``a=group`` values (RFC 9143 §7.1)."""
    for group in groups:
        semantics, *mids = group.split() or [""]
        if semantics == "BUNDLE":
            return tuple(mids)
    return ()


def parse_bandwidth_untrusted(values: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """Parse ``b=<type>:<number>`` lines; one without a number says nothing (Chromium wrote -1)."""
    if len(values) > MAX_SHARED_VALUES:
        raise Malformed(f"more than {MAX_SHARED_VALUES} b= lines")
    pairs = (value.partition(":")[::2] for value in values)
    return tuple((kind, int(number)) for kind, number in pairs if is_uint(number))
