"""Two DTLS transports joined by a perfect wire, for tests."""

from collections.abc import Sequence

from triortc.protocol.dtls.certificate import Certificate
from triortc.protocol.dtls.transport import DtlsApplicationData, DtlsIdentity, DtlsRole, DtlsTransport
from triortc.protocol.wire.srtp_profile import SrtpProfile

GCM = SrtpProfile.AEAD_AES_128_GCM
AES_CM = SrtpProfile.AES_CM_128_HMAC_SHA1_80
BOTH = (GCM, AES_CM)

Fingerprints = Sequence[tuple[str, str]]


class Pair:
    """A client and a server that trust each other, unless told otherwise."""

    def __init__(
        self,
        *,
        client_certificate: Certificate | DtlsIdentity | None = None,
        server_certificate: Certificate | DtlsIdentity | None = None,
        client_trusts: Fingerprints | None = None,
        server_trusts: Fingerprints | None = None,
        client_profiles: Sequence[SrtpProfile] = BOTH,
        server_profiles: Sequence[SrtpProfile] = BOTH,
    ) -> None:
        mine = client_certificate or Certificate.generate(unix_time=1.7e9)
        theirs = server_certificate or Certificate.generate(unix_time=1.7e9)
        self.client = DtlsTransport(
            certificate=mine,
            role=DtlsRole.CLIENT,
            remote_fingerprints=client_trusts or theirs.fingerprints,
            srtp_profiles=client_profiles,
        )
        self.server = DtlsTransport(
            certificate=theirs,
            role=DtlsRole.SERVER,
            remote_fingerprints=server_trusts or mine.fingerprints,
            srtp_profiles=server_profiles,
        )

    def start(self, now: float = 0.0) -> None:
        self.server.start(now)
        self.client.start(now)

    def shuttle(self, now: float = 0.0) -> None:
        """Deliver datagrams both ways until nobody has anything to say."""
        while self.client.datagrams or self.server.datagrams:
            deliver(self.client, self.server, now)
            deliver(self.server, self.client, now)

    def connect(self) -> "Pair":
        self.start()
        self.shuttle()
        return self


def deliver(sender: DtlsTransport, receiver: DtlsTransport, now: float = 0.0) -> list[bytes]:
    """Move what *sender* has queued, and return it."""
    moved = list(sender.datagrams)
    sender.datagrams.clear()
    for datagram in moved:
        receiver.receive_datagram(datagram, now)
    return moved


def heard(transport: DtlsTransport) -> list[bytes]:
    """Return the application data among the events."""
    return [event.data for event in transport.events if isinstance(event, DtlsApplicationData)]


def reason(transport: DtlsTransport) -> str | None:
    """Return why the last state was entered."""
    event = transport.events[-1]
    assert not isinstance(event, DtlsApplicationData)
    return event.reason
