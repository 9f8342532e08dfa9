"""Calls between two simulated sessions: media from alice to bob, and what a stranger may try."""

from support.session_pair import SessionPair

from triortc.protocol.rtp.frame import EncodedFrame
from triortc.protocol.rtp.receive_stream import ReceiveStream
from triortc.protocol.rtp.rtcp_feedback import RtcpPacket
from triortc.protocol.rtp.send_stream import SendStream
from triortc.protocol.sdp.description import Direction
from triortc.protocol.session.codecs import default_capabilities


def make_call(seed: int = 0, *kinds: str, **line: float) -> SessionPair:
    """Return a negotiated pair in which alice sends and bob receives; nothing has been sent yet."""
    pair = SessionPair(seed, **line)
    for kind in kinds or ("audio", "video"):
        add_media(pair, kind)
    pair.negotiate()
    return pair


def add_media(pair: SessionPair, kind: str) -> None:
    pair.alice.add_transceiver(kind, Direction.SENDONLY, default_capabilities(kind))


def connect(seed: int = 0, *kinds: str, **line: float) -> SessionPair:
    pair = make_call(seed, *kinds, **line)
    assert pair.run_until(lambda: pair.connected, limit=30)
    return pair


def make_frame(number: int, *, packets: int = 3) -> EncodedFrame:
    payloads = [bytes([number % 256]) * 1000] * (packets - 1) + [bytes([number % 256]) * 100]
    return EncodedFrame(payloads, timestamp=number * 3000, time=number / 30, keyframe=number == 0)


def send_frames(pair: SessionPair, count: int, *, mid: str = "1", packets: int = 3) -> None:
    """Send 30 frames a second from alice to bob, and let them arrive."""
    for number in range(count):
        pair.alice.send_frame(mid, make_frame(number, packets=packets))
        pair.drain()
        pair.run_for(1 / 30)
    pair.run_for(2 * pair.delay + pair.jitter)


def send_stream(pair: SessionPair, mid: str = "1") -> SendStream:
    return pair.alice.media.send_streams[mid, None]


def receive_stream(pair: SessionPair, mid: str = "1") -> ReceiveStream:
    return pair.bob.media.receive_streams[send_stream(pair, mid).ssrc]


def send_feedback(pair: SessionPair, *packets: RtcpPacket) -> None:
    """Send RTCP from bob to alice, and let it arrive."""
    pair.bob.media._send_rtcp(packets)
    pair.bob._after_media()
    pair.drain()
    pair.run_for(pair.delay + pair.jitter + 0.001)
