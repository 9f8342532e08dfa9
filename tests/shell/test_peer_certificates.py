"""What peers show each other: certificates of their own, RSA ones, and none that has expired."""

from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
from support.peers import HOSTS, negotiating, open_video, receive_media
from support.virtual_network import VirtualNetwork

import triortc
from triortc.net.endpoint import using_network
from triortc.net.mux import open_shared_port
from triortc.peer.config import generate_certificate
from triortc.protocol.dtls.certificate import Certificate, KeyAlgorithm
from triortc.protocol.wire.errors import LocalProtocolError

RSA = generate_certificate(KeyAlgorithm.RSA_2048)
ECDSA = generate_certificate()


def fingerprints(description: triortc.SessionDescription | None) -> set[str]:
    assert description is not None
    return {line for line in description.sdp.splitlines() if line.startswith("a=fingerprint:")}


def offered_by(peer: triortc.Peer) -> set[str]:
    with open_video() as (track, _):
        peer.add_track(track)
        return fingerprints(peer.create_offer())


@pytest.mark.parametrize("shown", [(RSA, RSA), (RSA, ECDSA), (ECDSA, RSA)], ids=["RSA", "first", "second"])
async def test_peers_with_configured_certificates_connect(
    shown: tuple[Certificate, Certificate], autojump_clock: object
) -> None:
    network = VirtualNetwork(delay=0.01)
    async with AsyncExitStack() as opened:
        peers = []
        for host, certificate in zip(HOSTS, shown, strict=True):
            with using_network(network.host(host)):
                config = triortc.PeerConfig(certificates=(certificate,))
                peers.append(await opened.enter_async_context(triortc.open_peer(config)))
        with open_video() as (track, _):
            peers[0].add_track(track)
            receive_media(peers[1], "video")
            async with negotiating(*peers):
                for peer, certificate in zip(peers, shown, strict=True):
                    await peer.wait_connected()
                    ((algorithm, value),) = certificate.fingerprints
                    assert fingerprints(peer.local_description) == {f"a=fingerprint:{algorithm} {value}"}


async def test_an_expired_certificate_is_refused_where_the_peer_is_opened() -> None:
    expired = generate_certificate(lifetime=-timedelta(hours=1))
    with pytest.raises(LocalProtocolError, match="expired"):
        async with triortc.open_peer(triortc.PeerConfig(certificates=(ECDSA, expired))):
            pytest.fail("the peer has opened")


async def test_peers_alone_show_different_certificates_and_those_of_one_port_the_same(
    autojump_clock: object,
) -> None:
    with using_network(VirtualNetwork().host(HOSTS[0])):
        async with triortc.open_peer() as one, triortc.open_peer() as other:
            assert offered_by(one) != offered_by(other)
        async with (
            open_shared_port() as port,
            triortc.open_peer(port=port) as one,
            triortc.open_peer(port=port) as other,
        ):
            assert offered_by(one) == offered_by(other)
