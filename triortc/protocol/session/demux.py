"""Which protocol a datagram belongs to, by its first byte (RFC 7983 §7)."""

import enum

MAX_DATAGRAM = 2048


class DatagramKind(enum.Enum):
    """The protocols that share one port."""

    STUN = "stun"
    DTLS = "dtls"
    RTP = "rtp"
    RTCP = "rtcp"
    UNKNOWN = "unknown"


_RTP, _RTCP = DatagramKind.RTP, DatagramKind.RTCP  # quicker to get than out of the enum


def classify_untrusted(data: bytes) -> DatagramKind:
    """Return what *data* claims to be; empty and oversized datagrams are unknown."""
    if not 0 < len(data) <= MAX_DATAGRAM:
        return DatagramKind.UNKNOWN
    first = data[0]
    if 128 <= first <= 191 and len(data) >= 8:
        # RTP and RTCP share a port (RFC 5761 §4): packet types 192…223 are RTCP.
        return _RTCP if 192 <= data[1] <= 223 else _RTP
    if first <= 3:
        return DatagramKind.STUN
    if 20 <= first <= 63:
        return DatagramKind.DTLS
    return DatagramKind.UNKNOWN


def is_stun_untrusted(data: bytes) -> bool:
    """Whether *data* claims to be STUN; it may be empty."""
    return bool(data) and data[0] <= 3
