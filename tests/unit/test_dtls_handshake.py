from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from OpenSSL import SSL
from support.dtls_pair import AES_CM, BOTH, GCM, Pair, deliver, reason

from triortc.protocol.dtls.certificate import Certificate, HashAlgorithm, fingerprint
from triortc.protocol.dtls.records import parse_records_untrusted
from triortc.protocol.dtls.transport import DtlsRole, DtlsState, DtlsStateChanged, DtlsTransport
from triortc.protocol.wire.errors import InvalidStateError, RemoteProtocolError
from triortc.protocol.wire.srtp_profile import SrtpProfile

CERTIFICATE = Certificate.generate(unix_time=1.7e9)
WRONG = Certificate.generate(unix_time=1.7e9).fingerprints


def rsa_certificate() -> Certificate:
    """Return a certificate of the kind, and of the size, that old peers have."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "old " * 15)])
    start = datetime.fromtimestamp(1.7e9, UTC)
    padding = x509.SubjectAlternativeName([x509.DNSName(f"{i}.example") for i in range(100)])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + timedelta(days=1))
    certificate = builder.add_extension(padding, critical=False).sign(key, SHA256())
    return Certificate(
        certificate.public_bytes(Encoding.PEM),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def test_a_handshake_takes_two_round_trips_in_four_datagrams() -> None:
    pair = Pair()
    pair.start()
    flights = []
    while pair.client.datagrams or pair.server.datagrams:
        flights.append(deliver(pair.client, pair.server))
        flights.append(deliver(pair.server, pair.client))
    assert [len(flight) for flight in flights] == [1, 1, 1, 1]
    assert pair.client.state is pair.server.state is DtlsState.CONNECTED


def test_states_are_told_in_order() -> None:
    pair = Pair().connect()
    for transport in (pair.client, pair.server):
        assert list(transport.events) == [
            DtlsStateChanged(DtlsState.CONNECTING),
            DtlsStateChanged(DtlsState.CONNECTED),
        ]


def test_nothing_is_sent_and_no_alarm_is_set_before_the_start() -> None:
    pair = Pair()
    for transport in (pair.client, pair.server):
        assert transport.state is DtlsState.NEW
        assert not transport.datagrams
        assert transport.next_deadline() is None


def test_no_alarm_is_left_after_the_handshake() -> None:
    pair = Pair().connect()
    assert pair.client.next_deadline() is None
    assert pair.server.next_deadline() is None


@pytest.mark.parametrize(
    ("client", "server", "agreed"),
    [(BOTH, BOTH, GCM), ((AES_CM, GCM), BOTH, GCM), ((AES_CM,), BOTH, AES_CM), (BOTH, (AES_CM,), AES_CM)],
)
def test_gcm_is_preferred_and_aes_cm_is_fallen_back_to(
    client: tuple[SrtpProfile, ...], server: tuple[SrtpProfile, ...], agreed: SrtpProfile
) -> None:
    pair = Pair(client_profiles=client, server_profiles=server).connect()
    assert pair.client.srtp_profile is pair.server.srtp_profile is agreed


@pytest.mark.parametrize("profile", list(SrtpProfile))
def test_each_side_sends_with_the_key_that_the_other_receives_with(profile: SrtpProfile) -> None:
    pair = Pair(client_profiles=[profile]).connect()
    client, server = pair.client.export_srtp_keys(), pair.server.export_srtp_keys()
    assert (client.local, client.remote) == (server.remote, server.local)
    assert client.local != client.remote
    assert len(client.local) == profile.key_length + profile.salt_length
    assert repr(client) == "SrtpKeys()"


def test_there_are_no_keys_before_the_handshake_is_done() -> None:
    pair = Pair()
    with pytest.raises(InvalidStateError):
        pair.client.export_srtp_keys()
    pair.start()
    with pytest.raises(InvalidStateError):
        pair.server.export_srtp_keys()


def test_a_peer_without_srtp_is_refused() -> None:
    pair = Pair(client_profiles=[]).connect()
    assert pair.server.state is DtlsState.FAILED
    assert reason(pair.server) == "the peer knows none of our SRTP profiles"


def test_an_association_for_data_alone_needs_no_srtp() -> None:
    pair = Pair(client_profiles=[], server_profiles=[]).connect()
    assert pair.client.state is pair.server.state is DtlsState.CONNECTED
    assert pair.client.srtp_profile is None
    with pytest.raises(InvalidStateError):
        pair.client.export_srtp_keys()


def test_the_certificates_of_both_ends_are_known_afterwards() -> None:
    pair = Pair(client_certificate=CERTIFICATE).connect()
    der = pair.server.remote_certificate_der
    assert der is not None
    assert (("sha-256", fingerprint(der, "sha-256")),) == CERTIFICATE.fingerprints
    assert pair.client.remote_certificate_der not in (None, der)


def test_a_long_rsa_certificate_is_cut_into_datagrams() -> None:
    pair = Pair(client_certificate=rsa_certificate())
    pair.start()
    deliver(pair.client, pair.server)
    deliver(pair.server, pair.client)
    assert len(pair.client.datagrams) > 2
    assert max(map(len, pair.client.datagrams)) <= 1200
    pair.shuttle()
    assert pair.client.state is pair.server.state is DtlsState.CONNECTED


@pytest.mark.parametrize("algorithm", ["sha-256", "sha-384", "sha-512"])
def test_every_strong_fingerprint_is_understood_in_any_case(algorithm: HashAlgorithm) -> None:
    der = CERTIFICATE.load()[0].public_bytes(Encoding.DER)
    trusts = [(algorithm.upper(), fingerprint(der, algorithm).lower())]
    pair = Pair(client_certificate=CERTIFICATE, server_trusts=trusts).connect()
    assert pair.server.state is DtlsState.CONNECTED


def test_a_client_without_certificate_is_refused() -> None:
    server = Pair().server
    server.start(0.0)
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_tlsext_use_srtp(b"SRTP_AEAD_AES_128_GCM")
    nobody = SSL.Connection(context, None)
    nobody.set_connect_state()
    while server.state is DtlsState.CONNECTING:
        with pytest.raises(SSL.WantReadError):
            nobody.do_handshake()
        server.receive_datagram(nobody.bio_read(4096), 0.0)
        if server.state is DtlsState.CONNECTING:
            nobody.bio_write(b"".join(server.datagrams))
            server.datagrams.clear()
    assert server.state is DtlsState.FAILED
    assert reason(server) == "OpenSSL ended the session: peer did not return a certificate"


@pytest.mark.parametrize(("side", "argument"), [("client", "client_trusts"), ("server", "server_trusts")])
def test_a_certificate_with_another_fingerprint_fails_the_handshake(side: str, argument: str) -> None:
    pair = Pair(**{argument: WRONG}).connect()  # type: ignore[arg-type]
    suspicious = getattr(pair, side)
    assert suspicious.state is DtlsState.FAILED
    assert reason(suspicious) == "the peer's certificate does not match its fingerprint"
    assert suspicious.remote_certificate_der is None
    with pytest.raises(InvalidStateError):
        suspicious.export_srtp_keys()
    other = pair.client if side == "server" else pair.server
    assert other.state is DtlsState.CONNECTING
    assert other.counters.clear_alerts == 1


def test_a_weaker_fingerprint_does_not_help_against_a_wrong_strong_one() -> None:
    trusts = [*CERTIFICATE.fingerprints, ("sha-512", "AA:" * 63 + "AA")]
    pair = Pair(client_certificate=CERTIFICATE, server_trusts=trusts).connect()
    assert pair.server.state is DtlsState.FAILED


def test_one_of_several_fingerprints_is_enough() -> None:
    pair = Pair(client_certificate=CERTIFICATE, server_trusts=[*WRONG, *CERTIFICATE.fingerprints]).connect()
    assert pair.server.state is DtlsState.CONNECTED


@pytest.mark.parametrize("fingerprints", [[], [("sha-1", "AA:BB")]])
def test_a_description_without_usable_fingerprint_is_refused(fingerprints: list[tuple[str, str]]) -> None:
    with pytest.raises(RemoteProtocolError, match="fingerprint"):
        DtlsTransport(certificate=CERTIFICATE, role=DtlsRole.SERVER, remote_fingerprints=fingerprints)


def test_only_dtls_1_2_is_spoken() -> None:
    pair = Pair()
    pair.start()
    (hello,) = parse_records_untrusted(pair.client.datagrams[0])
    assert hello.payload[12:14] == b"\xfe\xfd"
    assert b"\xfe\xfc" not in hello.payload[:14]
