"""Opus in RTP (RFC 7587): a packet is a payload."""

from triortc.protocol.rtp.frame import MAX_PAYLOAD_SIZE
from triortc.protocol.wire.errors import LocalProtocolError


def packetize(encoded: bytes, max_size: int = MAX_PAYLOAD_SIZE) -> list[bytes]:
    """Return the payload of one Opus packet; an empty one makes none.

    Raises:
      LocalProtocolError: when it is too long: the format cannot cut it. At 20 ms that
        takes more than 450 kbit/s.
    """
    if len(encoded) > max_size:
        raise LocalProtocolError(f"an Opus packet of {len(encoded)} bytes does not fit into {max_size}")
    return [encoded] if encoded else []


def depacketize_untrusted(payload: bytes) -> bytes:
    """Return the Opus packet of a payload."""
    return payload
