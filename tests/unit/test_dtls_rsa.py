"""Peers that know RSA alone: who can talk to them, and how it fails for those who cannot."""

from functools import cache

import pytest
from OpenSSL import SSL
from support.dtls_pair import Pair, reason

from triortc.protocol.dtls.certificate import Certificate, KeyAlgorithm
from triortc.protocol.dtls.transport import DtlsIdentity, DtlsRole, DtlsState, DtlsTransport
from triortc.protocol.wire.srtp_profile import SrtpProfile

ECDSA, RSA = KeyAlgorithm.ECDSA_P256, KeyAlgorithm.RSA_2048
RSA_ONLY = b"ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA"


@cache
def certificate(algorithm: KeyAlgorithm) -> Certificate:
    return Certificate.generate(unix_time=1.7e9, algorithm=algorithm)


class RsaPeer:
    """Plain OpenSSL with an RSA certificate and RSA suites alone, as the opposite of *role*."""

    def __init__(self, role: DtlsRole) -> None:
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_cipher_list(RSA_ONLY)
        context.set_tlsext_use_srtp(b"SRTP_AEAD_AES_128_GCM")
        context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
        x509, key = certificate(RSA).load()
        context.use_certificate(x509)
        context.use_privatekey(key)
        self._connection = SSL.Connection(context, None)
        self.connected = False
        if role is DtlsRole.SERVER:
            self._connection.set_connect_state()
        else:
            self._connection.set_accept_state()

    def talk_to(self, transport: DtlsTransport) -> None:
        for _ in range(20):
            self._advance()
            while (data := self._read()) is not None:
                transport.receive_datagram(data, 0.0)
            for datagram in transport.datagrams:
                self._connection.bio_write(datagram)
                self._advance()
            transport.datagrams.clear()

    def _advance(self) -> None:
        try:
            self._connection.do_handshake()
            self.connected = True
        except SSL.Error:  # it wants to read, or has failed: what it says tells
            pass

    def _read(self) -> bytes | None:
        try:
            return self._connection.bio_read(1 << 14)
        except SSL.WantReadError:
            return None


def meet_rsa_peer(role: DtlsRole, shown: Certificate) -> tuple[DtlsTransport, RsaPeer]:
    transport = DtlsTransport(certificate=shown, role=role, remote_fingerprints=certificate(RSA).fingerprints)
    transport.start(0.0)
    remote = RsaPeer(role)
    remote.talk_to(transport)
    return transport, remote


@pytest.mark.parametrize("client", KeyAlgorithm)
@pytest.mark.parametrize("server", KeyAlgorithm)
def test_rsa_and_ecdsa_certificates_go_together(client: KeyAlgorithm, server: KeyAlgorithm) -> None:
    pair = Pair(client_certificate=certificate(client), server_certificate=certificate(server)).connect()
    assert pair.client.state is pair.server.state is DtlsState.CONNECTED


def test_a_server_with_an_rsa_certificate_serves_a_client_that_knows_rsa_alone() -> None:
    transport, remote = meet_rsa_peer(DtlsRole.SERVER, certificate(RSA))
    assert transport.state is DtlsState.CONNECTED
    assert remote.connected


def test_a_server_with_an_ecdsa_certificate_fails_such_a_client_with_a_reason() -> None:
    transport, remote = meet_rsa_peer(DtlsRole.SERVER, certificate(ECDSA))
    assert transport.state is DtlsState.FAILED
    assert reason(transport) == "OpenSSL ended the session: no shared cipher"
    assert not remote.connected
    assert transport.next_deadline() is None


@pytest.mark.parametrize("algorithm", KeyAlgorithm)
def test_a_client_connects_to_a_server_with_rsa_suites_alone(algorithm: KeyAlgorithm) -> None:
    transport, remote = meet_rsa_peer(DtlsRole.CLIENT, certificate(algorithm))
    assert transport.state is DtlsState.CONNECTED
    assert remote.connected


def test_many_associations_show_one_identity_and_each_trusts_its_own_peer() -> None:
    identity = DtlsIdentity(certificate(ECDSA))
    pairs = [Pair(server_certificate=identity) for _ in range(3)]
    stranger = Pair(server_certificate=identity, server_trusts=[("sha-256", "AA:" * 31 + "AA")])
    for pair in (*pairs, stranger):
        pair.start()
    for _ in range(10):  # interleaved
        for pair in (*pairs, stranger):
            pair.shuttle()
    assert {pair.server.state for pair in pairs} == {DtlsState.CONNECTED}
    assert stranger.server.state is DtlsState.FAILED
    assert len({pair.server.export_srtp_keys().local for pair in pairs}) == 3
    assert len({pair.server.remote_certificate_der for pair in pairs}) == 3


def test_an_identity_prepares_one_context_for_each_choice_of_profiles() -> None:
    identity = DtlsIdentity(certificate(ECDSA))
    profiles = (SrtpProfile.AEAD_AES_128_GCM,)
    contexts = {id(identity.new_connection(chosen).get_context()) for chosen in (profiles, profiles, ())}
    assert len(contexts) == 2
    assert identity.fingerprints == certificate(ECDSA).fingerprints
