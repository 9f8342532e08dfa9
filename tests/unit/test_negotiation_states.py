"""The signaling state table: which call is possible in which state (RFC 9429 §3.2)."""

from collections.abc import Callable
from itertools import product

import pytest
from support.descriptions import add_receiver, add_sender, describe, make_negotiation, offer, video
from support.session_pair import End

from triortc.protocol.sdp.description import Direction, SessionDescription
from triortc.protocol.session.codecs import VP8
from triortc.protocol.session.events import NegotiationNeeded, SignalingState, SignalingStateChanged
from triortc.protocol.session.session import Session
from triortc.protocol.wire.errors import InvalidStateError, LocalProtocolError

STATES = {
    "stable": SignalingState.STABLE,
    "have-local-offer": SignalingState.HAVE_LOCAL_OFFER,
    "have-remote-offer": SignalingState.HAVE_REMOTE_OFFER,
    "closed": SignalingState.CLOSED,
}
ANSWER = describe(video("0", direction="recvonly")).replace("actpass", "passive")


def session_in(state: SignalingState) -> Session:
    session = End(0, ("10.0.0.1", 50_000)).session
    session.add_transceiver("video", Direction.SENDONLY, (VP8,))
    if state is SignalingState.HAVE_LOCAL_OFFER:
        session.set_local_description(session.create_offer(), 0.0)
    elif state is SignalingState.HAVE_REMOTE_OFFER:
        session.set_remote_description(offer(video("0")), 0.0)
    elif state is SignalingState.CLOSED:
        session.close(0.0)
    session.events.clear()
    return session


def set_local(kind: str) -> Callable[[Session], object]:
    def call(session: Session) -> None:
        create = session.create_offer if kind == "offer" else session.create_answer
        session.set_local_description(create(), 0.0)

    return call


CALLS: dict[str, tuple[Callable[[Session], object], set[str]]] = {
    "create_offer": (lambda session: session.create_offer(), {"stable", "have-local-offer"}),
    "create_answer": (lambda session: session.create_answer(), {"have-remote-offer"}),
    "set_local_offer": (set_local("offer"), {"stable", "have-local-offer"}),
    "set_local_answer": (set_local("answer"), {"have-remote-offer"}),
    "roll_back": (
        lambda session: session.set_local_description(SessionDescription("rollback"), 0.0),
        {"have-local-offer", "have-remote-offer"},
    ),
    # In have-local-offer it takes that offer back (W3C webrtc §4.4.1.6).
    "set_remote_offer": (
        lambda session: session.set_remote_description(offer(video("0")), 0.0),
        {"stable", "have-local-offer", "have-remote-offer"},
    ),
    "set_remote_answer": (
        lambda session: session.set_remote_description(SessionDescription("answer", ANSWER), 0.0),
        {"have-local-offer"},
    ),
    "add_remote_candidate": (
        lambda session: session.add_remote_candidate(None, 0.0),
        {"have-remote-offer"},
    ),
    "add_transceiver": (
        lambda session: session.add_transceiver("audio", Direction.SENDONLY, (VP8,)),
        {"stable", "have-local-offer", "have-remote-offer"},
    ),
}


@pytest.mark.parametrize(("state", "call"), list(product(STATES, CALLS)))
def test_each_call_is_possible_in_its_states_alone(state, call):
    session = session_in(STATES[state])
    assert session.signaling_state is STATES[state]
    perform, possible = CALLS[call]
    if state in possible:
        perform(session)
        return
    with pytest.raises(InvalidStateError):
        perform(session)
    assert session.signaling_state is STATES[state]
    assert not session.events


def test_each_applied_description_tells_the_new_state():
    session = session_in(SignalingState.STABLE)
    session.set_remote_description(offer(video("0")), 0.0)
    session.set_local_description(session.create_answer(), 0.0)
    states = [event.state for event in session.events if isinstance(event, SignalingStateChanged)]
    assert states == [SignalingState.HAVE_REMOTE_OFFER, SignalingState.STABLE]


def test_that_negotiation_is_needed_is_told_once():
    session = End(0, ("10.0.0.1", 50_000)).session
    for kind in ("video", "audio", "video"):
        session.add_transceiver(kind, Direction.SENDONLY, (VP8,))
    assert list(session.events) == [NegotiationNeeded()]


def test_that_negotiation_is_needed_is_told_when_the_exchange_under_way_is_done():
    session = session_in(SignalingState.HAVE_REMOTE_OFFER)
    session.add_transceiver("audio", Direction.SENDONLY, (VP8,))
    assert NegotiationNeeded() not in session.events
    session.set_local_description(session.create_answer(), 0.0)
    assert NegotiationNeeded() in session.events


def test_an_answer_of_the_wrong_make_is_refused_and_changes_nothing():
    session = session_in(SignalingState.HAVE_REMOTE_OFFER)
    with pytest.raises(LocalProtocolError):
        session.set_local_description(SessionDescription("answer", ANSWER), 0.0)
    with pytest.raises(LocalProtocolError):
        session.set_local_description(SessionDescription("pranswer", ANSWER), 0.0)
    assert session.signaling_state is SignalingState.HAVE_REMOTE_OFFER
    assert not session.events


def test_a_closed_negotiation_needs_nothing():
    negotiation = make_negotiation()
    add_sender(negotiation)
    assert negotiation.needed
    negotiation.close()
    assert not negotiation.needed
    with pytest.raises(InvalidStateError, match="closed"):
        add_receiver(negotiation)
