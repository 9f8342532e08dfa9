"""UDP sockets: bursts in, runs of equal datagrams out (Linux UDP_SEGMENT, "GSO")."""

import errno
import socket
import struct
import sys
from typing import Final

import trio

from triortc.protocol.wire.machine import Address, Transmit

from .endpoint import MAX_BURST, MAX_DATAGRAM_SIZE, EndpointStatistics
from .interfaces import local_addresses

MAX_SEGMENTS: Final = 64
"""Most datagrams in one send; older kernels take no more (linux/udp.h UDP_MAX_SEGMENTS)."""

MAX_RUN_SIZE: Final = 65_507
"""Most bytes in one send: the largest UDP payload over IPv4."""

SOCKET_BUFFER_SIZE: Final = 4 << 20
"""Bytes asked for in either direction: one frame to some hundred viewers leaves in one go."""

# Linux numbers that Python 3.11 does not name.
_UDP_SEGMENT: Final = 103
_SO_SNDBUFFORCE: Final = 32
_SO_RCVBUFFORCE: Final = 33

_READ_SIZE: Final = MAX_DATAGRAM_SIZE + 1  # one more, so that a larger datagram shows
_NO_SEGMENTATION: Final = frozenset({errno.EINVAL, errno.EIO, errno.EOPNOTSUPP})
_MAX_LOOKUPS: Final = 8

_lookup_limiter: trio.lowlevel.RunVar[trio.CapacityLimiter | None] = trio.lowlevel.RunVar(
    "triortc lookups", None
)


