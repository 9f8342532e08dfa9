"""Real UDP sockets on loopback."""

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import trio
import trio.testing

from triortc.net.endpoint import MAX_DATAGRAM_SIZE
from triortc.net.udp import SOCKET_BUFFER_SIZE, SystemNetwork, UdpEndpoint
from triortc.protocol.wire.machine import Address, Transmit

pytestmark = pytest.mark.realtime


def has_ipv6_loopback() -> bool:
    try:
        SystemNetwork().open_endpoint("::1").close()
    except OSError:
        return False
    return True


@contextmanager
def opened(*hosts: str) -> Iterator[list[UdpEndpoint]]:
    endpoints = [SystemNetwork().open_endpoint(host) for host in hosts]
    try:
        yield endpoints
    finally:
        for endpoint in endpoints:
            endpoint.close()


class Refusing(socket.socket):
    """A socket whose sends fail as told."""

    refusals: list[int]

    def _refuse(self) -> None:
        if self.refusals:
            raise OSError(self.refusals.pop(0), "refused")

    def sendto(self, data: Any, *rest: Any) -> int:
        self._refuse()
        return super().sendto(data, *rest)

    def sendmsg(self, *args: Any) -> int:
        self._refuse()
        return super().sendmsg(*args)


@contextmanager
def refusing(*errors: int) -> Iterator[UdpEndpoint]:
    bound = Refusing(socket.AF_INET, socket.SOCK_DGRAM)
    bound.refusals = list(errors)
    bound.bind(("127.0.0.1", 0))
    endpoint = UdpEndpoint(bound)
    yield endpoint
    endpoint.close()


def send(sender: UdpEndpoint, to: Address, data: bytes | memoryview, size: int | None = None) -> bool:
    return sender.send_nowait(Transmit(data, sender.local, to, size))


async def receive(endpoint: UdpEndpoint, count: int) -> list[bytes]:
    received: list[bytes] = []
    with trio.fail_after(5):
        while len(received) < count:
            await endpoint.wait_readable()
            burst = endpoint.receive_burst()
            assert len(burst) <= 64
            received += [data for data, _ in burst]
    return received


async def test_a_burst_arrives_whole_and_with_its_source() -> None:
    with opened("127.0.0.1", "127.0.0.1") as (alice, bob):
        sent = [b"%d" % number for number in range(100)]
        assert all(send(alice, bob.local, data) for data in sent)
        assert await receive(bob, 100) == sent
        send(alice, bob.local, b"last")
        await bob.wait_readable()
        assert bob.receive_burst() == [(b"last", alice.local)]
        assert bob.receive_burst() == []
        assert bob.statistics.datagrams_received == alice.statistics.datagrams_sent == 101
        assert bob.statistics.bytes_received == alice.statistics.bytes_sent


async def test_a_burst_is_at_most_what_was_asked_for() -> None:
    with opened("127.0.0.1", "127.0.0.1") as (alice, bob):
        for number in range(5):
            send(alice, bob.local, bytes([number]))
        await bob.wait_readable()
        assert len(bob.receive_burst(3)) == 3
        assert len(bob.receive_burst()) == 2


@pytest.mark.skipif(not has_ipv6_loopback(), reason="no IPv6 here")
async def test_ipv6_addresses_are_pairs_too() -> None:
    with opened("::1", "::1") as (alice, bob):
        assert alice.local == ("::1", alice.local[1])
        assert send(alice, bob.local, b"aabbc", 2)
        await bob.wait_readable()
        assert bob.receive_burst() == [(b"aa", alice.local), (b"bb", alice.local), (b"c", alice.local)]


@pytest.mark.parametrize("segmentation", [True, False])
async def test_a_run_arrives_as_equal_datagrams(segmentation: bool) -> None:
    with opened("127.0.0.1", "127.0.0.1") as (alice, bob):
        alice.segmentation &= segmentation
        run = b"".join(bytes([number]) * 1200 for number in range(8)) + b"end"
        assert send(alice, bob.local, run, 1200)
        received = await receive(bob, 9)
        assert [len(data) for data in received] == [1200] * 8 + [3]
        assert b"".join(received) == run
        assert alice.statistics.datagrams_sent == 9


async def test_a_run_longer_than_the_kernel_takes_is_split() -> None:
    with opened("127.0.0.1", "127.0.0.1") as (alice, bob):
        segmentation = alice.segmentation
        many, large = bytes(100 * 200), bytes(60 * 1300)
        assert send(alice, bob.local, memoryview(many), 200)
        assert [len(data) for data in await receive(bob, 100)] == [200] * 100
        assert send(alice, bob.local, large, 1300)
        assert [len(data) for data in await receive(bob, 60)] == [1300] * 60
        assert alice.segmentation is segmentation


