"""AV1 in RTP (AOMedia's "RTP Payload Format For AV1", version 1.0)."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from triortc.protocol.rtp.frame import MAX_PAYLOAD_SIZE
from triortc.protocol.wire.errors import LocalProtocolError, Malformed
from triortc.protocol.wire.reader import Reader

name: Final = "AV1"

# The aggregation header (§4.4).
_CONTINUED = 0x80  # Z: the first OBU began in the payload before
_CONTINUES = 0x40  # Y: the last OBU goes on in the next payload
_NEW_SEQUENCE = 0x08  # N: a coded video sequence begins
_MAX_COUNTED = 3

# The OBU header (AV1 bitstream specification §5.3.2).
_FORBIDDEN = 0x80
_HAS_EXTENSION = 0x04
_HAS_SIZE = 0x02
_OBU_SEQUENCE_HEADER = 1
_OBU_TEMPORAL_DELIMITER = 2
_OBU_TILE_GROUP = 4
_OBU_REDUNDANT_HEADER = 7
_OBU_TILE_LIST = 8
_OBU_PADDING = 15

_DROPPED = frozenset((_OBU_TEMPORAL_DELIMITER, _OBU_TILE_LIST, _OBU_PADDING))
_NEVER_FIRST = frozenset((_OBU_TILE_GROUP, _OBU_REDUNDANT_HEADER))

_TEMPORAL_DELIMITER = bytes((_OBU_TEMPORAL_DELIMITER << 3 | _HAS_SIZE, 0))
_MAX_LEB128 = 8
_MAX_OBUS = 512


class Element(NamedTuple):
    """An OBU, or a piece of one, in a payload.

    Attributes:
      data: without the size field.
      start: whether the OBU begins with it.
      end: whether the OBU ends with it.
    """

    data: bytes
    start: bool
    end: bool


def new_packetizer() -> Callable[[bytes], list[bytes]]:
    """Return :func:`packetize`: nothing is carried over from frame to frame."""
    return packetize


def packetize(encoded: bytes, max_size: int = MAX_PAYLOAD_SIZE) -> list[bytes]:
    """Cut one temporal unit into payloads of equal size but for the last.

    A payload is a byte or two short where an OBU ends so near to its end that no other can begin.

    Args:
      encoded: the temporal unit in the low-overhead form, OBUs with size fields.
      max_size: of a payload, in bytes; at least 8.

    Raises:
      LocalProtocolError: when it is in another form.
    """
    try:
        obus = [obu for obu in _split_untrusted(encoded) if _type_of(obu) not in _DROPPED]
    except Malformed as error:
        raise LocalProtocolError(f"not an AV1 temporal unit: {error}") from error
    if not obus:
        return []
    counted = len(obus) <= _MAX_COUNTED
    overhead = 1 if counted else 3  # the aggregation header, and the length of a piece
    total = sum(len(obu) + len(_leb128(len(obu))) + 1 for obu in obus)
    size = -(-total // -(-total // (max_size - overhead))) + overhead - 1
    payloads = [_payload(elements, counted) for elements in _fill(obus, size, counted)]
    if _type_of(obus[0]) == _OBU_SEQUENCE_HEADER:
        payloads[0] = bytes((payloads[0][0] | _NEW_SEQUENCE,)) + payloads[0][1:]
    return payloads


def _fill(obus: Sequence[bytes], size: int, counted: bool) -> Iterator[list[Element]]:
    """Distribute OBUs over payloads with room for *size* bytes each.

    When *counted*, the last element of a payload has no length.
    """
    elements: list[Element] = []
    room = size
    for index, obu in enumerate(obus):
        position = 0
        while len(obu) - position > (limit := room if counted else room - len(_leb128(room))):
            elements.append(Element(obu[position : position + limit], position == 0, False))
            yield elements
            position += limit
            elements, room = [], size
        rest = obu[position:]
        elements.append(Element(rest, position == 0, True))
        room -= len(rest) + len(_leb128(len(rest)))
        if room < 2 or index == len(obus) - 1:
            yield elements
            elements, room = [], size


def _payload(elements: Sequence[Element], counted: bool) -> bytes:
    head = len(elements) << 4 if counted else 0
    head |= 0 if elements[0].start else _CONTINUED
    head |= 0 if elements[-1].end else _CONTINUES
    parts = [bytes((head,))]
    for element in elements:
        if not counted or element is not elements[-1]:
            parts.append(_leb128(len(element.data)))
        parts.append(element.data)
    return b"".join(parts)


def _leb128(value: int) -> bytes:
    """Encode an unsigned integer (AV1 bitstream specification §4.10.5)."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _read_leb128_untrusted(reader: Reader) -> int:
    value = 0
    for index in range(_MAX_LEB128):
        byte = reader.u8()
        value |= (byte & 0x7F) << 7 * index
        if not byte & 0x80:
            return value
    raise Malformed("an AV1 length of more than 8 bytes")


