"""RTCP reports, descriptions and goodbyes (RFC 3550 §6)."""

import struct
from dataclasses import dataclass

from triortc.protocol.wire.reader import Reader

SENDER_REPORT = 200
RECEIVER_REPORT = 201
SOURCE_DESCRIPTION = 202
GOODBYE = 203
"""RTCP packet types."""

SDES_CNAME = 1
"""The canonical name: the one SDES item that every source must send (RFC 3550 §6.5.1)."""

MAX_REPORTS = 31
"""Report blocks in one packet."""


def serialize_rtcp(packet_type: int, count: int, body: bytes) -> bytes:
    """Return *body*, a multiple of four bytes, behind the common RTCP header (RFC 3550 §6.4)."""
    return struct.pack("!BBH", 0x80 | count, packet_type, len(body) // 4) + body


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """How well one stream is received (RFC 3550 §6.4.1).

    Attributes:
      ssrc: the stream reported on.
      fraction_lost: since the last report, in 1/256.
      packets_lost: since the beginning, -2**23…2**23-1; duplicates make it negative.
      highest_sequence: extended highest sequence number, 32 bits.
      jitter: interarrival jitter, in ticks.
      last_sr: middle 32 bits of the last sender report's NTP time, 0 when there was none.
      delay_since_last_sr: in 1/65536 s.
    """

    ssrc: int
    fraction_lost: int
    packets_lost: int
    highest_sequence: int
    jitter: int
    last_sr: int
    delay_since_last_sr: int

    def serialize(self) -> bytes:
        """Return the block's 24 bytes."""
        loss = self.fraction_lost << 24 | self.packets_lost & 0xFFFFFF
        return struct.pack(
            "!6I", self.ssrc, loss, self.highest_sequence, self.jitter, self.last_sr, self.delay_since_last_sr
        )


@dataclass(frozen=True, slots=True)
class SenderReport:
    """What a sender has sent, and the media's place in wall-clock time (RFC 3550 §6.4.1).

    Attributes:
      ssrc: the sender.
      ntp_time: 64-bit NTP timestamp of the report.
      rtp_timestamp: the same instant on the stream's RTP timeline.
      packet_count: packets sent so far, modulo 2**32.
      octet_count: payload bytes sent so far, modulo 2**32.
      reports: at most 31 blocks on what is received.
    """

    ssrc: int
    ntp_time: int
    rtp_timestamp: int
    packet_count: int
    octet_count: int
    reports: tuple[ReportBlock, ...] = ()

    def serialize(self) -> bytes:
        """Return the packet."""
        info = struct.pack(
            "!IQIII", self.ssrc, self.ntp_time, self.rtp_timestamp, self.packet_count, self.octet_count
        )
        return serialize_rtcp(SENDER_REPORT, *_serialize_blocks(info, self.reports))


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """What a participant that sends nothing receives (RFC 3550 §6.4.2).

    Attributes:
      ssrc: the participant.
      reports: at most 31 blocks.
    """

    ssrc: int
    reports: tuple[ReportBlock, ...] = ()

    def serialize(self) -> bytes:
        """Return the packet."""
        return serialize_rtcp(RECEIVER_REPORT, *_serialize_blocks(self.ssrc.to_bytes(4, "big"), self.reports))


def _serialize_blocks(head: bytes, reports: tuple[ReportBlock, ...]) -> tuple[int, bytes]:
    blocks = reports[:MAX_REPORTS]
    return len(blocks), head + b"".join(block.serialize() for block in blocks)


@dataclass(frozen=True, slots=True)
class SourceChunk:
    """What is told of one source.

    Attributes:
      ssrc: the source.
      items: item types, 1…255, with their texts of at most 255 bytes.
    """

    ssrc: int
    items: tuple[tuple[int, bytes], ...]

    def serialize(self) -> bytes:
        """Return the chunk, ended and padded to four bytes."""
        items = b"".join(bytes((type, len(text))) + text for type, text in self.items)
        return self.ssrc.to_bytes(4, "big") + items + bytes(4 - len(items) % 4)


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """SDES: names of sources (RFC 3550 §6.5).

    Attributes:
      chunks: at most 31.
    """

    chunks: tuple[SourceChunk, ...]

    @classmethod
    def of_cname(cls, ssrc: int, cname: str) -> "SourceDescription":
        """Return the description that belongs in every compound packet."""
        return cls((SourceChunk(ssrc, ((SDES_CNAME, cname.encode()),)),))

    def serialize(self) -> bytes:
        """Return the packet."""
        body = b"".join(chunk.serialize() for chunk in self.chunks)
        return serialize_rtcp(SOURCE_DESCRIPTION, len(self.chunks), body)


@dataclass(frozen=True, slots=True)
class Goodbye:
    """BYE: sources that leave (RFC 3550 §6.6).

    Attributes:
      ssrcs: at most 31.
      reason: at most 255 bytes of text, or None.
    """

    ssrcs: tuple[int, ...]
    reason: bytes | None = None

    def serialize(self) -> bytes:
        """Return the packet."""
        body = b"".join(ssrc.to_bytes(4, "big") for ssrc in self.ssrcs)
        if self.reason is not None:
            body += bytes((len(self.reason),)) + self.reason
        return serialize_rtcp(GOODBYE, len(self.ssrcs), body + bytes(-len(body) % 4))


def parse_sender_report_untrusted(count: int, reader: Reader) -> SenderReport:
    """Read the body of an SR; a profile's own extension behind the blocks is passed over.

    Raises:
      Malformed: when it is too short.
    """
    ssrc, ntp, rtp = reader.u32(), reader.u64(), reader.u32()
    packets, octets = reader.u32(), reader.u32()
    return SenderReport(ssrc, ntp, rtp, packets, octets, _parse_blocks_untrusted(count, reader))


def parse_receiver_report_untrusted(count: int, reader: Reader) -> ReceiverReport:
    """Read the body of an RR.

    Raises:
      Malformed: when it is too short.
    """
    return ReceiverReport(reader.u32(), _parse_blocks_untrusted(count, reader))


def _parse_blocks_untrusted(count: int, reader: Reader) -> tuple[ReportBlock, ...]:
    return tuple(_parse_block_untrusted(reader) for _ in range(count))


def _parse_block_untrusted(reader: Reader) -> ReportBlock:
    ssrc, fraction, lost = reader.u32(), reader.u8(), reader.u24()
    lost -= (lost & 0x800000) << 1  # 24 bits, signed
    return ReportBlock(ssrc, fraction, lost, reader.u32(), reader.u32(), reader.u32(), reader.u32())


def parse_source_description_untrusted(count: int, reader: Reader) -> SourceDescription:
    """Read the body of an SDES.

    Raises:
      Malformed: when a chunk or item passes the end.
    """
    return SourceDescription(tuple(_parse_chunk_untrusted(reader) for _ in range(count)))


def _parse_chunk_untrusted(reader: Reader) -> SourceChunk:
    ssrc = reader.u32()
    items: list[tuple[int, bytes]] = []
    while type := reader.u8():
        items.append((type, reader.take(reader.u8())))
    reader.skip(-reader.position % 4)
    return SourceChunk(ssrc, tuple(items))


def parse_goodbye_untrusted(count: int, reader: Reader) -> Goodbye:
    """Read the body of a BYE.

    Raises:
      Malformed: when the sources or the reason pass the end.
    """
    ssrcs = tuple(reader.u32() for _ in range(count))
    return Goodbye(ssrcs, reader.take(reader.u8()) if reader.remaining else None)
