"""A restartable ICE machine by itself: which generation gets what, and what it says."""

import pytest
from support.ice_network import STUN_SERVER, SeededEntropy

from triortc.protocol.ice import stun
from triortc.protocol.ice.agent import (
    AddressChecked,
    GatheringDone,
    IceParameters,
    IceRole,
    IceState,
    LocalCandidate,
    PairSelected,
)
from triortc.protocol.ice.candidate import IceCandidate
from triortc.protocol.session.connectivity import Connectivity
from triortc.protocol.wire.errors import InvalidStateError
from triortc.protocol.wire.machine import Address

HERE, THERE, ELSEWHERE = ("10.0.0.1", 5000), ("10.0.0.2", 6000), ("10.0.0.3", 6000)
FIRST = IceParameters("firstufrag", "firstpasswordfirstpassword")
SECOND = IceParameters("secondufrag", "secondpasswordsecondpassword")


def candidate(address: Address = THERE, fragment: str | None = None) -> IceCandidate:
    return IceCandidate("1", 1, "udp", 2130706431, *address, "host", username_fragment=fragment)


def connected(role: IceRole = IceRole.CONTROLLING) -> Connectivity:
    machine = Connectivity(role=role, entropy=SeededEntropy(1))
    machine.add_host_candidate(HERE, 0.0)
    machine.set_remote_parameters(FIRST, lite=False, now=0.0)
    machine.add_remote_candidate(candidate(), 0.0)
    answer(machine, FIRST, 0.0)
    assert machine.state is IceState.CONNECTED
    machine.events.clear()
    return machine


def answer(machine: Connectivity, remote: IceParameters, now: float) -> None:
    """Answer what the machine asks at *now*."""
    machine.handle_timeout(now)
    while machine.transmits:
        asked = machine.transmits.popleft()
        response = stun.binding_success(stun.transaction_id(asked.data), HERE, remote.pwd.encode())
        machine.receive_stun(response, HERE, asked.remote, now)


def check(local: IceParameters, remote: IceParameters, *, controlling: int | None = None) -> bytes:
    """Return a check by *remote* of *local*, as the controlled agent unless it has a tie-breaker."""
    return stun.connectivity_check(
        b"123456789012",
        username=f"{local.ufrag}:{remote.ufrag}",
        key=local.pwd.encode(),
        priority=1,
        controlling=controlling is not None,
        tie_breaker=controlling or 1,
        nominate=False,
    )


def happened(machine: Connectivity, kind: type) -> list[object]:
    return [event for event in machine.events if isinstance(event, kind)]


def test_a_restart_has_new_credentials_and_no_sockets_yet() -> None:
    machine = connected()
    old = machine.local_parameters
    new = machine.restart()
    assert new is machine.local_parameters
    assert new.ufrag != old.ufrag
    assert new.pwd != old.pwd
    assert not machine.events
    told = machine.add_host_candidate(HERE, 1.0)
    assert told.username_fragment == new.ufrag
    assert happened(machine, LocalCandidate) == [LocalCandidate(told, HERE)]


def test_credentials_that_a_description_holds_already_are_taken() -> None:
    machine = connected()
    parameters = IceParameters("ourufrag", "ourpasswordourpasswordour")
    assert machine.restart(parameters) is machine.local_parameters is parameters


def test_proposals_replace_each_other_and_agreed_generations_are_two_at_most() -> None:
    machine = connected()
    for number in range(20):
        machine.restart()
        machine.add_host_candidate(HERE, 1.0)
        machine.restart()
        machine.add_host_candidate(HERE, 1.0)
        assert len(machine._agents) <= 3
        remote = IceParameters(f"remote{number}", "x" * 24)
        machine.set_remote_parameters(remote, lite=False, now=1.0)
        assert len(machine._agents) == 2
    assert machine.selected_pair is not None


def test_a_check_that_is_earlier_than_the_answer_is_answered_and_returned_with_it() -> None:
    machine = connected()
    local = machine.restart()
    machine.add_host_candidate(HERE, 1.0)
    machine.receive_stun(check(local, SECOND), HERE, ELSEWHERE, 1.0)
    (transmit,) = machine.transmits
    assert stun.parse_stun_untrusted(transmit.data).is_authentic(local.pwd.encode())
    assert machine.is_checked(HERE, ELSEWHERE)
    assert machine.selected_pair.remote == THERE
    machine.transmits.clear()
    machine.set_remote_parameters(SECOND, lite=False, now=1.1)
    answer(machine, SECOND, 1.1)
    assert machine.selected_pair.remote == ELSEWHERE
    assert [event.pair for event in happened(machine, PairSelected)] == [machine.selected_pair]
    assert len(happened(machine, AddressChecked)) == 1


def test_the_old_generation_is_answered_during_the_restart_and_five_seconds_after() -> None:
    machine = connected()
    old = machine.local_parameters
    machine.restart()
    machine.add_host_candidate(HERE, 1.0)
    machine.set_remote_parameters(SECOND, lite=False, now=1.0)
    machine.add_remote_candidate(candidate(ELSEWHERE), 1.0)
    answer(machine, SECOND, 1.0)
    assert machine.selected_pair.remote == ELSEWHERE
    machine.receive_stun(check(old, FIRST), HERE, THERE, 5.9)
    assert len(machine.transmits) == 1
    machine.transmits.clear()
    machine.handle_timeout(6.0)
    machine.transmits.clear()
    refused = machine.counters.unauthenticated
    machine.receive_stun(check(old, FIRST), HERE, THERE, 6.0)
    assert not machine.transmits
    assert machine.counters.unauthenticated == refused + 1


