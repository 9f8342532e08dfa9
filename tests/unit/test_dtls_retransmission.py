import pytest
from support.dtls_pair import Pair, deliver, heard, reason

from triortc.protocol.dtls.records import parse_records_untrusted
from triortc.protocol.dtls.transport import HANDSHAKE_LIMIT, RESEND_INTERVAL, DtlsState, DtlsTransport


def to_the_last_flight(pair: Pair) -> list[bytes]:
    """Run the handshake up to the server's last flight, which is lost; return the client's one."""
    pair.start()
    deliver(pair.client, pair.server)
    deliver(pair.server, pair.client)
    finished = deliver(pair.client, pair.server)
    pair.server.datagrams.clear()
    return finished


def wait(transport: DtlsTransport) -> float:
    deadline = transport.next_deadline()
    assert deadline is not None
    transport.handle_timeout(deadline)
    return deadline


def test_a_lost_client_hello_is_sent_again() -> None:
    pair = Pair()
    pair.start()
    pair.client.datagrams.clear()
    assert wait(pair.client) == pytest.approx(0.2)
    assert pair.client.counters.retransmissions == 1
    pair.shuttle()
    assert pair.client.state is DtlsState.CONNECTED


def test_a_lost_flight_of_the_server_is_sent_again() -> None:
    pair = Pair()
    pair.start()
    deliver(pair.client, pair.server)
    pair.server.datagrams.clear()
    wait(pair.server)
    pair.shuttle()
    assert pair.client.state is pair.server.state is DtlsState.CONNECTED


def test_a_lost_last_flight_is_sent_again_when_the_client_repeats_itself() -> None:
    pair = Pair()
    to_the_last_flight(pair)
    assert (pair.client.state, pair.server.state) == (DtlsState.CONNECTING, DtlsState.CONNECTED)
    assert pair.server.next_deadline() is None
    pair.shuttle(wait(pair.client))
    assert pair.client.state is DtlsState.CONNECTED
    assert pair.server.counters.last_flight_resends == 1


def test_the_last_flight_may_be_lost_many_times() -> None:
    pair = Pair()
    to_the_last_flight(pair)
    for _ in range(10):
        deliver(pair.client, pair.server, wait(pair.client))
        pair.server.datagrams.clear()
    pair.shuttle(wait(pair.client))
    assert pair.client.state is DtlsState.CONNECTED


def test_the_last_flight_is_not_sent_more_often_than_the_limit() -> None:
    pair = Pair()
    finished = to_the_last_flight(pair)
    for now in (0.0, RESEND_INTERVAL / 2, RESEND_INTERVAL, RESEND_INTERVAL * 1.5):
        for datagram in finished:
            pair.server.receive_datagram(datagram, now)
    assert pair.server.counters.last_flight_resends == 1


def test_a_connected_client_sends_no_flight_again() -> None:
    pair = Pair()
    pair.start()
    deliver(pair.client, pair.server)
    flight = deliver(pair.server, pair.client)
    pair.shuttle()
    for datagram in flight:
        pair.client.receive_datagram(datagram, 1.0)
    assert not pair.client.datagrams


def test_repeated_records_have_new_numbers_but_for_the_encrypted_one() -> None:
    pair = Pair()
    first = parse_records_untrusted(to_the_last_flight(pair)[0])
    wait(pair.client)
    second = parse_records_untrusted(pair.client.datagrams[0])
    assert [record.payload for record in first] == [record.payload for record in second]
    assert {r.sequence for r in first if not r.epoch}.isdisjoint(r.sequence for r in second if not r.epoch)
    assert first[-1] == second[-1]


def test_the_round_trip_time_sets_the_first_interval() -> None:
    pair = Pair()
    pair.client.start(5.0, rtt=0.4)
    assert pair.client.next_deadline() == pytest.approx(5.6)


def test_a_handshake_ends_after_its_limit_on_both_sides() -> None:
    pair = Pair()
    pair.start(100.0)
    assert pair.server.next_deadline() == 100.0 + HANDSHAKE_LIMIT
    for transport in (pair.client, pair.server):
        while transport.next_deadline() is not None:
            wait(transport)
        assert transport.state is DtlsState.FAILED
        assert reason(transport) == "the DTLS handshake was not done within 30 s"


def test_an_early_wake_up_does_nothing() -> None:
    pair = Pair()
    pair.start()
    pair.client.datagrams.clear()
    pair.client.handle_timeout(0.1)
    assert not pair.client.datagrams


def test_data_flows_after_a_recovered_handshake() -> None:
    pair = Pair()
    to_the_last_flight(pair)
    pair.shuttle(wait(pair.client))
    pair.client.send_application_data(b"up", 1.0)
    pair.server.send_application_data(b"down", 1.0)
    pair.shuttle(1.0)
    assert (heard(pair.client), heard(pair.server)) == ([b"down"], [b"up"])
