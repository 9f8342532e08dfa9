import pytest
from hypothesis import given
from hypothesis import strategies as st
from rtp_streams import corpus, corpus_file

from triortc.protocol.rtp.extensions import (
    ONE_BYTE_PROFILE,
    TWO_BYTE_PROFILE,
    Element,
    find_extension_untrusted,
    parse_extensions_untrusted,
    serialize_extensions,
)
from triortc.protocol.rtp.packet import parse_rtp_untrusted
from triortc.protocol.wire.errors import LocalProtocolError, Malformed

small = st.tuples(st.integers(1, 14), st.binary(min_size=1, max_size=16))
large = st.tuples(st.integers(1, 255), st.binary(max_size=255))


def parse(block: bytes) -> tuple[Element, ...]:
    assert len(block) % 4 == 0
    assert int.from_bytes(block[2:4], "big") * 4 == len(block) - 4
    return parse_extensions_untrusted(int.from_bytes(block[:2], "big"), block[4:])


@given(st.lists(small, min_size=1, max_size=8))
def test_small_elements_survive_in_the_one_byte_form(elements: list[Element]) -> None:
    block = serialize_extensions(elements)
    assert int.from_bytes(block[:2], "big") == ONE_BYTE_PROFILE
    assert parse(block) == tuple(elements)


@given(st.lists(large, min_size=1, max_size=8))
def test_any_elements_survive(elements: list[Element]) -> None:
    assert parse(serialize_extensions(elements)) == tuple(elements)


@given(st.sampled_from([ONE_BYTE_PROFILE, TWO_BYTE_PROFILE, 0x100F, 7, None]), st.binary(max_size=40))
def test_any_bytes_are_elements_or_malformed(profile: int | None, data: bytes) -> None:
    try:
        parse_extensions_untrusted(profile, data)
    except Malformed:
        pass


def test_no_elements_make_no_block() -> None:
    assert serialize_extensions([]) == b""


def test_a_mid_takes_eight_bytes() -> None:
    assert serialize_extensions([(3, b"0")]) == bytes.fromhex("bede000130300000")


def test_an_id_above_14_or_an_empty_value_needs_the_two_byte_form() -> None:
    assert serialize_extensions([(15, b"0")]) == bytes.fromhex("100000010f013000")
    assert serialize_extensions([(1, b"")]) == bytes.fromhex("1000000101000000")


@pytest.mark.parametrize("element", [(0, b"a"), (256, b"a"), (1, bytes(256))])
def test_what_no_form_can_express_is_refused(element: Element) -> None:
    with pytest.raises(LocalProtocolError):
        serialize_extensions([element])


def test_a_reserved_id_ends_the_block() -> None:
    assert parse_extensions_untrusted(ONE_BYTE_PROFILE, bytes.fromhex("10aaf0bb20cc")) == ((1, b"\xaa"),)


def test_padding_between_elements_is_passed_over() -> None:
    assert parse_extensions_untrusted(ONE_BYTE_PROFILE, bytes.fromhex("00 10aa 0000 20cc")) == (
        (1, b"\xaa"),
        (2, b"\xcc"),
    )


def test_an_element_is_found_by_its_id() -> None:
    data = serialize_extensions([(1, b"a"), (2, b"b")])[4:]
    assert find_extension_untrusted(ONE_BYTE_PROFILE, data, 2) == b"b"
    assert find_extension_untrusted(ONE_BYTE_PROFILE, data, 3) is None


def test_a_browsers_mid_is_read() -> None:
    packet = parse_rtp_untrusted(corpus_file("rtp/aiortc_rtp_with_sdes_mid.bin"))
    assert find_extension_untrusted(packet.extension_profile, packet.extension, 9) == b"0"


def test_dependency_descriptors_are_no_trouble_as_extension_blocks() -> None:
    for path in corpus("rtp/dependency_descriptor"):
        for profile in (ONE_BYTE_PROFILE, TWO_BYTE_PROFILE):
            try:
                parse_extensions_untrusted(profile, path.read_bytes())
            except Malformed:
                pass
