import pytest
from support.dtls_pair import Pair, deliver, heard, reason

from triortc.protocol.dtls.transport import DtlsState, DtlsStateChanged
from triortc.protocol.wire.errors import InvalidStateError, LocalProtocolError


def test_data_goes_both_ways_record_by_record() -> None:
    pair = Pair().connect()
    pair.client.send_application_data(b"first", 0.0)
    pair.client.send_application_data(b"second", 0.0)
    pair.server.send_application_data(b"answer", 0.0)
    assert len(pair.client.datagrams) == 2
    pair.shuttle()
    assert heard(pair.server) == [b"first", b"second"]
    assert heard(pair.client) == [b"answer"]


def test_the_longest_record_fills_a_datagram() -> None:
    pair = Pair().connect()
    assert pair.client.max_application_data == 1163
    pair.client.send_application_data(bytes(1163), 0.0)
    assert len(pair.client.datagrams[0]) == 1200
    pair.shuttle()
    assert heard(pair.server) == [bytes(1163)]


@pytest.mark.parametrize("size", [0, 1164])
def test_a_record_that_does_not_fit_is_refused(size: int) -> None:
    pair = Pair().connect()
    with pytest.raises(LocalProtocolError):
        pair.client.send_application_data(bytes(size), 0.0)


def test_several_records_in_one_datagram_are_all_heard() -> None:
    pair = Pair().connect()
    for text in (b"a", b"b", b"c"):
        pair.client.send_application_data(text, 0.0)
    pair.server.receive_datagram(b"".join(pair.client.datagrams), 0.0)
    assert heard(pair.server) == [b"a", b"b", b"c"]


def test_a_replayed_record_is_heard_once() -> None:
    pair = Pair().connect()
    pair.client.send_application_data(b"pay 10", 0.0)
    (datagram,) = deliver(pair.client, pair.server)
    pair.server.receive_datagram(datagram, 0.0)
    assert heard(pair.server) == [b"pay 10"]


def test_reordered_records_are_heard_as_they_come() -> None:
    pair = Pair().connect()
    for text in (b"a", b"b", b"c"):
        pair.client.send_application_data(text, 0.0)
    for datagram in reversed(pair.client.datagrams):
        pair.server.receive_datagram(datagram, 0.0)
    assert heard(pair.server) == [b"c", b"b", b"a"]


def test_data_that_overtakes_the_last_flight_is_heard_when_that_has_come() -> None:
    pair = Pair()
    pair.start()
    deliver(pair.client, pair.server)
    deliver(pair.server, pair.client)
    deliver(pair.client, pair.server)
    last_flight = pair.server.datagrams.popleft()
    pair.server.send_application_data(b"early bird", 0.0)
    deliver(pair.server, pair.client)
    assert heard(pair.client) == []
    pair.client.receive_datagram(last_flight, 0.0)
    assert pair.client.state is DtlsState.CONNECTED
    assert heard(pair.client) == [b"early bird"]


def test_no_data_can_be_sent_before_the_handshake_or_after_the_end() -> None:
    pair = Pair()
    with pytest.raises(InvalidStateError):
        pair.client.send_application_data(b"x", 0.0)
    pair.connect()
    pair.client.close(0.0)
    with pytest.raises(InvalidStateError):
        pair.client.send_application_data(b"x", 0.0)


def test_close_tells_the_peer() -> None:
    pair = Pair().connect()
    pair.server.close(1.0)
    assert pair.server.events[-1] == DtlsStateChanged(DtlsState.CLOSED, None)
    deliver(pair.server, pair.client)
    assert pair.client.state is DtlsState.CLOSED
    assert reason(pair.client) == "the peer closed the DTLS session"
    pair.shuttle()
    assert pair.server.state is DtlsState.CLOSED


def test_close_is_said_once() -> None:
    pair = Pair().connect()
    pair.client.close(0.0)
    said = list(pair.client.datagrams), list(pair.client.events)
    pair.client.close(0.0)
    assert (list(pair.client.datagrams), list(pair.client.events)) == said


def test_close_before_the_start_is_silent_and_final() -> None:
    pair = Pair()
    pair.client.close(0.0)
    assert not pair.client.datagrams
    with pytest.raises(InvalidStateError):
        pair.client.start(0.0)


def test_close_during_the_handshake_stops_the_alarm() -> None:
    pair = Pair()
    pair.start()
    pair.client.close(0.0)
    assert pair.client.state is DtlsState.CLOSED
    assert pair.client.next_deadline() is None


def test_the_keys_outlive_a_close_that_comes_at_once() -> None:
    pair = Pair().connect()
    pair.client.close(0.0)
    deliver(pair.client, pair.server)
    assert pair.server.state is DtlsState.CLOSED
    assert pair.server.export_srtp_keys().remote == pair.client.export_srtp_keys().local


def test_starting_twice_is_refused() -> None:
    pair = Pair()
    pair.start()
    with pytest.raises(InvalidStateError):
        pair.client.start(0.0)
