from dataclasses import asdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.dtls_pair import Pair, deliver, heard, reason

from triortc.protocol.dtls.records import DTLS_1_2, ContentType, Fragment, Record, parse_records_untrusted
from triortc.protocol.dtls.transport import (
    HANDSHAKE_LIMIT,
    MAX_EARLY_RECORDS,
    MAX_HANDSHAKE_DATAGRAMS,
    DtlsState,
    DtlsTransport,
)

FATAL_ALERT = Record(ContentType.ALERT, DTLS_1_2, 0, 5, b"\x02\x28").encode()
GARBAGE = [
    b"",
    b"\x16",
    b"\x16\xfe\xfd",
    bytes(100),
    b"\x80" * 50,
    b"\x16\xfe\xfd" + bytes(8) + b"\xff\xff" + b"x",
]


def halfway() -> Pair:
    """Return a pair of which the server has sent its first flight, not yet delivered."""
    pair = Pair()
    pair.start()
    deliver(pair.client, pair.server)
    return pair


def test_garbage_is_counted_and_changes_nothing() -> None:
    pair = halfway()
    for transport in (pair.client, pair.server):
        for noise in GARBAGE:
            transport.receive_datagram(noise, 0.0)
        assert transport.counters.malformed == len(GARBAGE)
    pair.shuttle()
    assert pair.client.state is pair.server.state is DtlsState.CONNECTED


@given(noise=st.lists(st.binary(max_size=100), max_size=20), payload=st.binary(min_size=1, max_size=60))
@settings(max_examples=30)
def test_noise_never_ends_an_association(noise: list[bytes], payload: bytes) -> None:
    pair = Pair().connect()
    clear = [Record(kind, DTLS_1_2, 0, 9, payload).encode() for kind in ContentType]
    encrypted = [
        Record(kind, DTLS_1_2, epoch, 9, payload).encode() for kind in ContentType for epoch in (1, 2)
    ]
    for datagram in (*noise, *clear, *encrypted):
        pair.client.receive_datagram(datagram, 0.0)
        pair.server.receive_datagram(datagram, 0.0)
    pair.client.send_application_data(b"still here", 0.0)
    pair.server.send_application_data(b"me too", 0.0)
    pair.shuttle()
    assert (heard(pair.client), heard(pair.server)) == ([b"me too"], [b"still here"])


MUTATIONS = st.tuples(st.booleans(), st.integers(0, 1199), st.integers(1, 255))


@given(st.lists(MUTATIONS, min_size=4, max_size=12))
@settings(max_examples=200)
def test_a_mutated_handshake_never_raises(mutations: list[tuple[bool, int, int]]) -> None:
    pair = Pair()
    pair.start()
    ends = [(pair.client, pair.server), (pair.server, pair.client)]
    for turn, (also_unharmed, position, difference) in enumerate(mutations):
        sender, receiver = ends[turn % 2]
        for datagram in list(sender.datagrams):
            mutated = bytearray(datagram)
            mutated[position % len(mutated)] ^= difference
            receiver.receive_datagram(bytes(mutated), 0.0)
        if also_unharmed:
            deliver(sender, receiver)
    for transport in (pair.client, pair.server):
        transport.handle_timeout(0.2)
        assert isinstance(transport.state, DtlsState)


@pytest.mark.parametrize("cut", [1, 12, 13, 14, 40, -1])
def test_a_truncated_record_does_not_swallow_the_next_datagram(cut: int) -> None:
    pair = halfway()
    flight = pair.server.datagrams[0]
    pair.client.receive_datagram(flight[:cut], 0.0)
    assert pair.client.counters.malformed == 1
    pair.shuttle()
    assert pair.client.state is DtlsState.CONNECTED


def test_an_alert_in_clear_text_is_not_believed() -> None:
    pair = halfway()
    for transport in (pair.client, pair.server):
        transport.receive_datagram(FATAL_ALERT, 0.0)
        assert transport.counters.clear_alerts == 1
    pair.shuttle()
    for transport in (pair.client, pair.server):
        transport.receive_datagram(FATAL_ALERT, 0.0)
        assert transport.state is DtlsState.CONNECTED


