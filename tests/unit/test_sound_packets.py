"""What a packet of sound tells of itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triortc.protocol.rtp.sound import CLOCK_RATES, PacketInfo, inspect_packet_untrusted
from triortc.protocol.wire.errors import Malformed


@pytest.mark.parametrize(
    ("packet", "milliseconds"),
    [
        (b"\x00" + bytes(9), 10),
        (b"\x48" + bytes(9), 20),
        (b"\x18" + bytes(9), 60),
        (b"\x78" + bytes(9), 20),
        (b"\xe0" + bytes(9), 2.5),
        (b"\xfc" + bytes(9), 20),
        (b"\xfd" + bytes(9), 40),
        (b"\xfe\x03" + bytes(9), 40),
        (b"\xff\x06" + bytes(9), 120),
    ],
)
def test_the_first_bytes_of_an_opus_packet_tell_its_duration(packet: bytes, milliseconds: float) -> None:
    assert inspect_packet_untrusted("opus", packet).duration == milliseconds * 48


@pytest.mark.parametrize("packet", [b"", b"\x03", b"\x03\x00", b"\xff\x07", b"\x1b\x03", b"\x4a\xff\xff"])
def test_opus_packets_that_cannot_be_are_refused(packet: bytes) -> None:
    with pytest.raises(Malformed):
        inspect_packet_untrusted("opus", packet)


@pytest.mark.parametrize(
    ("packet", "has_fec"),
    [
        (b"\x48\x40" + bytes(9), True),
        (b"\x48\x80" + bytes(9), False),  # voice activity only
        (b"\x4c\x10" + bytes(9), True),  # the second channel's
        (b"\x48\x10" + bytes(9), False),
        (b"\x58\x10" + bytes(9), True),  # 60 ms: behind three activity flags
        (b"\x78\x40" + bytes(9), True),  # hybrid
        (b"\xf8\x40" + bytes(9), False),  # CELT has none
        (b"\x4a\x03\x40" + bytes(9), True),  # two frames, the first of three bytes
        (b"\x4b\xc1\x01\x40" + bytes(9), True),  # one frame, padding of one byte
        (b"\x4b\x82\x03\x40" + bytes(9), True),  # two frames of different sizes
        (b"\x4a\x00\x40" + bytes(9), False),  # an empty first frame
    ],
)
def test_redundancy_is_seen_in_the_first_frame(packet: bytes, has_fec: bool) -> None:
    assert inspect_packet_untrusted("opus", packet).has_fec is has_fec


def test_a_packet_of_one_byte_begins_a_pause() -> None:
    assert inspect_packet_untrusted("opus", b"\x48") == PacketInfo(960, has_fec=False, is_dtx=True)


@pytest.mark.parametrize("codec", ["pcmu", "pcma", "g722"])
def test_a_byte_is_a_tick(codec: str) -> None:
    assert inspect_packet_untrusted(codec, bytes(160)) == PacketInfo(160)
    with pytest.raises(Malformed):
        inspect_packet_untrusted(codec, b"")


@given(st.sampled_from(sorted(CLOCK_RATES)), st.binary(max_size=80))
def test_nothing_but_malformed_is_raised(codec: str, packet: bytes) -> None:
    try:
        info = inspect_packet_untrusted(codec, packet)
    except Malformed:
        return
    assert 0 < info.duration <= 5760
