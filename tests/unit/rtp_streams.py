"""Both ends of an RTP stream without a network, for tests."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest

from triortc.protocol.rtp.frame import EncodedFrame
from triortc.protocol.rtp.packet import RtpPacket, parse_rtp_untrusted
from triortc.protocol.rtp.send_stream import Piece, SendStream
from triortc.protocol.rtp.srtp import Scratch, SrtpReceiver, SrtpSender
from triortc.protocol.wire.clock import ClockAnchor
from triortc.protocol.wire.srtp_profile import SrtpProfile

GCM = SrtpProfile.AEAD_AES_128_GCM
AES_CM = SrtpProfile.AES_CM_128_HMAC_SHA1_80
SSRC, RTX_SSRC = 0x1234, 0x5678
CORPUS = Path(__file__).parents[3] / "shared" / "corpus"


def corpus(folder: str, pattern: str = "*") -> list[Path]:
    """Return the corpus files of a folder; none when there is no corpus."""
    return sorted(path for path in (CORPUS / folder).glob(pattern) if path.is_file())


def corpus_file(name: str) -> bytes:
    """Return a corpus file, or skip the test."""
    path = CORPUS / name
    if not path.exists():
        pytest.skip("no corpus here")
    return path.read_bytes()


class FixedEntropy:
    """The same byte for ever."""

    def __init__(self, byte: int = 0) -> None:
        self.byte = byte

    def token_bytes(self, count: int) -> bytes:
        return bytes((self.byte,)) * count


def frame_of(
    sizes: Sequence[int], *, timestamp: int = 0, time: float = 0.0, keyframe: bool = False
) -> EncodedFrame:
    """Return a frame with payloads of these sizes, each filled with its own byte."""
    payloads = [bytes((index + 1 & 0xFF,)) * size for index, size in enumerate(sizes)]
    return EncodedFrame(payloads, timestamp=timestamp, time=time, keyframe=keyframe)


class Line:
    """A send stream, and the viewer who decrypts what it writes."""

    def __init__(
        self,
        *,
        kind: Literal["audio", "video"] = "video",
        profile: SrtpProfile = GCM,
        rtx: bool = True,
        mid: str = "0",
        mid_extension_id: int | None = None,
        entropy: int = 0,
        sender: SrtpSender | None = None,
    ) -> None:
        key = bytes(range(profile.key_length + profile.salt_length))
        self.srtp = SrtpSender(key, profile) if sender is None else sender
        self.viewer = SrtpReceiver(key, profile)
        self.scratch = Scratch()
        self.stream = SendStream(
            kind=kind,
            ssrc=SSRC,
            rtx_ssrc=RTX_SSRC if rtx else None,
            payload_type=96,
            rtx_payload_type=97 if rtx else None,
            clock_rate=90_000,
            mid=mid,
            mid_extension_id=mid_extension_id,
            cname="someone",
            anchor=ClockAnchor(0.0, 1_700_000_000.0),
            entropy=FixedEntropy(entropy),
        )

    def write(self, frame: EncodedFrame) -> list[bytes]:
        """Return the datagrams of a frame, in a turn of its own."""
        self.scratch.clear()
        return datagrams(self.stream.write_frame(frame, self.srtp, self.scratch))

    def nack(self, sequence_numbers: Sequence[int], now: float = 0.0) -> list[bytes]:
        """Return the datagrams that answer a NACK, in a turn of its own."""
        self.scratch.clear()
        return datagrams(self.stream.handle_nack(sequence_numbers, self.srtp, self.scratch, now))

    def read(self, datagram: bytes) -> RtpPacket:
        """Return a packet as the viewer understands it."""
        plain = self.viewer.unprotect(datagram)
        assert plain is not None
        return parse_rtp_untrusted(plain)

    def send(self, frame: EncodedFrame) -> list[RtpPacket]:
        """Return a frame's packets as the viewer understands them."""
        return [self.read(datagram) for datagram in self.write(frame)]


def datagrams(pieces: Sequence[Piece]) -> list[bytes]:
    """Cut pieces as the kernel does."""
    result: list[bytes] = []
    for data, size in pieces:
        step = len(data) if size is None else size
        result += (bytes(data[start : start + step]) for start in range(0, len(data), step))
    return result
