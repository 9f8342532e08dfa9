"""Which certificate a peer shows, made ready for OpenSSL once a run where that saves time."""

from datetime import timedelta

import trio

from triortc.protocol.dtls.certificate import LIFETIME, Certificate
from triortc.protocol.dtls.transport import DtlsIdentity

from .config import PeerConfig

MAX_IDENTITIES = 8
"""Certificates of configurations that are kept ready for the next peer."""

MIN_VALIDITY = LIFETIME - timedelta(days=1)
"""How long a certificate that many peers show must still be valid."""


class Identities:
    """The certificates of a run: those that configurations name, and one for shared ports."""

    def __init__(self) -> None:
        self._named: dict[Certificate, DtlsIdentity] = {}
        self._shared: DtlsIdentity | None = None

    def choose(self, config: PeerConfig, unix_time: float, *, shared: bool) -> DtlsIdentity:
        """Return what a new peer shows.

        Args:
          config: the peer's.
          unix_time: the wall clock, seconds since 1970.
          shared: the peer shares its port with others, which show that they are of one server
            anyway; a peer alone is not to be recognized by its certificate (RFC 8827 §6.5).

        Raises:
          LocalProtocolError: a certificate of *config* has expired, or is none.
        """
        for certificate in config.certificates:
            certificate.check_not_expired(unix_time)
        if config.certificates:
            return self._prepare(config.certificates[0])
        if not shared:
            return DtlsIdentity(Certificate.generate(unix_time=unix_time))
        return self._share(unix_time)

    def _prepare(self, certificate: Certificate) -> DtlsIdentity:
        identity = self._named.pop(certificate, None) or DtlsIdentity(certificate)
        self._named[certificate] = identity  # the last one used is the last one to go
        if len(self._named) > MAX_IDENTITIES:
            del self._named[next(iter(self._named))]
        return identity

    def _share(self, unix_time: float) -> DtlsIdentity:
        due = unix_time + MIN_VALIDITY.total_seconds()
        if self._shared is None or self._shared.certificate.expires < due:
            self._shared = DtlsIdentity(Certificate.generate(unix_time=unix_time))
        return self._shared


_identities: trio.lowlevel.RunVar[Identities] = trio.lowlevel.RunVar("triortc identities")


def current_identities() -> Identities:
    """Return those of this run."""
    try:
        return _identities.get()
    except LookupError:
        identities = Identities()
        _identities.set(identities)
        return identities
