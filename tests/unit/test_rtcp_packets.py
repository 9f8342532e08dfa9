import pytest
from hypothesis import given
from hypothesis import strategies as st
from rtp_streams import corpus, corpus_file

from triortc.protocol.rtp.rtcp_feedback import (
    MAX_NACKED,
    BitrateEstimate,
    FullIntraRequest,
    GenericNack,
    PictureLossIndication,
    RtcpPacket,
    parse_compound_untrusted,
    serialize_compound,
)
from triortc.protocol.rtp.rtcp_reports import (
    Goodbye,
    ReceiverReport,
    ReportBlock,
    SenderReport,
    SourceChunk,
    SourceDescription,
)
from triortc.protocol.wire.errors import Malformed

uint8 = st.integers(0, 0xFF)
uint32 = st.integers(0, 0xFFFFFFFF)
blocks = st.builds(
    ReportBlock, uint32, uint8, st.integers(-0x800000, 0x7FFFFF), uint32, uint32, uint32, uint32
)
block_lists = st.lists(blocks, max_size=31).map(tuple)
items = st.lists(st.tuples(st.integers(1, 255), st.binary(max_size=255)), max_size=4).map(tuple)


@st.composite
def losses(draw: st.DrawFn) -> tuple[int, ...]:
    sequence = draw(st.integers(0, 0xFFFF))
    gaps = draw(st.lists(st.integers(1, 100), min_size=1, max_size=80))
    return tuple((sequence + sum(gaps[:count])) & 0xFFFF for count in range(len(gaps)))


bitrates = st.builds(
    lambda mantissa, exponent: mantissa << exponent, st.integers(0, 2**18 - 1), st.integers(0, 40)
)
sources = st.lists(uint32, max_size=31).map(tuple)
packets: st.SearchStrategy[RtcpPacket] = st.one_of(
    st.builds(SenderReport, uint32, st.integers(0, 2**64 - 1), uint32, uint32, uint32, block_lists),
    st.builds(ReceiverReport, uint32, block_lists),
    st.builds(SourceDescription, st.lists(st.builds(SourceChunk, uint32, items), max_size=4).map(tuple)),
    st.builds(Goodbye, sources, st.none() | st.binary(max_size=255)),
    st.builds(GenericNack, uint32, uint32, losses()),
    st.builds(PictureLossIndication, uint32, uint32),
    st.builds(FullIntraRequest, uint32, st.lists(st.tuples(uint32, uint8), max_size=20).map(tuple)),
    st.builds(BitrateEstimate, uint32, bitrates, st.lists(uint32, max_size=255).map(tuple)),
)


@given(packets)
def test_a_packet_survives_serializing(packet: RtcpPacket) -> None:
    data = packet.serialize()
    assert len(data) % 4 == 0
    assert parse_compound_untrusted(data) == [packet]


@given(st.lists(packets, max_size=4))
def test_a_compound_packet_survives_serializing(compound: list[RtcpPacket]) -> None:
    assert parse_compound_untrusted(serialize_compound(compound)) == compound


@given(packets, st.data())
def test_a_damaged_packet_is_parsed_or_malformed(packet: RtcpPacket, data: st.DataObject) -> None:
    damaged = bytearray(packet.serialize())
    for _ in range(3):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(uint8)
    try:
        parse_compound_untrusted(bytes(damaged))
    except Malformed:
        pass