@pytest.mark.parametrize("error", [errno.EINVAL, errno.EIO, errno.EOPNOTSUPP])
async def test_a_device_without_segmentation_gets_single_datagrams_from_then_on(error: int) -> None:
    with opened("127.0.0.1") as (bob,), refusing(error) as alice:
        alice.segmentation = True
        assert send(alice, bob.local, b"aabbc", 2)
        assert send(alice, bob.local, b"ddeef", 2)
        assert await receive(bob, 6) == [b"aa", b"bb", b"c", b"dd", b"ee", b"f"]
        assert not alice.segmentation
        assert alice.statistics.send_drops == alice.statistics.errors == 0


async def test_a_run_too_wide_for_the_path_goes_out_one_by_one() -> None:
    with opened("127.0.0.1") as (bob,), refusing(errno.EMSGSIZE) as alice:
        alice.segmentation = True
        assert send(alice, bob.local, b"aab", 2)
        assert await receive(bob, 2) == [b"aa", b"b"]
        assert alice.segmentation
        assert alice.statistics.too_big == 1


@pytest.mark.parametrize("error", [errno.EAGAIN, errno.ENOBUFS])
async def test_a_full_send_buffer_loses_the_packet(error: int) -> None:
    with opened("127.0.0.1") as (bob,), refusing(error, error) as alice:
        assert not send(alice, bob.local, b"one")
        assert not send(alice, bob.local, b"aab", 2) or not alice.segmentation
        assert alice.statistics.send_drops >= 2
        assert alice.statistics.errors == 0


async def test_an_unreachable_host_is_counted_and_ends_nothing() -> None:
    with opened("127.0.0.1") as (bob,), refusing(errno.EHOSTUNREACH, errno.ENETDOWN) as alice:
        assert not send(alice, bob.local, b"one")
        assert not send(alice, bob.local, b"two")
        assert send(alice, bob.local, b"three")
        assert await receive(bob, 1) == [b"three"]
        assert (alice.statistics.errors, alice.statistics.send_drops) == (2, 2)


async def test_a_datagram_larger_than_udp_allows_is_counted() -> None:
    with opened("127.0.0.1", "127.0.0.1") as (alice, bob):
        assert not send(alice, bob.local, bytes(70_000))
        assert (alice.statistics.too_big, alice.statistics.send_drops) == (1, 1)


async def test_a_port_that_is_closed_does_no_harm() -> None:
    with opened("127.0.0.1", "127.0.0.1") as (alice, bob):
        with opened("127.0.0.1") as (gone,):
            nobody = gone.local
        for _ in range(10):
            send(alice, nobody, b"anyone?")  # each one is answered with ICMP port unreachable
        send(bob, alice.local, b"hello")
        assert await receive(alice, 1) == [b"hello"]


async def test_a_pending_icmp_error_is_counted_when_receiving() -> None:
    with opened("127.0.0.1", "127.0.0.1") as (alice, bob):
        with opened("127.0.0.1") as (gone,):
            nobody = gone.local
        ip_recverr = 11  # makes Linux report on an unconnected socket, as Windows always does
        alice._socket.setsockopt(socket.IPPROTO_IP, ip_recverr, 1)
        send(alice, nobody, b"anyone?")
        send(bob, alice.local, b"hello")
        with trio.fail_after(5):
            await alice.wait_readable()
            assert alice.receive_burst() == [(b"hello", bob.local)]
        assert alice.statistics.errors == 1


async def test_empty_and_oversized_datagrams_stop_at_the_gate() -> None:
    with opened("127.0.0.1", "127.0.0.1") as (alice, bob):
        for data in (b"", bytes(MAX_DATAGRAM_SIZE + 1), bytes(60_000), bytes(MAX_DATAGRAM_SIZE)):
            assert send(alice, bob.local, data)
        assert await receive(bob, 1) == [bytes(MAX_DATAGRAM_SIZE)]
        assert (bob.statistics.empty_drops, bob.statistics.oversized_drops) == (1, 2)


async def test_the_socket_buffers_are_enlarged() -> None:
    with opened("127.0.0.1") as (alice,):
        size = alice._socket.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
            assert size >= min(plain.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF), SOCKET_BUFFER_SIZE)


async def test_closing_wakes_the_one_who_waits_and_is_idempotent() -> None:
    with opened("127.0.0.1", "127.0.0.1") as (alice, bob):

        async def wait() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await alice.wait_readable()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            alice.close()
            alice.close()
        with trio.testing.assert_checkpoints(), pytest.raises(trio.ClosedResourceError):
            await alice.wait_readable()
        assert alice.receive_burst() == []
        assert not send(alice, bob.local, b"late")


async def test_waiting_is_a_checkpoint_even_when_something_is_there() -> None:
    with opened("127.0.0.1", "127.0.0.1") as (alice, bob):
        send(alice, bob.local, b"hello")
        with trio.testing.assert_checkpoints():
            await bob.wait_readable()


async def test_a_port_in_use_is_an_os_error() -> None:
    with opened("127.0.0.1") as (alice,), pytest.raises(OSError) as caught:
        SystemNetwork().open_endpoint(*alice.local)
    assert caught.value.errno == errno.EADDRINUSE
