"""Turns: how tasks enter a session, and how what it says reaches the world.

The code between two awaits is atomic, so no lock and no inbox is needed: a task enters the
session, changes it, and on the way out everything it wants to say is delivered.
"""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from math import inf
from types import TracebackType
from typing import NoReturn

import trio

from triortc.net.endpoint import Endpoint
from triortc.protocol.rtp.frame import EncodedFrame
from triortc.protocol.rtp.srtp import Scratch
from triortc.protocol.session.demux import is_stun_untrusted
from triortc.protocol.session.events import SessionEvent
from triortc.protocol.session.session import Session
from triortc.protocol.wire.errors import InvalidStateError, LocalProtocolError, RemoteProtocolError
from triortc.protocol.wire.machine import Address

MAX_QUEUED_BURSTS = 16

Burst = list[tuple[bytes, Address]]

MISUSE = (InvalidStateError, LocalProtocolError, RemoteProtocolError)
"""What a session may raise without being broken: nothing has changed."""


class Turn:
    """``with driver.turn() as session``: mutate the session, then deliver all it says."""

    __slots__ = ("_driver",)

    def __init__(self, driver: "Driver") -> None:
        self._driver = driver

    def __enter__(self) -> Session:
        driver = self._driver
        if driver.broken is not None:
            raise driver.broken
        assert not driver.in_turn, "a turn never starts a turn: there are no callbacks"
        driver.in_turn = True
        return driver.session

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        driver = self._driver
        driver.in_turn = False
        delivered = False
        try:
            if error is None or isinstance(error, MISUSE):
                driver.drain()
                delivered = True
        finally:
            if not delivered:
                driver.break_down(sys.exception() or error)


class Containment:
    """Where the task of a shared port enters a peer: what fails in there is that peer's alone.

    The error is not swallowed: the peer's own nursery raises it.
    """

    __slots__ = ("_driver",)

    def __init__(self, driver: "Driver") -> None:
        self._driver = driver

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is not None:
            self._driver.break_down(error)
        return isinstance(error, Exception)


class Driver:
    """Carries one session's words to sockets, to its handler of events and to its alarm.

    Args:
      session: the session to drive.
      scratch: the buffer lent to it.
      handle_event: takes each event, synchronously and before the turn ends; it may join that
        turn, but not start one.
    """

    def __init__(
        self, session: Session, scratch: Scratch, handle_event: Callable[[SessionEvent], None]
    ) -> None:
        self.session = session
        self.in_turn: bool = False
        self.broken: BaseException | None = None
        self.shed_datagrams: int = 0
        self.unroutable_transmits: int = 0
        self.endpoints: dict[Address, Endpoint] = {}
        self._scratch = scratch
        self._handle_event = handle_event
        self._turn = Turn(self)
        self._containment = Containment(self)
        self._alarm: trio.CancelScope | None = None
        # ice.receive → dtls-srtp: DROP_NEWEST, counted; an overloaded peer sheds here, so that
        # consent and the other peers never wait for it.
        self._burst_sender, self._burst_receiver = trio.open_memory_channel[tuple[Address, Burst]](
            MAX_QUEUED_BURSTS
        )

    def turn(self) -> Turn:
        """Return the context manager of a turn."""
        return self._turn

    def join_turn(self) -> AbstractContextManager[Session]:
        """Return the turn whose events are being handled, or else a new one.

        What a handler makes the session say is delivered by the turn under way.
        """
        return nullcontext(self.session) if self.in_turn else self._turn

    def send_frame(self, mid: str, rid: str | None, frame: EncodedFrame) -> None:
        """Take a turn that sends a frame: what every viewer pays for, thirty times a second."""
        if self.broken is not None:
            raise self.broken
        delivered = False
        try:
            self.session.send_frame(mid, frame, rid)
            self.drain()
            delivered = True
        finally:
            if not delivered:
                self.break_down(sys.exception())

    @property
    def queued_bursts(self) -> int:
        """How many bursts wait for their turn."""
        return self._burst_sender.statistics().current_buffer_used

    def break_down(self, error: BaseException | None) -> None:
        """Remember a bug: the alarm's task raises it, and so does every later turn."""
        self.broken = error
        if self._alarm is not None:
            self._alarm.deadline = -inf

    def drain(self) -> None:
        """Deliver what the session has said."""
        session = self.session
        while True:
            if session.transmits:
                self._send()
            if not session.events:
                break
            self._tell()
        if session.deadline_is_stale:
            self._move_alarm()

    def _send(self) -> None:
        transmits, endpoints = self.session.transmits, self.endpoints
        while transmits:
            transmit = transmits.popleft()
            endpoint = endpoints.get(transmit.local)
            if endpoint is not None:
                endpoint.send_nowait(transmit)
            else:
                self.unroutable_transmits += 1
        self._scratch.clear()

    def _tell(self) -> None:
        events = self.session.events
        self.in_turn = True
        try:
            while events:
                self._handle_event(events.popleft())
        finally:
            self.in_turn = False

    def _move_alarm(self) -> None:
        # The alarm only moves forward here: one that rings early costs a wake-up, one that is
        # moved at every turn costs more.
        deadline = self.session.next_deadline()
        if deadline is not None and self._alarm is not None and deadline < self._alarm.deadline:
            self._alarm.deadline = deadline

    # Tasks

    async def run_timers(self) -> NoReturn:
        """Wake at the session's deadlines, for as long as the peer lives."""
        while self.broken is None:
            deadline = self.session.next_deadline()
            with trio.CancelScope(deadline=inf if deadline is None else deadline) as self._alarm:
                await trio.sleep_forever()
            self._alarm = None
            with self.turn() as session:
                now = trio.current_time()
                due = session.next_deadline()
                if due is not None and due <= now:
                    session.handle_timeout(now)
        raise self.broken

    async def run_receive(self, endpoint: Endpoint) -> None:
        """Take bursts from a socket of this peer's own, until it is closed."""
        while True:
            try:
                await endpoint.wait_readable()
            except trio.ClosedResourceError:
                return
            self._take(endpoint.local, endpoint.receive_burst())

    def deliver(self, local: Address, burst: Burst) -> None:
        """Take a burst that came to a shared port; a bug that it uncovers stays this peer's."""
        if self.broken is None:
            with self._containment:
                self._take(local, burst)

    def _take(self, local: Address, burst: Burst) -> None:
        """Answer STUN at once, and leave the rest to :meth:`run_dtls_srtp`."""
        checks = [datagram for datagram in burst if is_stun_untrusted(datagram[0])]
        if checks:
            with self._turn as session:
                session.receive_burst(checks, local, trio.current_time())
            burst = [datagram for datagram in burst if not is_stun_untrusted(datagram[0])]
        if not burst:
            return
        try:
            self._burst_sender.send_nowait((local, burst))
        except trio.WouldBlock:
            self.shed_datagrams += len(burst)

    async def run_dtls_srtp(self) -> None:
        """Handshake, unprotect and route: one turn a burst."""
        async for local, burst in self._burst_receiver:
            with self.turn() as session:
                session.receive_burst(burst, local, trio.current_time())

    def close(self) -> None:
        """Say goodbye; works under cancellation, because nothing is awaited."""
        if self.broken is None:
            with self.turn() as session:
                session.close(trio.current_time())
        self._burst_sender.close()
