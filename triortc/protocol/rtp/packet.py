"""RTP packets (RFC 3550 §5.1) and their retransmission format (RFC 4588)."""

import struct
from typing import NamedTuple

from triortc.protocol.wire.errors import LocalProtocolError, Malformed
from triortc.protocol.wire.reader import Reader

RTP_HEADER_LENGTH = 12
"""Length of a header without CSRCs and extensions, in bytes."""

RTP_VERSION_BITS = 0x80000000
EXTENSION_BIT = 0x10000000
MARKER_BIT = 0x00800000
"""The version, X and M bits within the first 32-bit word of a header."""

_PADDING_BIT = 0x20000000

_unpack_header = struct.Struct("!BBHII2xH").unpack_from
_HEADER_AND_MORE = 16
"""A header, and the profile and length of its extension."""

_PLAIN = 0x80  # the first byte of a packet without padding, extension and CSRCs
_EXTENDED = 0x90


class RtpPacket(NamedTuple):
    """One RTP packet, taken apart.

    Attributes:
      payload_type: 0…127.
      sequence: 16-bit sequence number.
      timestamp: 32-bit media timestamp, in ticks of the codec's clock rate.
      ssrc: the stream's synchronization source.
      payload: without header and padding.
      marker: for video the last packet of a frame.
      csrcs: at most 15 contributing sources.
      extension_profile: which form the extension block has, or None when there is none
        (RFC 8285: ``0xBEDE`` one-byte, ``0x1000`` two-byte).
      extension: the block's bytes, a multiple of four.
      padding: how many bytes of padding follow the payload.
    """

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False
    csrcs: tuple[int, ...] = ()
    extension_profile: int | None = None
    extension: bytes = b""
    padding: int = 0


def parse_rtp_untrusted(data: bytes) -> RtpPacket:
    """Take an RTP packet apart.

    Raises:
      Malformed: when *data* is not one.
    """
    reader = Reader(data)
    fixed = reader.uint(RTP_HEADER_LENGTH)  # one read of 96 bits: five small ones cost five times as much
    if fixed >> 94 != 2:
        raise Malformed("not RTP version 2")
    csrcs = tuple(reader.u32() for _ in range(fixed >> 88 & 0x0F))
    profile, extension = None, b""
    if fixed >> 92 & 1:
        profile = reader.u16()
        extension = reader.take(4 * reader.u16())
    payload = reader.rest()
    padding = 0
    if fixed >> 93 & 1:
        padding = int.from_bytes(payload[-1:], "big")
        if not 0 < padding <= len(payload):
            raise Malformed(f"padding of {padding} in {len(payload)} bytes")
        payload = payload[:-padding]
    return RtpPacket(
        fixed >> 80 & 0x7F,
        fixed >> 64 & 0xFFFF,
        fixed >> 32 & 0xFFFFFFFF,
        fixed & 0xFFFFFFFF,
        payload,
        bool(fixed >> 87 & 1),
        csrcs,
        profile,
        extension,
        padding,
    )


def split_rtp_untrusted(data: bytes) -> tuple[int, int, int, int, bytes, bytes]:
    """Take an RTP packet apart as far as receiving needs it: three times as fast.

    Returns:
      payload type, with the marker as bit 7; sequence number; timestamp; SSRC; the extension
      block, its profile and length first, or ``b""``; and the payload.

    Raises:
      Malformed: when *data* is no RTP packet.
    """
    size = len(data)
    if size >= _HEADER_AND_MORE:
        first, kind, sequence, timestamp, ssrc, words = _unpack_header(data)
        if first == _EXTENDED:
            start = _HEADER_AND_MORE + 4 * words
            if start <= size:
                return kind, sequence, timestamp, ssrc, data[RTP_HEADER_LENGTH:start], data[start:]
        elif first == _PLAIN:
            return kind, sequence, timestamp, ssrc, b"", data[RTP_HEADER_LENGTH:]
    packet = parse_rtp_untrusted(data)
    kind = packet.payload_type | packet.marker << 7
    block = b""
    if packet.extension_profile is not None:
        start = RTP_HEADER_LENGTH + 4 * len(packet.csrcs)
        block = data[start : start + 4 + len(packet.extension)]
    return kind, packet.sequence, packet.timestamp, packet.ssrc, block, packet.payload


def serialize_rtp(packet: RtpPacket) -> bytes:
    """Put an RTP packet together.

    Raises:
      LocalProtocolError: when it has over 15 CSRCs, over 255 bytes of padding or an
        extension that is no multiple of four bytes.
    """
    if len(packet.csrcs) > 15 or packet.padding > 255 or len(packet.extension) % 4:
        raise LocalProtocolError("not expressible as an RTP packet")
    word = RTP_VERSION_BITS | len(packet.csrcs) << 24 | packet.payload_type << 16 | packet.sequence
    word |= MARKER_BIT if packet.marker else 0
    word |= _PADDING_BIT if packet.padding else 0
    word |= 0 if packet.extension_profile is None else EXTENSION_BIT
    fields = (word, packet.timestamp, packet.ssrc, *packet.csrcs)
    header = struct.pack(f"!{len(fields)}I", *fields)
    if packet.extension_profile is not None:
        header += struct.pack("!HH", packet.extension_profile, len(packet.extension) // 4) + packet.extension
    padding = bytes(packet.padding - 1) + bytes((packet.padding,)) if packet.padding else b""
    return header + packet.payload + padding


def wrap_rtx(packet: RtpPacket, *, payload_type: int, sequence: int, ssrc: int) -> RtpPacket:
    """Return *packet* as a retransmission: its sequence number leads the payload (RFC 4588 §4)."""
    payload = packet.sequence.to_bytes(2, "big") + packet.payload
    return packet._replace(
        payload_type=payload_type, sequence=sequence, ssrc=ssrc, payload=payload, padding=0
    )


def unwrap_rtx_untrusted(packet: RtpPacket, *, payload_type: int, ssrc: int) -> RtpPacket:
    """Return the packet that a retransmission carries.

    Args:
      packet: the retransmission.
      payload_type: the original's, which ``apt=`` names.
      ssrc: the original stream's.

    Raises:
      Malformed: when it carries none; pure padding is probing, not a retransmission.
    """
    reader = Reader(packet.payload)
    sequence = reader.u16()
    return packet._replace(
        payload_type=payload_type, sequence=sequence, ssrc=ssrc, payload=reader.rest(), padding=0
    )
