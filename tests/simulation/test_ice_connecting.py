"""Two agents find each other, over whatever network lies between them."""

from dataclasses import replace

import pytest
from support.ice_network import STUN_SERVER, IceNetwork, Nat, Peer

from triortc.protocol.ice.agent import GatheringDone, IceRole, IceState, PairSelected

CONTROLLING, CONTROLLED = IceRole.CONTROLLING, IceRole.CONTROLLED
LOSS, DELAY = 0.2, (0.005, 0.08)


def settled(*peers: Peer) -> bool:
    pairs = [peer.agent.selected_pair for peer in peers]
    return all(pair is not None and pair.nominated_at is not None for pair in pairs)


def couple(network: IceNetwork, alice: Peer, bob: Peer) -> None:
    network.introduce(alice, bob)
    network.introduce(bob, alice)


def assert_they_agree(alice: Peer, bob: Peer) -> None:
    here, there = alice.agent.selected_pair, bob.agent.selected_pair
    assert here is not None
    assert there is not None
    assert here.local_candidate.socket_address == there.remote
    assert there.local_candidate.socket_address == here.remote


@pytest.mark.parametrize("seed", range(300))
def test_they_always_connect_over_a_bad_network(seed: int) -> None:
    network = IceNetwork(seed, loss=LOSS, delay=DELAY)
    alice = network.add(CONTROLLING, "10.0.0.1", "10.1.0.1", "2001:db8::1")
    bob = network.add(CONTROLLED, "10.0.0.2", "2001:db8::2")
    couple(network, alice, bob)
    assert network.run_until(lambda: settled(alice, bob), 10)
    network.loss = 0.0
    network.run(7)
    assert_they_agree(alice, bob)
    assert alice.agent.state is bob.agent.state is IceState.COMPLETED


@pytest.mark.parametrize("roles", [(CONTROLLING, CONTROLLING), (CONTROLLED, CONTROLLED)])
@pytest.mark.parametrize("seed", range(50))
def test_a_role_conflict_is_settled(roles: tuple[IceRole, IceRole], seed: int) -> None:
    network = IceNetwork(seed, loss=LOSS, delay=DELAY)
    alice, bob = (network.add(role, f"10.0.0.{number}") for number, role in enumerate(roles, 1))
    couple(network, alice, bob)
    assert network.run_until(lambda: settled(alice, bob), 10)
    assert {alice.agent.role, bob.agent.role} == {CONTROLLING, CONTROLLED}
    assert alice.agent.counters.role_conflicts + bob.agent.counters.role_conflicts > 0
    assert_they_agree(alice, bob)


@pytest.mark.parametrize("hidden", ["controlling", "controlled"])
@pytest.mark.parametrize("seed", range(50))
def test_a_peer_without_candidates_is_met_by_its_checks(hidden: str, seed: int) -> None:
    network = IceNetwork(seed, loss=LOSS, delay=DELAY)
    alice, bob = network.add(CONTROLLING, "10.0.0.1"), network.add(CONTROLLED, "10.0.0.2")
    network.introduce(alice, bob, None if hidden == "controlling" else [])
    network.introduce(bob, alice, None if hidden == "controlled" else [])
    assert network.run_until(lambda: settled(alice, bob), 10)
    assert_they_agree(alice, bob)
    seeker = bob if hidden == "controlling" else alice
    pair = seeker.agent.selected_pair
    assert pair is not None
    assert pair.remote_candidate.type == "prflx"


@pytest.mark.parametrize("seed", range(50))
def test_candidates_may_trickle_in_after_checks_began(seed: int) -> None:
    network = IceNetwork(seed, loss=LOSS, delay=DELAY)
    alice = network.add(CONTROLLING, "10.0.0.1")
    bob = network.add(CONTROLLED, "10.0.0.2")
    unreachable = replace(bob.candidates()[0], address="10.9.9.9")
    for one, other in ((alice, bob), (bob, alice)):
        one.agent.set_remote_parameters(other.agent.local_parameters, lite=False, now=0.0)
    alice.agent.add_remote_candidate(unreachable, 0.0)
    network.at(2.0, lambda: alice.agent.add_remote_candidate(bob.candidates()[0], network.now))
    network.at(2.5, lambda: bob.agent.end_of_remote_candidates(network.now))
    assert network.run_until(lambda: settled(alice, bob), 12)
    assert network.now > 2.0
    assert_they_agree(alice, bob)


