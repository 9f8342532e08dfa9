"""Whatever is proposed, agreed on, taken back or lost, in whatever order: promises are kept."""

import dataclasses

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from support.ice_restarts import RestartNetwork, restarted

from triortc.protocol.ice.agent import IceState

ENDED = {IceState.FAILED, IceState.CLOSED}


class RestartMachine(RuleBasedStateMachine):
    """Two connected peers, an exchange under way or not, and a network that comes and goes."""

    def __init__(self) -> None:
        super().__init__()
        self.network = RestartNetwork(0, delay=(0.005, 0.08))
        self.peers = self.network.connect(("10.0.0.1", "10.1.0.1"), ("10.0.0.2",))
        self.offer = self.answer = None
        self.offerer = 0
        self.counted = [dataclasses.astuple(peer.agent.counters) for peer in self.peers]

    @rule(seconds=st.sampled_from([0.0, 0.02, 0.3, 2.0, 9.0]))
    def time_passes(self, seconds: float) -> None:
        self.network.run(seconds)

    @rule(loss=st.sampled_from([0.0, 0.0, 0.3, 1.0]))
    def the_weather_changes(self, loss: float) -> None:
        self.network.loss = loss

    @precondition(lambda self: self.answer is None)
    @rule(offerer=st.integers(0, 1))
    def a_restart_is_offered(self, offerer: int) -> None:
        if self.offer is None or offerer == self.offerer:
            self.offerer = offerer
            self.offer = self.network.propose(self.peers[offerer])

    @precondition(lambda self: self.offer is not None and self.answer is None)
    @rule()
    def it_is_taken_back(self) -> None:
        self.peers[self.offerer].agent.roll_back_restart()
        self.offer = None

    @precondition(lambda self: self.offer is not None and self.answer is None)
    @rule()
    def it_is_answered(self) -> None:
        answerer = self.peers[1 - self.offerer]
        self.answer = self.network.propose(answerer)
        self.network.agree(answerer, self.offer)

    @precondition(lambda self: self.answer is not None)
    @rule()
    def the_answer_arrives(self) -> None:
        self.network.agree(self.peers[self.offerer], self.answer)
        self.offer = self.answer = None

    @rule(which=st.integers(0, 1), back=st.integers(1, 30))
    def an_old_packet_comes_again_from_elsewhere(self, which: int, back: int) -> None:
        if len(self.network.sent) >= back:
            data = self.network.sent[-back].data
            if data[0] < 4:
                self.network.inject(data, ("203.0.113.66", 6), self.peers[which])

    @rule(which=st.integers(0, 1), data=st.binary(max_size=40))
    def garbage_arrives(self, which: int, data: bytes) -> None:
        before = repr(self.peers[which].agent)
        assert self.network.inject(data, ("203.0.113.66", 6), self.peers[which]) == []
        assert repr(self.peers[which].agent) == before

    @invariant()
    def promises_are_kept(self) -> None:
        for number, peer in enumerate(self.peers):
            agent, pair = peer.agent, peer.agent.selected_pair
            assert len(agent._agents) <= 3
            assert pair is None or agent.is_checked(pair.local_base, pair.remote)
            assert pair is None or agent.state not in ENDED | {IceState.NEW}
            assert pair is not None or agent.state in ENDED | {IceState.CHECKING}
            assert not agent.transmits
            counted = dataclasses.astuple(agent.counters)
            assert all(old <= new for old, new in zip(self.counted[number], counted, strict=True))
            self.counted[number] = counted

    def teardown(self) -> None:
        self.network.loss = 0.0
        if self.answer is not None:
            self.the_answer_arrives()
        elif self.offer is not None:
            self.it_is_taken_back()
        self.network.restart(*self.peers)
        assert self.network.run_until(lambda: restarted(*self.peers), 10)
        for peer in self.peers:
            peer.agent.close()
            assert peer.agent.next_deadline() is None


TestRestartMachine = RestartMachine.TestCase
TestRestartMachine.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
