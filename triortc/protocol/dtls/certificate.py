"""The certificate that names an endpoint, and the fingerprints that vouch for it."""

import enum
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
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

MIN_RSA_BITS = 2048
"""OpenSSL and browsers refuse shorter keys."""

MAX_PEM_SIZE = 64 * 1024

HashAlgorithm: TypeAlias = Literal["sha-512", "sha-384", "sha-256"]
HASH_ALGORITHMS: tuple[HashAlgorithm, ...] = ("sha-512", "sha-384", "sha-256")
"""The hash functions whose fingerprints are believed, the strongest first.

RFC 8122 §5 knows sha-1, md5 and md2 as well; a collision in those is within reach.
"""

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_PEM_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----[^-]+-----END \1-----\s*")
_CURVES = frozenset({"secp256r1", "secp384r1"})


class KeyAlgorithm(enum.Enum):
    """What signs a generated certificate (W3C ``AlgorithmIdentifier``)."""

    ECDSA_P256 = "ECDSA P-256"
    RSA_2048 = "RSA 2048"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its private key (W3C ``RTCCertificate``).

    It is inert: it may be made once, kept in a file, and used by any number of peers
    in any number of runs and threads. Who uses one certificate for several peers lets their
    remote sides see that it is one and the same (RFC 8827 §6.5).

    Attributes:
      certificate_pem: the X.509 certificate.
      private_key_pem: its key, PKCS #8 without a password. A ``repr`` never shows it.
    """

    certificate_pem: bytes = field(repr=False)
    private_key_pem: bytes = field(repr=False)

    @classmethod
    def generate(
        cls,
        *,
        unix_time: float,
        algorithm: KeyAlgorithm = KeyAlgorithm.ECDSA_P256,
        lifetime: timedelta = LIFETIME,
    ) -> "Certificate":
        """Return a new self-signed certificate.

        Its name and serial number are random, so that it tells nothing about where it
        is used (RFC 8827 §6.5).

        Args:
          unix_time: the wall clock, seconds since 1970.
          algorithm: ECDSA P-256, in 0.2 ms; RSA 2048, for peers that know nothing else, takes
            0.1 s and more: make it once and keep it.
          lifetime: how long it is valid.
        """
        key = _generate_key(algorithm)
        common_name = SystemEntropy().token_bytes(16).hex()
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
        now = datetime.fromtimestamp(unix_time, UTC)
        builder = x509.CertificateBuilder(
            issuer_name=name,
            subject_name=name,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - CLOCK_SKEW,
            not_valid_after=now + lifetime,
        )
        return cls(builder.sign(key, SHA256()).public_bytes(Encoding.PEM), _write_key(key))

    @classmethod
    def from_pem(cls, data: bytes) -> "Certificate":
        """Read a certificate and its private key, as :meth:`to_pem` or ``openssl req`` writes them.

        Of a chain the first certificate counts.

        Raises:
          LocalProtocolError: *data* does not hold both, they do not belong together, or the key
            is encrypted or of a kind that DTLS cannot use.
        """
        blocks: dict[bytes, bytes] = {}
        for match in _PEM_BLOCK.finditer(data[:MAX_PEM_SIZE]):
            label = b"KEY" if match[1].endswith(b"PRIVATE KEY") else match[1]
            blocks.setdefault(label, match[0].strip() + b"\n")
        certificate, key = cls(blocks.get(b"CERTIFICATE", b""), blocks.get(b"KEY", b"")).load()
        return cls(certificate.public_bytes(Encoding.PEM), _write_key(key))

    def to_pem(self) -> bytes:
        """Return certificate and private key, to be kept in a file that nobody else may read."""
        return self.certificate_pem + self.private_key_pem

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
          LocalProtocolError: the PEM text holds no certificate, or not the key that belongs to
            it, or a key that is neither ECDSA on P-256 or P-384 nor RSA of 2,048 bits or more.
        """
        try:
            certificate = x509.load_pem_x509_certificate(self.certificate_pem)
            key = load_pem_private_key(self.private_key_pem, password=None)
            public_key = certificate.public_key()
        except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
            raise LocalProtocolError(f"not a certificate with its key in PEM form: {error}") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) or not _is_strong(key):
            raise LocalProtocolError("DTLS needs an ECDSA or RSA key: P-256, P-384, or 2048 bits and more")
        if public_key != key.public_key():
            raise LocalProtocolError("the private key is not that of the certificate")
        return certificate, key

    def check_not_expired(self, unix_time: float) -> None:
        """Refuse a certificate that is no longer valid (W3C webrtc §4.4.1.1).

        Raises:
          LocalProtocolError: it has expired at *unix_time*, seconds since 1970.
        """
        if self.expires < unix_time:
            day = datetime.fromtimestamp(self.expires, UTC).date()
            raise LocalProtocolError(f"the certificate expired on {day}")


def _generate_key(algorithm: KeyAlgorithm) -> PrivateKey:
    if algorithm is KeyAlgorithm.RSA_2048:
        return rsa.generate_private_key(public_exponent=65537, key_size=MIN_RSA_BITS)
    return ec.generate_private_key(ec.SECP256R1())


def _write_key(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _is_strong(key: PrivateKey) -> bool:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.key_size >= MIN_RSA_BITS
    return key.curve.name in _CURVES


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
