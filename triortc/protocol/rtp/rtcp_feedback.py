"""RTCP feedback (RFC 4585, RFC 5104, REMB), and compound packets of any kind."""

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from triortc.protocol.wire.errors import Malformed
from triortc.protocol.wire.reader import Reader

from .rtcp_reports import (
    GOODBYE,
    RECEIVER_REPORT,
    SENDER_REPORT,
    SOURCE_DESCRIPTION,
    Goodbye,
    ReceiverReport,
    SenderReport,
    SourceDescription,
    parse_goodbye_untrusted,
    parse_receiver_report_untrusted,
    parse_sender_report_untrusted,
    parse_source_description_untrusted,
    serialize_rtcp,
)

TRANSPORT_FEEDBACK = 205
PAYLOAD_FEEDBACK = 206
"""RTCP packet types of feedback (RFC 4585 §6.1)."""

MAX_NACKED = 1000
"""A longer NACK list is refused."""

_FORMAT_NACK = 1
_FORMAT_PLI = 1
_FORMAT_FIR = 4
_FORMAT_APPLICATION = 15
_REMB_IDENTIFIER = int.from_bytes(b"REMB", "big")
_REMB_MANTISSA_BITS = 18


@dataclass(frozen=True, slots=True)
class GenericNack:
    """Packets that did not arrive (RFC 4585 §6.2.1).

    Attributes:
      sender_ssrc: who says it.
      media_ssrc: the stream they belong to.
      sequence_numbers: 16-bit, in the order of their loss.
    """

    sender_ssrc: int
    media_ssrc: int
    sequence_numbers: tuple[int, ...]

    def serialize(self) -> bytes:
        """Return the packet: each entry names one number and a bitmask of the 16 after it."""
        entries: list[tuple[int, int]] = []
        for sequence in self.sequence_numbers:
            gap = (sequence - entries[-1][0] & 0xFFFF) if entries else 0
            if 1 <= gap <= 16:
                entries[-1] = (entries[-1][0], entries[-1][1] | 1 << gap - 1)
            else:
                entries.append((sequence, 0))
        body = b"".join(struct.pack("!HH", *entry) for entry in entries)
        return _serialize_feedback(TRANSPORT_FEEDBACK, _FORMAT_NACK, self.sender_ssrc, self.media_ssrc, body)


@dataclass(frozen=True, slots=True)
class PictureLossIndication:
    """A decoder lost its picture and asks for a keyframe (RFC 4585 §6.3.1).

    Attributes:
      sender_ssrc: who asks.
      media_ssrc: of whom.
    """

    sender_ssrc: int
    media_ssrc: int

    def serialize(self) -> bytes:
        """Return the packet."""
        return _serialize_feedback(PAYLOAD_FEEDBACK, _FORMAT_PLI, self.sender_ssrc, self.media_ssrc, b"")


@dataclass(frozen=True, slots=True)
class FullIntraRequest:
    """A command to send a keyframe (RFC 5104 §4.3.1).

    Attributes:
      sender_ssrc: who asks.
      requests: streams, with command numbers of 8 bits; a repeated number is the same request.
    """

    sender_ssrc: int
    requests: tuple[tuple[int, int], ...]

    def serialize(self) -> bytes:
        """Return the packet."""
        body = b"".join(struct.pack("!IB3x", ssrc, number) for ssrc, number in self.requests)
        return _serialize_feedback(PAYLOAD_FEEDBACK, _FORMAT_FIR, self.sender_ssrc, 0, body)


@dataclass(frozen=True, slots=True)
class BitrateEstimate:
    """REMB: what the receiver believes it can receive (draft-alvestrand-rmcat-remb-03).

    Attributes:
      sender_ssrc: the receiver.
      bitrate: bits per second, in all; 18 significant bits survive.
      ssrcs: the streams it is for, at most 255.
    """

    sender_ssrc: int
    bitrate: int
    ssrcs: tuple[int, ...]

    def serialize(self) -> bytes:
        """Return the packet; the bitrate is rounded down."""
        exponent = max(0, self.bitrate.bit_length() - _REMB_MANTISSA_BITS)
        word = len(self.ssrcs) << 24 | exponent << _REMB_MANTISSA_BITS | self.bitrate >> exponent
        body = struct.pack(f"!{2 + len(self.ssrcs)}I", _REMB_IDENTIFIER, word, *self.ssrcs)
        return _serialize_feedback(PAYLOAD_FEEDBACK, _FORMAT_APPLICATION, self.sender_ssrc, 0, body)