class UdpEndpoint:
    """A non-blocking UDP socket of one local address (an :class:`.endpoint.Endpoint`).

    Args:
      bound: a bound datagram socket, owned from now on.

    Attributes:
      local: the address it is bound to.
      statistics: live counters.
      segmentation: whether runs go to the kernel in one piece. It is turned off for good
        when the kernel or the device turns out not to do it.
    """

    def __init__(self, bound: socket.socket) -> None:
        bound.setblocking(False)
        _enlarge_buffers(bound)
        host, port, *_ = bound.getsockname()
        self.local: Address = (host, port)
        self.statistics: EndpointStatistics = EndpointStatistics()
        self.segmentation: bool = _has_segmentation(bound)
        self._socket = bound
        self._segment_size = 0
        self._control: tuple[tuple[int, int, bytes], ...] = ()
        self._scoped = bound.family == socket.AF_INET6
        self._closed = False

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        return f"<UdpEndpoint {state} {self.local[0]} port {self.local[1]}>"

    async def wait_readable(self) -> None:
        """Wait for a datagram or a pending error; always a checkpoint.

        Raises:
          trio.ClosedResourceError: the endpoint is closed, or was while this waited.
        """
        if self._closed:
            await trio.lowlevel.checkpoint()
            raise trio.ClosedResourceError
        await trio.lowlevel.wait_readable(self._socket)

    def receive_burst(self, limit: int = MAX_BURST) -> list[tuple[bytes, Address]]:
        """Take what has arrived, at most *limit* datagrams; empty when there is nothing."""
        burst: list[tuple[bytes, Address]] = []
        if self._closed:
            return burst
        receive, received = self._socket.recvfrom, 0  # 0.3 µs quicker than recvfrom_into and a copy
        for _ in range(limit):
            try:
                data, source = receive(_READ_SIZE)
            except BlockingIOError:
                break
            except OSError:
                # An earlier send's ICMP error (ECONNREFUSED; ECONNRESET on Windows) and the like.
                self.statistics.errors += 1
                continue
            if self._scoped:
                source = self._unscoped(source)
            size = len(data)
            if 0 < size <= MAX_DATAGRAM_SIZE and source is not None:
                burst.append((data, source))
                received += size
            else:
                self._count_drop(size)
        self.statistics.datagrams_received += len(burst)
        self.statistics.bytes_received += received
        return burst

    def _unscoped(self, source: tuple[str, int, int, int]) -> Address | None:
        return None if source[3] else source[:2]

    def _count_drop(self, size: int) -> None:
        if size == 0:
            self.statistics.empty_drops += 1
        elif size > MAX_DATAGRAM_SIZE:
            self.statistics.oversized_drops += 1
        else:
            self.statistics.scoped_drops += 1

    def send_nowait(self, transmit: Transmit) -> bool:
        """Send a datagram, or a run of them, at once; what the kernel refuses is lost.

        Returns:
          Whether all of it was sent.
        """
        data, _, remote, segment_size = transmit
        size = len(data)
        if segment_size is None or size <= segment_size:
            return self._send_datagram(data, remote)
        if size <= segment_size * MAX_SEGMENTS and size <= MAX_RUN_SIZE:
            return self._send_run(data, remote, segment_size)
        longest = segment_size * min(MAX_SEGMENTS, MAX_RUN_SIZE // segment_size)
        view, complete = memoryview(data), True
        for start in range(0, len(view), longest):
            complete &= self._send_run(view[start : start + longest], remote, segment_size)
        return complete

    def _send_run(self, data: bytes | memoryview, remote: Address, segment_size: int) -> bool:
        if not self.segmentation:
            return self._send_each(data, remote, segment_size)
        if segment_size != self._segment_size:  # the viewers of one frame have the same
            self._segment_size = segment_size
            self._control = ((socket.IPPROTO_UDP, _UDP_SEGMENT, struct.pack("@H", segment_size)),)
        count = -(-len(data) // segment_size)
        try:
            self._socket.sendmsg((data,), self._control, 0, remote)
        except OSError as error:
            if error.errno in _NO_SEGMENTATION:
                self.segmentation = False
            elif error.errno == errno.EMSGSIZE:
                self.statistics.too_big += 1  # a narrow path: one by one, the kernel may fragment them
            else:
                return self._lose(error, count)
            return self._send_each(data, remote, segment_size)
        statistics = self.statistics
        statistics.datagrams_sent += count
        statistics.bytes_sent += len(data)
        return True

    def _send_each(self, data: bytes | memoryview, remote: Address, segment_size: int) -> bool:
        view, complete = memoryview(data), True
        for start in range(0, len(view), segment_size):
            complete &= self._send_datagram(view[start : start + segment_size], remote)
        return complete

    def _send_datagram(self, data: bytes | memoryview, remote: Address) -> bool:
        try:
            self._socket.sendto(data, remote)
        except OSError as error:
            return self._lose(error, 1)
        self.statistics.datagrams_sent += 1
        self.statistics.bytes_sent += len(data)
        return True

    def _lose(self, error: OSError, count: int) -> bool:
        self.statistics.send_drops += count
        if error.errno == errno.EMSGSIZE:
            self.statistics.too_big += 1
        elif error.errno not in (errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS):
            self.statistics.errors += 1
        return False

    def close(self) -> None:
        """Close the socket; whoever waits for it gets ``trio.ClosedResourceError``."""
        if not self._closed:
            self._closed = True
            if trio.lowlevel.in_trio_run():
                trio.lowlevel.notify_closing(self._socket)
            self._socket.close()


class SystemNetwork:
    """The network of this machine (an :class:`.endpoint.Network`)."""

    def addresses(self) -> list[str]:
        """Return the local unicast addresses to gather on, loopback last."""
        return local_addresses()

    def open_endpoint(self, host: str, port: int = 0) -> UdpEndpoint:
        """Bind a socket to a local address given as a number.

        Raises:
          OSError: it cannot be bound.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        opened = socket.socket(family, socket.SOCK_DGRAM)
        try:
            if family == socket.AF_INET6:
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            opened.bind((host, port))
            return UdpEndpoint(opened)
        except OSError:
            opened.close()
            raise

    async def resolve(self, host: str, port: int) -> list[Address]:
        """Look up a host's addresses in a worker thread.

        A lookup that is cancelled is abandoned: its thread ends when the resolver gives up.

        Raises:
          OSError: there is no such name, or no answer.
        """
        found = await trio.to_thread.run_sync(
            lambda: socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM),
            abandon_on_cancel=True,
            limiter=_current_lookup_limiter(),
        )
        return list(dict.fromkeys((str(address[0]), int(address[1])) for *_, address in found))


def _current_lookup_limiter() -> trio.CapacityLimiter:
    limiter = _lookup_limiter.get()
    if limiter is None:
        limiter = trio.CapacityLimiter(_MAX_LOOKUPS)
        _lookup_limiter.set(limiter)
    return limiter


def _has_segmentation(probed: socket.socket) -> bool:
    if sys.platform != "linux":
        return False
    try:
        probed.setsockopt(socket.IPPROTO_UDP, _UDP_SEGMENT, 0)
    except OSError:
        return False
    return True


def _enlarge_buffers(enlarged: socket.socket) -> None:
    for option, force in ((socket.SO_SNDBUF, _SO_SNDBUFFORCE), (socket.SO_RCVBUF, _SO_RCVBUFFORCE)):
        if sys.platform == "linux" and _try_option(enlarged, force, SOCKET_BUFFER_SIZE):
            continue
        size = SOCKET_BUFFER_SIZE
        while size > 1 << 17 and not _try_option(enlarged, option, size):
            size >>= 1


def _try_option(changed: socket.socket, option: int, value: int) -> bool:
    try:
        changed.setsockopt(socket.SOL_SOCKET, option, value)
    except OSError:
        return False
    return True
