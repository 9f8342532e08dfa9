import pytest

from triortc.protocol.rtp.frame import MAX_PAYLOAD_SIZE
from triortc.protocol.rtp.payload import opus
from triortc.protocol.wire.errors import LocalProtocolError


def test_a_packet_is_a_payload() -> None:
    assert opus.packetize(b"\xfcabc") == [b"\xfcabc"]
    assert opus.depacketize_untrusted(b"\xfcabc") == b"\xfcabc"


def test_an_empty_packet_has_no_payload() -> None:
    assert opus.packetize(b"") == []


def test_a_packet_too_long_for_a_datagram_is_refused() -> None:
    assert len(opus.packetize(bytes(MAX_PAYLOAD_SIZE))) == 1
    with pytest.raises(LocalProtocolError):
        opus.packetize(bytes(MAX_PAYLOAD_SIZE + 1))
