"""One agent by itself: what it says and when, step by step."""

import pytest
from support.ice_network import STUN_SERVER, SeededEntropy

from triortc.protocol.ice import stun
from triortc.protocol.ice.agent import (
    GatheringDone,
    IceAgent,
    IceParameters,
    IceRole,
    IceState,
    IceStateChanged,
    LocalCandidate,
    PairSelected,
)
from triortc.protocol.ice.candidate import IceCandidate
from triortc.protocol.ice.checklist import PairState
from triortc.protocol.wire.errors import LocalProtocolError

HERE, THERE = ("10.0.0.1", 5000), ("10.0.0.2", 6000)
REMOTE = IceParameters("remoteufrag", "remotepasswordremotepassword")
KEY = REMOTE.pwd.encode()


def new_agent(role: IceRole = IceRole.CONTROLLING) -> IceAgent:
    agent = IceAgent(role=role, entropy=SeededEntropy(1))
    agent.add_host_candidate(HERE, 0.0)
    return agent


def remote_candidate(host: str = THERE[0], port: int = THERE[1], **changes: object) -> IceCandidate:
    return IceCandidate("1", 1, "udp", 2130706431, host, port, "host", **changes)


def checking_agent(role: IceRole = IceRole.CONTROLLING) -> IceAgent:
    agent = new_agent(role)
    agent.set_remote_parameters(REMOTE, lite=False, now=0.0)
    agent.add_remote_candidate(remote_candidate(), 0.0)
    return agent


def let_pass(agent: IceAgent, until: float) -> list[float]:
    """Let time pass with no one listening; return when the agent spoke."""
    spoke: list[float] = []
    while (deadline := agent.next_deadline()) is not None and deadline <= until:
        agent.handle_timeout(deadline)
        spoke += [deadline] * len(agent.transmits)
        agent.transmits.clear()
    return spoke


def answer(agent: IceAgent, now: float) -> None:
    """Answer what the agent asked last."""
    agent.handle_timeout(now)
    asked = agent.transmits.pop()
    response = stun.binding_success(stun.transaction_id(asked.data), HERE, KEY)
    agent.receive_stun(response, HERE, asked.remote, now)


def test_the_credentials_are_long_enough_and_stay_out_of_sight() -> None:
    agent = new_agent()
    assert len(agent.local_parameters.ufrag) >= 8
    assert len(agent.local_parameters.pwd) >= 24
    assert agent.local_parameters.pwd not in repr(agent.local_parameters)
    assert agent.local_parameters.pwd not in repr(agent)


def test_a_socket_gives_a_host_candidate_once() -> None:
    agent = new_agent()
    (event,) = agent.events
    assert isinstance(event, LocalCandidate)
    assert event.candidate.socket_address == event.base == HERE
    assert event.candidate.username_fragment == agent.local_parameters.ufrag
    assert agent.add_host_candidate(HERE, 1.0) is event.candidate
    assert len(agent.events) == 1
    assert agent.add_host_candidate(("10.0.0.9", 5000), 1.0).priority < event.candidate.priority


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "fe80::1", "224.0.0.1", "localhost"])
def test_a_socket_that_is_not_at_one_address_is_refused(host: str) -> None:
    with pytest.raises(LocalProtocolError):
        new_agent().add_host_candidate((host, 5000), 0.0)


def test_nothing_is_sent_before_the_remote_is_known() -> None:
    agent = new_agent()
    agent.add_remote_candidate(remote_candidate(), 0.0)
    assert agent.next_deadline() is None
    assert agent.state is IceState.NEW


def test_a_check_is_sent_seven_times_ever_more_slowly() -> None:
    agent = checking_agent()
    assert let_pass(agent, 20) == [0.0, 0.25, 0.75, 1.75, 3.75, 5.75, 7.75]
    (pair,) = agent.candidate_pairs
    assert pair.state is PairState.FAILED
    assert agent.counters.requests_sent == 7


def test_new_checks_keep_50_ms_apart_and_the_best_pair_is_first() -> None:
    agent = new_agent()
    agent.set_remote_parameters(REMOTE, lite=False, now=0.0)
    for number in range(5):
        candidate = IceCandidate(f"{number}", 1, "udp", 1000 + number, f"10.0.0.1{number}", 6000, "host")
        agent.add_remote_candidate(candidate, 0.0)
    checked = []
    while len(checked) < 5:
        agent.handle_timeout(agent.next_deadline())
        checked += [transmit.remote[0] for transmit in agent.transmits]
        agent.transmits.clear()
    assert checked == ["10.0.0.14", "10.0.0.13", "10.0.0.12", "10.0.0.11", "10.0.0.10"]
    assert agent.next_deadline() == pytest.approx(0.25)


def test_the_check_says_what_the_rfc_asks_for() -> None:
    agent = checking_agent()
    agent.handle_timeout(0.0)
    (transmit,) = agent.transmits
    check = stun.parse_stun_untrusted(transmit.data)
    assert (transmit.local, transmit.remote) == (HERE, THERE)
    assert check.is_authentic(KEY)
    assert check.username == f"{REMOTE.ufrag}:{agent.local_parameters.ufrag}"
    assert check.priority == 1862270975  # that of a peer-reflexive candidate
    assert check.controlling is not None
    assert not check.nominates


