"""ICE is restarted while media flows: by either side, by both, in vain, or because the path was lost."""

import dataclasses

import pytest
from support.ice_network import Datagram, Peer
from support.ice_restarts import RestartNetwork, generation, restarted, states

from triortc.protocol.ice.agent import IceRole, IceState, PairLost, PairSelected

BAD = {"loss": 0.2, "delay": (0.005, 0.08)}
UP = (IceState.CONNECTED, IceState.COMPLETED)


def credentials(*peers: Peer) -> set[str]:
    return {peer.agent.local_parameters.ufrag for peer in peers}


@pytest.mark.parametrize("offerer", [0, 1], ids=["by the controlling", "by the controlled"])
@pytest.mark.parametrize("first", range(0, 500, 100))
def test_a_restart_over_a_bad_network_always_reconnects(first: int, offerer: int) -> None:
    for seed in range(first, first + 100):
        network = RestartNetwork(seed, **BAD)
        peers = network.connect()
        before = credentials(*peers)
        network.restart(peers[offerer], peers[1 - offerer], delay=0.1)
        assert network.run_until(lambda peers=peers: restarted(*peers), 10), seed
        assert not credentials(*peers) & before
        assert network.pathless == network.unchecked == 0
        assert not any(IceState.DISCONNECTED in states(peer) for peer in peers)
        assert [peer.agent.role for peer in peers] == [IceRole.CONTROLLING, IceRole.CONTROLLED]


def test_media_flows_on_without_a_gap_and_the_superseded_generation_ends() -> None:
    network = RestartNetwork(delay=(0.02, 0.02))
    alice, bob = network.connect()
    network.run(9)
    old = generation(alice)
    gaps = []
    network.restart(alice, bob, delay=0.5)
    for _ in range(600):
        network.run(0.02)
        gaps.append(network.now - min(network.heard.values()))
    assert max(gaps) <= 0.0201
    assert generation(alice) != old
    assert alice.agent.state is bob.agent.state is IceState.COMPLETED
    assert states(alice)[-2:] == [IceState.CONNECTED, IceState.COMPLETED]
    assert not alice.agent.restarting
    assert len(alice.agent.candidate_pairs) == 1


@pytest.mark.parametrize("seed", range(100))
def test_who_moved_to_another_network_is_met_there(seed: int) -> None:
    network = RestartNetwork(seed, **BAD)
    alice, bob = network.connect()
    gone = alice.bases[0]
    network.allows = lambda datagram: gone not in (datagram.source, datagram.destination)
    network.run(seed % 25)
    offer = network.propose(alice, ("172.16.0.5", 7000))
    network.run(0.1)
    answer = network.propose(bob)
    network.agree(bob, offer)
    network.run(0.1)
    network.agree(alice, answer)
    assert network.run_until(lambda: restarted(alice, bob), 10)
    assert bob.agent.selected_pair.remote == ("172.16.0.5", 7000)
    assert network.unchecked == 0


@pytest.mark.parametrize("seed", range(40))
def test_media_on_the_old_path_is_believed_while_the_remote_has_not_moved(seed: int) -> None:
    network = RestartNetwork(seed, **BAD)
    alice, bob = network.connect(("10.0.0.1", "10.1.0.1"), ("10.0.0.2",))
    old = alice.agent.selected_pair.local_base
    (other,) = set(alice.bases) - {old}
    offer = network.propose(alice, other)
    answer = network.propose(bob)
    network.agree(bob, offer)
    network.agree(alice, answer)
    assert network.run_until(lambda: restarted(alice, bob), 10)
    network.run(6)
    assert bob.agent.selected_pair.remote == other
    assert network.pathless == network.unchecked == 0
    assert not alice.agent.is_checked(old, bob.bases[0])


@pytest.mark.parametrize("seed", range(60))
def test_glare_is_settled_by_taking_one_restart_back(seed: int) -> None:
    network = RestartNetwork(seed, **BAD)
    impolite, polite = network.connect() if seed % 2 else reversed(network.connect())
    offer, withdrawn = network.propose(impolite), network.propose(polite)
    network.run(0.05)
    polite.agent.roll_back_restart()
    answer = network.propose(polite)
    network.agree(polite, offer)
    network.run(0.05)
    network.agree(impolite, answer)
    assert network.run_until(lambda: restarted(impolite, polite), 10)
    assert withdrawn[0].ufrag not in credentials(polite)
    assert network.pathless == network.unchecked == 0


def test_a_lost_connection_goes_from_disconnected_over_checking_to_connected() -> None:
    network = RestartNetwork()
    alice, bob = network.connect()
    network.allows = lambda datagram: False
    assert network.run_until(lambda: alice.agent.state is bob.agent.state is IceState.DISCONNECTED, 20)
    network.restart(alice, bob)
    assert alice.agent.state is bob.agent.state is IceState.CHECKING
    network.allows = lambda datagram: True
    assert network.run_until(lambda: restarted(alice, bob), 5)
    network.run(1)
    assert states(alice)[-4:] == [IceState.DISCONNECTED, IceState.CHECKING, *UP]


