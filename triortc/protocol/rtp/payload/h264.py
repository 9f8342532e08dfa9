"""H.264 in RTP (RFC 6184), packetization mode 1."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from triortc.protocol.rtp.frame import MAX_PAYLOAD_SIZE
from triortc.protocol.wire.errors import LocalProtocolError, Malformed
from triortc.protocol.wire.reader import Reader

from .base import split_equally

name: Final = "H264"

START_CODE = b"\x00\x00\x00\x01"

_NAL_IDR = 5
_NAL_SEI = 6
_NAL_SPS = 7
_NAL_PPS = 8
_NAL_DELIMITER = 9
_NAL_FILLER = 12
_STAP_A = 24
_FU_A = 28
_TYPE_MASK = 0x1F
_FU_START = 0x80
_FU_END = 0x40
_MAX_AGGREGATED = 64

# A decoder needs none of these, and a small NAL unit between large ones costs a ``sendmsg``.
_DROPPED = frozenset((_NAL_SEI, _NAL_DELIMITER, _NAL_FILLER))
_PARAMETER_SETS = frozenset((_NAL_SPS, _NAL_PPS))

# ITU-T H.264 §7.4.1.2.3: what an access unit begins with, if not with its first slice.
_OPENING = frozenset((_NAL_SEI, _NAL_SPS, _NAL_PPS, _NAL_DELIMITER, 14, 15, 16, 17, 18))
_SLICES = frozenset((1, 2, _NAL_IDR))
_FIRST_SLICE = 0x80


class H264Payload(NamedTuple):
    """One payload, taken apart.

    Attributes:
      data: NAL units in Annex B form; or, without a start code, the next piece of the one
        that the payload before began.
      start: whether it begins with a start code.
      end: whether a NAL unit ends with it.
      keyframe: whether an IDR slice begins in it.
    """

    data: bytes
    start: bool
    end: bool
    keyframe: bool


def new_packetizer() -> Callable[[bytes], list[bytes]]:
    """Return :func:`packetize`: nothing is carried over from frame to frame."""
    return packetize


def split_nal_units(encoded: bytes) -> Iterator[bytes]:
    """Yield the NAL units of an Annex B byte stream (ITU-T H.264 annex B).

    Raises:
      LocalProtocolError: when there is no start code: ``encoded`` is in another form.
    """
    start = encoded.find(b"\x00\x00\x01")
    if start < 0:
        raise LocalProtocolError("no start code: not an H.264 byte stream in Annex B form")
    while start >= 0:
        end = encoded.find(b"\x00\x00\x01", start + 3)
        unit = encoded[start + 3 : None if end < 0 else end].rstrip(b"\x00")
        if unit:
            yield unit
        start = end


def packetize(encoded: bytes, max_size: int = MAX_PAYLOAD_SIZE) -> list[bytes]:
    """Cut one access unit into payloads.

    Parameter sets travel together (STAP-A), a NAL unit that fits alone, a larger one as
    fragments of equal size but for the last (FU-A). Delimiters, filler and SEI are left out.

    Args:
      encoded: the access unit in Annex B form.
      max_size: of a payload, in bytes.

    Raises:
      LocalProtocolError: as :func:`split_nal_units` does.
    """
    payloads: list[bytes] = []
    sets: list[bytes] = []
    for unit in split_nal_units(encoded):
        kind = unit[0] & _TYPE_MASK
        if kind in _PARAMETER_SETS:
            sets.append(unit)
        elif kind not in _DROPPED:
            payloads += _aggregate(sets, max_size)
            payloads += _fragment(unit, max_size)
            sets.clear()
    return payloads + _aggregate(sets, max_size)


def _aggregate(units: list[bytes], max_size: int) -> list[bytes]:
    """Return *units* as one STAP-A (RFC 6184 §5.7.1), or singly where that is not possible."""
    if len(units) < 2 or 1 + sum(2 + len(unit) for unit in units) > max_size:
        return [payload for unit in units for payload in _fragment(unit, max_size)]
    importance = max(unit[0] & 0x60 for unit in units)
    body = b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)
    return [bytes((importance | _STAP_A,)) + body]


def _fragment(unit: bytes, max_size: int) -> list[bytes]:
    """Return *unit* as it is if it fits, else in fragments (RFC 6184 §5.8)."""
    if len(unit) <= max_size:
        return [unit]
    indicator, kind = unit[0] & 0xE0 | _FU_A, unit[0] & _TYPE_MASK
    pieces = split_equally(unit[1:], max_size - 2)
    heads = [bytes((indicator, kind))] * len(pieces)
    heads[0] = bytes((indicator, kind | _FU_START))
    heads[-1] = bytes((indicator, kind | _FU_END))
    return [head + piece for head, piece in zip(heads, pieces, strict=True)]


def depacketize_untrusted(payload: bytes) -> H264Payload:
    """Take a payload apart: single NAL units, STAP-A and FU-A.

    Raises:
      Malformed: when it is of another kind, or cut short.
    """
    reader = Reader(payload)
    head = reader.u8()
    kind = head & _TYPE_MASK
    if kind == _FU_A:
        return _join_fragment_untrusted(head, reader)
    if kind == _STAP_A:
        return _join_aggregate_untrusted(reader)
    if not 1 <= kind <= 23:
        raise Malformed(f"H.264 payload of type {kind}")
    return H264Payload(START_CODE + payload, True, True, kind == _NAL_IDR)


def _join_fragment_untrusted(indicator: int, reader: Reader) -> H264Payload:
    head = reader.u8()
    end = bool(head & _FU_END)
    if not head & _FU_START:
        return H264Payload(reader.rest(), False, end, False)
    unit_head = bytes((indicator & 0xE0 | head & _TYPE_MASK,))
    return H264Payload(START_CODE + unit_head + reader.rest(), True, end, head & _TYPE_MASK == _NAL_IDR)


def _join_aggregate_untrusted(reader: Reader) -> H264Payload:
    units: list[bytes] = []
    while reader.remaining:
        units.append(reader.take(reader.u16()))
        if not units[-1] or len(units) > _MAX_AGGREGATED:
            raise Malformed("STAP-A with an empty NAL unit, or too many")
    keyframe = any(unit[0] & _TYPE_MASK == _NAL_IDR for unit in units)
    return H264Payload(b"".join(START_CODE + unit for unit in units), True, True, keyframe)


def starts_frame_untrusted(payload: bytes) -> bool:
    """Whether a frame may begin with *payload*: with parameter sets and the like, or the first slice.

    Raises:
      Malformed: when it is cut short.
    """
    reader = Reader(payload)
    kind = reader.u8() & _TYPE_MASK
    if kind == _STAP_A:
        reader.skip(2)
        kind = reader.u8() & _TYPE_MASK
    elif kind == _FU_A:
        head = reader.u8()
        kind = head & _TYPE_MASK if head & _FU_START else 0
    if kind not in _SLICES:
        return kind in _OPENING
    return bool(reader.u8() & _FIRST_SLICE)  # first_mb_in_slice, a ue(v), is 0


def is_keyframe_untrusted(payloads: Sequence[bytes]) -> bool:
    """Whether an IDR slice begins in one of *payloads*.

    Raises:
      Malformed: when one is cut short, or of another kind.
    """
    return any(depacketize_untrusted(payload).keyframe for payload in payloads)


def join_untrusted(payloads: Sequence[bytes]) -> bytes:
    """Return the access unit in Annex B form.

    Raises:
      Malformed: when a payload is cut short or of another kind, or fragments do not meet.
    """
    parts = [depacketize_untrusted(payload) for payload in payloads]
    whole = True
    for part in parts:
        if part.start != whole:
            raise Malformed("an H.264 frame with a fragment missing")
        whole = part.end
    if not parts or not whole:
        raise Malformed("an H.264 frame without its end")
    return b"".join([part.data for part in parts])
