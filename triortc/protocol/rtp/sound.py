"""What a packet of sound says of itself, before it is decoded."""

from typing import NamedTuple

from triortc.protocol.wire.errors import Malformed
from triortc.protocol.wire.reader import Reader

CLOCK_RATES = {"opus": 48_000, "pcmu": 8_000, "pcma": 8_000, "g722": 8_000}
"""RTP ticks per second of each codec, by its name in lower case."""

MAX_OPUS_DURATION = 5_760
"""Ticks in 120 ms, more than which no Opus packet may have (RFC 6716 §3.2.5)."""

_SILK_DURATIONS = (480, 960, 1920, 2880)
_HYBRID_DURATIONS = (480, 960)
_CELT_DURATIONS = (120, 240, 480, 960)
_MAX_DTX_SIZE = 2


class PacketInfo(NamedTuple):
    """What a packet holds.

    Attributes:
      duration: of its sound, in ticks of the RTP clock.
      has_fec: whether it holds the sound before its own as well, in a coarser form.
      is_dtx: whether it begins a pause, in which the sender sends next to nothing.
    """

    duration: int
    has_fec: bool = False
    is_dtx: bool = False


def inspect_packet_untrusted(codec: str, packet: bytes) -> PacketInfo:
    """Look into a packet of *codec*, a name in lower case.

    Raises:
      Malformed: when it is empty, cut short, or longer than a packet may be.
    """
    if codec == "opus":
        return _inspect_opus_untrusted(packet)
    if not packet:
        raise Malformed(f"an empty packet of {codec}")
    return PacketInfo(len(packet))  # G.711: 8,000 bytes/s; G.722 as well (RFC 3551 §4.5.2)


def _inspect_opus_untrusted(packet: bytes) -> PacketInfo:
    """Read the table-of-contents byte (RFC 6716 §3.1), and the head of the first frame."""
    reader = Reader(packet)
    toc = reader.u8()
    config = toc >> 3
    if config < 12:
        frame = _SILK_DURATIONS[config & 3]
    elif config < 16:
        frame = _HYBRID_DURATIONS[config & 1]
    else:
        frame = _CELT_DURATIONS[config & 3]
    count = (1, 2, 2, 0)[toc & 3] or packet_count_untrusted(packet)
    if not 0 < count * frame <= MAX_OPUS_DURATION:
        raise Malformed(f"an Opus packet of {count} frames of {frame} ticks")
    is_dtx = len(packet) <= _MAX_DTX_SIZE
    has_fec = config < 16 and not is_dtx and _has_fec_untrusted(toc, frame, reader)
    return PacketInfo(count * frame, has_fec, is_dtx)


def packet_count_untrusted(packet: bytes) -> int:
    """Return how many frames an Opus packet of code 3 holds (RFC 6716 §3.2.5)."""
    reader = Reader(packet)
    reader.skip(1)
    return reader.u8() & 0x3F


def _has_fec_untrusted(toc: int, frame: int, reader: Reader) -> bool:
    """Tell whether the first frame has a low bit-rate redundant one (RFC 6716 §4.2.3)."""
    if _skip_lengths_untrusted(toc & 3, reader) == 0:
        return False
    head = reader.u8()
    flags = max(1, frame // 960) + 1  # one voice activity flag per 20 ms, and then the one we want
    channels = 2 if toc & 4 else 1
    return any(head & 0x80 >> channel * flags - 1 for channel in range(1, channels + 1))


def _skip_lengths_untrusted(code: int, reader: Reader) -> int:
    """Go to the first frame's first byte; return the frame's size, or 1 where only the rest tells."""
    if code < 2:
        return reader.remaining
    if code == 2:
        return _read_length_untrusted(reader)
    head = reader.u8()
    while head & 0x40 and reader.u8() == 255:
        pass
    if not head & 0x80:
        return reader.remaining
    lengths = [_read_length_untrusted(reader) for _ in range((head & 0x3F) - 1)]
    return lengths[0] if lengths else reader.remaining


def _read_length_untrusted(reader: Reader) -> int:
    """Read a frame's length (RFC 6716 §3.2.1)."""
    first = reader.u8()
    return first if first < 252 else first + 4 * reader.u8()
