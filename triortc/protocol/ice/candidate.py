"""ICE candidates: the inert public object, its SDP and JSON forms, and the door to aioice's codec."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from triortc.protocol.wire.errors import LocalProtocolError, Malformed
from triortc.protocol.wire.machine import Address

MAX_LINE_LENGTH = 1024
"""Longest candidate line that is read, in characters."""

IPAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_PREFIX = "candidate:"
_TYPES = frozenset({"host", "srflx", "prflx", "relay"})
_THIS_NETWORK = ipaddress.IPv4Network("0.0.0.0/8")
_RESERVED = ipaddress.IPv4Network("240.0.0.0/4")


@dataclass(frozen=True, slots=True)
class IceCandidate:
    """One address at which a peer may be reached (W3C ``RTCIceCandidate``, RFC 8839 §5.1).

    An inert description: it holds no socket and no clock.

    Attributes:
      foundation: equal for candidates of one type, base and server.
      component: 1 (RTP); 2 (RTCP) is seen from peers that have not heard of rtcp-mux.
      transport: ``"udp"`` or ``"tcp"``, as spelled.
      priority: 32 bits; higher is preferred.
      address: a numeric address, or a name such as ``….local``.
      port: the UDP or TCP port.
      type: ``"host"``, ``"srflx"``, ``"prflx"`` or ``"relay"``.
      related_address: for a candidate that is not a host one, the address it derives from.
      related_port: the port that belongs to it.
      tcp_type: ``"active"``, ``"passive"`` or ``"so"``, for TCP.
      username_fragment: the ``ice-ufrag`` of the generation that the candidate belongs to.
      sdp_mid: the media section's ``a=mid``.
      sdp_m_line_index: the media section's number, from 0.
      url: the STUN server that told a server-reflexive candidate of ours; in no description.
    """

    foundation: str
    component: int
    transport: str
    priority: int
    address: str
    port: int
    type: str
    related_address: str | None = None
    related_port: int | None = None
    tcp_type: str | None = None
    username_fragment: str | None = None
    sdp_mid: str | None = None
    sdp_m_line_index: int | None = None
    url: str | None = field(default=None, compare=False)

    def to_sdp(self) -> str:
        """Return the candidate as the value of an SDP attribute: ``candidate:…``.

        Raises:
          LocalProtocolError: a field is not one printable word.
        """
        from aioice.candidate import Candidate

        line = (
            _PREFIX
            + Candidate(
                self.foundation,
                self.component,
                self.transport,
                self.priority,
                self.address,
                self.port,
                self.type,
                self.related_address,
                self.related_port,
                self.tcp_type,
            ).to_sdp()
        )
        if self.username_fragment is not None:
            line += f" ufrag {self.username_fragment}"
        words = (self.foundation, self.transport, self.address, self.type)
        extensions = (self.related_address, self.tcp_type, self.username_fragment)
        _check_words(words + tuple(word for word in extensions if word is not None))
        return line

    def as_json(self) -> dict[str, str | int | None]:
        """Return the browser's ``RTCIceCandidateInit``."""
        return {
            "candidate": self.to_sdp(),
            "sdpMid": self.sdp_mid,
            "sdpMLineIndex": self.sdp_m_line_index,
            "usernameFragment": self.username_fragment,
        }

    @classmethod
    def from_json_untrusted(cls, value: object) -> "IceCandidate | None":
        """Read a browser's ``RTCIceCandidateInit``.

        Returns:
          None for the empty candidate, which means that no more will come.

        Raises:
          Malformed: the value is of another shape.
        """
        if not isinstance(value, Mapping):
            raise Malformed("a candidate is not an object")
        line, mid, ufrag = value.get("candidate", ""), value.get("sdpMid"), value.get("usernameFragment")
        index = value.get("sdpMLineIndex")
        if not isinstance(line, str) or not _is_short_text(mid) or not _is_short_text(ufrag):
            raise Malformed("a candidate's member is not a short string")
        if index is not None and (type(index) is not int or not 0 <= index <= 0xFFFF):
            raise Malformed("a candidate's sdpMLineIndex is not a number of a section")
        if not line:
            return None
        candidate = parse_candidate_untrusted(line)
        ufrag = candidate.username_fragment if ufrag is None else ufrag
        return replace(candidate, username_fragment=ufrag, sdp_mid=mid, sdp_m_line_index=index)

    @property
    def socket_address(self) -> Address | None:
        """Address and port in canonical form, or None when they name no single UDP peer.

        So a name (``….local`` too: its owner comes as peer-reflexive), a multicast, broadcast
        or reserved address, a link-local IPv6 address (its zone is unknown), port 0 and TCP
        are never sent to.
        """
        if self.transport.lower() != "udp" or self.component != 1 or not 0 < self.port <= 0xFFFF:
            return None
        address = parse_unicast(self.address)
        return None if address is None else (str(address), self.port)

    def is_usable(self) -> bool:
        """Return whether checks can be sent to it: UDP, component 1, a numeric unicast address."""
        return self.socket_address is not None


