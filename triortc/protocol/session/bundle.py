"""What a remote description says as a whole: its one transport, and the order of its sections."""

from collections.abc import Sequence
from dataclasses import dataclass

from triortc.protocol.dtls.certificate import strongest_fingerprints
from triortc.protocol.sdp.description import Fingerprint, MediaDescription, ParsedDescription
from triortc.protocol.wire.errors import RemoteProtocolError

from .sections import SectionPlan


@dataclass(frozen=True, slots=True)
class RemoteTransport:
    """What a remote description says of its one, bundled transport.

    Attributes:
      ufrag: the remote's ICE user name fragment.
      pwd: its ICE password.
      lite: whether it is an ICE-lite agent.
      fingerprints: digests of its certificate.
      active: whether the remote opens the DTLS handshake; None when it leaves the choice.
    """

    ufrag: str
    pwd: str
    lite: bool
    fingerprints: tuple[Fingerprint, ...]
    active: bool | None

    @property
    def credentials(self) -> tuple[str, str]:
        """The user name fragment and the password: another pair is an ICE restart."""
        return self.ufrag, self.pwd


def read_transport(media: MediaDescription, *, lite: bool, answered: bool) -> RemoteTransport:
    """Return the transport that a media section names.

    Args:
      media: the first section that is served, whose transport carries all.
      lite: whether the remote is an ICE-lite agent.
      answered: whether it is a section of an answer, which leaves nothing open.

    Raises:
      RemoteProtocolError: if credentials or fingerprints are missing, or ``a=setup`` is no choice.
    """
    if not media.ice_ufrag or not media.ice_pwd:
        raise RemoteProtocolError("the description has no ICE credentials")
    if strongest_fingerprints((print.algorithm, print.value) for print in media.fingerprints) is None:
        raise RemoteProtocolError("the description has no sha-256, sha-384 or sha-512 fingerprint")
    if media.setup == "holdconn" or (answered and media.setup == "actpass"):
        raise RemoteProtocolError(f"a=setup:{media.setup} is not possible")
    return RemoteTransport(
        ufrag=media.ice_ufrag,
        pwd=media.ice_pwd,
        lite=lite,
        fingerprints=media.fingerprints,
        active={"active": True, "passive": False}.get(media.setup or ""),
    )


def name_sections(parsed: ParsedDescription, known: Sequence[SectionPlan]) -> tuple[str, ...]:
    """Return the mid of each section; one without ``a=mid`` goes by its place.

    Args:
      parsed: a remote description.
      known: the sections before it.

    Raises:
      RemoteProtocolError: if sections have not kept their order and meaning (RFC 3264 §8).
    """
    if not parsed.media:
        raise RemoteProtocolError("the description has no media section")
    if len(parsed.media) < len(known):
        raise RemoteProtocolError("media sections have disappeared")
    mids = tuple(_name(media, index, known) for index, media in enumerate(parsed.media))
    if len(set(mids)) != len(mids):
        raise RemoteProtocolError("two media sections have one mid")
    for plan, media, mid in zip(known, parsed.media, mids, strict=False):
        # A rejected section may be taken over by another one (RFC 9429 §5.2.2).
        if not plan.rejected and not media.rejected and (mid, media.kind) != (plan.mid, plan.kind):
            raise RemoteProtocolError(f"media section {plan.mid} has become another one")
    return mids


def _name(media: MediaDescription, index: int, known: Sequence[SectionPlan]) -> str:
    if media.mid is not None:
        return media.mid
    return known[index].mid if index < len(known) else str(index)
