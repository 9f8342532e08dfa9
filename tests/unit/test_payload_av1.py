import pytest
from hypothesis import given
from hypothesis import strategies as st
from rtp_captures import capture

from triortc.protocol.rtp.payload import av1
from triortc.protocol.wire.errors import LocalProtocolError, Malformed

DELIMITER, SEQUENCE, FRAME, TILES, METADATA, PADDING = b"\x10", b"\x08", b"\x30", b"\x20", b"\x28", b"\x78"


def leb128(value: int) -> bytes:
    encoded = b""
    while value > 127:
        encoded, value = encoded + bytes((value & 127 | 128,)), value >> 7
    return encoded + bytes((value,))


def unit(*obus: bytes) -> bytes:
    """A temporal unit of OBUs, given without size fields."""
    return b"".join(
        bytes((obu[0] | 2,)) + obu[1 : 1 + bool(obu[0] & 4)] + leb128(len(body)) + body
        for obu in (DELIMITER, *obus)
        for body in [obu[1 + bool(obu[0] & 4) :]]
    )


@st.composite
def obu(draw: st.DrawFn) -> bytes:
    head = draw(st.sampled_from([SEQUENCE, FRAME, TILES, METADATA, b"\x34\x28"]))
    size = draw(st.one_of(st.integers(0, 6), st.integers(0, 4000)))
    return head + b"\x55" * size


@given(st.lists(obu(), min_size=1, max_size=8), st.integers(8, 1200))
def test_a_temporal_unit_survives(obus: list[bytes], max_size: int) -> None:
    payloads = av1.packetize(unit(*obus), max_size)
    assert av1.join_untrusted(payloads) == unit(*obus)
    assert max(map(len, payloads)) <= max_size
    assert av1.is_keyframe_untrusted(payloads) is (obus[0][:1] == SEQUENCE)


@given(st.integers(0, 40), st.integers(1, 9000), st.integers(60, 1200))
def test_packets_are_equal_but_for_the_last(header: int, size: int, max_size: int) -> None:
    obus = [SEQUENCE + bytes(header), FRAME + bytes(size)]
    sizes = [len(payload) for payload in av1.packetize(unit(*obus), max_size)]
    assert len(set(sizes[:-1])) <= 1
    assert sizes[-1] <= sizes[0]


def test_sizes_and_delimiters_stay_at_home() -> None:
    encoded = unit(SEQUENCE + b"ab", PADDING + b"xx", FRAME + b"cd")
    assert av1.packetize(encoded) == [bytes.fromhex("28 03") + SEQUENCE + b"ab" + FRAME + b"cd"]
    assert av1.join_untrusted(av1.packetize(encoded)) == unit(SEQUENCE + b"ab", FRAME + b"cd")


def test_a_long_obu_is_cut() -> None:
    first, middle, last = av1.packetize(unit(FRAME + bytes(24)), 10)
    assert [first[0], middle[0], last[0]] == [0x50, 0xD0, 0x90]
    assert [av1.starts_frame_untrusted(payload) for payload in (first, middle, last)] == [True, False, False]
    for payloads in ([first], [first, middle], [middle, last], [first, last, last]):
        with pytest.raises(Malformed):
            av1.join_untrusted(payloads)


def test_more_than_three_obus_have_a_length_each() -> None:
    (payload,) = av1.packetize(unit(*[METADATA + b"m"] * 4))
    assert payload == b"\x00" + (b"\x02" + METADATA + b"m") * 4


def test_a_tile_group_is_no_beginning() -> None:
    assert not av1.starts_frame_untrusted(av1.packetize(unit(TILES + b"t"))[0])


def test_nothing_but_a_delimiter_has_no_payload() -> None:
    assert av1.packetize(unit()) == []


@pytest.mark.parametrize("encoded", [b"\x92\x00", b"\x32\x05a", b"\x32" + b"\xff" * 9])
def test_what_is_no_temporal_unit_is_refused(encoded: bytes) -> None:
    with pytest.raises(LocalProtocolError):
        av1.packetize(encoded)


def test_a_size_field_on_the_wire_is_understood() -> None:
    assert av1.join_untrusted([b"\x10\x32\x02ab"]) == unit(FRAME + b"ab")


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "10",
        "00",
        "2001",  # one of two OBUs
        "200530",  # a length past the end
        "0000",  # an empty OBU
        "00" + "80" * 8 + "01",  # a length without end
        "10b0aa",  # the forbidden bit
        "10320561",  # a size field that is not true
        "9030aa",  # a frame that begins in the middle
        "1012",  # a delimiter alone
    ],
)
def test_broken_payloads_are_malformed(payload: str) -> None:
    with pytest.raises(Malformed):
        av1.join_untrusted([bytes.fromhex(payload)])


def test_too_many_obus_are_malformed() -> None:
    with pytest.raises(Malformed):
        av1.join_untrusted([b"\x00" + b"\x01\x30" * 600])
    with pytest.raises(Malformed):
        av1.join_untrusted([b"\x00" + b"\x01\x30" * 300] * 2)


@given(st.lists(st.binary(max_size=24), max_size=4))
def test_any_bytes_are_understood_or_malformed(payloads: list[bytes]) -> None:
    for function in (av1.join_untrusted, av1.is_keyframe_untrusted):
        try:
            function(payloads)
        except Malformed:
            pass
    for payload in payloads:
        try:
            av1.starts_frame_untrusted(payload)
        except Malformed:
            pass


def test_captured_temporal_units_are_joined_and_packetized_again() -> None:
    units: dict[int, list[bytes]] = {}
    for packet in capture("av1.pcap"):
        if packet.payload:
            units.setdefault(packet.timestamp, []).append(packet.payload)
    joined = 0
    for payloads in units.values():
        try:
            whole = av1.join_untrusted(payloads)
        except Malformed:
            continue
        joined += 1
        assert av1.join_untrusted(av1.packetize(whole)) == whole
    assert joined >= 0.9 * len(units)
    assert any(av1.is_keyframe_untrusted(payloads) for payloads in units.values())