def parse_unicast(text: str) -> IPAddress | None:
    """Return the address that *text* spells if it is of one host and is reached without a zone."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return address if _is_unicast(address) else None


def _is_unicast(address: IPAddress) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return not (address.is_multicast or address in _THIS_NETWORK or address in _RESERVED)
    if address.is_multicast or address.is_unspecified or address.is_link_local:
        return False
    return address.ipv4_mapped is None and address.scope_id is None


def parse_candidate_untrusted(text: str) -> IceCandidate:
    """Parse ``candidate:…``, with or without ``a=`` before it (RFC 8839 §5.1).

    Extensions other than ``raddr``, ``rport``, ``tcptype`` and ``ufrag`` are passed over.

    Raises:
      Malformed: the line breaks the grammar.
    """
    from aioice.candidate import Candidate

    text = text.removeprefix("a=").removeprefix(_PREFIX)
    if len(text) > MAX_LINE_LENGTH or not text.isascii() or not text.isprintable():
        raise Malformed("a candidate is not one short printable line")
    words = text.split()
    if len(words) < 8 or words[6] != "typ" or words[7] not in _TYPES:
        raise Malformed("a candidate has no known type")
    extensions = dict(zip(words[8::2], words[9::2], strict=False))
    numbers = (
        (words[1], 256),
        (words[3], 0xFFFFFFFF),
        (words[5], 0xFFFF),
        (extensions.get("rport", "0"), 0xFFFF),
    )
    if not all(_is_number(word, limit) for word, limit in numbers):
        raise Malformed("a candidate's number is out of range")
    try:
        parsed = Candidate.from_sdp(text)
    except ValueError as error:
        raise Malformed(f"candidate: {error}") from None
    return IceCandidate(
        parsed.foundation,
        parsed.component,
        parsed.transport,
        parsed.priority,
        parsed.host,
        parsed.port,
        parsed.type,
        parsed.related_address,
        parsed.related_port,
        parsed.tcptype,
        extensions.get("ufrag"),
    )


def local_candidate(
    kind: str, address: Address, base: Address, local_preference: int, username_fragment: str
) -> IceCandidate:
    """Return a candidate of our own, with RFC 8445 §5.1's foundation and priority."""
    from aioice.candidate import candidate_foundation

    derived = kind != "host"
    return IceCandidate(
        foundation=candidate_foundation(kind, "udp", base[0]),
        component=1,
        transport="udp",
        priority=priority_of(kind, local_preference),
        address=address[0],
        port=address[1],
        type=kind,
        related_address=base[0] if derived else None,
        related_port=base[1] if derived else None,
        username_fragment=username_fragment,
    )


def peer_reflexive(address: Address, priority: int) -> IceCandidate:
    """Return a candidate for the source of a remote's check (RFC 8445 §7.3.1.3)."""
    foundation = f"prflx{address[0]}:{address[1]}"
    return IceCandidate(foundation, 1, "udp", priority, *address, "prflx")


def priority_of(kind: str, local_preference: int) -> int:
    """Return the priority of a candidate of our own (RFC 8445 §5.1.2.1)."""
    from aioice.candidate import candidate_priority

    return candidate_priority(1, kind, local_preference)


def _is_number(word: str, limit: int) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= 10 and int(word) <= limit


def _is_short_text(value: object) -> bool:
    return value is None or (isinstance(value, str) and len(value) <= 256 and value.isprintable())


def _check_words(words: tuple[str, ...]) -> None:
    for word in words:
        if not word or " " in word or not word.isascii() or not word.isprintable():
            raise LocalProtocolError(f"{word!r} cannot stand in a candidate")
