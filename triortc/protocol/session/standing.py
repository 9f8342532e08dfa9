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

    @property
    def local(self) -> Applied | None:
        """The pending local description, else the current one."""
        return self.pending_local or self.current_local

    @property
    def remote(self) -> Applied | None:
        """The pending remote description, else the current one."""
        return self.pending_remote or self.current_remote

    @property
    def remote_transport(self) -> RemoteTransport | None:
        """The transport of the last remote description."""
        return self.offered_transport if self.state is SignalingState.HAVE_REMOTE_OFFER else self.agreed

    @property
    def described_ufrags(self) -> list[str]:
        """The user name fragments of the current local description and, last, of the pending one."""
        applied = (self.current_local, self.pending_local)
        sections = [media for each in applied if each is not None for media in each.parsed.media]
        return [media.ice_ufrag for media in sections if media.ice_ufrag is not None]

    @property
    def carrier(self) -> tuple[int, str | None] | None:
        """The place and the mid of the media section that carries the transport, and so the candidates."""
        sections = () if self.local is None else self.local.parsed.media
        served = ((index, media.mid) for index, media in enumerate(sections) if not media.rejected)
        return next(served, None)
