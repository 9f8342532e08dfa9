import errno
import math

import pytest
import trio
import trio.testing
from support.virtual_network import VirtualEndpoint, VirtualNetwork

from triortc.protocol.wire.machine import Address, Transmit


def pair(network: VirtualNetwork) -> tuple[VirtualEndpoint, VirtualEndpoint]:
    alice = network.host("10.0.0.1").open_endpoint("10.0.0.1")
    return alice, network.host("10.0.0.2").open_endpoint("10.0.0.2")


def send(sender: VirtualEndpoint, receiver: VirtualEndpoint, data: bytes, size: int | None = None) -> bool:
    return sender.send_nowait(Transmit(data, sender.local, receiver.local, size))


async def receive_all(endpoint: VirtualEndpoint) -> list[tuple[bytes, Address]]:
    received: list[tuple[bytes, Address]] = []
    with trio.move_on_after(10):
        while True:
            await endpoint.wait_readable()
            received += endpoint.receive_burst()
    return received


async def test_a_datagram_arrives_after_the_delay(autojump_clock: trio.testing.MockClock) -> None:
    alice, bob = pair(VirtualNetwork(delay=0.05))
    start = trio.current_time()
    assert send(alice, bob, b"hello")
    assert bob.receive_burst() == []
    await bob.wait_readable()
    assert math.isclose(trio.current_time() - start, 0.05)
    assert bob.receive_burst() == [(b"hello", alice.local)]


async def test_a_waiting_receiver_is_woken(autojump_clock: trio.testing.MockClock) -> None:
    alice, bob = pair(VirtualNetwork(delay=1))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bob.wait_readable)
        await trio.sleep(5)
        send(alice, bob, b"hello")
    assert math.isclose(trio.current_time() % 1, 0, abs_tol=1e-6)
    assert bob.receive_burst() == [(b"hello", alice.local)]


async def test_a_run_arrives_as_the_datagrams_the_kernel_would_make(
    autojump_clock: trio.testing.MockClock,
) -> None:
    alice, bob = pair(VirtualNetwork())
    assert send(alice, bob, b"aaabbbc", 3)
    assert [data for data, _ in await receive_all(bob)] == [b"aaa", b"bbb", b"c"]
    assert alice.statistics.datagrams_sent == bob.statistics.datagrams_received == 3


async def test_loss_is_seeded(autojump_clock: trio.testing.MockClock) -> None:
    outcomes = []
    for _ in range(2):
        network = VirtualNetwork(seed=7, loss=0.3)
        alice, bob = pair(network)
        for number in range(200):
            send(alice, bob, bytes([number]))
        outcomes.append([data for data, _ in await receive_all(bob)])
    assert outcomes[0] == outcomes[1]
    assert 100 < len(outcomes[0]) < 180


async def test_reordering_loses_nothing(autojump_clock: trio.testing.MockClock) -> None:
    alice, bob = pair(VirtualNetwork(delay=0.02, reorder=0.2))
    sent = [bytes([number]) for number in range(100)]
    for data in sent:
        send(alice, bob, data)
        await trio.sleep(0.001)
    received = [data for data, _ in await receive_all(bob)]
    assert received != sent
    assert sorted(received) == sent


async def test_an_unplugged_address_neither_sends_nor_receives(
    autojump_clock: trio.testing.MockClock,
) -> None:
    network = VirtualNetwork()
    alice, bob = pair(network)
    network.unplugged.add("10.0.0.2")
    send(alice, bob, b"to")
    send(bob, alice, b"from")
    assert await receive_all(alice) == await receive_all(bob) == []
    network.unplugged.clear()
    send(alice, bob, b"again")
    assert await receive_all(bob) == [(b"again", alice.local)]


async def test_loopback_reaches_the_same_host_alone(autojump_clock: trio.testing.MockClock) -> None:
    network = VirtualNetwork()
    alice, bob = network.host("127.0.0.1", "10.0.0.1"), network.host("10.0.0.2", "127.0.0.1")
    assert alice.addresses() == ["10.0.0.1", "127.0.0.1"]
    first, second = alice.open_endpoint("127.0.0.1", 9), alice.open_endpoint("10.0.0.1", 9)
    other, outside = bob.open_endpoint("127.0.0.1", 9), bob.open_endpoint("10.0.0.2", 9)
    send(second, first, b"inside")
    send(first, outside, b"to a stranger")
    assert [data for data, _ in await receive_all(first)] == [b"inside"]
    assert await receive_all(other) == await receive_all(outside) == []


async def test_an_address_in_use_or_not_there_cannot_be_bound() -> None:
    host = VirtualNetwork().host("10.0.0.1")
    endpoint = host.open_endpoint("10.0.0.1", 5000)
    with pytest.raises(OSError) as caught:
        host.open_endpoint("10.0.0.1", 5000)
    assert caught.value.errno == errno.EADDRINUSE
    with pytest.raises(OSError) as caught:
        host.open_endpoint("10.0.0.9", 5000)
    assert caught.value.errno == errno.EADDRNOTAVAIL
    endpoint.close()
    endpoint.close()
    host.open_endpoint("10.0.0.1", 5000)


async def test_closing_wakes_the_one_who_waits(autojump_clock: trio.testing.MockClock) -> None:
    alice, bob = pair(VirtualNetwork())

    async def wait() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await bob.wait_readable()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        bob.close()
    assert not bob.send_nowait(Transmit(b"late", bob.local, alice.local))


async def test_names_resolve_as_the_network_says(autojump_clock: trio.testing.MockClock) -> None:
    network = VirtualNetwork(delay=0.1)
    network.names["stun.example"] = ["10.0.0.9"]
    host = network.host("10.0.0.1")
    assert await host.resolve("stun.example", 3478) == [("10.0.0.9", 3478)]
    assert await host.resolve("10.0.0.7", 1) == [("10.0.0.7", 1)]
    with pytest.raises(OSError):
        await host.resolve("other.example", 3478)
