import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rtp_captures import capture

from triortc.protocol.rtp.frame import MAX_PAYLOAD_SIZE
from triortc.protocol.rtp.payload import vp8
from triortc.protocol.wire.errors import Malformed


@given(st.binary(min_size=1, max_size=9000), st.integers(0, 2**40), st.integers(20, 1200))
def test_a_frame_survives_and_its_packets_are_equal(frame: bytes, picture_id: int, max_size: int) -> None:
    payloads = vp8.packetize(frame, picture_id, max_size)
    parts = [vp8.depacketize_untrusted(payload) for payload in payloads]
    assert b"".join(part.data for part in parts) == frame
    assert {part.picture_id for part in parts} == {picture_id & 0x7FFF}
    assert [part.start for part in parts] == [True] + [False] * (len(parts) - 1)
    sizes = [len(payload) for payload in payloads]
    assert len(set(sizes[:-1])) <= 1
    assert max(sizes) <= max_size
    assert sizes[-1] <= sizes[0]


def test_a_frame_just_too_long_is_halved() -> None:
    payloads = vp8.packetize(bytes(1141), 0)
    assert [len(payload) for payload in payloads] == [575, 574]
    assert len(vp8.packetize(bytes(1140), 0)[0]) == MAX_PAYLOAD_SIZE


def test_the_picture_id_is_15_bits_long() -> None:
    assert vp8.packetize(b"\x00", 5) == [bytes.fromhex("9080800500")]


def test_an_empty_frame_has_no_payload() -> None:
    assert vp8.packetize(b"", 0) == []


def test_a_keyframe_is_seen_by_its_frame_tag() -> None:
    key, delta = vp8.packetize(b"\x10abc", 1)[0], vp8.packetize(b"\x11abc", 1)[0]
    assert vp8.depacketize_untrusted(key).keyframe
    assert not vp8.depacketize_untrusted(delta).keyframe


@pytest.mark.parametrize(
    ("payload", "picture_id"),
    [
        ("10aa", None),
        ("908011aa", 0x11),
        ("90808011aa", 0x11),
        ("90f0ffff0102aa", 0x7FFF),
        ("90200caa", None),
    ],
)
def test_every_form_of_descriptor_is_read(payload: str, picture_id: int | None) -> None:
    part = vp8.depacketize_untrusted(bytes.fromhex(payload))
    assert (part.data, part.picture_id) == (b"\xaa", picture_id)


@pytest.mark.parametrize("payload", ["", "10", "90", "9080", "908080", "90808011", "90f0ffff0102"])
def test_a_payload_that_ends_in_its_descriptor_is_malformed(payload: str) -> None:
    with pytest.raises(Malformed):
        vp8.depacketize_untrusted(bytes.fromhex(payload))


@given(st.binary(max_size=16))
def test_any_bytes_are_a_payload_or_malformed(payload: bytes) -> None:
    try:
        vp8.depacketize_untrusted(payload)
    except Malformed:
        pass


@pytest.mark.parametrize("name", ["vp8.pcap", "webrtc_vp8.rtpdump"])
def test_a_captured_stream_begins_with_a_keyframe(name: str) -> None:
    packets = [packet for packet in capture(name) if packet.payload]
    parts = [vp8.depacketize_untrusted(packet.payload) for packet in packets]
    assert parts[0].keyframe
    width, height = struct.unpack_from("<HH", parts[0].data, 6)
    assert parts[0].data[3:6] == b"\x9d\x01\x2a"
    assert 0 < width & 0x3FFF <= 4096
    assert 0 < height & 0x3FFF <= 4096


def test_a_frame_is_joined_from_its_beginning() -> None:
    first, last = vp8.new_packetizer()(b"\x10" + bytes(2000))
    assert vp8.join_untrusted([first, last]) == b"\x10" + bytes(2000)
    assert [vp8.starts_frame_untrusted(payload) for payload in (first, last)] == [True, False]
    assert vp8.is_keyframe_untrusted([first, last])
    for payloads in ([], [last], [b""]):
        with pytest.raises(Malformed):
            vp8.join_untrusted(payloads)


def test_successive_frames_are_numbered() -> None:
    packetize = vp8.new_packetizer()
    assert [vp8.depacketize_untrusted(packetize(b"x")[0]).picture_id for _ in range(3)] == [1, 2, 3]


@given(st.lists(st.binary(max_size=16), max_size=4))
def test_any_payloads_are_joined_or_malformed(payloads: list[bytes]) -> None:
    for function in (vp8.join_untrusted, vp8.is_keyframe_untrusted):
        try:
            function(payloads)
        except Malformed:
            pass
