import pytest
from hypothesis import given
from hypothesis import strategies as st
from rtp_captures import capture

from triortc.protocol.rtp.payload import vp9
from triortc.protocol.wire.errors import Malformed

KEY, DELTA, KEY_OF_PROFILE_3 = b"\x82", b"\x86", b"\xb0"


def layer(payload: str, *, sid: int, depends: bool, begin: bool = True, end: bool = True) -> bytes:
    """A payload of a spatial layer, in flexible mode."""
    flags = 0xB0 | (8 if begin else 0) | (4 if end else 0)
    return bytes((flags, 0x11, sid << 1 | depends)) + bytes.fromhex(payload)


@given(st.binary(min_size=1, max_size=9000), st.integers(0, 2**40), st.integers(20, 1200))
def test_a_frame_survives_and_its_packets_are_equal(frame: bytes, picture_id: int, max_size: int) -> None:
    payloads = vp9.packetize(frame, picture_id, max_size)
    parts = [vp9.depacketize_untrusted(payload) for payload in payloads]
    assert vp9.join_untrusted(payloads) == frame
    assert {part.picture_id for part in parts} == {picture_id & 0x7FFF}
    assert [part.start for part in parts] == [True] + [False] * (len(parts) - 1)
    assert [part.end for part in parts] == [False] * (len(parts) - 1) + [True]
    sizes = [len(payload) for payload in payloads]
    assert len(set(sizes[:-1])) <= 1
    assert max(sizes) <= max_size
    assert sizes[-1] <= sizes[0]


@pytest.mark.parametrize(
    ("frame", "keyframe"), [(KEY, True), (DELTA, False), (KEY_OF_PROFILE_3, True), (b"\xb2", False)]
)
def test_a_keyframe_is_seen_in_the_frame_and_in_the_payload(frame: bytes, keyframe: bool) -> None:
    payloads = vp9.packetize(frame + bytes(2000), 1)
    assert vp9.is_keyframe_untrusted(payloads) is keyframe
    assert vp9.starts_frame_untrusted(payloads[0])
    assert not vp9.starts_frame_untrusted(payloads[1])


def test_a_keyframe_tells_of_the_one_layer_that_there_is() -> None:
    assert vp9.packetize(KEY, 5) == [bytes.fromhex("8e8005 08010401") + KEY]
    assert vp9.packetize(DELTA, 5) == [bytes.fromhex("cc8005") + DELTA]


def test_successive_frames_are_numbered() -> None:
    packetize = vp9.new_packetizer()
    numbers = [vp9.depacketize_untrusted(packetize(DELTA)[0]).picture_id for _ in range(3)]
    assert numbers == [1, 2, 3]


def test_an_empty_frame_has_no_payload() -> None:
    assert vp9.packetize(b"", 0) == []


@pytest.mark.parametrize(
    "payload",
    [
        "0caa",
        "8c11aa",
        "8c8011aa",
        "ac110007aa",  # layers and TL0PICIDX
        "bc1100aa",  # layers in flexible mode
        "fc1100030302aa",  # three references
        "8e11180280016802040108 0102aa",  # one layer with its size, and two pictures
        "0e300280016802800168aa",  # two layers with sizes
    ],
)
def test_every_form_of_descriptor_is_read(payload: str) -> None:
    assert vp9.depacketize_untrusted(bytes.fromhex(payload)).data == b"\xaa"


def test_spatial_layers_become_a_superframe() -> None:
    payloads = [
        layer("8201", sid=0, depends=False, end=False),
        layer("02", sid=0, depends=False, begin=False),
        layer("8403", sid=1, depends=True),
    ]
    joined = vp9.join_untrusted(payloads)
    assert joined == bytes.fromhex("820102 8403 d9 03000000 02000000 d9")
    assert vp9.is_keyframe_untrusted(payloads)
    assert [vp9.starts_frame_untrusted(payload) for payload in payloads] == [True, False, False]


def test_a_layer_that_needs_none_below_may_come_first() -> None:
    assert vp9.starts_frame_untrusted(layer("84", sid=2, depends=False))


@pytest.mark.parametrize(
    "payload", ["", "0c", "8c", "8c80", "8c8011", "ac1100", "fc11000303 03aa", "0e30028001", "0e08020404"]
)
def test_a_payload_that_ends_in_its_descriptor_is_malformed(payload: str) -> None:
    with pytest.raises(Malformed):
        vp9.depacketize_untrusted(bytes.fromhex(payload))


def test_a_picture_that_is_not_whole_is_malformed() -> None:
    first, middle, last = vp9.packetize(DELTA + bytes(3000), 1)
    for payloads in ([], [first], [first, middle], [middle, last], [first, first, last]):
        with pytest.raises(Malformed):
            vp9.join_untrusted(payloads)


def test_a_picture_of_nine_layers_is_malformed() -> None:
    whole = layer("84", sid=0, depends=False)
    assert vp9.join_untrusted([whole] * 8)
    with pytest.raises(Malformed):
        vp9.join_untrusted([whole] * 9)


@given(st.lists(st.binary(max_size=24), max_size=4))
def test_any_bytes_are_understood_or_malformed(payloads: list[bytes]) -> None:
    for function in (vp9.join_untrusted, vp9.is_keyframe_untrusted):
        try:
            function(payloads)
        except Malformed:
            pass
    for payload in payloads:
        try:
            vp9.starts_frame_untrusted(payload)
        except Malformed:
            pass


# Of the first one many packets are missing; the second one begins within a stream.
@pytest.mark.parametrize(("name", "whole", "keys"), [("vp9.pcap", 28, 1), ("contiguous_vp9.pcap", 15, 0)])
def test_captured_pictures_are_joined(name: str, whole: int, keys: int) -> None:
    pictures: dict[int, list[bytes]] = {}
    packets = [packet for packet in capture(name) if packet.payload]
    for packet in sorted(packets, key=lambda packet: packet.sequence):
        pictures.setdefault(packet.timestamp, []).append(packet.payload)
    joined = 0
    for payloads in pictures.values():
        try:
            joined += len(vp9.join_untrusted(payloads)) > 0
        except Malformed:
            pass
    assert joined == whole
    assert sum(map(vp9.is_keyframe_untrusted, pictures.values())) == keys
