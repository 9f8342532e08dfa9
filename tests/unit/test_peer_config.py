"""What a peer is told before it opens, and what may change afterwards."""

from datetime import timedelta

import pytest

from triortc.peer.config import IceServer, PeerConfig, generate_certificate
from triortc.peer.identities import MAX_IDENTITIES, Identities
from triortc.protocol.dtls.certificate import KeyAlgorithm
from triortc.protocol.wire.errors import LocalProtocolError

DAY = 86_400.0
FIRST, SECOND = generate_certificate(), generate_certificate()
NOW = FIRST.expires - 20 * DAY
SERVERS = (IceServer("stun:stun.example"),)


def test_ice_servers_may_change() -> None:
    config = PeerConfig(certificates=(FIRST,))
    assert config.changed_to(PeerConfig(SERVERS)) == PeerConfig(SERVERS, certificates=(FIRST,))
    assert config.changed_to(PeerConfig(SERVERS, certificates=(FIRST,))).ice_servers == SERVERS
    assert config.changed_to(PeerConfig()).ice_servers == ()


@pytest.mark.parametrize("before", [(), (FIRST,), (FIRST, SECOND)])
@pytest.mark.parametrize("after", [(SECOND,), (SECOND, FIRST)])
def test_certificates_may_not(before: tuple[object, ...], after: tuple[object, ...]) -> None:
    with pytest.raises(LocalProtocolError, match="cannot change"):
        PeerConfig(certificates=before).changed_to(PeerConfig(SERVERS, certificates=after))


def test_a_generated_certificate_is_valid_for_as_long_as_it_is_told() -> None:
    short = generate_certificate(lifetime=timedelta(days=2))
    assert 27.9 * DAY < FIRST.expires - short.expires < 28.1 * DAY
    assert generate_certificate(KeyAlgorithm.RSA_2048).load()[1].key_size == 2048


def test_the_first_certificate_is_shown_and_prepared_once() -> None:
    identities = Identities()
    config = PeerConfig(certificates=(FIRST, SECOND))
    shown = identities.choose(config, NOW, shared=False)
    assert shown.certificate == FIRST
    assert identities.choose(config, NOW, shared=True) is shown


def test_an_expired_certificate_is_refused_wherever_it_stands() -> None:
    late = FIRST.expires + 1
    fresh = generate_certificate(lifetime=timedelta(days=90))
    with pytest.raises(LocalProtocolError, match="expired"):
        Identities().choose(PeerConfig(certificates=(fresh, FIRST)), late, shared=False)


def test_a_peer_by_itself_shows_a_fresh_certificate() -> None:
    identities = Identities()
    shown = {identities.choose(PeerConfig(), NOW, shared=False).certificate for _ in range(3)}
    assert len(shown) == 3


def test_peers_of_a_shared_port_show_one_that_is_renewed_every_day() -> None:
    identities = Identities()
    hours = (0, 23, 25, 48, 50)
    first, second, third, fourth, fifth = (
        identities.choose(PeerConfig(), NOW + hour * 3600, shared=True) for hour in hours
    )
    assert first is second
    assert third is fourth
    assert len({first.certificate, third.certificate, fifth.certificate}) == 3


def test_the_certificates_that_are_kept_ready_are_few() -> None:
    identities = Identities()
    for _ in range(MAX_IDENTITIES + 5):
        identities.choose(PeerConfig(certificates=(generate_certificate(),)), NOW, shared=False)
    assert len(identities._named) == MAX_IDENTITIES
