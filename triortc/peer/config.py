"""What a peer is told before it opens; inert, to be written at module level."""

from collections.abc import Sequence
from dataclasses import dataclass

from triortc.protocol.dtls.certificate import Certificate
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
      certificate: the DTLS certificate; None makes a fresh one for each peer.
    """

    ice_servers: tuple[IceServer, ...] = ()
    certificate: Certificate | None = None
