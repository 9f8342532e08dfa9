"""DTLS handshakes with loss, reordering, duplication and an attacker, in virtual time."""

from collections.abc import Callable

import pytest
from support.dtls_link import Link, Weather, heard

from triortc.protocol.dtls.certificate import Certificate
from triortc.protocol.dtls.records import DTLS_1_2, ContentType, Record
from triortc.protocol.dtls.transport import DtlsState, DtlsTransport

SEEDS = 300
FINE = Weather(loss=0.0, duplication=0.0)


def connect(link: Link, seconds: float = 15.0) -> float:
    link.run(seconds, until=lambda: link.connected)
    assert link.connected, (link.now, link.client.counters, link.server.counters)
    return link.now


def talk(link: Link) -> None:
    """Send data both ways and see that some of it arrives, all of it unharmed."""
    for number in range(20):
        link.client.send_application_data(b"up %d" % number, link.now)
        link.server.send_application_data(b"down %d" % number, link.now)
    link.run(1.0)
    for receiver, word in ((link.server, b"up"), (link.client, b"down")):
        data = heard(receiver)
        assert data
        assert set(data) <= {b"%s %d" % (word, number) for number in range(20)}
        assert len(set(data)) == len(data)


def test_every_handshake_ends_in_time_at_thirty_percent_loss(measured: Callable[[str], None]) -> None:
    times = []
    for seed in range(SEEDS):
        link = Link(seed)
        times.append(connect(link))
        client, server = link.client.export_srtp_keys(), link.server.export_srtp_keys()
        assert (client.local, client.remote) == (server.remote, server.local)
        talk(link)
        assert link.client.counters.over_limit == link.server.counters.over_limit == 0
    times.sort()
    assert times[SEEDS // 2] < 2.0
    measured(f"median {times[SEEDS // 2]:.2f} s, longest {times[-1]:.2f} s of {SEEDS} handshakes")


@pytest.mark.parametrize("rtt", [None, 0.07])
def test_a_handshake_over_a_good_path_takes_two_round_trips(rtt: float | None) -> None:
    for seed in range(10):
        link = Link(seed, Weather(loss=0.0, duplication=0.0, longest=0.030), rtt=rtt)
        assert connect(link) <= 4 * 0.030
        assert link.client.counters.retransmissions == link.server.counters.retransmissions == 0


def test_half_of_all_datagrams_may_be_lost() -> None:
    for seed in range(20):
        connect(Link(seed, Weather(loss=0.5)), seconds=30.0)


def is_last_flight(link: Link, sender: DtlsTransport, data: bytes) -> bool:
    return sender is link.server and data[0] == ContentType.CHANGE_CIPHER_SPEC


@pytest.mark.parametrize("losses", [1, 2, 5])
def test_the_last_flight_may_be_lost_again_and_again(losses: int) -> None:
    for seed in range(10):
        link, lost = Link(seed, FINE), 0

        def lose(now: float, sender: DtlsTransport, data: bytes, link: Link = link) -> bool:
            nonlocal lost
            hit = lost < losses and is_last_flight(link, sender, data)
            lost += hit
            return not hit

        link.filter = lose
        connect(link)
        assert lost == losses
        talk(link)


def test_data_under_way_during_a_lost_last_flight_does_no_harm() -> None:
    for seed in range(10):
        link = Link(seed, FINE)
        link.filter = lambda now, sender, data, link=link: now > 0.6 or not is_last_flight(link, sender, data)
        for _ in range(100):
            link.run(0.02)
            if link.server.state is DtlsState.CONNECTED and not link.connected:
                link.server.send_application_data(b"early", link.now)
        assert link.connected
        assert set(heard(link.client)) == {b"early"}
        talk_afterwards(link)


def talk_afterwards(link: Link) -> None:
    before = len(heard(link.client))
    link.server.send_application_data(b"late", link.now)
    link.run(1.0)
    assert heard(link.client)[before:] == [b"late"]


def attack(link: Link, recorded: list[bytes]) -> None:
    """Throw at both ends what a stranger can make or repeat."""
    alert = Record(ContentType.ALERT, DTLS_1_2, 0, 1, b"\x02\x28").encode()
    clear_data = Record(ContentType.APPLICATION_DATA, DTLS_1_2, 0, 2, b"x" * 30).encode()
    noise = link.entropy.token_bytes(60)
    truncated = [data[: 1 + noise[0] % (len(data) - 1)] for data in recorded[-3:]]
    forged = Record(ContentType.APPLICATION_DATA, DTLS_1_2, 1, 7, noise).encode()
    for receiver in (link.client, link.server):
        for datagram in (alert, clear_data, noise, b"\x16\xfe\xfd" + noise, *truncated, forged):
            link.inject(receiver, datagram)


def test_a_stranger_who_sees_everything_cannot_stop_a_handshake_without_forging_one() -> None:
    for seed in range(40):
        link = Link(seed, Weather(loss=0.1))
        recorded: list[bytes] = []
        link.filter = lambda now, sender, data, recorded=recorded: recorded.append(data) or True
        while not link.connected and link.now < 15:
            link.run(0.05)
            attack(link, recorded)
        assert link.connected
        for data in recorded:
            link.inject(link.client, data)
            link.inject(link.server, data)
        attack(link, recorded)
        assert link.connected
        talk(link)


@pytest.mark.parametrize("side", ["client", "server"])
def test_a_stranger_in_the_middle_of_the_signaling_is_found_out(side: str) -> None:
    stranger = Certificate.generate(unix_time=1.7e9)
    for seed in range(5):
        link = Link(seed, certificates={side: stranger})
        link.run(31.0)
        assert link.client.state is link.server.state is DtlsState.FAILED
        deceived = link.server if side == "client" else link.client
        assert deceived.remote_certificate_der is None


def test_nobody_there_is_a_failure_at_thirty_seconds() -> None:
    link = Link(0, Weather(loss=1.0))
    link.run(60.0)
    assert link.client.state is link.server.state is DtlsState.FAILED
    assert link.client.next_deadline() is link.server.next_deadline() is None


def test_the_same_seed_takes_the_same_time() -> None:
    assert connect(Link(7)) == connect(Link(7))
