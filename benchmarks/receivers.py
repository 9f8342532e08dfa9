"""Receiving peers that authenticate and count, and do nothing else: sessions over plain sockets.

No trio here: the viewers of a benchmark must cost less than the sender that is measured.
"""

import select
import socket
import time
import urllib.request
from collections.abc import Callable

from triortc.protocol.dtls.certificate import Certificate
from triortc.protocol.rtp.srtp import Scratch
from triortc.protocol.sdp.description import Direction, SessionDescription
from triortc.protocol.session.codecs import default_capabilities
from triortc.protocol.session.events import ConnectionState
from triortc.protocol.session.session import Session
from triortc.protocol.wire.clock import ClockAnchor
from triortc.protocol.wire.entropy import SystemEntropy
from triortc.protocol.wire.machine import Address

RECEIVE_BUFFER = 1 << 20
LOOK_AT_TIMERS = 0.02


class Receiver:
    """One viewer: a session and its socket."""

    def __init__(self, certificate: Certificate, scratch: Scratch) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self.socket.setblocking(False)
        self.socket.bind(("127.0.0.1", 0))
        self.local: Address = self.socket.getsockname()
        self.session = Session(
            certificate=certificate,
            anchor=ClockAnchor(monotonic=time.monotonic(), unix=1_700_000_000),
            entropy=SystemEntropy(),
            scratch=scratch,
        )
        self._scratch = scratch

    @property
    def connected(self) -> bool:
        return self.session.connection_state is ConnectionState.CONNECTED

    @property
    def packets(self) -> int:
        """RTP packets that were authentic."""
        return sum(stream.packets_received for stream in self.session.media.receive_streams.values())

    @property
    def lost(self) -> int:
        """RTP packets that never came."""
        return sum(stream.packets_lost for stream in self.session.media.receive_streams.values())

    def join(self, url: str, *, audio: bool) -> None:
        """Join a broadcast as WHEP has it (RFC 9725)."""
        session, now = self.session, time.monotonic()
        for kind in ("video", "audio") if audio else ("video",):
            session.add_transceiver(kind, Direction.RECVONLY, default_capabilities(kind))
        session.set_local_description(session.create_offer(), now)
        session.add_host_address(self.local, now)
        session.end_of_bases(now)
        offer = session.local_description
        assert offer is not None
        answer = post(url + "whep", offer.sdp)
        session.set_remote_description(SessionDescription("answer", answer), time.monotonic())
        self.drain()

    def receive(self) -> None:
        """Take all that has come."""
        burst: list[tuple[bytes, Address]] = []
        try:
            while True:
                burst.append(self.socket.recvfrom(2048))
        except BlockingIOError:
            pass
        self.session.receive_burst(burst, self.local, time.monotonic())
        self.drain()

    def handle_timeout(self, now: float) -> None:
        deadline = self.session.next_deadline()
        if deadline is not None and deadline <= now:
            self.session.handle_timeout(now)
            self.drain()

    def drain(self) -> None:
        transmits = self.session.transmits
        while transmits:
            transmit = transmits.popleft()
            self.socket.sendto(transmit.data, transmit.remote)
        self._scratch.clear()
        self.session.events.clear()


class Receivers:
    """Any number of viewers in one loop."""

    def __init__(self) -> None:
        self.all: list[Receiver] = []
        self._certificate = Certificate.generate(unix_time=time.time())  # noqa: TID251
        self._scratch = Scratch()
        self._poll = select.epoll()
        self._by_descriptor: dict[int, Receiver] = {}

    def join(self, url: str, *, audio: bool) -> None:
        """Add a viewer."""
        receiver = Receiver(self._certificate, self._scratch)
        self.all.append(receiver)
        self._by_descriptor[receiver.socket.fileno()] = receiver
        self._poll.register(receiver.socket.fileno(), select.EPOLLIN)
        receiver.join(url, audio=audio)

    def run_until(self, condition: Callable[[], bool], *, limit: float) -> bool:
        """Receive until *condition* holds, at most *limit* seconds; tell whether it holds."""
        end = time.monotonic() + limit
        next_look = 0.0
        while not condition():
            for descriptor, _ in self._poll.poll(LOOK_AT_TIMERS):
                self._by_descriptor[descriptor].receive()
            now = time.monotonic()
            if now >= next_look:
                next_look = now + LOOK_AT_TIMERS
                for receiver in self.all:
                    receiver.handle_timeout(now)
            if now >= end:
                return condition()
        return True

    def run_for(self, seconds: float) -> None:
        """Receive for a while."""
        self.run_until(lambda: False, limit=seconds)

    def close(self) -> None:
        self._poll.close()
        for receiver in self.all:
            receiver.session.close(time.monotonic())
            receiver.drain()
            receiver.socket.close()


def post(url: str, offer: str) -> str:
    request = urllib.request.Request(url, offer.encode(), {"Content-Type": "application/sdp"})
    with urllib.request.urlopen(request, timeout=10) as response:
        answer: str = response.read().decode()
    return answer