@pytest.mark.parametrize("seed", range(50))
def test_two_peers_behind_nats_meet_by_their_server_reflexive_candidates(seed: int) -> None:
    network = IceNetwork(seed, loss=LOSS, delay=DELAY)
    alice = network.add(CONTROLLING, "192.168.0.2", nat=Nat("203.0.113.1"))
    bob = network.add(CONTROLLED, "192.168.0.3", nat=Nat("203.0.113.2"))
    for peer in (alice, bob):
        peer.agent.gather_server_reflexive(peer.bases[0], STUN_SERVER, network.now)
        assert peer.agent.gathering
    assert network.run_until(lambda: not alice.agent.gathering and not bob.agent.gathering, 6)
    assert len(alice.happened(GatheringDone)) == len(bob.happened(GatheringDone)) == 1
    assert "srflx" in {candidate.type for candidate in bob.candidates()}
    couple(network, alice, bob)
    assert network.run_until(lambda: settled(alice, bob), 10)
    assert_they_agree(alice, bob)
    pair = alice.agent.selected_pair
    assert pair is not None
    assert pair.local_candidate.address == "203.0.113.1"
    assert pair.local_candidate.related_address == "192.168.0.2"


def test_on_a_lan_one_round_trip_connects_and_another_nominates() -> None:
    network = IceNetwork(delay=(0.001, 0.001))
    alice, bob = network.add(CONTROLLING, "10.0.0.1"), network.add(CONTROLLED, "10.0.0.2")
    couple(network, alice, bob)
    up = {IceState.CONNECTED, IceState.COMPLETED}
    assert network.run_until(lambda: {alice.agent.state, bob.agent.state} <= up, 1)
    assert network.now == pytest.approx(0.002)
    assert network.run_until(lambda: settled(alice, bob), 1)
    assert network.now <= 0.06
    assert len(network.sent) <= 10


def test_checks_that_come_before_the_answer_are_answered_and_returned_later() -> None:
    network = IceNetwork()
    alice, bob = network.add(CONTROLLING, "10.0.0.1"), network.add(CONTROLLED, "10.0.0.2")
    network.introduce(bob, alice)
    network.run(1.0)
    assert bob.agent.selected_pair is not None
    assert alice.agent.state is IceState.NEW
    assert alice.agent.counters.requests_sent == 0
    assert alice.agent.is_checked(alice.bases[0], bob.bases[0])
    network.introduce(alice, bob, [])
    assert network.run_until(lambda: settled(alice, bob), 0.2)


def test_the_controlling_agent_waits_a_moment_for_a_better_pair() -> None:
    network = IceNetwork(delay=(0.01, 0.01))
    alice = network.add(CONTROLLING, "10.0.0.1", "10.1.0.1")
    bob = network.add(CONTROLLED, "10.0.0.2")
    network.allows = lambda datagram: "10.0.0.1" not in (datagram.source[0], datagram.destination[0])
    couple(network, alice, bob)
    assert network.run_until(lambda: settled(alice, bob), 1)
    assert 0.1 < network.now < 0.35
    assert_they_agree(alice, bob)
    assert len(alice.happened(PairSelected)) == 1


def test_it_fails_after_30_s_when_the_remote_is_never_heard_of() -> None:
    network = IceNetwork()
    alice, bob = network.add(CONTROLLED, "10.0.0.1"), network.add(CONTROLLING, "10.0.0.2")
    network.introduce(alice, bob, [])
    assert network.run_until(lambda: alice.agent.state is IceState.FAILED, 60)
    assert network.now == 30.0
    assert network.sent == []


def test_it_fails_soon_when_every_candidate_has_failed_and_no_more_will_come() -> None:
    network = IceNetwork()
    alice, bob = network.add(CONTROLLING, "10.0.0.1"), network.add(CONTROLLED, "10.0.0.2")
    network.allows = lambda datagram: False
    network.introduce(alice, bob)
    assert network.run_until(lambda: alice.agent.state is IceState.FAILED, 60)
    assert 10 < network.now < 16
    assert len(network.sent) == 7
    assert [repr(pair) for pair in alice.agent.candidate_pairs] == [
        "<CandidatePair 10.0.0.1:5000 → 10.0.0.2:5001 failed>"
    ]
