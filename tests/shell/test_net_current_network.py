import pytest
import trio
import trio.testing
from support.virtual_network import VirtualNetwork

from triortc.net.endpoint import Network, current_network, reset_network, set_network, using_network
from triortc.net.udp import SystemNetwork


def test_the_system_is_the_network_unless_another_was_chosen() -> None:
    assert isinstance(current_network(), SystemNetwork)


async def test_a_network_is_chosen_for_the_length_of_a_block() -> None:
    network = VirtualNetwork()
    alice, bob = network.host("10.0.0.1"), network.host("10.0.0.2")
    with using_network(alice):
        with using_network(bob):
            assert current_network() is bob
        assert current_network() is alice
    assert isinstance(current_network(), SystemNetwork)


async def test_a_choice_can_be_undone() -> None:
    host = VirtualNetwork().host("10.0.0.1")
    token = set_network(host)
    assert current_network() is host
    reset_network(token)
    assert isinstance(current_network(), SystemNetwork)


async def test_tasks_that_choose_at_the_same_time_do_not_see_each_other() -> None:
    network = VirtualNetwork()
    seen: dict[str, Network] = {}

    async def choose(host: Network, name: str) -> None:
        with using_network(host):
            await trio.testing.wait_all_tasks_blocked()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(look, name)

    async def look(name: str) -> None:
        seen[name] = current_network()

    alice, bob = network.host("10.0.0.1"), network.host("10.0.0.2")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(choose, alice, "alice")
        nursery.start_soon(choose, bob, "bob")
    assert seen == {"alice": alice, "bob": bob}


async def test_the_system_resolves_numbers_and_refuses_nonsense() -> None:
    network = SystemNetwork()
    assert await network.resolve("127.0.0.1", 3478) == [("127.0.0.1", 3478)]
    assert await network.resolve("::1", 3478) == [("::1", 3478)]
    with pytest.raises(OSError):
        await network.resolve("no such name.invalid", 3478)
