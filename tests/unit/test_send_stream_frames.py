from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rtp_streams import AES_CM, GCM, SSRC, Line, datagrams, frame_of

from triortc.protocol.rtp.extensions import find_extension_untrusted
from triortc.protocol.rtp.frame import MAX_BURST_SIZE, MAX_PAYLOAD_SIZE, MAX_SEGMENTS, EncodedFrame
from triortc.protocol.rtp.srtp import Scratch, SrtpSender
from triortc.protocol.wire.srtp_profile import SrtpProfile


@pytest.mark.parametrize("profile", [GCM, AES_CM])
@pytest.mark.parametrize("mid_extension_id", [None, 4])
def test_a_frame_becomes_packets_in_a_row(profile: SrtpProfile, mid_extension_id: int | None) -> None:
    line = Line(profile=profile, mid_extension_id=mid_extension_id)
    frame = frame_of([1100, 1100, 30], timestamp=9000)
    packets = line.send(frame)
    assert [packet.payload for packet in packets] == list(frame.payloads)
    assert [packet.sequence for packet in packets] == [0, 1, 2]
    assert {(packet.ssrc, packet.payload_type, packet.timestamp) for packet in packets} == {(SSRC, 96, 9000)}


def test_the_last_packet_of_a_picture_is_marked() -> None:
    line = Line()
    assert [packet.marker for packet in line.send(frame_of([50, 1100, 1100, 30]))] == [False] * 3 + [True]
    assert [packet.marker for packet in line.send(frame_of([30]))] == [True]


def test_audio_is_not_marked() -> None:
    assert [packet.marker for packet in Line(kind="audio").send(frame_of([30]))] == [False]


def test_every_packet_tells_its_mid() -> None:
    for packet in Line(mid="video7", mid_extension_id=3).send(frame_of([900, 900, 30])):
        assert find_extension_untrusted(packet.extension_profile, packet.extension, 3) == b"video7"


@pytest.mark.parametrize("mid", ["", "m" * 18, "m" * 300])
def test_a_mid_that_has_no_room_is_not_told(mid: str) -> None:
    (packet,) = Line(mid=mid, mid_extension_id=3).send(frame_of([30]))
    assert packet.extension_profile is None


@pytest.mark.parametrize("mid", ["0", "m" * 14, "m" * 15, "m" * 16])
@pytest.mark.parametrize("mid_extension_id", [1, 20])
def test_no_datagram_is_too_large_even_as_a_retransmission(mid: str, mid_extension_id: int) -> None:
    line = Line(mid=mid, mid_extension_id=mid_extension_id)
    (datagram,) = line.write(frame_of([MAX_PAYLOAD_SIZE]))
    (again,) = line.nack([0])
    assert len(datagram) <= 1194
    assert len(again) <= 1196


def test_a_frame_of_equal_packets_is_one_piece() -> None:
    line = Line()
    ((data, segment_size),) = line.stream.write_frame(frame_of([1100] * 8 + [9]), line.srtp, line.scratch)
    assert segment_size == 12 + 1100 + 16
    assert len(data) == 8 * 1128 + 12 + 9 + 16
    assert data.obj is line.scratch.buffer


def test_a_single_packet_has_no_segment_size() -> None:
    line = Line()
    ((_, segment_size),) = line.stream.write_frame(frame_of([30]), line.srtp, line.scratch)
    assert segment_size is None


def test_an_empty_frame_is_nothing() -> None:
    line = Line()
    assert line.send(EncodedFrame([], timestamp=0, time=0.0, keyframe=False)) == []
    assert line.stream.frames_sent == 0


@given(st.lists(st.sampled_from([20, 500, 1144, 1144, 1144]), max_size=150), st.sampled_from([GCM, AES_CM]))
def test_any_frame_arrives_whole_within_the_limits(sizes: list[int], profile: SrtpProfile) -> None:
    line = Line(profile=profile, mid_extension_id=1)
    frame = frame_of(sizes)
    pieces = line.stream.write_frame(frame, line.srtp, line.scratch)
    for data, segment_size in pieces:
        assert len(data) <= MAX_BURST_SIZE
        assert segment_size is None or len(data) <= MAX_SEGMENTS * segment_size
    assert [line.read(datagram).payload for datagram in datagrams(pieces)] == list(frame.payloads)


def test_a_frame_that_finds_no_room_gets_a_scratch_of_its_own() -> None:
    line = Line()
    first, second = frame_of([1100] * 50), frame_of([1100] * 50)
    pieces = line.stream.write_frame(first, line.srtp, line.scratch)
    pieces += line.stream.write_frame(second, line.srtp, line.scratch)
    payloads = [line.read(datagram).payload for datagram in datagrams(pieces)]
    assert payloads == list(first.payloads + second.payloads)


def test_frames_of_one_turn_lie_side_by_side() -> None:
    line = Line()
    pieces = [
        piece
        for _ in range(3)
        for piece in line.stream.write_frame(frame_of([500, 20]), line.srtp, line.scratch)
    ]
    assert [line.read(datagram).sequence for datagram in datagrams(pieces)] == list(range(6))
    assert all(data.obj is line.scratch.buffer for data, _ in pieces)


def test_sequence_numbers_wrap_within_a_frame() -> None:
    line = Line()
    line.stream._headers.next_sequence = 65_534
    packets = line.send(frame_of([900] * 4))
    assert [packet.sequence for packet in packets] == [65_534, 65_535, 0, 1]
    assert {packet.payload_type for packet in packets} == {96}


def test_sequence_numbers_begin_low_and_timestamps_anywhere() -> None:
    (packet,) = Line(entropy=0xFF).send(frame_of([30], timestamp=3))
    assert packet.sequence == 0x0FFF
    assert packet.timestamp == (0xFFFFFFFF + 3) & 0xFFFFFFFF


def test_timestamps_wrap() -> None:
    line = Line()
    (packet,) = line.send(frame_of([30], timestamp=2**32 + 5))
    assert packet.timestamp == 5


class Refusing(SrtpSender):
    """Refuses some packets of each burst, and leaves their plain text where it is."""

    def __init__(self, refused: Sequence[int]) -> None:
        super().__init__(bytes(range(28)), GCM)
        self.refused = refused

    def protect_burst(self, scratch: Scratch, offset: int, stride: int, count: int, last: int) -> list[int]:
        super().protect_burst(scratch, offset, stride, count, last)
        return [index for index in self.refused if index < count]


@given(st.sets(st.integers(0, 5)), st.booleans())
def test_a_refused_packet_is_left_out(refused: set[int], short_last: bool) -> None:
    line = Line(sender=Refusing(sorted(refused)))
    packets = line.send(frame_of([900] * 5 + [30 if short_last else 900]))
    assert [packet.sequence for packet in packets] == [index for index in range(6) if index not in refused]
    assert line.stream.protect_failures == len(refused)


def test_what_was_sent_is_counted() -> None:
    line = Line(mid_extension_id=1)
    line.send(frame_of([1000, 500], keyframe=True))
    line.send(frame_of([200]))
    stream = line.stream
    assert (stream.packets_sent, stream.bytes_sent, stream.header_bytes_sent) == (3, 1700, 60)
    assert (stream.frames_sent, stream.key_frames_sent, stream.protect_failures) == (2, 1, 0)
