"""What a peer is told before it opens; inert, to be written at module level."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from triortc.protocol.dtls.certificate import LIFETIME, Certificate, KeyAlgorithm
from triortc.protocol.wire.errors import LocalProtocolError
from triortc.protocol.wire.machine import Address

DEFAULT_STUN_PORT = 3478


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN server (W3C ``RTCIceServer``).

    Attributes:
      urls: one or several ``stun:host[:port]`` (RFC 7064).

    Raises:
      LocalProtocolError: for any other URL; TURN is not supported yet.
    """

    urls: str | Sequence[str]

    def __post_init__(self) -> None:
        self.addresses()

    def addresses(self) -> list[Address]:
        """Return host name and port of each URL."""
        urls = [self.urls] if isinstance(self.urls, str) else list(self.urls)
        return [_parse_stun_url(url) for url in urls]


def _parse_stun_url(url: str) -> Address:
    scheme, colon, rest = url.partition(":")
    if scheme.lower() != "stun" or not colon or not rest or "?" in rest:
        raise LocalProtocolError(f"not a stun: URL: {url!r}")
    if rest.startswith("["):
        host, bracket, port = rest[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            raise LocalProtocolError(f"not a stun: URL: {url!r}")
        port = port[1:]
    else:
        host, _, port = rest.partition(":")
    if not host or (port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536)):
        raise LocalProtocolError(f"not a stun: URL: {url!r}")
    return (host, int(port) if port else DEFAULT_STUN_PORT)


@dataclass(frozen=True, slots=True)
class PeerConfig:
    """How a peer connects (W3C ``RTCConfiguration``).

    Attributes:
      ice_servers: STUN servers to learn server-reflexive candidates from.
      certificates: the DTLS certificate to show; without one, a peer with its own sockets makes a
        fresh one, and those which share a port show one that is renewed now and then. Of several
        the first is shown and the others are ignored, as in browsers: name an RSA certificate
        first, or alone, for remote peers that know nothing else.
    """

    ice_servers: tuple[IceServer, ...] = ()
    certificates: tuple[Certificate, ...] = ()

    def changed_to(self, new: "PeerConfig") -> "PeerConfig":
        """Return what a live peer of this configuration has after it is given *new* (W3C webrtc §4.4.1.6).

        ICE servers may change, and are asked by the next gathering, such as that of an ICE
        restart. Certificates stay as they were: *new* names the same, or none.

        Raises:
          LocalProtocolError: *new* names other certificates (W3C ``InvalidModificationError``).
        """
        if new.certificates and new.certificates != self.certificates:
            raise LocalProtocolError("the certificates of a peer cannot change")
        return replace(new, certificates=self.certificates)


def generate_certificate(
    algorithm: KeyAlgorithm = KeyAlgorithm.ECDSA_P256, *, lifetime: timedelta = LIFETIME
) -> Certificate:
    """Return a new self-signed certificate (W3C ``RTCPeerConnection.generateCertificate``).

    Args:
      algorithm: ECDSA P-256 takes 0.2 ms. RSA 2048, for remote peers that know nothing else,
        takes 0.1 s and more: make it before the loop runs, or in a thread, and keep it.
      lifetime: how long it is valid.
    """
    return Certificate.generate(
        unix_time=datetime.now(UTC).timestamp(), algorithm=algorithm, lifetime=lifetime
    )