def test_an_alert_in_clear_text_is_a_hint_when_the_handshake_has_failed_anyway() -> None:
    pair = halfway()
    pair.server.receive_datagram(FATAL_ALERT, 0.0)
    pair.server.handle_timeout(HANDSHAKE_LIMIT)
    assert reason(pair.server) == (
        "the DTLS handshake was not done within 30 s; the peer seems to have sent alert 40"
    )


def test_messages_that_only_our_own_side_sends_are_dropped() -> None:
    pair = Pair()
    pair.start()
    (hello,) = pair.client.datagrams
    pair.client.receive_datagram(hello, 0.0)
    deliver(pair.client, pair.server)
    server_hello = parse_records_untrusted(pair.server.datagrams[0])[0].encode()
    pair.server.receive_datagram(server_hello, 0.0)
    assert pair.client.counters.unexpected == pair.server.counters.unexpected == 1
    pair.shuttle()
    assert pair.client.state is pair.server.state is DtlsState.CONNECTED


def test_application_data_in_clear_text_is_dropped() -> None:
    pair = halfway()
    data = Record(ContentType.APPLICATION_DATA, DTLS_1_2, 0, 3, b"trust me").encode()
    for transport in (pair.client, pair.server):
        transport.receive_datagram(data, 0.0)
    pair.shuttle()
    for transport in (pair.client, pair.server):
        transport.receive_datagram(data, 0.0)
        assert transport.state is DtlsState.CONNECTED
        assert heard(transport) == []


def test_a_replayed_client_hello_does_not_disturb_an_association() -> None:
    pair = Pair()
    pair.start()
    (hello,) = pair.client.datagrams
    pair.shuttle()
    for now in (1.0, 2.0):
        pair.server.receive_datagram(hello, now)
    assert pair.server.state is DtlsState.CONNECTED
    deliver(pair.server, pair.client, 2.0)
    pair.client.send_application_data(b"fine", 2.0)
    pair.shuttle(2.0)
    assert heard(pair.server) == [b"fine"]


def test_a_second_client_is_not_let_in() -> None:
    pair, stranger = Pair().connect(), Pair()
    stranger.start()
    deliver(stranger.client, pair.server, 1.0)
    assert all(record.epoch or record.content_type == 20 for record in records_to_send(pair.server))
    assert pair.server.state is DtlsState.CONNECTED


def records_to_send(transport: DtlsTransport) -> list[Record]:
    return [record for datagram in transport.datagrams for record in parse_records_untrusted(datagram)]


def test_a_handshake_listens_to_a_limited_number_of_datagrams() -> None:
    pair = halfway()
    (flight,) = deliver(pair.server, pair.client)
    for _ in range(MAX_HANDSHAKE_DATAGRAMS + 10):
        pair.client.receive_datagram(flight, 0.0)
    assert pair.client.counters.over_limit == 11


def test_early_records_are_limited_and_do_not_hold_up_the_handshake() -> None:
    pair = halfway()
    data = Record(ContentType.APPLICATION_DATA, DTLS_1_2, 1, 3, bytes(40)).encode()
    for _ in range(100):
        pair.client.receive_datagram(data, 0.0)
    assert pair.client.counters.over_limit == 100 - MAX_EARLY_RECORDS
    pair.shuttle()
    assert pair.client.state is DtlsState.CONNECTED


def test_a_message_that_breaks_tls_fails_the_handshake_with_a_reason() -> None:
    pair = Pair()
    pair.start()
    hello = Fragment(1, 10, 0, 0, b"\xfe\xfd12345678")
    pair.server.receive_datagram(Record(ContentType.HANDSHAKE, DTLS_1_2, 0, 0, hello.encode()).encode(), 0.0)
    assert pair.server.state is DtlsState.FAILED
    assert (reason(pair.server) or "").startswith("OpenSSL ended the session: ")


def test_datagrams_before_the_start_and_after_the_end_are_counted() -> None:
    pair = Pair()
    pair.server.receive_datagram(FATAL_ALERT, 0.0)
    pair.connect()
    pair.server.close(0.0)
    pair.server.receive_datagram(FATAL_ALERT, 0.0)
    assert asdict(pair.server.counters)["unexpected"] == 2
