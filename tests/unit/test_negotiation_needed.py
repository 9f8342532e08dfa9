"""When negotiation is needed, rule by rule (W3C webrtc §4.7.3)."""

import pytest
from support.descriptions import answer, exchange, make_negotiation, offer, video
from support.session_pair import make_session

from triortc.protocol.sdp.description import Direction, SessionDescription
from triortc.protocol.session.codecs import H264, VP8, default_capabilities
from triortc.protocol.session.events import NegotiationNeeded
from triortc.protocol.session.negotiation import Negotiation

SENDRECV, SENDONLY = Direction.SENDRECV, Direction.SENDONLY
RECVONLY, INACTIVE = Direction.RECVONLY, Direction.INACTIVE
CODECS = default_capabilities("video")


def agreed(
    ours: Direction = SENDRECV, theirs: Direction = SENDRECV, **more: object
) -> tuple[Negotiation, Negotiation]:
    """Return an offerer and an answerer after a first exchange."""
    alice, bob = make_negotiation(1), make_negotiation(2)
    alice.add_transceiver("video", ours, CODECS, **more)
    offered = alice.create_offer()
    alice.set_local(offered)
    bob.set_remote(offered)
    bob.transceivers[0].direction = theirs
    answered = bob.create_answer()
    bob.set_local(answered)
    alice.set_remote(answered)
    return alice, bob


def test_nothing_is_needed_at_first_and_after_an_exchange():
    assert not make_negotiation().needed
    alice, bob = agreed()
    assert (alice.needed, bob.needed) == (False, False)


def test_a_new_transceiver_needs_it_whatever_its_direction():
    for direction in Direction:
        negotiation = make_negotiation()
        negotiation.add_transceiver("video", direction, CODECS)
        assert negotiation.needed


@pytest.mark.parametrize(
    ("offered", "answered", "wanted", "needed"),
    [
        (SENDRECV, SENDRECV, SENDONLY, True),
        (SENDRECV, SENDRECV, INACTIVE, True),
        (SENDRECV, RECVONLY, SENDRECV, False),  # what was offered
        (SENDRECV, RECVONLY, SENDONLY, False),  # what the answer left of it
        (SENDRECV, RECVONLY, RECVONLY, True),
        (SENDONLY, RECVONLY, SENDRECV, True),
        (RECVONLY, INACTIVE, INACTIVE, False),
        (RECVONLY, INACTIVE, RECVONLY, False),
    ],
)
def test_the_offerer_needs_it_for_a_direction_that_neither_side_has_described(
    offered, answered, wanted, needed
):
    alice, _ = agreed(offered, answered)
    alice.transceivers[0].direction = wanted
    assert alice.needed is needed


@pytest.mark.parametrize(
    ("offered", "answered", "wanted", "needed"),
    [
        (SENDRECV, SENDRECV, RECVONLY, True),
        (SENDONLY, RECVONLY, SENDRECV, True),  # the streams were not in the answer
        (SENDONLY, RECVONLY, SENDONLY, True),
        (SENDONLY, INACTIVE, RECVONLY, True),
        (RECVONLY, SENDONLY, SENDRECV, False),  # the offer leaves no more than this
        (INACTIVE, INACTIVE, RECVONLY, False),
    ],
)
def test_the_answerer_needs_it_for_a_direction_that_the_offer_leaves_and_the_answer_has_not(
    offered, answered, wanted, needed
):
    _, bob = agreed(offered, answered)
    bob.transceivers[0].direction = wanted
    assert bob.needed is needed


def test_a_wish_to_send_that_stands_in_the_answer_needs_no_more():
    negotiation = make_negotiation()
    negotiation.add_transceiver("video", SENDRECV, CODECS, created_by_add_track=True)
    (media,) = answer(negotiation, offer(video("0", direction="recvonly")))
    assert media.direction is SENDONLY
    assert not negotiation.needed


def test_other_streams_need_it_but_not_another_order():
    alice, bob = agreed(stream_ids=("a", "b"))
    transceiver = alice.transceivers[0]
    transceiver.stream_ids = ("b", "a")
    assert not alice.needed
    transceiver.stream_ids = ("a",)
    assert alice.needed
    exchange(alice, bob)
    assert not alice.needed
    assert bob.transceivers[0].remote_stream_ids == ("a",)
    transceiver.stream_ids = ()
    assert alice.needed


