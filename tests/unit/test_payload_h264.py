import pytest
from hypothesis import given
from hypothesis import strategies as st
from rtp_captures import capture
from rtp_streams import corpus_file

from triortc.protocol.rtp.payload import h264
from triortc.protocol.rtp.payload.h264 import START_CODE
from triortc.protocol.wire.errors import LocalProtocolError, Malformed

SPS, PPS = b"\x67\x42\x00\x1f", b"\x68\xce\x3c\x80"
IDR, SLICE, DELIMITER, FILLER, SEI = b"\x65", b"\x41", b"\x09\xf0", b"\x0c\xff\x80", b"\x06\x05\x01"


def annex_b(*units: bytes) -> bytes:
    return b"".join(START_CODE + unit for unit in units)


def joined(payloads: list[bytes]) -> bytes:
    return b"".join(h264.depacketize_untrusted(payload).data for payload in payloads)


def unit_of(head: bytes, size: int) -> bytes:
    return head + b"\x55" * (size - 1)


@st.composite
def units(draw: st.DrawFn) -> bytes:
    head = draw(st.sampled_from([IDR, SLICE, b"\x01", b"\x67", b"\x68"]))
    return unit_of(head, draw(st.integers(2, 4000)))


@given(st.lists(units(), min_size=1, max_size=6), st.integers(50, 1200))
def test_an_access_unit_survives(parts: list[bytes], max_size: int) -> None:
    payloads = h264.packetize(annex_b(*parts), max_size)
    assert joined(payloads) == annex_b(*parts)
    assert max(map(len, payloads)) <= max_size


@given(st.integers(2, 20_000), st.integers(20, 1200))
def test_fragments_are_equal_but_for_the_last(size: int, max_size: int) -> None:
    sizes = [len(payload) for payload in h264.packetize(annex_b(unit_of(IDR, size)), max_size)]
    assert len(set(sizes[:-1])) <= 1
    assert sizes[-1] <= sizes[0]


@given(st.binary(max_size=40))
def test_any_payload_is_understood_or_malformed(payload: bytes) -> None:
    try:
        h264.depacketize_untrusted(payload)
    except Malformed:
        pass


def test_parameter_sets_travel_together() -> None:
    payloads = h264.packetize(annex_b(SPS, PPS, unit_of(IDR, 100)))
    assert payloads[0] == bytes.fromhex("78 0004") + SPS + bytes.fromhex("0004") + PPS
    assert payloads[1] == unit_of(IDR, 100)


def test_a_lone_parameter_set_is_not_aggregated() -> None:
    assert h264.packetize(annex_b(SPS)) == [SPS]


def test_parameter_sets_too_long_to_aggregate_travel_singly() -> None:
    long = unit_of(SPS[:1], 30)
    assert h264.packetize(annex_b(long, PPS), 36) == [long, PPS]


def test_delimiters_filler_and_sei_are_left_out() -> None:
    encoded = annex_b(DELIMITER, SPS, PPS, SEI, unit_of(IDR, 50), FILLER)
    assert joined(h264.packetize(encoded)) == annex_b(SPS, PPS, unit_of(IDR, 50))


def test_short_start_codes_and_trailing_zeros_are_understood() -> None:
    encoded = b"\x00\x00\x01" + SPS + b"\x00\x00\x00\x00\x01" + unit_of(IDR, 9) + b"\x00\x00"
    assert h264.packetize(encoded) == [SPS, unit_of(IDR, 9)]


def test_a_large_unit_is_fragmented() -> None:
    first, last = h264.packetize(annex_b(unit_of(IDR, 31)), 20)
    assert first == bytes.fromhex("7c85") + b"\x55" * 15
    assert last == bytes.fromhex("7c45") + b"\x55" * 15


def test_another_form_than_annex_b_is_refused() -> None:
    with pytest.raises(LocalProtocolError):
        h264.packetize(b"\x00\x00\x00\x04" + SPS)


def test_a_keyframe_is_seen_where_its_slice_begins() -> None:
    first, last = h264.packetize(annex_b(unit_of(IDR, 31)), 20)
    assert h264.depacketize_untrusted(first).keyframe
    assert not h264.depacketize_untrusted(last).keyframe
    assert not h264.depacketize_untrusted(SLICE + b"x").keyframe
    assert h264.depacketize_untrusted(b"\x78\x00\x02" + IDR + b"x").keyframe


@pytest.mark.parametrize("payload", ["", "7c", "78000567", "780000", "1a00", "00aa", "9faa"])
def test_broken_payloads_are_malformed(payload: str) -> None:
    with pytest.raises(Malformed):
        h264.depacketize_untrusted(bytes.fromhex(payload))


@pytest.mark.parametrize(
    ("name", "start", "keyframe"),
    [("0000", True, False), ("0001", True, True), ("0002", False, False), ("0003", True, False)],
)
def test_known_payloads_are_understood(name: str, start: bool, keyframe: bool) -> None:
    part = h264.depacketize_untrusted(corpus_file(f"media/aiortc_h264_{name}.bin"))
    assert (part.start, part.keyframe) == (start, keyframe)


def test_a_captured_stream_is_packetized_again_without_loss() -> None:
    stream, broken = b"", 0
    for packet in capture("h264.pcap"):
        try:
            stream += h264.depacketize_untrusted(packet.payload).data
        except Malformed:
            broken += 1
    assert broken == 1  # a STAP-A whose last unit is cut short
    kept = [unit for unit in h264.split_nal_units(stream) if unit[0] & 0x1F not in (6, 9, 12)]
    assert len(kept) > 100
    assert joined(h264.packetize(stream)) == annex_b(*kept)


def test_a_frame_is_joined_from_all_its_fragments() -> None:
    whole = annex_b(SPS, PPS, unit_of(IDR, 3000))
    sets, first, middle, last = h264.packetize(whole)
    assert h264.join_untrusted([sets, first, middle, last]) == whole
    assert h264.is_keyframe_untrusted([sets, first, middle, last])
    assert not h264.is_keyframe_untrusted([sets])
    for payloads in ([], [first], [middle, last], [sets, last], [first, last, middle], [first, sets]):
        with pytest.raises(Malformed):
            h264.join_untrusted(payloads)


@pytest.mark.parametrize(
    ("payload", "starts"),
    [
        (SPS, True),
        (SEI, True),
        (DELIMITER, True),
        (b"\x65\x88", True),
        (b"\x65\x40", False),  # a later slice
        (b"\x41\x9a", True),
        (b"\x78\x00\x04" + SPS, True),
        (b"\x7c\x85\x88", True),
        (b"\x7c\x05\x88", False),  # a later fragment
        (FILLER, False),
    ],
)
def test_a_frame_begins_with_its_first_slice_or_what_goes_before(payload: bytes, starts: bool) -> None:
    assert h264.starts_frame_untrusted(payload) is starts


@given(st.lists(st.binary(max_size=24), max_size=4))
def test_any_payloads_are_joined_or_malformed(payloads: list[bytes]) -> None:
    for function in (h264.join_untrusted, h264.is_keyframe_untrusted):
        try:
            function(payloads)
        except Malformed:
            pass
    for payload in payloads:
        try:
            h264.starts_frame_untrusted(payload)
        except Malformed:
            pass