def test_without_consent_nothing_is_sent_on_the_old_pair_while_the_new_generation_searches() -> None:
    network = RestartNetwork()
    alice, bob = network.connect()
    network.allows = lambda datagram: False
    network.run(20)
    network.restart(alice, bob)
    assert network.run_until(lambda: alice.agent.selected_pair is None, 12)
    assert len(alice.happened(PairLost)) == 1
    assert alice.agent.state is IceState.CHECKING
    assert not alice.agent.is_checked(alice.bases[0], bob.bases[0])
    network.allows = lambda datagram: True
    assert network.run_until(lambda: restarted(alice, bob), 5)


def test_a_generation_that_fails_leaves_the_old_one_at_work() -> None:
    network = RestartNetwork()
    alice, bob = network.connect()
    network.run(9)
    old = generation(alice)
    offer = network.propose(alice)
    network.propose(bob)
    network.agree(bob, (offer[0], []))  # no candidates, and bob's answer is lost
    assert bob.agent.restarting
    network.run(60)
    assert not bob.agent.restarting
    assert generation(alice) == old
    assert bob.agent.state is IceState.COMPLETED
    assert IceState.FAILED not in states(bob)
    assert network.pathless == network.unchecked == 0
    alice.agent.roll_back_restart()
    network.restart(alice, bob)
    assert network.run_until(lambda: restarted(alice, bob), 5)


def test_when_both_generations_fail_the_connection_has_failed() -> None:
    network = RestartNetwork()
    alice, bob = network.connect()
    network.allows = lambda datagram: False
    network.run(2)
    network.restart(alice, bob)
    assert network.run_until(lambda: alice.agent.state is bob.agent.state is IceState.FAILED, 40)
    assert alice.agent.next_deadline() is None
    assert alice.agent.selected_pair is None


def test_a_failed_connection_can_be_restarted() -> None:
    network = RestartNetwork()
    alice, bob = network.connect()
    network.allows = lambda datagram: False
    assert network.run_until(lambda: alice.agent.state is bob.agent.state is IceState.FAILED, 40)
    network.allows = lambda datagram: True
    network.restart(bob, alice)
    assert network.run_until(lambda: restarted(alice, bob), 5)
    assert IceState.CHECKING in states(alice)[states(alice).index(IceState.FAILED) :]


def test_a_restart_that_is_taken_back_changes_nothing() -> None:
    network = RestartNetwork()
    alice, _ = network.connect()
    network.run(9)
    before = alice.agent.local_parameters, alice.agent.selected_pair, len(states(alice))
    network.propose(alice)
    assert alice.agent.restarting
    network.run(1)
    alice.agent.roll_back_restart()
    assert not alice.agent.restarting
    network.run(9)
    assert (alice.agent.local_parameters, alice.agent.selected_pair, len(states(alice))) == before
    assert len(alice.happened(PairSelected)) == 1


@pytest.mark.parametrize("seed", range(50))
def test_a_second_restart_overtakes_one_that_still_searches(seed: int) -> None:
    network = RestartNetwork(seed, **BAD)
    alice, bob = network.connect()
    first = network.propose(alice)
    network.propose(bob)
    network.agree(bob, (first[0], []))
    network.restart(bob, alice)
    assert network.run_until(lambda: restarted(alice, bob), 10)
    assert network.pathless == network.unchecked == 0


def test_a_proposal_that_is_taken_back_leaves_an_agreed_generation_searching() -> None:
    network = RestartNetwork()
    alice, bob = network.connect()
    network.allows = lambda datagram: len(datagram.data) < 20
    network.restart(alice, bob)
    agreed = credentials(alice, bob)
    network.propose(alice)
    alice.agent.roll_back_restart()
    assert alice.agent.restarting
    network.allows = lambda datagram: True
    assert network.run_until(lambda: restarted(alice, bob), 5)
    assert credentials(alice, bob) == agreed


@pytest.mark.parametrize("seed", range(20))
def test_the_same_seed_gives_the_same_restart(seed: int) -> None:
    def trace() -> list[Datagram]:
        network = RestartNetwork(seed, **BAD)
        network.restart(*network.connect())
        network.run(5)
        return network.sent

    assert trace() == trace()


def test_counters_never_go_back() -> None:
    network = RestartNetwork(7, **BAD)
    alice, bob = network.connect()
    last = dataclasses.astuple(alice.agent.counters)
    for _ in range(3):
        network.restart(alice, bob)
        for _ in range(40):
            network.run(0.25)
            counted = dataclasses.astuple(alice.agent.counters)
            assert all(before <= after for before, after in zip(last, counted, strict=True))
            last = counted