RtcpPacket: TypeAlias = (
    SenderReport
    | ReceiverReport
    | SourceDescription
    | Goodbye
    | GenericNack
    | PictureLossIndication
    | FullIntraRequest
    | BitrateEstimate
)
"""What a compound packet may hold, as far as it is understood."""


def serialize_compound(packets: Iterable[RtcpPacket]) -> bytes:
    """Return *packets* in one datagram; a report and an SDES belong first (RFC 3550 §6.1)."""
    return b"".join(packet.serialize() for packet in packets)


def parse_compound_untrusted(data: bytes) -> list[RtcpPacket]:
    """Take a compound packet apart; a reduced-size one (RFC 5506) is as good.

    Packets of unknown type or format are passed over.

    Raises:
      Malformed: when any packet breaks its format; then none of them counts.
    """
    reader = Reader(data)
    packets: list[RtcpPacket] = []
    while reader.remaining:
        packet = _parse_packet_untrusted(reader)
        if packet is not None:
            packets.append(packet)
    return packets


def _parse_packet_untrusted(reader: Reader) -> RtcpPacket | None:
    head = reader.u8()
    if head >> 6 != 2:
        raise Malformed("not RTCP version 2")
    packet_type = reader.u8()
    body = reader.take(4 * reader.u16())
    if head & 0x20:
        padding = int.from_bytes(body[-1:], "big")
        if not 0 < padding <= len(body):
            raise Malformed(f"padding of {padding} in {len(body)} bytes")
        body = body[:-padding]
    parse = _PARSERS.get(packet_type)
    return None if parse is None else parse(head & 0x1F, Reader(body))


def _parse_transport_feedback_untrusted(format: int, reader: Reader) -> RtcpPacket | None:
    sender, media = reader.u32(), reader.u32()
    return _parse_nack_untrusted(sender, media, reader) if format == _FORMAT_NACK else None


def _parse_payload_feedback_untrusted(format: int, reader: Reader) -> RtcpPacket | None:
    sender, media = reader.u32(), reader.u32()
    if format == _FORMAT_PLI:
        return PictureLossIndication(sender, media)
    if format == _FORMAT_FIR:
        return _parse_fir_untrusted(sender, reader)
    if format == _FORMAT_APPLICATION and reader.remaining >= 8 and reader.u32() == _REMB_IDENTIFIER:
        return _parse_remb_untrusted(sender, reader)
    return None


def _parse_nack_untrusted(sender: int, media: int, reader: Reader) -> GenericNack:
    sequence_numbers: list[int] = []
    while reader.remaining:
        first, following = reader.u16(), reader.u16()
        sequence_numbers.append(first)
        sequence_numbers += (first + bit + 1 & 0xFFFF for bit in range(16) if following >> bit & 1)
        if len(sequence_numbers) > MAX_NACKED:
            raise Malformed("NACK of more packets than any sender remembers")
    return GenericNack(sender, media, tuple(sequence_numbers))


def _parse_fir_untrusted(sender: int, reader: Reader) -> FullIntraRequest:
    requests: list[tuple[int, int]] = []
    while reader.remaining:
        requests.append((reader.u32(), reader.u8()))
        reader.skip(3)
    return FullIntraRequest(sender, tuple(requests))


def _parse_remb_untrusted(sender: int, reader: Reader) -> BitrateEstimate:
    word = reader.u32()
    mantissa, exponent = word & (1 << _REMB_MANTISSA_BITS) - 1, word >> _REMB_MANTISSA_BITS & 0x3F
    ssrcs = tuple(reader.u32() for _ in range(word >> 24))
    return BitrateEstimate(sender, mantissa << exponent, ssrcs)


def _serialize_feedback(packet_type: int, format: int, sender: int, media: int, body: bytes) -> bytes:
    return serialize_rtcp(packet_type, format, struct.pack("!II", sender, media) + body)


_PARSERS: dict[int, Callable[[int, Reader], RtcpPacket | None]] = {
    SENDER_REPORT: parse_sender_report_untrusted,
    RECEIVER_REPORT: parse_receiver_report_untrusted,
    SOURCE_DESCRIPTION: parse_source_description_untrusted,
    GOODBYE: parse_goodbye_untrusted,
    TRANSPORT_FEEDBACK: _parse_transport_feedback_untrusted,
    PAYLOAD_FEEDBACK: _parse_payload_feedback_untrusted,
}
