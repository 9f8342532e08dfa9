"""What this machine cannot do better in Python: the bare loop behind one frame to many viewers.

    python benchmarks/floor.py

No session, no task, no event loop: for each viewer a template is copied, headers are written,
libsrtp protects in place (AES-GCM) and one GSO ``sendmsg`` goes out. Prints CPU µs per packet,
twice: frame upon frame with nobody else about, and at 30 frames a second with the receivers at
work on the other core, which is what a sender has to live with. `benchmarks/broadcast.py` runs
it too, to have ratios that outlive the machine.
"""

import os
import select
import signal
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pylibsrtp import Policy, Session, ffi, lib

PAYLOAD, PACKETS, HEADER, TAG = 1042, 8, 20, 16
STRIDE = HEADER + PAYLOAD + TAG
EXTENSION = b"\xbe\xde\x00\x01\x100\x00\x00"
CONTROL = [(socket.IPPROTO_UDP, 103, struct.pack("@H", STRIDE))]
DRAIN_EVERY = 5
FRAME_INTERVAL = 1 / 30


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


@contextmanager
def drained_apart(sockets: list[socket.socket]) -> Iterator[None]:
    """Keep this process on one core, and have the sockets read by another one on the other."""
    before = os.sched_getaffinity(0)
    child = os.fork()
    if child == 0:
        os.sched_setaffinity(0, {1})
        by_descriptor = {opened.fileno(): opened for opened in sockets}
        poll = select.epoll()
        for descriptor in by_descriptor:
            poll.register(descriptor, select.EPOLLIN)
        while True:
            drain([by_descriptor[descriptor] for descriptor, _ in poll.poll()])
    os.sched_setaffinity(0, {0})
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.sched_setaffinity(0, before)


def measure(viewers: int = 200, frames: int = 90, *, apart: bool = False) -> float:
    """Return the CPU seconds per packet."""
    receivers = open_sockets(viewers)
    try:
        if not apart:
            return send(receivers, frames, apart=False)
        with drained_apart(receivers):
            return send(receivers, frames, apart=True)
    finally:
        for opened in receivers:
            opened.close()


def send(receivers: list[socket.socket], frames: int, *, apart: bool) -> float:
    profile = Policy.SRTP_PROFILE_AEAD_AES_128_GCM
    sessions = [
        Session(Policy(key=os.urandom(28), ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))
        for _ in receivers
    ]
    (sender,) = open_sockets(1)
    targets = [
        (session._srtp[0], opened.getsockname()) for session, opened in zip(sessions, receivers, strict=True)
    ]
    scratch = bytearray(PACKETS * STRIDE)
    base, length = ffi.from_buffer("char[]", scratch, require_writable=True), ffi.new("int *")
    spent = 0.0
    for frame in range(frames):
        template = (bytes(HEADER) + os.urandom(PAYLOAD) + bytes(TAG)) * PACKETS
        if apart:
            time.sleep(FRAME_INTERVAL - time.monotonic() % FRAME_INTERVAL)
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
        if frame % DRAIN_EVERY == 0 and not apart:
            drain(receivers)
    sender.close()
    return spent / (frames * len(receivers) * PACKETS)


if __name__ == "__main__":
    print(f"{measure() * 1e6:.2f} µs per packet")
    print(f"{measure(apart=True) * 1e6:.2f} µs per packet with the receivers on the other core")