@pytest.mark.parametrize("role", IceRole)
def test_a_restart_keeps_the_role_whoever_offers_it(role: IceRole) -> None:
    machine = connected(role)
    machine.restart()
    machine.set_role(role.opposite)
    assert machine.role is role
    machine.set_remote_parameters(SECOND, lite=False, now=1.0)
    machine.set_role(role.opposite)
    assert machine.role is role


def test_a_role_that_a_conflict_gave_is_kept_as_well() -> None:
    machine = connected()
    machine.receive_stun(check(machine.local_parameters, FIRST, controlling=(1 << 64) - 1), HERE, THERE, 0.5)
    assert machine.role is IceRole.CONTROLLED
    machine.restart()
    assert machine.role is IceRole.CONTROLLED


def test_a_remote_that_takes_the_role_in_its_restart_gets_it_by_the_tie_breaker() -> None:
    machine = connected()
    local = machine.restart()
    machine.add_host_candidate(HERE, 1.0)
    machine.set_remote_parameters(SECOND, lite=False, now=1.0)
    machine.receive_stun(check(local, SECOND, controlling=(1 << 64) - 1), HERE, THERE, 1.0)
    assert machine.role is IceRole.CONTROLLED


def test_a_lite_remote_makes_us_controlling_in_any_generation() -> None:
    machine = connected(IceRole.CONTROLLED)
    machine.restart()
    machine.set_remote_parameters(SECOND, lite=True, now=1.0)
    assert machine.role is IceRole.CONTROLLING


def test_remote_parameters_that_change_alone_are_followed_with_our_credentials_as_they_are() -> None:
    machine = connected()
    local, pair = machine.local_parameters, machine.selected_pair
    machine.set_remote_parameters(SECOND, lite=False, now=1.0)
    assert machine.local_parameters is local
    assert machine.selected_pair is pair
    assert not happened(machine, LocalCandidate)
    machine.receive_stun(check(local, SECOND), HERE, ELSEWHERE, 1.0)
    machine.receive_stun(check(local, FIRST), HERE, THERE, 1.0)
    assert machine.counters.unauthenticated == 0
    machine.transmits.clear()
    answer(machine, SECOND, 1.1)
    assert machine.selected_pair.remote == ELSEWHERE


def test_the_same_parameters_again_mean_nothing() -> None:
    machine = connected()
    machine.set_remote_parameters(FIRST, lite=False, now=1.0)
    assert not machine.restarting
    assert len(machine._agents) == 1


def test_a_candidate_goes_to_the_generation_that_it_names() -> None:
    machine = connected()
    machine.restart()
    machine.add_host_candidate(HERE, 1.0)
    machine.set_remote_parameters(SECOND, lite=False, now=1.0)
    machine.add_remote_candidate(candidate(ELSEWHERE, SECOND.ufrag), 1.0)
    machine.add_remote_candidate(candidate(("10.0.0.4", 1), FIRST.ufrag), 1.0)
    machine.add_remote_candidate(candidate(("10.0.0.5", 1), "another"), 1.0)
    machine.add_remote_candidate(candidate(("10.0.0.6", 1)), 1.0)
    old, new = machine._agents
    assert {pair.remote[0] for pair in old.candidate_pairs} == {"10.0.0.2", "10.0.0.4"}
    assert {pair.remote[0] for pair in new.candidate_pairs} == {"10.0.0.3", "10.0.0.6"}
    assert machine.counters.ignored_candidates == 1


def test_gathering_is_that_of_the_newest_generation() -> None:
    machine = connected()
    machine.gather_server_reflexive(HERE, STUN_SERVER, 0.1)
    assert machine.gathering
    machine.restart()
    assert not machine.gathering
    machine.add_host_candidate(HERE, 1.0)
    machine.gather_server_reflexive(HERE, STUN_SERVER, 1.0)
    while machine.gathering:
        machine.handle_timeout(machine.next_deadline())
    assert happened(machine, GatheringDone) == [GatheringDone()]


@pytest.mark.parametrize("agreed", [False, True])
def test_what_is_not_authentic_changes_nothing_during_a_restart(agreed: bool) -> None:
    machine = connected()
    old, new = machine.local_parameters, machine.restart()
    machine.add_host_candidate(HERE, 1.0)
    if agreed:
        machine.set_remote_parameters(SECOND, lite=False, now=1.0)
    machine.events.clear()
    before = repr(machine), machine.candidate_pairs, machine.state
    thief = IceParameters(new.ufrag, "a password that is wrong")
    forged = [
        check(thief, SECOND),
        check(IceParameters(old.ufrag, thief.pwd), FIRST),
        check(IceParameters("nobody", thief.pwd), SECOND),
        check(new, SECOND)[:-8],
        stun.binding_success(b"123456789012", HERE, SECOND.pwd.encode()),
        stun.role_conflict(b"123456789012", SECOND.pwd.encode()),
        b"\x00\x01\x00\x00\x21\x12\xa4\x42",
        b"",
    ]
    for data in forged:
        machine.receive_stun(data, HERE, ELSEWHERE, 1.0)
    assert not machine.transmits
    assert not machine.events
    assert (repr(machine), machine.candidate_pairs, machine.state) == before
    assert not machine.is_checked(HERE, ELSEWHERE)


def test_closing_ends_all_generations() -> None:
    machine = connected()
    machine.restart()
    machine.close()
    assert machine.state is IceState.CLOSED
    assert machine.next_deadline() is None
    assert machine.selected_pair is None
    with pytest.raises(InvalidStateError):
        machine.restart()
    machine.set_remote_parameters(SECOND, lite=False, now=1.0)
    assert not machine.transmits
