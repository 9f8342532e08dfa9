"""Whatever happens in whatever order, an agent keeps its promises; and a seed replays a run."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from support.ice_network import STUN_SERVER, IceNetwork, Nat

from triortc.protocol.ice.agent import IceRole, IceState
from triortc.protocol.ice.candidate import IceCandidate

ENDED = {IceState.FAILED, IceState.CLOSED}
WITH_A_PAIR = {IceState.CONNECTED, IceState.COMPLETED, IceState.DISCONNECTED}


def trace(seed: int) -> list[object]:
    network = IceNetwork(seed, loss=0.2, delay=(0.005, 0.08))
    alice = network.add(IceRole.CONTROLLING, "10.0.0.1", "2001:db8::1", nat=None)
    bob = network.add(IceRole.CONTROLLING, "10.0.0.2", "2001:db8::2")
    network.introduce(alice, bob)
    network.introduce(bob, alice)
    network.run(40)
    return [*network.sent, [repr(event) for peer in (alice, bob) for event in peer.events]]


def test_the_same_seed_gives_the_same_run() -> None:
    assert trace(3) == trace(3)
    assert trace(3) != trace(4)


class IceMachine(RuleBasedStateMachine):
    """Two agents, one behind a NAT, and a world that does to them what it likes."""

    def __init__(self) -> None:
        super().__init__()
        self.network = IceNetwork(0, delay=(0.005, 0.08))
        self.nat = Nat("198.51.100.1")
        self.alice = self.network.add(IceRole.CONTROLLING, "192.168.0.2", "192.168.1.2", nat=self.nat)
        self.bob = self.network.add(IceRole.CONTROLLED, "203.0.113.9", "2001:db8::9")
        self.peers = (self.alice, self.bob)

    @rule(seconds=st.sampled_from([0.0, 0.02, 0.3, 2.0, 9.0]))
    def time_passes(self, seconds: float) -> None:
        self.network.run(seconds)

    @rule(loss=st.sampled_from([0.0, 0.0, 0.3, 1.0]))
    def the_weather_changes(self, loss: float) -> None:
        self.network.loss = loss

    @rule(which=st.integers(0, 1), told=st.booleans())
    def a_description_arrives(self, which: int, told: bool) -> None:
        self.network.introduce(self.peers[which], self.peers[1 - which], None if told else [])

    @rule(which=st.integers(0, 1), number=st.integers(1, 5))
    def a_useless_candidate_trickles_in(self, which: int, number: int) -> None:
        candidate = IceCandidate("9", 1, "udp", number, f"10.99.0.{number}", 9, "host")
        self.peers[which].agent.add_remote_candidate(candidate, self.network.now)

    @rule(which=st.integers(0, 1), role=st.sampled_from(IceRole))
    def a_role_is_taken(self, which: int, role: IceRole) -> None:
        self.peers[which].agent.set_role(role)

    @rule()
    def the_nat_restarts(self) -> None:
        self.nat.rebind()

    @rule(which=st.integers(0, 1))
    def media_arrives(self, which: int) -> None:
        self.peers[which].agent.note_received(self.network.now)

    @rule(which=st.integers(0, 1))
    def a_server_is_asked(self, which: int) -> None:
        peer = self.peers[which]
        peer.agent.gather_server_reflexive(peer.bases[0], STUN_SERVER, self.network.now)

    @rule(which=st.integers(0, 1), back=st.integers(1, 30))
    def an_old_packet_comes_again_from_elsewhere(self, which: int, back: int) -> None:
        if len(self.network.sent) >= back:
            self.network.inject(self.network.sent[-back].data, ("203.0.113.66", 6), self.peers[which])

    @rule(which=st.integers(0, 1), data=st.binary(max_size=40))
    def garbage_arrives(self, which: int, data: bytes) -> None:
        assert self.network.inject(data, ("203.0.113.66", 6), self.peers[which]) == []

    @invariant()
    def promises_are_kept(self) -> None:
        for peer in self.peers:
            agent, pair = peer.agent, peer.agent.selected_pair
            assert (pair is not None) == (agent.state in WITH_A_PAIR)
            assert pair is None or pair in agent.candidate_pairs
            assert pair is None or agent.is_checked(pair.local_base, pair.remote)
            assert len(agent.candidate_pairs) <= 100
            assert agent.state not in ENDED or (agent.next_deadline() is None and not agent.transmits)
            assert not any(
                candidate.sends > 7 for candidate in agent.candidate_pairs if candidate is not pair
            )

    def teardown(self) -> None:
        self.network.run(100)  # time must not stand still
        for peer in self.peers:
            peer.agent.close()
            assert peer.agent.next_deadline() is None


TestIceMachine = IceMachine.TestCase
TestIceMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
