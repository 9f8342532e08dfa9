"""What this machine cannot do better in Python: the bare loop behind one frame to many viewers.

    python benchmarks/floor.py

No session, no task, no event loop: for each viewer a template is copied, headers are written,
libsrtp protects in place (AES-GCM) and one GSO ``sendmsg`` goes out. Prints CPU µs per packet;
`benchmarks/broadcast.py` runs it too, to have a ratio that outlives the machine.
"""

import os
import socket
import struct
import time

from pylibsrtp import Policy, Session, ffi, lib

PAYLOAD, PACKETS, HEADER, TAG = 1042, 8, 20, 16
STRIDE = HEADER + PAYLOAD + TAG
EXTENSION = b"\xbe\xde\x00\x01\x100\x00\x00"
CONTROL = [(socket.IPPROTO_UDP, 103, struct.pack("@H", STRIDE))]
DRAIN_EVERY = 5


def open_sockets(count: int) -> list[socket.socket]:
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    for opened in sockets:
        opened.bind(("127.0.0.1", 0))
        opened.setblocking(False)
    return sockets


def drain(sockets: list[socket.socket]) -> None:
    for opened in sockets:
        try:
            while True:
                opened.recv(2048)
        except BlockingIOError:
            pass


def measure(viewers: int = 200, frames: int = 90) -> float:
    """Return the CPU seconds per packet."""
    profile = Policy.SRTP_PROFILE_AEAD_AES_128_GCM
    sessions = [
        Session(Policy(key=os.urandom(28), ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))
        for _ in range(viewers)
    ]
    receivers = open_sockets(viewers)
    (sender,) = open_sockets(1)
    targets = [
        (session._srtp[0], opened.getsockname()) for session, opened in zip(sessions, receivers, strict=True)
    ]
    scratch = bytearray(PACKETS * STRIDE)
    base, length = ffi.from_buffer("char[]", scratch, require_writable=True), ffi.new("int *")
    spent = 0.0
    for frame in range(frames):
        template = (bytes(HEADER) + os.urandom(PAYLOAD) + bytes(TAG)) * PACKETS
        started = time.process_time()
        for ssrc, (context, address) in enumerate(targets):
            scratch[:] = template
            for index in range(PACKETS):
                sequence = frame * PACKETS + index
                struct.pack_into(
                    "!BBHII8s", scratch, index * STRIDE, 0x90, 96, sequence, frame, ssrc, EXTENSION
                )
                length[0] = HEADER + PAYLOAD
                lib.srtp_protect(context, base + index * STRIDE, length)
            sender.sendmsg([scratch], CONTROL, 0, address)
        spent += time.process_time() - started
        if frame % DRAIN_EVERY == 0:
            drain(receivers)
    for opened in (sender, *receivers):
        opened.close()
    return spent / (frames * viewers * PACKETS)


if __name__ == "__main__":
    print(f"{measure() * 1e6:.2f} µs per packet")
