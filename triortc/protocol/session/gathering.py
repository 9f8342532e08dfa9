"""This side's candidates: found so far, described, and when there will be no more."""

from collections import deque
from dataclasses import dataclass, field, replace

from triortc.protocol.ice.candidate import IceCandidate
from triortc.protocol.sdp.description import SessionDescription, serialize_description

from .connectivity import Connectivity
from .events import IceGatheringState, IceGatheringStateChanged, LocalCandidateFound, SessionEvent
from .negotiation import Negotiation
from .standing import Applied

MAX_LOCAL_CANDIDATES = 32


@dataclass(slots=True)
class _Generation:
    """What was gathered under one user name fragment."""

    candidates: list[IceCandidate] = field(default_factory=list)
    all_bases_known: bool = False
    complete: bool = False


class Gathering:
    """What ICE gathers, put into the words of a description.

    Attributes:
      state: W3C's ``iceGatheringState``, of the newest generation.
      ufrag: the user name fragment of the generation that is being gathered.
    """

    def __init__(self, ice: Connectivity, negotiation: Negotiation, events: deque[SessionEvent]) -> None:
        self.state: IceGatheringState = IceGatheringState.NEW
        self.ufrag: str = ice.local_parameters.ufrag
        self._ice = ice
        self._negotiation = negotiation
        self._events = events
        self._generations = {self.ufrag: _Generation()}

    @property
    def _generation(self) -> _Generation:
        return self._generations[self.ufrag]

    def knows(self, ufrag: str) -> bool:
        """Return whether a generation is being gathered, or was."""
        return ufrag in self._generations

    def follow(self, ufrag: str, kept: set[str]) -> None:
        """Gather for another generation, or go back to an earlier one.

        Args:
          ufrag: which.
          kept: those that may be gone back to.
        """
        self._generations.setdefault(ufrag, _Generation())
        self._generations = {
            name: generation
            for name, generation in self._generations.items()
            if name == ufrag or name in kept
        }
        self.ufrag = ufrag
        done = self._generation.complete
        self._set_state(IceGatheringState.COMPLETE if done else IceGatheringState.GATHERING)

    def begin(self) -> None:
        """A socket was added."""
        self._set_state(IceGatheringState.GATHERING)

    def end_of_bases(self) -> None:
        """No socket and no server will be added any more."""
        self._generation.all_bases_known = True

    def add(self, candidate: IceCandidate) -> None:
        """Tell of a candidate; beyond the 32nd of a generation they are not worth their checks."""
        candidates = self._generation.candidates
        if len(candidates) >= MAX_LOCAL_CANDIDATES:
            return
        index, mid = self._negotiation.standing.carrier or (None, None)
        candidate = replace(candidate, sdp_mid=mid, sdp_m_line_index=index, username_fragment=self.ufrag)
        candidates.append(candidate)
        self._events.append(LocalCandidateFound(candidate))

    def check_complete(self) -> None:
        """Say so, once, when no candidate can come any more."""
        generation = self._generation
        if not generation.all_bases_known or generation.complete or self._ice.gathering:
            return
        generation.complete = True
        self._events.append(LocalCandidateFound(None))
        self._set_state(IceGatheringState.COMPLETE)

    def describe(self, applied: Applied | None) -> SessionDescription | None:
        """Return a local description with the candidates found so far for its generation."""
        if applied is None:
            return None
        media = list(applied.parsed.media)
        index = next((index for index, section in enumerate(media) if not section.rejected), None)
        if index is not None:
            generation = self._generations.get(media[index].ice_ufrag or "", _Generation())
            media[index] = replace(
                media[index],
                candidates=tuple(candidate.to_sdp() for candidate in generation.candidates),
                end_of_candidates=generation.complete,
            )
        text = serialize_description(replace(applied.parsed, media=tuple(media)))
        return SessionDescription(applied.description.type, text)

    def _set_state(self, state: IceGatheringState) -> None:
        if state is not self.state:
            self.state = state
            self._events.append(IceGatheringStateChanged(state))
