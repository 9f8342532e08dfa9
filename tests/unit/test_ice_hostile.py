"""Strangers get silence, and nothing they send changes an agent."""

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.ice_network import IceNetwork, Peer

from triortc.protocol.ice import stun
from triortc.protocol.ice.agent import AddressChecked, IceAgent, IceRole, IceState
from triortc.protocol.ice.candidate import IceCandidate

STRANGER = ("198.51.100.66", 666)
CONTROLLING, CONTROLLED = IceRole.CONTROLLING, IceRole.CONTROLLED


def met(role: IceRole = CONTROLLED) -> tuple[IceNetwork, Peer, Peer]:
    network = IceNetwork()
    alice, bob = network.add(role, "10.0.0.1"), network.add(role.opposite, "10.0.0.2")
    network.introduce(alice, bob)
    network.introduce(bob, alice)
    network.run(3)
    assert alice.agent.state is IceState.COMPLETED
    return network, alice, bob


def snapshot(agent: IceAgent) -> object:
    """All that an agent knows, but for its counters."""
    return (
        agent.role,
        agent.state,
        agent.selected_pair,
        agent.next_deadline(),
        list(agent.events),
        [
            {name: copy.copy(getattr(pair, name)) for name in type(pair).__slots__}
            for pair in agent.candidate_pairs
        ],
    )


def make_check(to: Peer, sender: Peer, **changes: object) -> bytes:
    names = to.agent.local_parameters.ufrag, sender.agent.local_parameters.ufrag
    arguments = {
        "username": ":".join(names),
        "key": to.agent.local_parameters.pwd.encode(),
        "priority": 1,
        "controlling": True,
        "tie_breaker": 2**64 - 1,
        "nominate": True,
    }
    return stun.connectivity_check(b"123456789012", **(arguments | changes))


def without_fingerprint(data: bytes) -> bytes:
    return data[:2] + (len(data) - 28).to_bytes(2, "big") + data[4:-8]


@pytest.mark.parametrize("role", [CONTROLLED, CONTROLLING])
@pytest.mark.parametrize(
    ("forge", "counter"),
    [
        (lambda a, b: b"", "malformed"),
        (lambda a, b: b"\0" * 100, "malformed"),
        (lambda a, b: make_check(a, b)[:-4], "malformed"),
        (lambda a, b: make_check(a, b)[:-1] + b"\0", "malformed"),
        (lambda a, b: make_check(a, b, key=b"wrong"), "unauthenticated"),
        (lambda a, b: make_check(a, b, username="other:name"), "unauthenticated"),
        (
            lambda a, b: make_check(a, b, username=f"{a.agent.local_parameters.ufrag}:other"),
            "unauthenticated",
        ),
        (lambda a, b: make_check(a, b, username=a.agent.local_parameters.ufrag), "unauthenticated"),
        (lambda a, b: make_check(a, b, key=b"wrong", controlling=False, tie_breaker=0), "unauthenticated"),
        (lambda a, b: without_fingerprint(make_check(a, b)), "unauthenticated"),
        (lambda a, b: stun.binding_request(b"1" * 12), "unauthenticated"),
        (lambda a, b: stun.binding_success(b"1" * 12, ("10.9.9.9", 9), b"wrong"), "unknown_transaction"),
        (lambda a, b: stun.role_conflict(b"1" * 12, b"wrong"), "unknown_transaction"),
        (lambda a, b: b"\x00\x11\x00\x00\x21\x12\xa4\x42" + b"1" * 12, "indications"),
    ],
)
def test_a_forged_packet_gets_silence_and_changes_nothing(role: IceRole, forge, counter: str) -> None:
    network, alice, bob = met(role)
    data, before = forge(alice, bob), snapshot(alice.agent)
    counted = getattr(alice.agent.counters, counter)
    for source in (STRANGER, bob.bases[0]):
        assert network.inject(data, source, alice) == []
    assert snapshot(alice.agent) == before
    assert getattr(alice.agent.counters, counter) == counted + 2
    assert not alice.agent.is_checked(alice.bases[0], STRANGER)


@given(st.binary(max_size=120))
@settings(max_examples=200)
def test_any_bytes_get_silence(data: bytes) -> None:
    agent = IceAgent(role=CONTROLLED, entropy=IceNetwork()._entropy)
    agent.add_host_candidate(("10.0.0.1", 5000), 0.0)
    agent.events.clear()
    before = snapshot(agent)
    for datagram in (
        data,
        b"\x00\x01" + len(data).to_bytes(2, "big") + b"\x21\x12\xa4\x42" + bytes(12) + data,
    ):
        agent.receive_stun(datagram, ("10.0.0.1", 5000), STRANGER, 0.0)
    assert snapshot(agent) == before
    assert not agent.transmits


