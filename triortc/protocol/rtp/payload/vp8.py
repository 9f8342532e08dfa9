"""VP8 in RTP (RFC 7741)."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from triortc.protocol.rtp.frame import MAX_PAYLOAD_SIZE
from triortc.protocol.wire.errors import Malformed
from triortc.protocol.wire.reader import Reader

from .base import number_frames, split_equally

name: Final = "VP8"

_EXTENDED = 0x80
_START = 0x10
_HAS_PICTURE_ID = 0x80
_HAS_TL0PICIDX = 0x40
_HAS_TID_OR_KEYIDX = 0x30
_LONG_PICTURE_ID = 0x80
_DESCRIPTOR_LENGTH = 4
_START_MASK = 0x17  # S and the partition's index


class Vp8Payload(NamedTuple):
    """One payload, taken apart.

    Attributes:
      data: a piece of the frame.
      start: whether it begins the frame's first partition.
      picture_id: 7 or 15 bits, or None.
      keyframe: whether it begins a keyframe.
    """

    data: bytes
    start: bool
    picture_id: int | None
    keyframe: bool


def new_packetizer() -> Callable[[bytes], list[bytes]]:
    """Return what cuts the successive frames of one stream into payloads, and numbers them."""
    return number_frames(packetize)


def packetize(encoded: bytes, picture_id: int, max_size: int = MAX_PAYLOAD_SIZE) -> list[bytes]:
    """Cut one VP8 frame into payloads of equal size but for the last.

    Args:
      encoded: the frame as the encoder made it.
      picture_id: one more for each frame; its lower 15 bits are sent.
      max_size: of a payload, in bytes.
    """
    tail = bytes((_HAS_PICTURE_ID,)) + (0x8000 | picture_id & 0x7FFF).to_bytes(2, "big")
    head = bytes((_EXTENDED | _START,)) + tail
    payloads: list[bytes] = []
    for piece in split_equally(encoded, max_size - _DESCRIPTOR_LENGTH):
        payloads.append(head + piece)
        head = bytes((_EXTENDED,)) + tail
    return payloads


def depacketize_untrusted(payload: bytes) -> Vp8Payload:
    """Take a payload apart.

    Raises:
      Malformed: when it ends within its descriptor (RFC 7741 §4.2), or right behind it.
    """
    reader = Reader(payload)
    first = reader.u8()
    flags = reader.u8() if first & _EXTENDED else 0
    picture_id: int | None = None
    if flags & _HAS_PICTURE_ID:
        picture_id = reader.u8()
        if picture_id & _LONG_PICTURE_ID:
            picture_id = (picture_id & 0x7F) << 8 | reader.u8()
    if flags & _HAS_TL0PICIDX:
        reader.skip(1)
    if flags & _HAS_TID_OR_KEYIDX:
        reader.skip(1)
    start = first & _START_MASK == _START
    frame_tag = reader.u8()
    keyframe = start and not frame_tag & 1
    return Vp8Payload(bytes((frame_tag,)) + reader.rest(), start, picture_id, keyframe)


def starts_frame_untrusted(payload: bytes) -> bool:
    """Whether a frame begins with *payload*: the first partition does (RFC 7741 §4.2).

    Raises:
      Malformed: when it is empty.
    """
    if not payload:
        raise Malformed("an empty VP8 payload")
    return payload[0] & _START_MASK == _START


def is_keyframe_untrusted(payloads: Sequence[bytes]) -> bool:
    """Whether the frame is a keyframe, as its frame tag says (RFC 6386 §9.1).

    Raises:
      Malformed: when there is no whole descriptor.
    """
    return bool(payloads) and depacketize_untrusted(payloads[0]).keyframe


def join_untrusted(payloads: Sequence[bytes]) -> bytes:
    """Return the frame.

    Raises:
      Malformed: when a descriptor is cut short, or there is no frame.
    """
    if not payloads or not starts_frame_untrusted(payloads[0]):
        raise Malformed("a VP8 frame without its beginning")
    return b"".join([depacketize_untrusted(payload).data for payload in payloads])
