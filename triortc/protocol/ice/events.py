"""What an ICE agent says: states, events, counters (W3C webrtc, RFC 8445)."""

import enum
from dataclasses import dataclass
from typing import TypeAlias

from triortc.protocol.wire.entropy import Entropy, random_ice_string
from triortc.protocol.wire.machine import Address

from .candidate import IceCandidate
from .checklist import CandidatePair


class IceRole(enum.Enum):
    """Who nominates; W3C ``RTCIceRole``."""

    CONTROLLING = "controlling"
    CONTROLLED = "controlled"

    @property
    def opposite(self) -> "IceRole":
        """The role of the other side."""
        return IceRole.CONTROLLED if self is IceRole.CONTROLLING else IceRole.CONTROLLING


class IceState(enum.Enum):
    """W3C ``RTCIceTransportState``."""

    NEW = "new"
    CHECKING = "checking"
    CONNECTED = "connected"
    COMPLETED = "completed"
    DISCONNECTED = "disconnected"
    FAILED = "failed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class IceParameters:
    """The credentials of one side (W3C ``RTCIceParameters``).

    Attributes:
      ufrag: ``a=ice-ufrag``.
      pwd: ``a=ice-pwd``, a secret.
    """

    ufrag: str
    pwd: str

    @classmethod
    def draw(cls, entropy: Entropy) -> "IceParameters":
        """Return fresh ones (RFC 8445 §5.3)."""
        return cls(random_ice_string(entropy, 8), random_ice_string(entropy, 24))

    def __repr__(self) -> str:
        return "IceParameters(…)"


@dataclass(frozen=True, slots=True)
class LocalCandidate:
    """A candidate to tell the remote of; *base* is the address of its socket."""

    candidate: IceCandidate
    base: Address


@dataclass(frozen=True, slots=True)
class GatheringDone:
    """No STUN server is asked any more; it may come again when another one is."""


@dataclass(frozen=True, slots=True)
class AddressChecked:
    """Datagrams from *remote* to *local* may be believed to be the peer's from now on."""

    local: Address
    remote: Address


@dataclass(frozen=True, slots=True)
class PairSelected:
    """Send to this pair from now on."""

    pair: CandidatePair


@dataclass(frozen=True, slots=True)
class PairLost:
    """Send nowhere until a pair is selected again; said only while a restart is under way."""


@dataclass(frozen=True, slots=True)
class IceStateChanged:
    """The state is another one."""

    state: IceState


IceEvent: TypeAlias = (
    LocalCandidate | GatheringDone | AddressChecked | PairSelected | PairLost | IceStateChanged
)


@dataclass(slots=True)
class IceCounters:
    """How often what happened; nothing that the network sends is ever raised.

    Attributes:
      malformed: datagrams that are no well-formed Binding message.
      unauthenticated: messages whose name or integrity is wrong or missing; they got no answer.
      unknown_transaction: answers to nothing that was asked, or from another address.
      unknown_base: datagrams for a socket that is not of this agent, or after its end.
      indications: Binding indications, which mean nothing here.
      role_conflicts: checks that claimed our role, and 487 answers.
      refused: authentic error answers other than 487.
      ignored_candidates: remote candidates that name no usable address, or too many.
      requests_received: authentic checks.
      responses_sent: answers to them.
      requests_sent: checks and consent checks, each send.
      responses_received: authentic success answers.
      consent_requests_sent: consent checks.
    """

    malformed: int = 0
    unauthenticated: int = 0
    unknown_transaction: int = 0
    unknown_base: int = 0
    indications: int = 0
    role_conflicts: int = 0
    refused: int = 0
    ignored_candidates: int = 0
    requests_received: int = 0
    responses_sent: int = 0
    requests_sent: int = 0
    responses_received: int = 0
    consent_requests_sent: int = 0
