"""DTLS 1.2 records and handshake fragments (RFC 6347 §4.1, §4.2.2), without any cryptography."""

import enum
import struct
from typing import NamedTuple

from triortc.protocol.wire.errors import Malformed
from triortc.protocol.wire.reader import Reader

DTLS_1_2 = 0xFEFD
DTLS_1_0 = 0xFEFF
"""The version that a first ClientHello carries in its record header (RFC 6347 §4.2.1)."""

RECORD_HEADER_SIZE = 13
FRAGMENT_HEADER_SIZE = 12
MAX_RECORD_PAYLOAD = (1 << 14) + 2048
"""Length limit of an encrypted fragment, in bytes (RFC 5246 §6.2.3)."""

MAX_HANDSHAKE_MESSAGE = 65_536
"""Longest handshake message that is accepted, in bytes: a certificate chain, amply."""

_HEADER = struct.Struct("!BHHHIH")
_FRAGMENT_HEADER = struct.Struct("!BBHHBHBH")


class ContentType(enum.IntEnum):
    """What a record holds."""

    CHANGE_CIPHER_SPEC = 20
    ALERT = 21
    HANDSHAKE = 22
    APPLICATION_DATA = 23


class Record(NamedTuple):
    """One DTLS record.

    Attributes:
      content_type: a :class:`ContentType` value.
      version: the two bytes of the protocol version.
      epoch: 0 in clear text, 1 under the keys of the first handshake.
      sequence: the 48-bit record number within the epoch.
      payload: clear text in epoch 0, else cipher text.
    """

    content_type: int
    version: int
    epoch: int
    sequence: int
    payload: bytes

    def encode(self) -> bytes:
        """Return the record's bytes."""
        high, low = self.sequence >> 32, self.sequence & 0xFFFFFFFF
        header = _HEADER.pack(self.content_type, self.version, self.epoch, high, low, len(self.payload))
        return header + self.payload


class Fragment(NamedTuple):
    """A piece of a handshake message, or a whole one.

    Attributes:
      type: the handshake type; 1 is ClientHello.
      length: the length of the whole message, in bytes.
      sequence: ``message_seq``, one number for each message of a side.
      offset: where in the message the piece begins.
      body: the piece.
    """

    type: int
    length: int
    sequence: int
    offset: int
    body: bytes

    def encode(self) -> bytes:
        """Return the fragment's bytes, header first."""
        header = _FRAGMENT_HEADER.pack(
            self.type,
            *divmod(self.length, 1 << 16),
            self.sequence,
            *divmod(self.offset, 1 << 16),
            *divmod(len(self.body), 1 << 16),
        )
        return header + self.body


def parse_records_untrusted(datagram: bytes) -> list[Record]:
    """Return the records of a datagram.

    One bad record condemns the datagram: OpenSSL, reading from a memory BIO, would
    take the start of the next datagram for the missing end of a truncated record.

    Raises:
      Malformed: the datagram is not a row of whole DTLS records.
    """
    reader = Reader(datagram)
    records = [_read_record_untrusted(reader)]
    while reader.remaining:
        records.append(_read_record_untrusted(reader))
    return records


def _read_record_untrusted(reader: Reader) -> Record:
    # The header in one piece: this runs for every datagram of data.
    header = reader.uint(RECORD_HEADER_SIZE)
    content_type, version, length = header >> 96, header >> 80 & 0xFFFF, header & 0xFFFF
    if not ContentType.CHANGE_CIPHER_SPEC <= content_type <= ContentType.APPLICATION_DATA:
        raise Malformed(f"DTLS content type {content_type}")
    if version not in (DTLS_1_2, DTLS_1_0):
        raise Malformed(f"DTLS version {version:#06x}")
    if not 0 < length <= MAX_RECORD_PAYLOAD:
        raise Malformed(f"DTLS record of {length} bytes")
    epoch, sequence = header >> 64 & 0xFFFF, header >> 16 & 0xFFFF_FFFF_FFFF
    return Record(content_type, version, epoch, sequence, reader.take(length))


def parse_fragments_untrusted(payload: bytes) -> list[Fragment]:
    """Return the handshake fragments in the clear payload of a handshake record.

    Raises:
      Malformed: the payload is not a row of whole fragments, or one of them lies
        outside its message.
    """
    reader = Reader(payload)
    fragments = [_read_fragment_untrusted(reader)]
    while reader.remaining:
        fragments.append(_read_fragment_untrusted(reader))
    return fragments


def _read_fragment_untrusted(reader: Reader) -> Fragment:
    handshake_type, length, sequence = reader.u8(), reader.u24(), reader.u16()
    offset, size = reader.u24(), reader.u24()
    if length > MAX_HANDSHAKE_MESSAGE or offset + size > length or (length and not size):
        raise Malformed(f"handshake fragment {offset}+{size} of {length} bytes")
    return Fragment(handshake_type, length, sequence, offset, reader.take(size))


def parse_alert_untrusted(payload: bytes) -> int:
    """Return the description number of a clear alert (RFC 5246 §7.2).

    Raises:
      Malformed: it is shorter than two bytes.
    """
    reader = Reader(payload)
    reader.skip(1)
    return reader.u8()
