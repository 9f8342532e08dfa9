from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from triortc.protocol.dtls.certificate import Certificate, fingerprint, strongest_fingerprints
from triortc.protocol.wire.errors import LocalProtocolError

UNIX_TIME = 1_700_000_000.0
CERTIFICATE = Certificate.generate(unix_time=UNIX_TIME)


def der_of(certificate: Certificate) -> bytes:
    return certificate.load()[0].public_bytes(Encoding.DER)


def test_a_generated_certificate_is_ecdsa_p256_and_valid_for_thirty_days() -> None:
    parsed, key = CERTIFICATE.load()
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.curve.name == "secp256r1"
    assert parsed.public_key() == key.public_key()
    assert CERTIFICATE.expires == UNIX_TIME + 30 * 86_400
    assert parsed.not_valid_before_utc < datetime.fromtimestamp(UNIX_TIME, UTC)


def test_names_and_serial_numbers_are_never_the_same_twice() -> None:
    first, second = CERTIFICATE.load()[0], Certificate.generate(unix_time=UNIX_TIME).load()[0]
    assert first.subject == first.issuer
    assert first.subject != second.subject
    assert first.serial_number != second.serial_number


def test_the_fingerprint_is_upper_case_hex_with_colons() -> None:
    ((algorithm, value),) = CERTIFICATE.fingerprints
    assert algorithm == "sha-256"
    assert value == fingerprint(der_of(CERTIFICATE), "sha-256")
    assert len(value) == 32 * 3 - 1
    assert set(value) <= set("0123456789ABCDEF:")


def test_the_known_hash_functions_give_digests_of_their_lengths() -> None:
    der = der_of(CERTIFICATE)
    lengths = [len(fingerprint(der, name).split(":")) for name in ("sha-256", "sha-384", "sha-512")]
    assert lengths == [32, 48, 64]


def test_the_strongest_hash_function_alone_counts() -> None:
    chosen = strongest_fingerprints(
        [("sha-256", "aa"), ("SHA-512", "bb"), ("sha-1", "cc"), ("sha-512", "dd")]
    )
    assert chosen == ("sha-512", {"BB", "DD"})


def test_broken_hash_functions_are_no_fingerprint() -> None:
    assert strongest_fingerprints([("sha-1", "AA"), ("md5", "BB")]) is None
    assert strongest_fingerprints([]) is None


def test_a_repr_shows_no_key() -> None:
    assert "PRIVATE" not in repr(CERTIFICATE)
    assert "BEGIN" not in f"{CERTIFICATE}"


def test_a_certificate_is_a_value() -> None:
    copy = Certificate(CERTIFICATE.certificate_pem, CERTIFICATE.private_key_pem)
    assert copy == CERTIFICATE
    assert hash(copy) == hash(CERTIFICATE)


def test_something_else_than_pem_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="PEM"):
        Certificate(b"not a certificate", b"not a key").load()


def test_a_key_that_dtls_1_2_browsers_cannot_use_is_refused() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(LocalProtocolError, match="ECDSA or RSA"):
        Certificate(CERTIFICATE.certificate_pem, pem).load()


def test_the_certificate_is_one_that_x509_parsers_take() -> None:
    assert x509.load_der_x509_certificate(der_of(CERTIFICATE)).version is x509.Version.v3
