"""CPU µs per received packet: demultiplex, unprotect, parse, join to frames; no kernel, no task.

    python benchmarks/receive.py

The packets are 720p-like: frames of 9 packets of 1,140 bytes, in bursts of one frame. Beside it the
bare loop: libsrtp's `srtp_unprotect` on a buffer, and a copy of what comes out. Rounds alternate, and
the best of each counts, so that a busy machine changes the ratio little.
"""

import time
from collections.abc import Callable

from pylibsrtp import Policy, Session, ffi, lib

from triortc.protocol.dtls.transport import SrtpKeys
from triortc.protocol.rtp.frame import EncodedFrame
from triortc.protocol.rtp.incoming import Wanted
from triortc.protocol.rtp.router import PayloadType, ReceivedSection
from triortc.protocol.rtp.send_stream import SendStream
from triortc.protocol.rtp.srtp import Scratch, SrtpSender
from triortc.protocol.session.demux import DatagramKind, classify_untrusted
from triortc.protocol.session.media import MediaTransport
from triortc.protocol.wire.clock import ClockAnchor
from triortc.protocol.wire.entropy import SystemEntropy
from triortc.protocol.wire.srtp_profile import SrtpProfile

PACKETS = 9
PAYLOAD = 1140
FRAMES = 40
ROUNDS = 100
SECTION = ReceivedSection(
    "0",
    "video",
    {96: PayloadType("vp8", 90_000), 97: PayloadType("rtx", 90_000, 96)},
    mid_extension_id=1,
    nack=True,
    pli=True,
)
RTP = DatagramKind.RTP
POLICIES = {
    SrtpProfile.AEAD_AES_128_GCM: Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    SrtpProfile.AES_CM_128_HMAC_SHA1_80: Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
}
DELTA = [b"\x10\x01" + bytes(PAYLOAD - 2), *[b"\x00" + bytes(PAYLOAD - 1)] * (PACKETS - 1)]
KEY = [b"\x10\x00" + bytes(PAYLOAD - 2), *[b"\x00" + bytes(PAYLOAD - 1)] * (PACKETS - 1)]


class Sender:
    """Frames as datagrams, for ever."""

    def __init__(self, profile: SrtpProfile) -> None:
        self._srtp = SrtpSender(bytes(profile.key_length + profile.salt_length), profile)
        self._scratch = Scratch()
        self._number = 0
        self._stream = SendStream(
            kind="video",
            ssrc=1,
            rtx_ssrc=2,
            payload_type=96,
            rtx_payload_type=97,
            clock_rate=90_000,
            mid="0",
            mid_extension_id=1,
            cname="benchmark",
            anchor=ClockAnchor(0.0, 0.0),
            entropy=SystemEntropy(),
        )

    def burst(self) -> tuple[list[bytes], float]:
        """Return the datagrams of the next frame, and when they come."""
        number, self._number = self._number, self._number + 1
        payloads = DELTA if number else KEY
        frame = EncodedFrame(payloads, timestamp=number * 3000, time=number / 30, keyframe=not number)
        self._scratch.clear()
        datagrams: list[bytes] = []
        for data, size in self._stream.write_frame(frame, self._srtp, self._scratch):
            step = len(data) if size is None else size
            datagrams += (bytes(data[start : start + step]) for start in range(0, len(data), step))
        return datagrams, number / 30


def receive(profile: SrtpProfile, wanted: Wanted) -> Callable[[], float]:
    """Return a round: the seconds that one packet takes."""
    key = bytes(profile.key_length + profile.salt_length)
    media = MediaTransport(
        anchor=ClockAnchor(0.0, 0.0), entropy=SystemEntropy(), cname="benchmark", scratch=Scratch()
    )
    media.start(profile, SrtpKeys(key, key), 0.0)
    media.receiving.configure([SECTION])
    media.set_wanted("0", None, wanted, 0.0)
    sender = Sender(profile)

    def play() -> float:
        bursts = [sender.burst() for _ in range(FRAMES)]
        received = 0
        begin = time.perf_counter()
        for datagrams, now in bursts:
            media.receive_rtp([data for data in datagrams if classify_untrusted(data) is RTP], now)
            received += len(media.events)
            media.events.clear()
        seconds = time.perf_counter() - begin
        assert received == (FRAMES if Wanted.FRAMES in wanted else 0)
        return seconds / (FRAMES * PACKETS)

    return play


def bare_loop(profile: SrtpProfile) -> Callable[[], float]:
    """Return a round of the same packets through libsrtp alone."""
    key = bytes(profile.key_length + profile.salt_length)
    policy = Policy(key=key, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=POLICIES[profile])
    policy.window_size = 1024
    session = Session(policy)
    context = session._srtp[0]
    pointer = ffi.new("char[]", 2048)
    buffer = ffi.buffer(pointer)
    length = ffi.new("int *")
    sender = Sender(profile)

    def play() -> float:
        assert session  # it must live as long as its context is used
        packets = [data for _ in range(FRAMES) for data in sender.burst()[0]]
        unprotect = lib.srtp_unprotect
        begin = time.perf_counter()
        for data in packets:
            size = len(data)
            buffer[0:size] = data
            length[0] = size
            if not unprotect(context, pointer, length):
                buffer[0 : length[0]]
        return (time.perf_counter() - begin) / len(packets)

    return play


def main() -> None:
    print(f"µs per packet of {PAYLOAD} bytes, frames of {PACKETS}")
    for profile in SrtpProfile:
        ways = [receive(profile, Wanted.FRAMES), receive(profile, Wanted.NOTHING), bare_loop(profile)]
        rounds = [[way() for way in ways] for _ in range(ROUNDS)]
        frames, nothing, bare = (1e6 * min(column) for column in zip(*rounds, strict=True))
        print(
            f"{profile.name:24} frames {frames:5.2f}   unread {nothing:5.2f}   bare loop {bare:5.2f}   "
            f"ratio {frames / bare:.2f}"
        )


if __name__ == "__main__":
    main()
