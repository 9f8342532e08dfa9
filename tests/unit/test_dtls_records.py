import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from triortc.protocol.dtls.records import (
    DTLS_1_0,
    DTLS_1_2,
    MAX_HANDSHAKE_MESSAGE,
    ContentType,
    Fragment,
    Record,
    parse_alert_untrusted,
    parse_fragments_untrusted,
    parse_records_untrusted,
)
from triortc.protocol.wire.errors import Malformed

RECORDS = st.builds(
    Record,
    content_type=st.sampled_from(list(ContentType)).map(int),
    version=st.sampled_from([DTLS_1_2, DTLS_1_0]),
    epoch=st.integers(0, 0xFFFF),
    sequence=st.integers(0, 2**48 - 1),
    payload=st.binary(min_size=1, max_size=300),
)


@st.composite
def fragments(draw: st.DrawFn) -> Fragment:
    body = draw(st.binary(max_size=300))
    offset = draw(st.integers(0, 1000)) if body else 0
    length = offset + len(body) + (draw(st.integers(0, 1000)) if body else 0)
    return Fragment(draw(st.integers(0, 255)), length, draw(st.integers(0, 0xFFFF)), offset, body)


@given(st.lists(RECORDS, min_size=1, max_size=5))
def test_records_are_read_back_as_they_were_written(records: list[Record]) -> None:
    assert parse_records_untrusted(b"".join(record.encode() for record in records)) == records


@given(st.lists(fragments(), min_size=1, max_size=5))
def test_fragments_are_read_back_as_they_were_written(pieces: list[Fragment]) -> None:
    assert parse_fragments_untrusted(b"".join(piece.encode() for piece in pieces)) == pieces


@given(st.binary(max_size=200))
@example(b"")
def test_parsers_of_noise_raise_nothing_but_malformed(noise: bytes) -> None:
    for parse in (parse_records_untrusted, parse_fragments_untrusted, parse_alert_untrusted):
        try:
            parse(noise)
        except Malformed:
            pass


@given(RECORDS, st.data())
def test_a_truncated_record_condemns_its_datagram(record: Record, data: st.DataObject) -> None:
    whole = record.encode()
    cut = data.draw(st.integers(1, len(whole) - 1))
    with pytest.raises(Malformed):
        parse_records_untrusted(whole + whole[:cut])


def test_a_header_is_laid_out_as_in_rfc_6347() -> None:
    record = Record(22, DTLS_1_2, 1, 0x0000_0102_0304_0506, b"\xaa\xbb")
    assert record.encode().hex() == "16fefd" + "0001" + "010203040506" + "0002" + "aabb"


def test_a_fragment_is_laid_out_as_in_rfc_6347() -> None:
    fragment = Fragment(11, 0x010203, 4, 0x01, b"\xcc")
    assert fragment.encode().hex() == "0b" + "010203" + "0004" + "000001" + "000001" + "cc"


@pytest.mark.parametrize(
    "record",
    [
        Record(19, DTLS_1_2, 0, 0, b"x"),
        Record(24, DTLS_1_2, 0, 0, b"x"),
        Record(22, 0x0303, 0, 0, b"x"),
        Record(22, DTLS_1_2, 0, 0, b""),
        Record(22, DTLS_1_2, 0, 0, bytes((1 << 14) + 2049)),
    ],
    ids=["type 19", "heartbeat", "TLS 1.2", "empty", "too long"],
)
def test_a_record_that_dtls_does_not_know_is_malformed(record: Record) -> None:
    with pytest.raises(Malformed):
        parse_records_untrusted(record.encode())


@pytest.mark.parametrize(
    "fragment",
    [
        Fragment(1, 10, 0, 5, b"123456"),
        Fragment(1, 10, 0, 0, b""),
        Fragment(1, MAX_HANDSHAKE_MESSAGE + 1, 0, 0, b"x"),
    ],
    ids=["past the end", "of nothing", "of a giant"],
)
def test_an_impossible_fragment_is_malformed(fragment: Fragment) -> None:
    with pytest.raises(Malformed):
        parse_fragments_untrusted(fragment.encode())


def test_an_empty_message_is_one_empty_fragment() -> None:
    hello_done = Fragment(14, 0, 3, 0, b"")
    assert parse_fragments_untrusted(hello_done.encode()) == [hello_done]
