"""Offers that are taken back, by either side, and answers that are not the last word."""

import pytest
from support.descriptions import exchange, make_negotiation, parse
from support.session_pair import make_session

from triortc.protocol.sdp.description import Direction, SessionDescription
from triortc.protocol.session.codecs import default_capabilities
from triortc.protocol.session.events import (
    RemoteTrackAdded,
    RemoteTrackRemoved,
    SignalingState,
    SignalingStateChanged,
    TransceiverAdded,
    TransceiverRemoved,
    TransceiverStopped,
)
from triortc.protocol.session.negotiation import Negotiation
from triortc.protocol.session.transceiver import Transceiver
from triortc.protocol.wire.errors import InvalidStateError, RemoteProtocolError

ROLLBACK = SessionDescription("rollback")
SENDRECV, RECVONLY, INACTIVE = Direction.SENDRECV, Direction.RECVONLY, Direction.INACTIVE


def add(negotiation: Negotiation, kind: str = "video", *, by_track: bool = True) -> Transceiver:
    capabilities = default_capabilities(kind)
    return negotiation.add_transceiver(kind, SENDRECV, capabilities, created_by_add_track=by_track)


def pair() -> tuple[Negotiation, Negotiation]:
    alice, bob = make_negotiation(1), make_negotiation(2)
    add(alice)
    return alice, bob


def offer_to(bob: Negotiation, alice: Negotiation) -> SessionDescription:
    offered = alice.create_offer()
    alice.set_local(offered)
    bob.set_remote(offered)
    return offered


def told(negotiation: Negotiation) -> list[object]:
    events = list(negotiation.events)
    negotiation.events.clear()
    return events


# Taking back


@pytest.mark.parametrize("locally", [True, False])
def test_either_call_takes_back_either_sides_offer(locally):
    alice, bob = pair()
    offer_to(bob, alice)
    for negotiation in (alice, bob):
        (negotiation.set_local if locally else negotiation.set_remote)(ROLLBACK)
        assert negotiation.state is SignalingState.STABLE
        assert negotiation.local_description is negotiation.remote_description is None


def test_what_a_remote_offer_made_goes_with_it():
    alice, bob = pair()
    offer_to(bob, alice)
    (made,) = bob.transceivers
    bob.set_remote(ROLLBACK)
    assert told(bob) == [
        TransceiverAdded(made),
        RemoteTrackAdded(made),
        RemoteTrackRemoved(made),
        TransceiverRemoved(made),
    ]
    assert (bob.transceivers, made.mid) == ([], None)


def test_it_stays_when_a_track_was_added_to_it_and_then_waits_for_an_offer():
    alice, bob = pair()
    offer_to(bob, alice)
    (made,) = bob.transceivers
    made.reused_by_add_track = True
    made.direction = SENDRECV
    bob.set_remote(ROLLBACK)
    assert told(bob)[2:] == [RemoteTrackRemoved(made)]
    assert (bob.transceivers, made.mid, made.created_by_add_track) == ([made], None, True)
    assert bob.needed
    alice.set_local(ROLLBACK)
    exchange(alice, bob)
    assert (made.mid, made.current_direction) == ("0", SENDRECV)


def test_a_stopped_one_ends_with_it():
    alice, bob = pair()
    offer_to(bob, alice)
    (made,) = bob.transceivers
    bob.stop(made)
    told(bob)
    bob.set_remote(ROLLBACK)
    assert told(bob) == [TransceiverStopped(made)]
    assert bob.transceivers == []


def test_what_a_remote_offer_changed_is_as_it_was():
    alice, bob = pair()
    add(bob)
    exchange(alice, bob)
    add(alice, "audio")
    alice.transceivers[0].direction = RECVONLY
    before = bob.standing, [each.save() for each in bob.transceivers]
    told(bob)
    offer_to(bob, alice)
    (first, audio) = bob.transceivers
    assert told(bob) == [RemoteTrackRemoved(first), TransceiverAdded(audio), RemoteTrackAdded(audio)]
    bob.set_remote(ROLLBACK)
    assert (bob.standing, [each.save() for each in bob.transceivers]) == before
    assert told(bob) == [RemoteTrackAdded(first), RemoteTrackRemoved(audio), TransceiverRemoved(audio)]


def test_a_transceiver_that_was_added_meanwhile_stays():
    alice, bob = pair()
    offer_to(bob, alice)
    late = add(bob, "audio")
    bob.set_local(ROLLBACK)
    assert bob.transceivers == [late]
    late = add(alice, "audio")
    alice.set_local(alice.create_offer())
    alice.set_local(ROLLBACK)
    assert [each.mid for each in alice.transceivers] == [None, None]


def test_numbers_and_names_of_an_offer_that_was_taken_back_are_free_again():
    alice, _ = pair()
    first = alice.create_offer()
    alice.set_local(first)
    alice.set_local(ROLLBACK)
    again = parse(alice.create_offer())
    assert again.media == parse(first).media
    assert again.session_version == parse(first).session_version + 1


def test_a_remote_offer_takes_back_ones_own():
    alice, bob = pair()
    mine = add(bob)
    late = add(bob, "audio")
    bob.set_local(bob.create_offer())
    assert [mine.mid, late.mid] == ["0", "1"]
    exchange_after_glare(alice, bob)
    assert [mine.mid, late.mid] == ["0", None]
    assert bob.needed


