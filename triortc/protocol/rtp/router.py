"""Which media section and simulcast layer an RTP stream belongs to (RFC 9143 §9.2)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from triortc.protocol.wire.reader import Reader

from .extensions import parse_extensions_untrusted

MAX_SSRCS = 64
"""How many streams are known at a time; the least recently routed one is forgotten."""

MAX_NAME = 16
"""A longer mid or rid than a one-byte header extension holds is none of ours."""

RTX = "rtx"
"""The encoding name of retransmissions (RFC 4588 §8.1)."""


class PayloadType(NamedTuple):
    """What a payload type means in one media section.

    Attributes:
      codec: the encoding name in lower case; ``"rtx"`` for retransmissions.
      clock_rate: RTP ticks per second.
      apt: the payload type that is retransmitted under this one, or None.
    """

    codec: str
    clock_rate: int
    apt: int | None = None


@dataclass(frozen=True, slots=True)
class ReceivedSection:
    """What was agreed on for one media section that this side receives.

    Attributes:
      mid: its identification.
      kind: ``"audio"`` or ``"video"``.
      payload_types: what the remote may send.
      ssrcs: the SSRCs it declared, each with that of its retransmissions, or None.
      rids: the simulcast layers it may send, or none.
      mid_extension_id, rid_extension_id, repaired_rid_extension_id: the ids of these header
        extensions, or None.
      nack: whether lost packets may be asked for again (RFC 4585).
      pli: whether a keyframe may be asked for by PLI.
      fir: whether it may be asked for by FIR (RFC 5104).
      feedback_ssrc: the SSRC under which this side reports on it.
    """

    mid: str
    kind: str
    payload_types: Mapping[int, PayloadType]
    ssrcs: tuple[tuple[int, int | None], ...] = ()
    rids: tuple[str, ...] = ()
    mid_extension_id: int | None = None
    rid_extension_id: int | None = None
    repaired_rid_extension_id: int | None = None
    nack: bool = False
    pli: bool = False
    fir: bool = False
    feedback_ssrc: int = 0


class Route(NamedTuple):
    """Where a stream belongs.

    Attributes:
      section: its media section.
      rid: its simulcast layer, or None.
      repairs: the stream it retransmits: an SSRC, 0 when that is not told, None when it is
        no retransmission.
    """

    section: ReceivedSection
    rid: str | None
    repairs: int | None


class Router:
    """Learns where the streams of one transport belong.

    Attributes:
      sections: by mid.
    """

    def __init__(self) -> None:
        self.sections: dict[str, ReceivedSection] = {}
        self._routes: dict[int, Route] = {}
        self._declared: dict[int, tuple[ReceivedSection, int | None]] = {}
        self._by_payload_type: dict[int, ReceivedSection | None] = {}
        self._mid_ids: frozenset[int] = frozenset()

    def configure(self, sections: Iterable[ReceivedSection]) -> None:
        """Take over what was negotiated; what was learned of other sections is forgotten."""
        self.sections = {section.mid: section for section in sections}
        self._declared.clear()
        self._by_payload_type.clear()
        for section in self.sections.values():
            self._add(section)
        self._mid_ids = frozenset(
            section.mid_extension_id
            for section in self.sections.values()
            if section.mid_extension_id is not None
        )
        self._routes = {
            ssrc: route._replace(section=self.sections[route.section.mid])
            for ssrc, route in self._routes.items()
            if route.section.mid in self.sections
        }

    def _add(self, section: ReceivedSection) -> None:
        for ssrc, repair in section.ssrcs:
            self._declared[ssrc] = (section, None)
            if repair is not None:
                self._declared[repair] = (section, ssrc)
        for number in section.payload_types:
            # One that means something in two sections tells nothing.
            self._by_payload_type[number] = None if number in self._by_payload_type else section

    def forget(self, ssrc: int) -> None:
        """Forget what was learned of a stream that has said goodbye."""
        self._routes.pop(ssrc, None)

    def route_untrusted(self, ssrc: int, payload_type: int, block: bytes) -> Route | None:
        """Return where a packet belongs, or None when nothing tells.

        Args:
          ssrc: its stream; what is learned of it holds for packets that tell nothing.
          payload_type: 0…127.
          block: its header extensions, profile and length first, or ``b""``.

        Raises:
          Malformed: when the header extensions break their format.
        """
        elements: dict[int, bytes] = {}
        if block:
            reader = Reader(block)
            elements.update(parse_extensions_untrusted(reader.u16(), block[4:]))
        known = self._routes.get(ssrc)
        section = self._find_section(ssrc, payload_type, elements, known)
        if section is None or payload_type not in section.payload_types:
            return None
        route = self._find_layer(section, ssrc, payload_type, elements, known)
        if route is not None and route != known:
            self._learn(ssrc, route)
        return route

    def _find_section(
        self, ssrc: int, payload_type: int, elements: dict[int, bytes], known: Route | None
    ) -> ReceivedSection | None:
        for id in self._mid_ids & elements.keys():
            section = self.sections.get(_name(elements[id]))
            # RFC 9143 §9.2: a packet of an unknown mid is not to be decoded.
            return section if section is not None and section.mid_extension_id == id else None
        if known is not None:
            return known.section
        declared = self._declared.get(ssrc)
        return self._by_payload_type.get(payload_type) if declared is None else declared[0]

    def _find_layer(
        self,
        section: ReceivedSection,
        ssrc: int,
        payload_type: int,
        elements: dict[int, bytes],
        known: Route | None,
    ) -> Route | None:
        """Tell the layer by rid or repaired rid, else by what is known of the stream."""
        is_repair = section.payload_types[payload_type].apt is not None
        if known is not None and (known.section is not section or (known.repairs is not None) != is_repair):
            known = None
        id = section.repaired_rid_extension_id if is_repair else section.rid_extension_id
        rid = _name(elements[id]) if id in elements and id is not None else None
        if rid is None and known is not None:
            return known
        if rid is not None and section.rids and rid not in section.rids:
            return None
        declared = self._declared.get(ssrc)
        if rid is None and section.rids and declared is None:
            return None  # of one layer among several, and it will say which
        repaired = 0 if declared is None or declared[1] is None else declared[1]
        return Route(section, rid if section.rids else None, repaired if is_repair else None)

    def _learn(self, ssrc: int, route: Route) -> None:
        self._routes.pop(ssrc, None)
        if len(self._routes) >= MAX_SSRCS:
            del self._routes[next(iter(self._routes))]
        self._routes[ssrc] = route


def _name(value: bytes) -> str:
    return value.decode("ascii", "replace") if len(value) <= MAX_NAME else ""
