"""This side's candidates: found so far, described, and when there will be no more."""

from collections import deque
from dataclasses import replace

from triortc.protocol.ice.agent import IceAgent
from triortc.protocol.ice.candidate import IceCandidate
from triortc.protocol.sdp.description import SessionDescription, serialize_description

from .events import IceGatheringState, IceGatheringStateChanged, LocalCandidateFound, SessionEvent
from .negotiation import Negotiation

MAX_LOCAL_CANDIDATES = 32


class Gathering:
    """What an ICE agent gathers, put into the words of a description.

    Attributes:
      state: W3C's ``iceGatheringState``.
    """

    def __init__(self, agent: IceAgent, negotiation: Negotiation, events: deque[SessionEvent]) -> None:
        self.state = IceGatheringState.NEW
        self._agent = agent
        self._negotiation = negotiation
        self._events = events
        self._candidates: list[IceCandidate] = []
        self._all_bases_known = False

    def begin(self) -> None:
        """A socket was added."""
        self._set_state(IceGatheringState.GATHERING)

    def end_of_bases(self) -> None:
        """No socket and no server will be added any more."""
        self._all_bases_known = True

    def add(self, candidate: IceCandidate) -> None:
        """Tell of a candidate; beyond the 32nd of a generation they are not worth their checks."""
        if len(self._candidates) >= MAX_LOCAL_CANDIDATES:
            return
        mid = self._negotiation.transport_mid
        candidate = replace(
            candidate,
            sdp_mid=mid,
            sdp_m_line_index=self._negotiation.section_index(mid),
            username_fragment=self._agent.local_parameters.ufrag,
        )
        self._candidates.append(candidate)
        self._events.append(LocalCandidateFound(candidate))

    def check_complete(self) -> None:
        """Say so, once, when no candidate can come any more."""
        if not self._all_bases_known or self._agent.gathering or self.state is IceGatheringState.COMPLETE:
            return
        self._events.append(LocalCandidateFound(None))
        self._set_state(IceGatheringState.COMPLETE)

    def describe(self) -> SessionDescription | None:
        """Return the local description with the candidates found so far."""
        parsed = self._negotiation.local_description
        if parsed is None:
            return None
        carrier = self._negotiation.transport_mid
        candidates = tuple(candidate.to_sdp() for candidate in self._candidates)
        complete = self.state is IceGatheringState.COMPLETE
        media = tuple(
            replace(section, candidates=candidates, end_of_candidates=complete)
            if section.mid == carrier
            else section
            for section in parsed.media
        )
        text = serialize_description(replace(parsed, media=media))
        return SessionDescription(self._negotiation.local_type, text)

    def _set_state(self, state: IceGatheringState) -> None:
        if state is not self.state:
            self.state = state
            self._events.append(IceGatheringStateChanged(state))
