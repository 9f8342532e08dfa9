import pytest

from triortc.protocol.rtp.frame import MAX_PAYLOAD_SIZE
from triortc.protocol.rtp.payload.formats import FORMATS
from triortc.protocol.wire.errors import LocalProtocolError, Malformed

SOUND = pytest.mark.parametrize("name", ["opus", "g722", "pcmu", "pcma"])


@SOUND
def test_a_packet_is_a_payload(name: str) -> None:
    assert FORMATS[name].new_packetizer()(b"\xfcabc") == [b"\xfcabc"]
    assert FORMATS[name].join_untrusted([b"\xfcabc"]) == b"\xfcabc"


@SOUND
def test_each_payload_is_a_frame_and_a_keyframe(name: str) -> None:
    assert FORMATS[name].starts_frame_untrusted(b"\xfcabc")
    assert FORMATS[name].is_keyframe_untrusted([b"\xfcabc"])


@SOUND
def test_an_empty_packet_has_no_payload(name: str) -> None:
    assert FORMATS[name].new_packetizer()(b"") == []


@SOUND
@pytest.mark.parametrize("payloads", [[], [b""], [b"a", b"b"]])
def test_what_is_not_one_packet_is_malformed(name: str, payloads: list[bytes]) -> None:
    with pytest.raises(Malformed):
        FORMATS[name].join_untrusted(payloads)


@SOUND
def test_a_packet_too_long_for_a_datagram_is_refused(name: str) -> None:
    packetize = FORMATS[name].new_packetizer()
    assert len(packetize(bytes(MAX_PAYLOAD_SIZE))) == 1
    with pytest.raises(LocalProtocolError):
        packetize(bytes(MAX_PAYLOAD_SIZE + 1))