def test_streams_of_what_is_not_sent_do_not_matter():
    alice, _ = agreed(RECVONLY, SENDONLY)
    alice.transceivers[0].stream_ids = ("a",)
    assert not alice.needed


def test_other_preferences_do_not_need_it():
    alice, _ = agreed()
    alice.transceivers[0].capabilities = (H264, VP8)
    assert not alice.needed


def test_a_stopped_transceiver_needs_it_until_its_section_is_rejected():
    alice, bob = agreed()
    alice.stop(alice.transceivers[0])
    assert alice.needed
    exchange(alice, bob)
    assert (alice.needed, bob.needed) == (False, False)


def test_one_that_the_remote_rejects_in_an_offer_that_is_taken_back_stays_stopped():
    alice, bob = agreed()
    alice.stop(alice.transceivers[0])
    offered = alice.create_offer()
    bob.set_remote(offered)
    assert bob.transceivers[0].stopped
    bob.set_remote(SessionDescription("rollback"))
    assert bob.needed
    assert bob.transceivers[0].stopped
    exchange(bob, alice)
    assert (alice.needed, bob.needed) == (False, False)
    assert bob.transceivers == alice.transceivers == []


def test_a_section_that_the_remote_did_not_bundle_is_rejected_next():
    alice, bob = make_negotiation(1), make_negotiation(2)
    alice.add_transceiver("audio", SENDRECV, default_capabilities("audio"))
    alice.add_transceiver("video", SENDRECV, CODECS)
    alice.set_local(alice.create_offer())
    bob.set_remote(alice.create_offer())
    alice.set_local(alice.create_offer())
    answered = bob.create_answer()
    bob.set_local(answered)
    alice.set_remote(SessionDescription("answer", answered.sdp.replace("BUNDLE 0 1", "BUNDLE 0")))
    refused = alice.transceivers[1]
    assert refused.stopped
    assert alice.needed
    offered, _ = exchange(alice, bob)
    assert [(media.mid, media.port) for media in offered.media] == [("0", 9), ("1", 0)]
    assert refused not in alice.transceivers
    assert not alice.needed


def test_an_ice_restart_needs_it_until_it_was_described():
    alice, bob = agreed()
    alice.restart_ice()
    assert alice.needed
    alice.set_local(alice.create_offer())
    alice.set_local(SessionDescription("rollback"))
    assert alice.needed
    exchange(alice, bob)
    assert (alice.needed, bob.needed) == (False, False)


def test_before_the_first_description_there_is_nothing_to_restart():
    negotiation = make_negotiation()
    negotiation.restart_ice()
    assert not negotiation.needed


def test_what_was_never_agreed_on_need_not_be_restarted():
    negotiation = make_negotiation()
    transceiver = negotiation.add_transceiver("video", SENDRECV, CODECS)
    negotiation.set_local(negotiation.create_offer())
    negotiation.restart_ice()
    negotiation.set_local(SessionDescription("rollback"))
    negotiation.stop(transceiver)
    assert not negotiation.needed


def test_the_others_restart_is_as_good_as_ones_own():
    alice, bob = agreed()
    bob.restart_ice()
    alice.restart_ice()
    exchange(alice, bob)
    assert (alice.needed, bob.needed) == (False, False)


def test_it_is_told_again_when_an_exchange_has_not_brought_what_was_wanted():
    session, other = make_session(1), make_negotiation(2)
    session.add_transceiver("video", SENDRECV, CODECS)
    offered = session.create_offer()
    session.set_local_description(offered, 0.0)
    session.add_transceiver("audio", SENDRECV, default_capabilities("audio"))
    other.set_remote(offered)
    answered = other.create_answer()
    session.events.clear()
    session.set_remote_description(answered, 0.0)
    assert NegotiationNeeded() in session.events


def test_a_change_is_told_of_once_and_a_change_back_is_not():
    session = make_session(1)
    transceiver = session.add_transceiver("video", SENDRECV, CODECS)
    session.events.clear()
    for direction in (RECVONLY, SENDONLY, SENDRECV):
        transceiver.direction = direction
        session.note_change()
    assert NegotiationNeeded() not in session.events
