"""Which of several working pairs is used, when the remote decides and when we do."""

import subprocess
import sys

import pytest
from support.ice_network import SeededEntropy

from triortc.protocol.ice import stun
from triortc.protocol.ice.agent import IceAgent, IceParameters, IceRole, PairSelected
from triortc.protocol.ice.candidate import IceCandidate
from triortc.protocol.ice.consent import Consent, ConsentTimer
from triortc.protocol.ice.transaction import Transaction
from triortc.protocol.wire.machine import Address, Transmit

HERE = ("10.0.0.1", 5000)
BEST, NEXT = ("10.0.0.2", 6000), ("10.0.0.3", 6000)
RELAYED = ("10.0.0.4", 6000)
PRIORITIES = {BEST: 2000, NEXT: 1000, RELAYED: 10}
REMOTE = IceParameters("remoteufrag", "remotepasswordremotepassword")


class Scene:
    """A controlled agent, and a remote with two addresses that answers all checks at once."""

    def __init__(self, role: IceRole = IceRole.CONTROLLED) -> None:
        self.agent = IceAgent(role=role, entropy=SeededEntropy(1))
        self.now = 0.0
        self.nominations: list[Address] = []
        self.deaf: set[Address] = set()
        self.agent.add_host_candidate(HERE, 0.0)
        self.agent.set_remote_parameters(REMOTE, lite=False, now=0.0)

    def tell(self, *addresses: Address) -> None:
        for address in addresses:
            kind = "relay" if address == RELAYED else "host"
            candidate = IceCandidate(address[0], 1, "udp", PRIORITIES[address], *address, kind)
            self.agent.add_remote_candidate(candidate, self.now)

    def check(self, source: Address, *, nominate: bool) -> None:
        """Let the remote send a check."""
        data = stun.connectivity_check(
            b"123456789012",
            username=f"{self.agent.local_parameters.ufrag}:{REMOTE.ufrag}",
            key=self.agent.local_parameters.pwd.encode(),
            priority=1,
            controlling=True,
            tie_breaker=1,
            nominate=nominate,
        )
        self.agent.receive_stun(data, HERE, source, self.now)
        self.answer()

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        while (deadline := self.agent.next_deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.agent.handle_timeout(self.now)
            self.answer()
        self.now = end

    def answer(self) -> None:
        while self.agent.transmits:
            asked: Transmit = self.agent.transmits.popleft()
            message = stun.parse_stun_untrusted(asked.data)
            if message.is_request and asked.remote not in self.deaf:
                self.nominations += [asked.remote] if message.nominates else []
                answer = stun.binding_success(message.transaction_id, HERE, REMOTE.pwd.encode())
                self.agent.receive_stun(answer, HERE, asked.remote, self.now)

    @property
    def selected(self) -> Address | None:
        return self.agent.selected_pair and self.agent.selected_pair.remote


def test_before_any_nomination_the_best_valid_pair_is_used() -> None:
    scene = Scene()
    scene.tell(NEXT)
    scene.pass_time(0.2)
    assert scene.selected == NEXT
    scene.tell(BEST)
    scene.pass_time(0.2)
    assert [event.pair.remote for event in scene.agent.events if isinstance(event, PairSelected)] == [
        NEXT,
        BEST,
    ]


def test_the_controlled_agent_uses_what_is_nominated() -> None:
    scene = Scene()
    scene.tell(BEST, NEXT)
    scene.pass_time(0.2)
    assert scene.selected == BEST
    scene.check(NEXT, nominate=True)
    assert scene.selected == NEXT


def test_a_later_nomination_wins_even_for_a_pair_of_lower_priority() -> None:
    scene = Scene()
    scene.tell(BEST, NEXT)
    scene.pass_time(0.2)
    scene.check(BEST, nominate=True)
    scene.pass_time(0.6)
    scene.check(NEXT, nominate=True)
    assert scene.selected == NEXT
    scene.check(BEST, nominate=False)
    assert scene.selected == NEXT


@pytest.mark.parametrize("order", [(BEST, NEXT), (NEXT, BEST)])
def test_of_nominations_that_come_together_the_best_pair_wins(order: tuple[Address, Address]) -> None:
    scene = Scene()
    scene.tell(BEST, NEXT)
    scene.pass_time(0.2)
    for address in order:
        scene.check(address, nominate=True)
        scene.pass_time(0.02)
    assert scene.selected == BEST


def test_a_nominated_pair_is_used_only_once_it_has_answered_a_check_of_ours() -> None:
    scene = Scene()
    scene.tell(BEST)
    scene.pass_time(0.2)
    scene.deaf = {NEXT}
    scene.check(NEXT, nominate=True)
    scene.pass_time(3)
    assert scene.selected == BEST
    scene.deaf = set()
    scene.check(NEXT, nominate=True)
    scene.pass_time(0.1)
    assert scene.selected == NEXT


def test_a_pair_proven_long_ago_is_checked_again_before_it_is_used() -> None:
    scene = Scene()
    scene.tell(BEST, NEXT)
    scene.pass_time(0.2)
    scene.check(BEST, nominate=True)
    scene.pass_time(20)
    scene.deaf = {NEXT}
    scene.check(NEXT, nominate=True)
    scene.pass_time(2)
    assert scene.selected == BEST


def test_the_controlling_agent_nominates_the_best_pair_alone() -> None:
    scene = Scene(IceRole.CONTROLLING)
    scene.tell(BEST, NEXT)
    scene.pass_time(0.5)
    assert scene.selected == BEST
    assert set(scene.nominations) == {BEST}


def test_a_nomination_that_is_never_answered_passes_to_another_pair() -> None:
    scene = Scene(IceRole.CONTROLLING)
    scene.tell(BEST)
    scene.pass_time(0.0)
    assert scene.selected == BEST
    scene.deaf = {BEST}
    scene.tell(NEXT)
    scene.pass_time(15)
    assert scene.selected == NEXT
    assert set(scene.nominations) == {NEXT}


def test_a_direct_pair_that_comes_late_takes_over_from_a_relayed_one() -> None:
    scene = Scene(IceRole.CONTROLLING)
    scene.tell(RELAYED)
    scene.pass_time(20)
    assert scene.selected == RELAYED
    scene.tell(NEXT)
    scene.pass_time(0.5)
    assert scene.selected == NEXT
    assert scene.nominations[-1] == NEXT


def test_a_direct_pair_that_does_not_answer_is_tried_and_forgotten() -> None:
    scene = Scene(IceRole.CONTROLLING)
    scene.tell(RELAYED)
    scene.pass_time(1)
    scene.deaf = {NEXT}
    scene.tell(NEXT)
    scene.pass_time(60)
    assert scene.selected == RELAYED
    assert [pair.sends for pair in scene.agent.candidate_pairs if pair.remote == NEXT] == [7]
    assert scene.agent.next_deadline() > scene.now


def test_a_controlled_agent_tries_a_direct_pair_but_leaves_the_choice_to_the_remote() -> None:
    scene = Scene()
    scene.tell(RELAYED)
    scene.pass_time(0.2)
    scene.check(RELAYED, nominate=True)
    scene.tell(NEXT)
    scene.pass_time(1)
    assert scene.selected == RELAYED
    scene.check(NEXT, nominate=True)
    assert scene.selected == NEXT


def test_a_late_pair_of_a_little_more_priority_moves_nothing() -> None:
    scene = Scene(IceRole.CONTROLLING)
    scene.tell(NEXT)
    scene.pass_time(1)
    scene.tell(BEST)
    scene.pass_time(20)
    assert scene.selected == NEXT
    assert [pair.sends for pair in scene.agent.candidate_pairs] == [0, 0]


def test_consent_is_asked_for_every_5_s_and_every_500_ms_while_in_doubt() -> None:
    consent = Consent(SeededEntropy(1))
    consent.start(0.0)
    assert consent.next_deadline() == 1.0
    consent.answered(1.0)
    first = consent.next_deadline()
    assert first is not None
    assert 5.0 <= first <= 7.0
    assert consent.expired(first) == [ConsentTimer.CHECK]
    consent.sent(first)
    assert consent.next_deadline() == first + 0.5
    consent.answered(first + 0.1)
    consent.note_received(first + 1.0)
    assert consent.next_deadline() == first + 1.5
    consent.stop()
    assert consent.next_deadline() is None


def test_a_transaction_waits_twice_as_long_each_time_and_at_most_two_seconds() -> None:
    transaction = Transaction(b"1" * 12, b"data", HERE, BEST, None, 0.5, 5)
    waits = []
    for _ in range(4):
        transaction.send(0.0)
        waits.append(transaction.deadline)
    assert waits == [0.5, 1.0, 2.0, 2.0]
    assert transaction.round_trip(1.0) is None


def test_the_codec_is_loaded_by_the_first_message_alone() -> None:
    program = (
        "import sys; from triortc.protocol.ice import agent, candidate, stun;"
        "from triortc.protocol.wire.entropy import SystemEntropy;"
        "agent.IceAgent(role=agent.IceRole.CONTROLLED, entropy=SystemEntropy());"
        "stun.peek_username_untrusted(b'x' * 99); print('aioice' in sys.modules, 'asyncio' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False", "False"]
