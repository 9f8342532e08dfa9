"""VP9 in RTP (RFC 9628): sent in non-flexible mode, received in any."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from triortc.protocol.rtp.frame import MAX_PAYLOAD_SIZE
from triortc.protocol.wire.errors import Malformed
from triortc.protocol.wire.reader import Reader

from .base import number_frames, split_equally

name: Final = "VP9"

_HAS_PICTURE_ID = 0x80
_PREDICTED = 0x40
_HAS_LAYERS = 0x20
_FLEXIBLE = 0x10
_BEGIN = 0x08
_END = 0x04
_HAS_STRUCTURE = 0x02
_LONG_PICTURE_ID = 0x80
_MORE_REFERENCES = 0x01
_MAX_REFERENCES = 3
_DEPENDS_ON_LAYER = 0x01
_DESCRIPTOR_LENGTH = 3

# One layer, in which each picture refers to the one before (RFC 9628 §4.2.1): no sizes, a
# group of one picture, whose one reference lies one picture back.
_STRUCTURE = bytes((0x08, 1, 0x04, 1))

_MAX_LAYERS = 8
_SUPERFRAME = 0xC0


class Vp9Payload(NamedTuple):
    """One payload, taken apart.

    Attributes:
      data: a piece of a layer's frame.
      start: whether it begins a layer's frame.
      end: whether it ends one.
      picture_id: 7 or 15 bits, or None.
      temporal_layer: from 0 on.
      spatial_layer: from 0 on.
      depends_on_layer: whether the spatial layer below is needed to decode it.
      keyframe: whether no earlier picture is needed to decode it.
    """

    data: bytes
    start: bool
    end: bool
    picture_id: int | None
    temporal_layer: int
    spatial_layer: int
    depends_on_layer: bool
    keyframe: bool


def new_packetizer() -> Callable[[bytes], list[bytes]]:
    """Return what cuts the successive frames of one stream into payloads, and numbers them."""
    return number_frames(packetize)


def packetize(encoded: bytes, picture_id: int, max_size: int = MAX_PAYLOAD_SIZE) -> list[bytes]:
    """Cut one VP9 frame of a single layer into payloads of equal size but for the last.

    Args:
      encoded: the frame as the encoder made it.
      picture_id: one more for each frame; its lower 15 bits are sent.
      max_size: of a payload, in bytes.
    """
    number = (0x8000 | picture_id & 0x7FFF).to_bytes(2, "big")
    key = _is_key(encoded)
    flags = _HAS_PICTURE_ID if key else _HAS_PICTURE_ID | _PREDICTED
    pieces = split_equally(_STRUCTURE + encoded if key else encoded, max_size - _DESCRIPTOR_LENGTH)
    heads = [flags] * len(pieces)
    if pieces:
        heads[0] |= _BEGIN | _HAS_STRUCTURE if key else _BEGIN
        heads[-1] |= _END
    return [bytes((head,)) + number + piece for head, piece in zip(heads, pieces, strict=True)]


def _is_key(encoded: bytes) -> bool:
    """Whether the uncompressed header says so (VP9 bitstream specification §6.2)."""
    if not encoded:
        return False
    show_existing_and_type = encoded[0] >> (1 if encoded[0] & 0x30 == 0x30 else 2)
    return not show_existing_and_type & 3


def depacketize_untrusted(payload: bytes) -> Vp9Payload:
    """Take a payload apart.

    Raises:
      Malformed: when it ends within its descriptor (RFC 9628 §4.2), or right behind it.
    """
    reader = Reader(payload)
    flags = reader.u8()
    picture_id: int | None = None
    temporal = spatial = depends = 0
    if flags & _HAS_PICTURE_ID:
        picture_id = reader.u8()
        if picture_id & _LONG_PICTURE_ID:
            picture_id = (picture_id & 0x7F) << 8 | reader.u8()
    if flags & _HAS_LAYERS:
        layers = reader.u8()
        temporal, spatial, depends = layers >> 5, layers >> 1 & 7, layers & _DEPENDS_ON_LAYER
        if not flags & _FLEXIBLE:
            reader.skip(1)  # TL0PICIDX
    if flags & _PREDICTED and flags & _FLEXIBLE:
        _skip_references_untrusted(reader)
    if flags & _HAS_STRUCTURE:
        _skip_structure_untrusted(reader)
    if not reader.remaining:
        raise Malformed("a VP9 payload with nothing in it")
    return Vp9Payload(
        data=reader.rest(),
        start=bool(flags & _BEGIN),
        end=bool(flags & _END),
        picture_id=picture_id,
        temporal_layer=temporal,
        spatial_layer=spatial,
        depends_on_layer=bool(depends),
        keyframe=not flags & _PREDICTED,
    )


def _skip_references_untrusted(reader: Reader) -> None:
    for _ in range(_MAX_REFERENCES):
        if not reader.u8() & _MORE_REFERENCES:
            return
    raise Malformed(f"a VP9 payload with more than {_MAX_REFERENCES} references")


def _skip_structure_untrusted(reader: Reader) -> None:
    """Pass over a scalability structure (RFC 9628 §4.2.1): at most 8 layers and 255 pictures."""
    head = reader.u8()
    if head & 0x10:
        reader.skip(4 * ((head >> 5) + 1))
    if head & 0x08:
        for _ in range(reader.u8()):
            reader.skip(reader.u8() >> 2 & 3)


def starts_frame_untrusted(payload: bytes) -> bool:
    """Whether a picture may begin with *payload*: its lowest layer does.

    A forwarder may have taken out the layers below one that does not depend on them.

    Raises:
      Malformed: when it is cut short.
    """
    flags = _flags_untrusted(payload)
    if not flags & _BEGIN or not flags & _HAS_LAYERS:
        return bool(flags & _BEGIN)
    part = depacketize_untrusted(payload)
    return not (part.spatial_layer and part.depends_on_layer)


def is_keyframe_untrusted(payloads: Sequence[bytes]) -> bool:
    """Whether decoding can begin at the picture: its lowest layer refers to no earlier one.

    Raises:
      Malformed: when the first payload is empty.
    """
    return bool(payloads) and not _flags_untrusted(payloads[0]) & _PREDICTED


def _flags_untrusted(payload: bytes) -> int:
    if not payload:
        raise Malformed("an empty VP9 payload")
    return payload[0]


def join_untrusted(payloads: Sequence[bytes]) -> bytes:
    """Return the picture: a frame, or a superframe of those of several spatial layers.

    Raises:
      Malformed: when a payload is cut short, a layer's frame is not whole, or there are
        more than 8.
    """
    frames: list[list[bytes]] = []
    whole = True
    for part in map(depacketize_untrusted, payloads):
        if part.start != whole:
            raise Malformed("a VP9 frame with a piece missing")
        whole = part.end
        if part.start:
            frames.append([])
        frames[-1].append(part.data)
    if not whole or not 0 < len(frames) <= _MAX_LAYERS:
        raise Malformed(f"a VP9 picture without its end, or of {len(frames)} layers")
    joined = [b"".join(pieces) for pieces in frames]
    return joined[0] if len(joined) == 1 else _superframe(joined)


def _superframe(frames: Sequence[bytes]) -> bytes:
    """Put frames together (VP9 bitstream specification, annex B), with four bytes for each size."""
    marker = bytes((_SUPERFRAME | 3 << 3 | len(frames) - 1,))
    sizes = b"".join(len(frame).to_bytes(4, "little") for frame in frames)
    return b"".join((*frames, marker, sizes, marker))
