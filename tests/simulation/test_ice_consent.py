"""A connection is watched: it may be lost, come back, move to another address, or end."""

import pytest
from support.ice_network import IceNetwork, Nat, Peer

from triortc.protocol.ice.agent import IceRole, IceState, IceStateChanged, PairSelected

CONTROLLING, CONTROLLED = IceRole.CONTROLLING, IceRole.CONTROLLED


def connected(
    network: IceNetwork, *, nat: Nat | None = None, nat_role: IceRole = CONTROLLING
) -> tuple[Peer, Peer]:
    """Two peers that have been connected for a while; the first one has the role and the NAT."""
    inside = network.add(nat_role, "192.168.0.2", nat=nat)
    outside = network.add(nat_role.opposite, "203.0.113.9")
    network.introduce(inside, outside)
    network.introduce(outside, inside)
    network.run(9)
    assert inside.agent.state is outside.agent.state is IceState.COMPLETED
    return inside, outside


def states(peer: Peer) -> list[IceState]:
    return [event.state for _, event in peer.events if isinstance(event, IceStateChanged)]


def cut(network: IceNetwork) -> None:
    network.allows = lambda datagram: False


def mend(network: IceNetwork) -> None:
    network.allows = lambda datagram: True


def test_an_idle_connection_costs_two_checks_and_two_answers_in_five_seconds() -> None:
    network = IceNetwork()
    connected(network)
    network.sent.clear()
    network.run(500)
    assert 4 * 80 <= len(network.sent) <= 4 * 125
    times = [datagram.time for datagram in network.sent if datagram.data[:2] == b"\x00\x01"]
    assert len({round(after - before, 3) for before, after in zip(times, times[2:], strict=False)}) > 50


@pytest.mark.parametrize("seed", range(20))
def test_a_vanished_remote_is_disconnected_then_failed_and_nothing_is_sent_after(seed: int) -> None:
    network = IceNetwork(seed)
    alice, bob = connected(network)
    cut(network)
    start = network.now
    assert network.run_until(lambda: alice.agent.state is IceState.DISCONNECTED, 60)
    assert network.now - start <= 11.0
    assert alice.agent.selected_pair is not None
    network.run_until(lambda: alice.agent.state is IceState.FAILED, 60)
    assert 24 <= network.now - start <= 30
    network.run_until(lambda: bob.agent.state is IceState.FAILED, 10)
    assert alice.agent.selected_pair is None
    assert not alice.agent.is_checked(alice.bases[0], bob.bases[0])
    assert alice.agent.next_deadline() is None
    network.sent.clear()
    mend(network)
    network.run(100)
    assert network.sent == []


def test_consent_expires_30_s_after_the_last_answer() -> None:
    network = IceNetwork(delay=(0.0, 0.0))
    alice, _ = connected(network)
    pair = alice.agent.selected_pair
    assert pair is not None
    cut(network)
    assert network.run_until(lambda: alice.agent.state is IceState.FAILED, 60)
    assert pair.answered_at is not None
    assert network.now == pytest.approx(pair.answered_at + 30)


def test_disconnected_is_5_s_after_the_first_check_without_an_answer() -> None:
    network = IceNetwork()
    alice, _ = connected(network)
    cut(network)
    network.sent.clear()
    assert network.run_until(lambda: alice.agent.state is IceState.DISCONNECTED, 60)
    first = next(datagram for datagram in network.sent if datagram.source == alice.bases[0])
    assert network.now == pytest.approx(first.time + 5)


@pytest.mark.parametrize("outage", [2.0, 8.0, 20.0])
def test_an_outage_ends_within_a_second_of_the_network_coming_back(outage: float) -> None:
    network = IceNetwork()
    alice, bob = connected(network)
    for peer in (alice, bob):
        peer.agent.note_received(network.now)  # a receiving pair: silence is noticed at once
    cut(network)
    network.run(outage)
    assert (alice.agent.state is IceState.DISCONNECTED) == (outage > 6)
    mend(network)
    network.run(1.0)
    assert alice.agent.state is bob.agent.state is IceState.COMPLETED
    assert states(alice).count(IceState.DISCONNECTED) == (outage > 6)


