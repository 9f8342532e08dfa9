import pytest
from hypothesis import given
from hypothesis import strategies as st

from triortc.protocol.dtls.flight import (
    DEFAULT_INTERVAL,
    MAX_DATAGRAM,
    MAX_INTERVAL,
    MIN_INTERVAL,
    Flight,
    FlightEncoder,
    FlightItem,
    HandshakeMessage,
    decode_flight,
)
from triortc.protocol.dtls.records import (
    DTLS_1_2,
    ContentType,
    Fragment,
    Record,
    parse_records_untrusted,
)

CHANGE_CIPHER_SPEC = Record(ContentType.CHANGE_CIPHER_SPEC, DTLS_1_2, 0, 9, b"\x01")
FINISHED = Record(ContentType.HANDSHAKE, DTLS_1_2, 1, 0, b"f" * 48)


def message(sequence: int, body: bytes, handshake_type: int = 11) -> Record:
    fragment = Fragment(handshake_type, len(body), sequence, 0, body)
    return Record(ContentType.HANDSHAKE, DTLS_1_2, 0, 7, fragment.encode())


def records_of(datagrams: list[bytes]) -> list[Record]:
    return [record for datagram in datagrams for record in parse_records_untrusted(datagram)]


def said(items: list[FlightItem]) -> list[object]:
    """Return what a flight says, without the record numbers of its clear records."""
    return [
        (item.type, item.sequence, bytes(item.body))
        if isinstance(item, HandshakeMessage)
        else (item if item.epoch else item.payload)
        for item in items
    ]


@given(st.lists(st.binary(max_size=5000), max_size=6))
def test_a_flight_survives_being_fragmented_and_put_together(bodies: list[bytes]) -> None:
    flight = [message(sequence, body) for sequence, body in enumerate(bodies)]
    items = decode_flight([*flight, CHANGE_CIPHER_SPEC, FINISHED])
    datagrams = FlightEncoder().encode(items)
    assert all(0 < len(datagram) <= MAX_DATAGRAM for datagram in datagrams)
    assert said(decode_flight(records_of(datagrams))) == said(items)


@given(st.integers(0, 1300))
def test_no_sliver_of_a_message_is_left_at_the_end_of_a_datagram(size: int) -> None:
    datagrams = FlightEncoder().encode(decode_flight([message(0, bytes(size)), message(1, bytes(3000))]))
    assert len(datagrams) <= (size + 3000) // (MAX_DATAGRAM - 25 - 64 - 25) + 1


def test_fragments_are_put_together_whatever_their_order() -> None:
    body = bytes(range(100))
    pieces = [Fragment(1, 100, 0, offset, body[offset : offset + 40]) for offset in (80, 0, 40)]
    records = [Record(ContentType.HANDSHAKE, DTLS_1_2, 0, 0, piece.encode()) for piece in pieces]
    assert said(decode_flight(records)) == [(1, 0, body)]


def test_clear_records_get_fresh_numbers_each_time_and_encrypted_ones_keep_theirs() -> None:
    flight = Flight()
    first = records_of(flight.adopt([message(0, b"certificate"), CHANGE_CIPHER_SPEC, FINISHED], 0.0))
    second = records_of(flight.encode())
    assert [record.sequence for record in first] == [0, 1, 0]
    assert [record.sequence for record in second] == [2, 3, 0]
    assert first[2] == second[2] == FINISHED


def test_an_alert_takes_its_number_from_the_same_row() -> None:
    flight = Flight()
    flight.adopt([message(0, b"hello")], 0.0)
    alert = Record(ContentType.ALERT, DTLS_1_2, 0, 0, b"\x02\x28")
    assert records_of(flight.encode_record(alert)) == [alert._replace(sequence=1)]


@pytest.mark.parametrize(
    ("rtt", "interval"),
    [(None, DEFAULT_INTERVAL), (0.001, MIN_INTERVAL), (0.2, 0.3), (5.0, MAX_INTERVAL)],
)
def test_the_first_interval_follows_the_round_trip(rtt: float | None, interval: float) -> None:
    flight = Flight()
    flight.set_round_trip(rtt)
    flight.adopt([message(0, b"hello")], 10.0)
    assert flight.deadline == pytest.approx(10.0 + interval)


def test_intervals_double_up_to_a_limit() -> None:
    flight = Flight()
    flight.adopt([message(0, b"hello")], 0.0)
    intervals = []
    for _ in range(5):
        flight.back_off(0.0)
        intervals.append(flight.deadline)
    assert intervals == [0.4, 0.8, MAX_INTERVAL, MAX_INTERVAL, MAX_INTERVAL]


def test_a_new_message_starts_the_timer_anew_and_an_old_one_does_not() -> None:
    flight = Flight()
    flight.adopt([message(0, b"hello")], 0.0)
    flight.back_off(0.2)
    flight.adopt([message(0, b"hello")], 0.5)
    assert flight.deadline == pytest.approx(0.6)
    flight.adopt([message(1, b"certificate")], 0.5)
    assert flight.deadline == pytest.approx(0.5 + DEFAULT_INTERVAL)


def test_a_renewed_flight_replaces_the_old_finished() -> None:
    flight = Flight()
    renewed = FINISHED._replace(sequence=5)
    flight.adopt([message(0, b"certificate"), FINISHED], 0.0)
    flight.adopt([message(0, b"certificate"), renewed], 1.0)
    assert records_of(flight.encode())[-1] == renewed


def test_a_flight_kept_without_timer_can_still_be_sent() -> None:
    flight = Flight()
    flight.adopt([message(0, b"last")], 0.0)
    flight.keep_without_timer()
    assert flight.deadline is None
    assert flight.encode()


def test_a_forgotten_flight_says_nothing() -> None:
    flight = Flight()
    flight.adopt([message(0, b"hello")], 0.0)
    flight.forget()
    assert flight.deadline is None
    assert flight.encode() == []
