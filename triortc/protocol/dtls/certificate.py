"""The certificate that names an endpoint, and the fingerprints that vouch for it."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from triortc.protocol.wire.entropy import SystemEntropy
from triortc.protocol.wire.errors import LocalProtocolError

LIFETIME = timedelta(days=30)
CLOCK_SKEW = timedelta(days=1)
"""How far back a certificate is dated, for peers whose clock is slow."""

HashAlgorithm: TypeAlias = Literal["sha-512", "sha-384", "sha-256"]
HASH_ALGORITHMS: tuple[HashAlgorithm, ...] = ("sha-512", "sha-384", "sha-256")
"""The hash functions whose fingerprints are believed, the strongest first.

RFC 8122 §5 knows sha-1, md5 and md2 as well; a collision in those is within reach.
"""

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its private key (W3C ``RTCCertificate``).

    It is inert: it may be made once, kept in a file, and used by any number of peers
    in any number of runs and threads.

    Attributes:
      certificate_pem: the X.509 certificate.
      private_key_pem: its key, PKCS #8 without a password. A ``repr`` never shows it.
    """

    certificate_pem: bytes = field(repr=False)
    private_key_pem: bytes = field(repr=False)

    @classmethod
    def generate(cls, *, unix_time: float) -> "Certificate":
        """Return a new self-signed ECDSA P-256 certificate, valid for 30 days.

        Its name and serial number are random, so that it tells nothing about where it
        is used (RFC 8827 §6.5).

        Args:
          unix_time: the wall clock, seconds since 1970.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        common_name = SystemEntropy().token_bytes(16).hex()
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
        now = datetime.fromtimestamp(unix_time, UTC)
        builder = x509.CertificateBuilder(
            issuer_name=name,
            subject_name=name,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - CLOCK_SKEW,
            not_valid_after=now + LIFETIME,
        )
        return cls(
            certificate_pem=builder.sign(key, SHA256()).public_bytes(Encoding.PEM),
            private_key_pem=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        )

    @property
    def fingerprints(self) -> tuple[tuple[str, str], ...]:
        """Hash algorithm and ``AA:BB:…`` of each ``a=fingerprint`` to offer (RFC 8122 §5)."""
        der = self.load()[0].public_bytes(Encoding.DER)
        return (("sha-256", fingerprint(der, "sha-256")),)

    @property
    def expires(self) -> float:
        """When the certificate ceases to be valid, seconds since 1970."""
        return self.load()[0].not_valid_after_utc.timestamp()

    def load(self) -> tuple[x509.Certificate, PrivateKey]:
        """Return the certificate and its key as objects.

        Raises:
          LocalProtocolError: the PEM text holds no certificate, or a key that is
            neither ECDSA nor RSA.
        """
        try:
            certificate = x509.load_pem_x509_certificate(self.certificate_pem)
            key = load_pem_private_key(self.private_key_pem, password=None)
        except (ValueError, TypeError) as error:
            raise LocalProtocolError(f"not a certificate with its key in PEM form: {error}") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise LocalProtocolError(f"DTLS needs an ECDSA or RSA key, not {type(key).__name__}")
        return certificate, key


def fingerprint(der: bytes, algorithm: HashAlgorithm) -> str:
    """Return the fingerprint of a DER certificate: upper-case hex with colons."""
    return hashlib.new(algorithm.replace("-", ""), der).digest().hex(":").upper()


def strongest_fingerprints(
    fingerprints: Iterable[tuple[str, str]],
) -> tuple[HashAlgorithm, frozenset[str]] | None:
    """Return the strongest known hash function among *fingerprints*, and its values.

    A certificate must match one of these; weaker ones no longer count, lest they be a
    way around the strong one (RFC 8122 §5). None: there is no usable fingerprint.
    """
    pairs = [(name.lower(), value.upper()) for name, value in fingerprints]
    for algorithm in HASH_ALGORITHMS:
        values = frozenset(value for name, value in pairs if name == algorithm)
        if values:
            return algorithm, values
    return None