def exchange_after_glare(alice: Negotiation, bob: Negotiation) -> None:
    offer_to(bob, alice)
    assert bob.state is SignalingState.HAVE_REMOTE_OFFER
    answered = bob.create_answer()
    bob.set_local(answered)
    alice.set_remote(answered)


def test_a_broken_remote_offer_takes_nothing_back():
    alice, bob = pair()
    add(bob)
    bob.set_local(bob.create_offer())
    before = bob.standing, [each.save() for each in bob.transceivers]
    broken = alice.create_offer().sdp.replace("a=ice-pwd", "a=x-pwd")
    with pytest.raises(RemoteProtocolError):
        bob.set_remote(SessionDescription("offer", broken))
    assert (bob.standing, [each.save() for each in bob.transceivers]) == before


def test_a_second_remote_offer_stands_in_place_of_the_first():
    alice, bob = pair()
    offer_to(bob, alice)
    (first,) = bob.transceivers
    add(alice, "audio")
    told(bob)
    offer_to(bob, alice)
    assert [each.mid for each in bob.transceivers] == ["0", "1"]
    assert first not in bob.transceivers
    answered = bob.create_answer()
    bob.set_local(answered)
    alice.set_remote(answered)
    assert all(each.receives for each in bob.transceivers)


# Provisional answers


def test_a_provisional_answer_begins_and_the_final_one_may_say_something_else():
    alice, bob = pair()
    offer_to(bob, alice)
    (ours,), (theirs,) = alice.transceivers, bob.transceivers
    provisional = SessionDescription("pranswer", bob.create_answer().sdp)
    agreement = bob.set_local(provisional)
    assert bob.state is SignalingState.HAVE_LOCAL_PRANSWER
    assert agreement == bob.set_local(provisional)
    assert alice.set_remote(provisional) is not None
    assert alice.state is SignalingState.HAVE_REMOTE_PRANSWER
    assert (ours.current_direction, theirs.current_direction) == (Direction.SENDONLY, RECVONLY)
    for negotiation in (alice, bob):
        assert negotiation.standing.current_local is negotiation.standing.current_remote is None
        with pytest.raises(InvalidStateError):
            negotiation.set_local(ROLLBACK)
    theirs.direction = INACTIVE
    final = bob.create_answer()
    bob.set_local(final)
    alice.set_remote(final)
    assert (ours.current_direction, theirs.current_direction) == (INACTIVE, INACTIVE)
    for negotiation in (alice, bob):
        assert negotiation.state is SignalingState.STABLE
        assert negotiation.standing.pending_local is negotiation.standing.pending_remote is None


def test_the_same_answer_may_be_provisional_first():
    alice, bob = pair()
    offer_to(bob, alice)
    answered = bob.create_answer()
    for kind in ("pranswer", "pranswer", "answer"):
        description = SessionDescription(kind, answered.sdp)
        bob.set_local(description)
        alice.set_remote(description)
    assert alice.state is bob.state is SignalingState.STABLE
    assert alice.transceivers[0].sends


def test_a_section_that_a_provisional_answer_rejects_may_live_yet():
    alice, bob = pair()
    add(alice, "audio")
    offer_to(bob, alice)
    answered = bob.create_answer()
    head, first, second = answered.sdp.split("m=")
    rejected = f"{head.replace('BUNDLE 0 1', 'BUNDLE 0')}m={first}m={second.replace('audio 9', 'audio 0')}"
    alice.set_remote(SessionDescription("pranswer", rejected))
    assert not alice.transceivers[1].stopped
    assert alice.transceivers[1].current_direction is INACTIVE
    bob.set_local(answered)
    alice.set_remote(answered)
    assert alice.transceivers[1].sends


# The states a session tells, and the four descriptions


def test_which_description_is_current_and_which_pending():
    session, other = make_session(1), make_session(2)
    session.add_transceiver("video", SENDRECV, default_capabilities("video"))

    def kinds(it):
        pairs = (
            (it.current_local_description, it.pending_local_description),
            (
                it.current_remote_description,
                it.pending_remote_description,
            ),
        )
        return tuple(tuple(each and each.type for each in pair) for pair in pairs)

    session.set_local_description(SessionDescription("offer"), 0.0)
    assert kinds(session) == ((None, "offer"), (None, None))
    other.set_remote_description(session.local_description, 0.0)
    assert kinds(other) == ((None, None), (None, "offer"))
    other.set_local_description(SessionDescription("pranswer"), 0.0)
    assert kinds(other) == ((None, "pranswer"), (None, "offer"))
    session.set_remote_description(other.local_description, 0.0)
    assert kinds(session) == ((None, "offer"), (None, "pranswer"))
    other.set_local_description(SessionDescription("answer"), 0.0)
    session.set_remote_description(other.local_description, 0.0)
    assert kinds(session) == (("offer", None), ("answer", None))
    assert kinds(other) == (("answer", None), ("offer", None))
    states = [each.state.value for each in session.events if isinstance(each, SignalingStateChanged)]
    assert states == ["have-local-offer", "have-remote-pranswer", "stable"]
