import pytest
from hypothesis import given
from hypothesis import strategies as st
from rtp_streams import corpus, corpus_file

from triortc.protocol.rtp.packet import (
    RtpPacket,
    parse_rtp_untrusted,
    serialize_rtp,
    unwrap_rtx_untrusted,
    wrap_rtx,
)
from triortc.protocol.wire.errors import LocalProtocolError, Malformed

uint16 = st.integers(0, 0xFFFF)
uint32 = st.integers(0, 0xFFFFFFFF)


@st.composite
def packets(draw: st.DrawFn) -> RtpPacket:
    profile = draw(st.none() | uint16)
    words = draw(st.integers(0, 8)) if profile is not None else 0
    return RtpPacket(
        payload_type=draw(st.integers(0, 127)),
        sequence=draw(uint16),
        timestamp=draw(uint32),
        ssrc=draw(uint32),
        payload=draw(st.binary(max_size=64)),
        marker=draw(st.booleans()),
        csrcs=tuple(draw(st.lists(uint32, max_size=15))),
        extension_profile=profile,
        extension=draw(st.binary(min_size=4 * words, max_size=4 * words)),
        padding=draw(st.integers(0, 255)),
    )


@given(packets())
def test_a_packet_survives_serializing(packet: RtpPacket) -> None:
    assert parse_rtp_untrusted(serialize_rtp(packet)) == packet


@given(st.binary(max_size=80) | st.binary(max_size=80).map(lambda data: b"\xb3" + data))
def test_any_bytes_are_a_packet_or_malformed(data: bytes) -> None:
    try:
        parse_rtp_untrusted(data)
    except Malformed:
        pass


@given(packets(), uint16)
def test_a_retransmission_carries_the_whole_packet(packet: RtpPacket, sequence: int) -> None:
    rtx = wrap_rtx(packet, payload_type=97, sequence=sequence, ssrc=5)
    assert (rtx.payload_type, rtx.sequence, rtx.ssrc) == (97, sequence, 5)
    assert rtx.payload[:2] == packet.sequence.to_bytes(2, "big")
    original = unwrap_rtx_untrusted(rtx, payload_type=packet.payload_type, ssrc=packet.ssrc)
    assert original == packet._replace(padding=0)


def test_a_retransmission_without_a_packet_is_malformed() -> None:
    with pytest.raises(Malformed):
        unwrap_rtx_untrusted(RtpPacket(97, 1, 2, 3, b"\x01"), payload_type=96, ssrc=4)


@pytest.mark.parametrize(
    "packet",
    [
        RtpPacket(0, 0, 0, 0, b"", csrcs=(0,) * 16),
        RtpPacket(0, 0, 0, 0, b"", padding=256),
        RtpPacket(0, 0, 0, 0, b"", extension_profile=1, extension=b"abc"),
    ],
)
def test_what_the_format_cannot_express_is_refused(packet: RtpPacket) -> None:
    with pytest.raises(LocalProtocolError):
        serialize_rtp(packet)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rtp", RtpPacket(0, 15743, 3937035252, 4028317929, b"")),
        ("rtp_dtmf", RtpPacket(101, 24152, 4021352124, 2795586802, b"", marker=True)),
        ("rtp_with_csrc", RtpPacket(0, 16082, 144, 1606227614, b"", csrcs=(0xABCDEF01, 0xDEADBEEF))),
        ("rtp_only_padding", RtpPacket(120, 27759, 4044047131, 2837429438, b"", padding=224)),
    ],
)
def test_known_packets_are_understood(name: str, expected: RtpPacket) -> None:
    packet = parse_rtp_untrusted(corpus_file(f"rtp/aiortc_{name}.bin"))
    assert packet._replace(payload=b"") == expected


def test_the_corpus_is_parsed_or_malformed_and_survives() -> None:
    files = corpus("rtp", "*.bin")
    if not files:
        pytest.skip("no corpus here")
    parsed = 0
    for path in files:
        data = path.read_bytes()
        try:
            packet = parse_rtp_untrusted(data)
        except Malformed:
            continue
        assert parse_rtp_untrusted(serialize_rtp(packet)) == packet
        parsed += 1
    assert parsed > len(files) // 2