@given(st.binary(max_size=80), st.integers(200, 207), st.integers(0, 31))
def test_any_body_is_parsed_or_malformed(body: bytes, packet_type: int, count: int) -> None:
    body += bytes(-len(body) % 4)
    head = bytes((0x80 | count, packet_type)) + (len(body) // 4).to_bytes(2, "big")
    try:
        parse_compound_untrusted(head + body)
    except Malformed:
        pass


def test_the_losses_of_a_burst_share_one_entry() -> None:
    nack = GenericNack(1, 2, tuple(range(65530, 65536)) + tuple(range(11)))
    assert len(nack.serialize()) == 16
    assert parse_compound_untrusted(nack.serialize()) == [nack]


def test_a_nack_of_more_than_a_thousand_packets_is_malformed() -> None:
    def nack(count: int) -> bytes:
        return GenericNack(1, 2, tuple(range(count))).serialize()

    assert len(parse_compound_untrusted(nack(MAX_NACKED))) == 1
    with pytest.raises(Malformed):
        parse_compound_untrusted(nack(MAX_NACKED + 17))


def test_a_bitrate_is_rounded_down_to_18_bits() -> None:
    (parsed,) = parse_compound_untrusted(BitrateEstimate(1, 1_000_001, ()).serialize())
    assert parsed == BitrateEstimate(1, 1_000_000, ())


def test_packets_of_unknown_type_are_passed_over() -> None:
    pli = PictureLossIndication(1, 2)
    application = bytes.fromhex("80cc0001 00000001")
    extended_report = bytes.fromhex("80cf0001 00000001")
    other_feedback = bytes.fromhex("8fcd0002 00000001 00000002")
    other_application = bytes.fromhex("8fce0004 00000001 00000000 41424344 00000000")
    data = application + extended_report + other_feedback + other_application + pli.serialize()
    assert parse_compound_untrusted(data) == [pli]


def test_padding_is_taken_off() -> None:
    assert parse_compound_untrusted(bytes.fromhex("a0cb0001 00000004")) == [Goodbye(())]


@pytest.mark.parametrize("padding", ["00", "05"])
def test_impossible_padding_is_malformed(padding: str) -> None:
    with pytest.raises(Malformed):
        parse_compound_untrusted(bytes.fromhex("a0cb0001 000000" + padding))


def test_one_bad_packet_spoils_the_compound() -> None:
    with pytest.raises(Malformed):
        parse_compound_untrusted(PictureLossIndication(1, 2).serialize() + b"\x81\xcb\x00\x00")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bye", Goodbye((2924645187,))),
        ("bye_no_sources", Goodbye(())),
        ("bye_padding", Goodbye(())),
        ("psfb_pli", PictureLossIndication(1414554213, 587284409)),
        ("rr", ReceiverReport(817267719, (ReportBlock(1200895919, 0, 0, 630, 1906, 0, 0),))),
        (
            "rtpfb",
            GenericNack(
                2336520123,
                4145934052,
                (12, 32, 39, 54, 76, 110, 123, 142, 183, 187, 223, 236, 271, 292),
            ),
        ),
        ("sdes", SourceDescription.of_cname(1831097322, "{63f459ea-41fe-4474-9d33-9707c9ee79d1}")),
        (
            "sr",
            SenderReport(
                1831097322,
                16016567581311369308,
                1722342718,
                269,
                13557,
                (ReportBlock(2398654957, 0, 0, 246, 127, 0, 0),),
            ),
        ),
    ],
)
def test_known_packets_are_understood(name: str, expected: RtcpPacket) -> None:
    assert parse_compound_untrusted(corpus_file(f"rtcp/aiortc_rtcp_{name}.bin")) == [expected]


@pytest.mark.parametrize(
    "name",
    ["bye_invalid", "psfb_invalid", "rr_invalid", "rtpfb_invalid", "sdes_item_truncated", "sr_invalid"],
)
def test_known_broken_packets_are_malformed(name: str) -> None:
    data = corpus_file(f"rtcp/aiortc_rtcp_{name}.bin")
    with pytest.raises(Malformed):
        parse_compound_untrusted(data)


def test_the_corpus_is_parsed_or_malformed_and_survives() -> None:
    files = corpus("rtcp")
    if not files:
        pytest.skip("no corpus here")
    understood = 0
    for path in files:
        try:
            compound = parse_compound_untrusted(path.read_bytes())
        except Malformed:
            continue
        assert parse_compound_untrusted(serialize_compound(compound)) == compound
        understood += len(compound)
    assert understood > 20