def test_a_receiving_pair_that_falls_silent_is_checked_twice_a_second() -> None:
    network = IceNetwork()
    alice, _ = connected(network)
    start = network.now
    for step in range(1, 101):
        network.at(start + step * 0.02, lambda: alice.agent.note_received(network.now))
    network.sent.clear()
    network.run(2.4)
    checks = alice.agent.counters.consent_requests_sent
    network.run(2.0)
    assert 4 <= alice.agent.counters.consent_requests_sent - checks <= 5


def test_a_pair_that_is_silent_but_answers_is_soon_left_in_peace() -> None:
    network = IceNetwork()
    alice, _ = connected(network)
    alice.agent.note_received(network.now)
    network.run(10)
    checks = alice.agent.counters.consent_requests_sent
    network.run(50)
    assert alice.agent.counters.consent_requests_sent - checks <= 13


@pytest.mark.parametrize("nat_role", [CONTROLLING, CONTROLLED])
@pytest.mark.parametrize("seed", range(30))
def test_a_rebound_nat_is_followed_within_two_seconds_of_media(seed: int, nat_role: IceRole) -> None:
    network = IceNetwork(seed, delay=(0.005, 0.03))
    nat = Nat("198.51.100.1")
    inside, outside = connected(network, nat=nat, nat_role=nat_role)
    network.run(seed / 7)
    inside.agent.note_received(network.now)  # the one whose packets come no more notices it
    nat.rebind()
    start = network.now
    old = outside.agent.selected_pair

    def moved() -> bool:
        pair = outside.agent.selected_pair
        return pair is not None and pair is not old and pair.remote in nat.mappings.values()

    assert network.run_until(moved, 2.0)
    assert network.now - start <= 2.0
    network.run(12)
    assert moved()
    assert outside.agent.state is inside.agent.state is IceState.COMPLETED
    assert IceState.DISCONNECTED not in states(inside) + states(outside)
    assert len(outside.happened(PairSelected)) == 2


def test_a_late_nomination_of_the_old_source_does_not_lead_back_for_long() -> None:
    network = IceNetwork()
    nat = Nat("198.51.100.1")
    inside, outside = connected(network, nat=nat)
    inside.agent.note_received(network.now)
    before = next(
        d for d in reversed(network.sent) if d.source[0] == nat.public and d.data[:2] == b"\x00\x01"
    )
    nat.rebind()
    network.run(3)
    new = outside.agent.selected_pair
    assert new is not None
    assert new.remote != before.source
    network.inject(before.data, before.source, outside)
    network.run(7)
    assert outside.agent.selected_pair is new


def test_when_a_path_dies_another_one_is_nominated() -> None:
    network = IceNetwork()
    alice = network.add(CONTROLLING, "10.0.0.1", "10.1.0.1")
    bob = network.add(CONTROLLED, "10.0.0.2")
    network.introduce(alice, bob)
    network.introduce(bob, alice)
    network.run(9)
    first = alice.agent.selected_pair
    assert first is not None
    network.allows = lambda datagram: first.local_base not in (datagram.source, datagram.destination)
    network.run(12)
    second, there = alice.agent.selected_pair, bob.agent.selected_pair
    assert second is not None
    assert there is not None
    assert second.local_base == there.remote == alice.bases[1]
    assert alice.agent.state is bob.agent.state is IceState.COMPLETED


@pytest.mark.parametrize("seed", range(30))
def test_a_lossy_network_does_not_disconnect(seed: int) -> None:
    network = IceNetwork(seed, delay=(0.005, 0.08))
    alice, bob = connected(network)
    network.loss = 0.1
    network.run(300)
    assert IceState.DISCONNECTED not in states(alice) + states(bob)


def test_closing_says_nothing_and_answers_nothing() -> None:
    network = IceNetwork()
    alice, bob = connected(network)
    alice.agent.close()
    network.sent.clear()
    network.run(40)
    assert [datagram for datagram in network.sent if datagram.source == alice.bases[0]] == []
    assert states(alice)[-1] is IceState.CLOSED
    assert bob.agent.state is IceState.FAILED
    alice.agent.close()
    assert states(alice).count(IceState.CLOSED) == 1
