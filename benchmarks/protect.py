"""CPU µs per packet of ``SendStream.write_frame``, against pylibsrtp's ``Session.protect``.

Run it as ``python benchmarks/protect.py``. Rounds of both alternate, and the best of each
counts, so that a busy machine changes the ratio little.
"""

import struct
import time
from collections.abc import Callable

from pylibsrtp import Policy, Session

from triortc.protocol.rtp.frame import EncodedFrame
from triortc.protocol.rtp.send_stream import SendStream
from triortc.protocol.rtp.srtp import Scratch, SrtpSender
from triortc.protocol.wire.clock import ClockAnchor
from triortc.protocol.wire.entropy import SystemEntropy
from triortc.protocol.wire.srtp_profile import SrtpProfile

PACKETS = 9
PAYLOAD = 1140
FRAMES = 40
ROUNDS = 300
POLICIES = {
    SrtpProfile.AEAD_AES_128_GCM: Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    SrtpProfile.AES_CM_128_HMAC_SHA1_80: Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
}


def write_frames(profile: SrtpProfile) -> Callable[[], float]:
    """Return a round: the seconds that one packet takes."""
    srtp = SrtpSender(bytes(profile.key_length + profile.salt_length), profile)
    stream = SendStream(
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
    scratch = Scratch()
    clock = 0.0

    def play() -> float:
        nonlocal clock
        frames = []
        for _ in range(FRAMES):
            clock += 1 / 30
            frame = EncodedFrame([bytes(PAYLOAD)] * PACKETS, timestamp=0, time=clock, keyframe=False)
            frame.template(20, srtp.tag_length)  # shared by all viewers: not a viewer's cost
            frames.append(frame)
        begin = time.perf_counter()
        for frame in frames:
            stream.write_frame(frame, srtp, scratch)
            scratch.clear()
        return (time.perf_counter() - begin) / (FRAMES * PACKETS)

    return play


def protect_singly(profile: SrtpProfile) -> Callable[[], float]:
    """Return a round of the same packets through the public method."""
    key = bytes(profile.key_length + profile.salt_length)
    session = Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=POLICIES[profile]))
    sequence = 0

    def play() -> float:
        nonlocal sequence
        packets = []
        for _ in range(FRAMES * PACKETS):
            packets.append(struct.pack("!BBHII", 0x80, 96, sequence, 0, 1) + bytes(PAYLOAD + 8))
            sequence = sequence + 1 & 0xFFFF
        begin = time.perf_counter()
        for packet in packets:
            session.protect(packet)
        return (time.perf_counter() - begin) / len(packets)

    return play


def main() -> None:
    print(f"µs per packet of {PAYLOAD} bytes, frames of {PACKETS}")
    for profile in SrtpProfile:
        ours, theirs = write_frames(profile), protect_singly(profile)
        pairs = [(ours(), theirs()) for _ in range(ROUNDS)]
        frame, single = (1e6 * min(column) for column in zip(*pairs, strict=True))
        print(
            f"{profile.name:24} write_frame {frame:5.2f}   Session.protect {single:5.2f}   "
            f"ratio {frame / single:.2f}"
        )


if __name__ == "__main__":
    main()
