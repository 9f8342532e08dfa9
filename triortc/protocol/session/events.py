"""What a session tells its driver, and the states it can be in."""

import enum
from dataclasses import dataclass
from typing import TypeAlias

from triortc.protocol.ice.candidate import IceCandidate
from triortc.protocol.wire.machine import Address

from .receiving import FrameReceived, PacketsReceived
from .transceiver import Transceiver


class SignalingState(enum.Enum):
    """The progress of offer and answer (W3C ``RTCSignalingState``)."""

    STABLE = "stable"
    HAVE_LOCAL_OFFER = "have-local-offer"
    HAVE_REMOTE_OFFER = "have-remote-offer"
    HAVE_LOCAL_PRANSWER = "have-local-pranswer"
    HAVE_REMOTE_PRANSWER = "have-remote-pranswer"
    CLOSED = "closed"


class ConnectionState(enum.Enum):
    """ICE and DTLS in one word (W3C ``RTCPeerConnectionState``)."""

    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    FAILED = "failed"
    CLOSED = "closed"


class IceGatheringState(enum.Enum):
    """The progress of gathering (W3C ``RTCIceGatheringState``)."""

    NEW = "new"
    GATHERING = "gathering"
    COMPLETE = "complete"


class CloseReason(enum.Enum):
    """Why a peer has ended."""

    LOCAL = "closed by this side"
    REMOTE = "closed by the remote side"
    ICE_FAILED = "no network path to the remote side"
    CONSENT_LOST = "the remote side fell silent"
    DTLS_FAILED = "the DTLS handshake failed"

    @property
    def is_failure(self) -> bool:
        """Whether the peer ended against both sides' will."""
        return self not in (CloseReason.LOCAL, CloseReason.REMOTE)


@dataclass(frozen=True, slots=True)
class SignalingStateChanged:
    """Offer or answer has been applied."""

    state: SignalingState


@dataclass(frozen=True, slots=True)
class ConnectionStateChanged:
    """The transport as a whole has moved on."""

    state: ConnectionState


@dataclass(frozen=True, slots=True)
class IceGatheringStateChanged:
    """Gathering has begun or ended."""

    state: IceGatheringState


@dataclass(frozen=True, slots=True)
class LocalCandidateFound:
    """A candidate to tell the remote side; None ends the generation."""

    candidate: IceCandidate | None


@dataclass(frozen=True, slots=True)
class AddressChecked:
    """Datagrams between these two addresses belong to this session."""

    local: Address
    remote: Address


@dataclass(frozen=True, slots=True)
class NegotiationNeeded:
    """The transceivers differ from what was negotiated (W3C ``negotiationneeded``)."""


@dataclass(frozen=True, slots=True)
class SendersChanged:
    """Which media sections may send, or with which codec, may have changed."""


@dataclass(frozen=True, slots=True)
class TransceiverAdded:
    """A remote offer has a media section that no transceiver was there for."""

    transceiver: Transceiver


@dataclass(frozen=True, slots=True)
class TransceiverRemoved:
    """The offer that created a transceiver was rolled back; it never was."""

    transceiver: Transceiver


@dataclass(frozen=True, slots=True)
class TransceiverStopped:
    """A transceiver has ended for good; its media section will carry another one."""

    transceiver: Transceiver


@dataclass(frozen=True, slots=True)
class RemoteTrackAdded:
    """The remote side sends, or will (W3C ``track``)."""

    transceiver: Transceiver


@dataclass(frozen=True, slots=True)
class RemoteTrackRemoved:
    """The remote side sends no more (W3C: the track is muted)."""

    transceiver: Transceiver


@dataclass(frozen=True, slots=True)
class IceRestarted:
    """A new generation of ICE was begun: it wants the host addresses again.

    Attributes:
      ufrag: its local user name fragment.
    """

    ufrag: str


@dataclass(frozen=True, slots=True)
class IceRestartRolledBack:
    """The new generation was given up.

    Attributes:
      ufrag: its local user name fragment.
    """

    ufrag: str


@dataclass(frozen=True, slots=True)
class KeyframeRequested:
    """The remote side asked for a keyframe by PLI or FIR."""

    mid: str
    rid: str | None = None


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The session is over. Nothing is sent after what is queued now.

    Attributes:
      reason: why.
      detail: a sentence for the log, or the empty string.
    """

    reason: CloseReason
    detail: str = ""


SessionEvent: TypeAlias = (
    SignalingStateChanged
    | ConnectionStateChanged
    | IceGatheringStateChanged
    | LocalCandidateFound
    | AddressChecked
    | NegotiationNeeded
    | SendersChanged
    | TransceiverAdded
    | TransceiverRemoved
    | TransceiverStopped
    | RemoteTrackAdded
    | RemoteTrackRemoved
    | IceRestarted
    | IceRestartRolledBack
    | KeyframeRequested
    | FrameReceived
    | PacketsReceived
    | SessionEnded
)
