"""RTP header extensions (RFC 8285): several small elements in one block."""

from collections.abc import Sequence

from triortc.protocol.wire.errors import LocalProtocolError
from triortc.protocol.wire.reader import Reader

MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"
RID_URI = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_RID_URI = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
AUDIO_LEVEL_URI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
ABS_SEND_TIME_URI = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
TRANSPORT_WIDE_CC_URI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"

ONE_BYTE_PROFILE = 0xBEDE
TWO_BYTE_PROFILE = 0x1000

MAX_EXTENSION_LENGTH = 22
"""What :data:`~triortc.protocol.rtp.frame.MAX_PAYLOAD_SIZE` leaves for the whole block, in bytes."""

Element = tuple[int, bytes]
"""An extension's negotiated id, and its value."""


def serialize_extensions(elements: Sequence[Element]) -> bytes:
    """Return an extension block, profile and length first, padded to four bytes.

    The one-byte form is used when it can hold all elements, else the two-byte form. No
    elements make no block at all: ``b""``.

    Raises:
      LocalProtocolError: for an id outside 1…255 or a value over 255 bytes.
    """
    if not elements:
        return b""
    if all(1 <= id <= 14 and 1 <= len(value) <= 16 for id, value in elements):
        profile = ONE_BYTE_PROFILE
        body = b"".join(bytes((id << 4 | len(value) - 1,)) + value for id, value in elements)
    elif all(1 <= id <= 255 and len(value) <= 255 for id, value in elements):
        profile = TWO_BYTE_PROFILE
        body = b"".join(bytes((id, len(value))) + value for id, value in elements)
    else:
        raise LocalProtocolError("a header extension has an id of 1…255 and at most 255 bytes")
    body += bytes(-len(body) % 4)
    return profile.to_bytes(2, "big") + (len(body) // 4).to_bytes(2, "big") + body


def parse_extensions_untrusted(profile: int | None, data: bytes) -> tuple[Element, ...]:
    """Return the elements of an extension block, in order.

    Args:
      profile: the block's 16-bit profile; one that is not RFC 8285's has no elements.
      data: what follows profile and length.

    Raises:
      Malformed: when an element passes the end.
    """
    if profile == ONE_BYTE_PROFILE:
        return _parse_one_byte_untrusted(Reader(data))
    if profile is not None and profile & 0xFFF0 == TWO_BYTE_PROFILE:  # four application bits, RFC 8285 §4.3
        return _parse_two_byte_untrusted(Reader(data))
    return ()


def _parse_one_byte_untrusted(reader: Reader) -> tuple[Element, ...]:
    elements: list[Element] = []
    while reader.remaining:
        head = reader.u8()
        if head == 0:
            continue
        id, length = head >> 4, (head & 0x0F) + 1
        if id in (0, 15):  # RFC 8285 §4.2: these end the block
            break
        elements.append((id, reader.take(length)))
    return tuple(elements)


def _parse_two_byte_untrusted(reader: Reader) -> tuple[Element, ...]:
    elements: list[Element] = []
    while reader.remaining:
        id = reader.u8()
        if id == 0:
            continue
        elements.append((id, reader.take(reader.u8())))
    return tuple(elements)


def find_extension_untrusted(profile: int | None, data: bytes, id: int) -> bytes | None:
    """Return the value of the first element with *id*, or None.

    Raises:
      Malformed: as :func:`parse_extensions_untrusted` does.
    """
    return next((value for key, value in parse_extensions_untrusted(profile, data) if key == id), None)
