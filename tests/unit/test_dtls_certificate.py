from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from triortc.protocol.dtls.certificate import Certificate, KeyAlgorithm, fingerprint, strongest_fingerprints
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


def test_an_rsa_certificate_has_2048_bits() -> None:
    parsed, key = Certificate.generate(unix_time=UNIX_TIME, algorithm=KeyAlgorithm.RSA_2048).load()
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2048
    assert parsed.public_key() == key.public_key()


def test_what_was_saved_is_loaded_again() -> None:
    assert Certificate.from_pem(CERTIFICATE.to_pem()) == CERTIFICATE
    assert Certificate.from_pem(CERTIFICATE.private_key_pem + CERTIFICATE.certificate_pem) == CERTIFICATE
    assert Certificate.from_pem(b"a note\n" + CERTIFICATE.to_pem().replace(b"\n", b"\r\n")) == CERTIFICATE


def test_of_a_chain_the_first_certificate_counts() -> None:
    other = Certificate.generate(unix_time=UNIX_TIME)
    chain = CERTIFICATE.certificate_pem + other.certificate_pem + CERTIFICATE.private_key_pem
    assert Certificate.from_pem(chain) == CERTIFICATE


def test_a_key_in_the_form_of_openssl_ecparam_is_loaded() -> None:
    key = CERTIFICATE.load()[1].private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    assert Certificate.from_pem(parameters + key + CERTIFICATE.certificate_pem) == CERTIFICATE


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nothing",
        CERTIFICATE.certificate_pem,
        CERTIFICATE.private_key_pem,
        CERTIFICATE.to_pem()[:-40],
        CERTIFICATE.to_pem().replace(b"M", b"-"),
        b"x" * 100_000 + CERTIFICATE.to_pem(),
        CERTIFICATE.certificate_pem + Certificate.generate(unix_time=UNIX_TIME).private_key_pem,
        CERTIFICATE.certificate_pem
        + CERTIFICATE.load()[1].private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
        ),
    ],
)
def test_what_does_not_hold_a_certificate_and_its_open_key_is_refused(data: bytes) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        Certificate.from_pem(data)
    assert "BEGIN" not in str(caught.value)


@given(st.binary(max_size=200), st.integers(0, 900))
def test_a_damaged_file_is_refused_and_nothing_else(damage: bytes, at: int) -> None:
    data = CERTIFICATE.to_pem()
    try:
        Certificate.from_pem(data[:at] + damage + data[at + len(damage) :])
    except LocalProtocolError:
        pass


def test_a_short_rsa_key_is_refused() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(LocalProtocolError, match="2048"):
        Certificate(CERTIFICATE.certificate_pem, pem).load()


def test_a_certificate_is_refused_once_it_has_expired() -> None:
    short = Certificate.generate(unix_time=UNIX_TIME, lifetime=timedelta(hours=1))
    assert short.expires == UNIX_TIME + 3600
    short.check_not_expired(UNIX_TIME + 3600)
    with pytest.raises(LocalProtocolError, match="expired on 2023-11-14"):
        short.check_not_expired(UNIX_TIME + 3601)