def _type_of(obu: bytes) -> int:
    return obu[0] >> 3 & 15


def _split_untrusted(encoded: bytes) -> Iterator[bytes]:
    """Yield the OBUs of a temporal unit, without their size fields."""
    reader = Reader(encoded)
    while reader.remaining:
        head = reader.u8()
        extension = reader.take(1) if head & _HAS_EXTENSION else b""
        if head & _FORBIDDEN:
            raise Malformed("an OBU with its forbidden bit set")
        size = _read_leb128_untrusted(reader) if head & _HAS_SIZE else reader.remaining
        yield bytes((head & ~_HAS_SIZE,)) + extension + reader.take(size)


def depacketize_untrusted(payload: bytes) -> list[Element]:
    """Take a payload apart.

    Raises:
      Malformed: when it is cut short, or has nothing in it.
    """
    reader = Reader(payload)
    head = reader.u8()
    pieces = _read_elements_untrusted(reader, head >> 4 & 3)
    last = len(pieces) - 1
    return [
        Element(
            piece,
            start=bool(index or not head & _CONTINUED),
            end=bool(index < last or not head & _CONTINUES),
        )
        for index, piece in enumerate(pieces)
    ]


def _read_elements_untrusted(reader: Reader, count: int) -> list[bytes]:
    """Read *count* elements, the last one without a length; or as many as there are, when 0."""
    pieces: list[bytes] = []
    while reader.remaining and (not count or len(pieces) < count - 1):
        pieces.append(reader.take(_read_leb128_untrusted(reader)))
        if len(pieces) > _MAX_OBUS:
            raise Malformed(f"an AV1 payload of more than {_MAX_OBUS} OBUs")
    if count:
        pieces.append(reader.rest())
    if not pieces or not all(pieces) or (count and len(pieces) != count):
        raise Malformed("an AV1 payload with an empty OBU, or without one")
    return pieces


def starts_frame_untrusted(payload: bytes) -> bool:
    """Whether a temporal unit may begin with *payload*: an OBU does, and one that can be first.

    Raises:
      Malformed: when it is cut short.
    """
    reader = Reader(payload)
    head = reader.u8()
    if head & _CONTINUED:
        return False
    if head >> 4 & 3 != 1:
        _read_leb128_untrusted(reader)
    return reader.u8() >> 3 & 15 not in _NEVER_FIRST


def is_keyframe_untrusted(payloads: Sequence[bytes]) -> bool:
    """Whether a coded video sequence begins with the temporal unit.

    Raises:
      Malformed: when the first payload is empty.
    """
    return bool(payloads) and bool(Reader(payloads[0]).u8() & _NEW_SEQUENCE)


def join_untrusted(payloads: Sequence[bytes]) -> bytes:
    """Return the temporal unit in the low-overhead form: a delimiter, and OBUs with size fields.

    Raises:
      Malformed: when a payload is cut short, the pieces of an OBU do not meet, or there are
        more than 512 OBUs.
    """
    obus = list(_join_obus_untrusted(map(depacketize_untrusted, payloads)))
    kept = [obu for obu in obus if _type_of(obu) not in _DROPPED]
    if not kept or len(kept) > _MAX_OBUS:
        raise Malformed(f"an AV1 temporal unit of {len(kept)} OBUs")
    return _TEMPORAL_DELIMITER + b"".join(map(_sized_untrusted, kept))


def _join_obus_untrusted(payloads: Iterable[Sequence[Element]]) -> Iterator[bytes]:
    pieces: list[bytes] = []
    for elements in payloads:
        for element in elements:
            if element.start == bool(pieces):
                raise Malformed("an OBU with a piece missing")
            pieces.append(element.data)
            if element.end:
                yield b"".join(pieces)
                pieces = []
    if pieces:
        raise Malformed("an OBU without its end")


def _sized_untrusted(obu: bytes) -> bytes:
    """Return *obu* with a size field, which it should not, but may have had on the wire (§5)."""
    reader = Reader(obu)
    head = reader.u8()
    extension = reader.take(1) if head & _HAS_EXTENSION else b""
    if head & _FORBIDDEN:
        raise Malformed("an OBU with its forbidden bit set")
    if head & _HAS_SIZE and _read_leb128_untrusted(reader) != reader.remaining:
        raise Malformed("an OBU whose size is not that of its element")
    return b"".join((bytes((head | _HAS_SIZE,)), extension, _leb128(reader.remaining), reader.rest()))