def test_an_answer_connects_and_gives_the_round_trip() -> None:
    agent = checking_agent()
    agent.events.clear()
    agent.handle_timeout(0.0)
    asked = agent.transmits.pop()
    response = stun.binding_success(stun.transaction_id(asked.data), ("203.0.113.1", 7), KEY)
    agent.receive_stun(response, HERE, THERE, 0.03)
    pair = agent.selected_pair
    assert pair is not None
    assert pair.rtt == pytest.approx(0.03)
    assert pair.local_candidate.type == "prflx"
    assert pair.local_candidate.socket_address == ("203.0.113.1", 7)
    assert list(agent.events)[-2:] == [PairSelected(pair), IceStateChanged(IceState.CONNECTED)]


def test_a_nomination_completes_when_the_remote_has_told_all() -> None:
    agent = checking_agent()
    answer(agent, 0.0)
    answer(agent, 0.05)
    assert agent.selected_pair.nominated_at == 0.05
    assert agent.state is IceState.CONNECTED
    agent.end_of_remote_candidates(0.1)
    assert agent.state is IceState.COMPLETED


def test_a_lite_remote_makes_us_controlling() -> None:
    agent = new_agent(IceRole.CONTROLLED)
    agent.set_remote_parameters(REMOTE, lite=True, now=0.0)
    assert agent.role is IceRole.CONTROLLING


def test_the_remote_parameters_are_set_once() -> None:
    agent = checking_agent()
    agent.set_remote_parameters(REMOTE, lite=False, now=1.0)
    with pytest.raises(LocalProtocolError):
        agent.set_remote_parameters(IceParameters("other", "x" * 24), lite=False, now=1.0)


@pytest.mark.parametrize(
    "candidate",
    [
        remote_candidate("x.local"),
        remote_candidate(port=0),
        remote_candidate("fe80::1"),
        remote_candidate("224.0.0.1"),
        remote_candidate(username_fragment="another"),
    ],
)
def test_a_candidate_that_cannot_be_used_is_counted(candidate: IceCandidate) -> None:
    agent = new_agent()
    agent.set_remote_parameters(REMOTE, lite=False, now=0.0)
    agent.add_remote_candidate(candidate, 0.0)
    assert agent.counters.ignored_candidates == 1
    assert agent.candidate_pairs == ()


def test_pairs_have_one_ip_version_and_loopback_keeps_to_itself() -> None:
    agent = new_agent()
    for base in (("2001:db8::1", 5000), ("127.0.0.1", 5000)):
        agent.add_host_candidate(base, 0.0)
    for host in ("10.0.0.2", "2001:db8::2", "127.0.0.1"):
        agent.add_remote_candidate(remote_candidate(host), 0.0)
    pairs = {(pair.local_base[0], pair.remote[0]) for pair in agent.candidate_pairs}
    assert pairs == {("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2"), ("127.0.0.1", "127.0.0.1")}


def test_a_signalled_candidate_takes_the_place_of_a_peer_reflexive_one() -> None:
    agent = checking_agent()
    (pair,) = agent.candidate_pairs
    name = f"{agent.local_parameters.ufrag}:{REMOTE.ufrag}"
    check = stun.connectivity_check(
        b"1" * 12,
        username=name,
        key=agent.local_parameters.pwd.encode(),
        priority=1,
        controlling=False,
        tie_breaker=1,
        nominate=False,
    )
    agent.receive_stun(check, HERE, ("10.0.0.3", 9), 0.0)
    met = agent.candidate_pairs[1]
    assert (met.remote_candidate.type, met.remote_candidate.priority) == ("prflx", 1)
    before = met.priority
    agent.add_remote_candidate(remote_candidate("10.0.0.3", 9), 0.0)
    assert agent.candidate_pairs == (pair, met)
    assert met.remote_candidate.type == "host"
    assert met.priority > before


def test_a_stun_server_that_stays_silent_is_given_up_without_a_word() -> None:
    agent = new_agent()
    agent.events.clear()
    agent.gather_server_reflexive(HERE, STUN_SERVER, 0.0)
    agent.gather_server_reflexive(HERE, ("2001:db8::53", 3478), 0.0)
    assert agent.gathering
    spoke = let_pass(agent, 10)
    assert spoke == [0.0, 0.25, 0.75, 1.75, 3.75]
    assert not agent.gathering
    assert list(agent.events) == [GatheringDone()]
    with pytest.raises(LocalProtocolError):
        agent.gather_server_reflexive(("10.0.0.9", 1), STUN_SERVER, 0.0)


@pytest.mark.parametrize("mapped", [HERE, ("0.0.0.0", 5), ("224.0.0.1", 5)])
def test_a_stun_server_that_tells_nothing_new_gives_no_candidate(mapped: tuple[str, int]) -> None:
    agent = new_agent()
    agent.events.clear()
    agent.gather_server_reflexive(HERE, STUN_SERVER, 0.0)
    agent.handle_timeout(0.0)
    identity = stun.transaction_id(agent.transmits.pop().data)
    agent.receive_stun(stun.binding_success(identity, mapped, None), HERE, STUN_SERVER, 0.1)
    assert list(agent.events) == [GatheringDone()]