def test_a_forged_answer_with_the_right_id_is_not_believed() -> None:
    network = IceNetwork()
    alice, bob = network.add(CONTROLLING, "10.0.0.1"), network.add(CONTROLLED, "10.0.0.2")
    network.allows = lambda datagram: False
    network.introduce(alice, bob)
    network.run(0.01)
    identity = stun.transaction_id(network.sent[0].data)
    right_key = bob.agent.local_parameters.pwd.encode()
    for forged, source in (
        (stun.binding_success(identity, alice.bases[0], b"wrong"), bob.bases[0]),
        (stun.binding_success(identity, alice.bases[0], None), bob.bases[0]),
        (stun.role_conflict(identity, b"wrong"), bob.bases[0]),
        (without_fingerprint(stun.binding_success(identity, alice.bases[0], right_key)), bob.bases[0]),
        (stun.binding_success(identity, alice.bases[0], right_key), STRANGER),
    ):
        before = snapshot(alice.agent)
        assert network.inject(forged, source, alice) == []
        assert snapshot(alice.agent) == before
    network.inject(stun.binding_success(identity, alice.bases[0], right_key), bob.bases[0], alice)
    assert alice.agent.selected_pair is not None


def test_a_role_conflict_is_answered_to_who_knows_the_password_alone() -> None:
    network, alice, bob = met(CONTROLLING)
    claim = make_check(alice, bob, tie_breaker=0)
    (answer,) = network.inject(claim, bob.bases[0], alice)
    message = stun.parse_stun_untrusted(answer.data)
    assert message.error_code == 487
    assert message.is_authentic(alice.agent.local_parameters.pwd.encode())
    assert alice.agent.role is CONTROLLING


def test_a_new_source_is_answered_but_data_stays_where_it_was_until_it_answers_itself() -> None:
    network, alice, bob = met(CONTROLLED)
    network.run(3)
    pair = alice.agent.selected_pair
    said = network.inject(make_check(alice, bob), STRANGER, alice)
    assert [transmit.remote for transmit in said] == [STRANGER]
    network.run(3)
    assert alice.agent.selected_pair is pair
    assert alice.agent.is_checked(alice.bases[0], STRANGER)
    assert [event for _, event in alice.happened(AddressChecked)] == [
        AddressChecked(alice.bases[0], bob.bases[0]),
        AddressChecked(alice.bases[0], STRANGER),
    ]


def test_a_remote_that_comes_from_everywhere_is_not_remembered_for_ever() -> None:
    network, alice, bob = met(CONTROLLED)
    pair = alice.agent.selected_pair
    for number in range(1000):
        network.inject(make_check(alice, bob), ("198.51.100.1", 1000 + number), alice)
    assert len(alice.agent.candidate_pairs) <= 100
    assert alice.agent.selected_pair is pair
    assert pair in alice.agent.candidate_pairs
    assert alice.agent.is_checked(alice.bases[0], ("198.51.100.1", 1999))
    assert not alice.agent.is_checked(alice.bases[0], ("198.51.100.1", 1000))


def test_candidates_in_plenty_cost_at_most_a_hundred_pairs_seven_checks_each_and_20_a_second() -> None:
    network = IceNetwork()
    alice = network.add(CONTROLLING, "10.0.0.1", "10.0.0.3")
    bob = network.add(CONTROLLED, "10.0.0.2")
    victims = [
        IceCandidate("1", 1, "udp", n, f"203.0.113.{n % 250 + 1}", 1000 + n, "host") for n in range(1000)
    ]
    network.introduce(alice, bob, victims)
    assert len(alice.agent.candidate_pairs) == 100
    assert alice.agent.counters.ignored_candidates == 900
    network.run(1.0)
    assert len({datagram.destination for datagram in network.sent}) <= 21
    network.run(40)
    assert alice.agent.state is IceState.FAILED
    assert len(network.sent) <= 700
    sends = [(datagram.source, datagram.destination) for datagram in network.sent]
    assert max(sends.count(pair) for pair in set(sends)) <= 7


def test_a_late_or_foreign_socket_is_counted() -> None:
    network, alice, bob = met()
    check = make_check(alice, bob)
    alice.agent.receive_stun(check, ("10.0.0.99", 1), bob.bases[0], network.now)
    alice.agent.close()
    alice.agent.receive_stun(check, alice.bases[0], bob.bases[0], network.now)
    assert alice.agent.counters.unknown_base == 2
    assert not alice.agent.transmits
