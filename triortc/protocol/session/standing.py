"""Where offer and answer stand: frozen, so that a description replaces it as a whole or not at all."""

from dataclasses import dataclass

from triortc.protocol.sdp.description import ParsedDescription, SessionDescription

from .answering import OfferedSection
from .bundle import RemoteTransport
from .events import SignalingState
from .numbers import ExtensionIds, PayloadTypes
from .sections import LocalTransport, SectionPlan


@dataclass(frozen=True, slots=True)
class Agreement:
    """A finished exchange, or a provisional one.

    Attributes:
      transport: the remote's transport.
      offered: whether this side made the offer, and so has the controlling ICE role.
      dtls_client: whether this side opens the DTLS handshake.
    """

    transport: RemoteTransport
    offered: bool
    dtls_client: bool


@dataclass(frozen=True, slots=True)
class Applied:
    """A description that was set.

    Attributes:
      description: as it was set.
      parsed: what it says.
    """

    description: SessionDescription
    parsed: ParsedDescription


@dataclass(frozen=True, slots=True)
class Created:
    """A description that was created and may be set.

    Attributes:
      applied: what it will be once it is set.
      plans: its sections.
      payload_types, extension_ids, next_mid, transport: see :class:`Standing`; those of it.
    """

    applied: Applied
    plans: tuple[SectionPlan, ...]
    payload_types: PayloadTypes
    extension_ids: ExtensionIds
    next_mid: int
    transport: LocalTransport


@dataclass(frozen=True, slots=True)
class Standing:
    """Where offer and answer stand.

    Attributes:
      state: the signaling state.
      transport: this side's newest credentials.
      payload_types, extension_ids: the numbers in use; never changed in place.
      next_mid: the least number that no section of this side's making was named by.
      sections: what the last exchange agreed on.
      planned: what this side's pending offer wants.
      offered: what the remote's pending offer wants.
      offered_transport: the transport that it names.
      agreed: the remote's transport in use.
      current_local, pending_local, current_remote, pending_remote: the four descriptions of W3C
        webrtc §4.4.1.1.
    """

    state: SignalingState
    transport: LocalTransport
    payload_types: PayloadTypes
    extension_ids: ExtensionIds
    next_mid: int = 0
    sections: tuple[SectionPlan, ...] = ()
    planned: tuple[SectionPlan, ...] = ()
    offered: tuple[OfferedSection, ...] = ()
    offered_transport: RemoteTransport | None = None
    agreed: RemoteTransport | None = None
    current_local: Applied | None = None
    pending_local: Applied | None = None
    current_remote: Applied | None = None
    pending_remote: Applied | None = None
