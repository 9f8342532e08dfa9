"""Trickle ICE fragments (RFC 8840 §9), the body of a WHEP PATCH."""

from dataclasses import dataclass, field, replace

from triortc.protocol.ice.candidate import IceCandidate, parse_candidate_untrusted
from triortc.protocol.sdp.grammar import Section, parse_token_untrusted, split_sections_untrusted
from triortc.protocol.wire.errors import Malformed

MAX_FRAGMENT_CANDIDATES = 100
"""Most candidates of one fragment: as many as an ICE agent takes in all."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """What a fragment says.

    Attributes:
      ufrags: the ICE user name fragments it names; another one than before is an ICE restart.
      candidates: in order.
      end_of_candidates: whether no more will come.
    """

    ufrags: frozenset[str] = field(repr=False)
    candidates: tuple[IceCandidate, ...]
    end_of_candidates: bool


def parse_fragment_untrusted(text: str) -> Fragment:
    """Parse the body of a PATCH.

    Raises:
      Malformed: if it is none, or has more than 100 candidates.
    """
    session, sections = split_sections_untrusted(text)
    parts = [session, *sections]
    if not any(part.attributes for part in parts):
        raise Malformed("no attribute in the fragment")
    if sum(len(part.values("candidate")) for part in parts) > MAX_FRAGMENT_CANDIDATES:
        raise Malformed(f"more than {MAX_FRAGMENT_CANDIDATES} candidates")
    candidates = [
        candidate
        for index, part in enumerate(parts)
        for candidate in _parse_candidates_untrusted(part, max(index - 1, 0))
    ]
    return Fragment(
        ufrags=frozenset(ufrag for part in parts for ufrag in part.values("ice-ufrag")),
        candidates=tuple(candidates),
        end_of_candidates=any("end-of-candidates" in part.attributes for part in parts),
    )


def _parse_candidates_untrusted(part: Section, index: int) -> list[IceCandidate]:
    mid = part.first("mid", parse_token_untrusted)
    return [
        replace(parse_candidate_untrusted(value), sdp_mid=mid, sdp_m_line_index=index)
        for value in part.values("candidate")
    ]
