"""Transceivers over their life: matched, made by offers, turned, stopped, their sections used again."""

import pytest
from support.descriptions import add_sender, answer, audio, exchange, make_negotiation, offer, parse, video

from triortc.protocol.sdp.description import Direction, SessionDescription
from triortc.protocol.session.codecs import H264, OPUS, PCMU, VP8, default_capabilities
from triortc.protocol.session.events import (
    RemoteTrackAdded,
    RemoteTrackRemoved,
    TransceiverAdded,
    TransceiverStopped,
)
from triortc.protocol.session.negotiation import Negotiation
from triortc.protocol.session.transceiver import Transceiver
from triortc.protocol.wire.errors import InvalidStateError, LocalProtocolError

SENDRECV, SENDONLY = Direction.SENDRECV, Direction.SENDONLY
RECVONLY, INACTIVE = Direction.RECVONLY, Direction.INACTIVE


def add(
    negotiation: Negotiation, direction: Direction = SENDRECV, kind: str = "video", **more
) -> Transceiver:
    return negotiation.add_transceiver(kind, direction, default_capabilities(kind), **more)


def pair() -> tuple[Negotiation, Negotiation]:
    return make_negotiation(1), make_negotiation(2)


def told(negotiation: Negotiation) -> list[object]:
    events = list(negotiation.events)
    negotiation.events.clear()
    return events


@pytest.mark.parametrize("ours", list(Direction))
@pytest.mark.parametrize("theirs", list(Direction))
def test_what_is_agreed_on_is_what_both_sides_want(ours, theirs):
    alice, bob = pair()
    one = add(alice, ours)
    alice.set_local(alice.create_offer())
    bob.set_remote(SessionDescription("offer", alice.create_offer().sdp))
    (other,) = bob.transceivers
    other.direction = theirs
    alice.set_local(alice.create_offer())
    answered = bob.create_answer()
    bob.set_local(answered)
    alice.set_remote(answered)
    agreed = Direction.of(ours.sends and theirs.receives, ours.receives and theirs.sends)
    assert (one.current_direction, other.current_direction) == (agreed, agreed.reversed())
    assert (one.direction, other.direction) == (ours, theirs)
    assert (one.sends, one.receives) == (agreed.sends, agreed.receives)


def test_an_offer_finds_the_tracks_that_wait_for_it_in_their_order():
    alice, bob = pair()
    for _ in range(3):
        add(alice)
    first = add(bob, created_by_add_track=True)
    add(bob)  # by addTransceiver: it gets a section of its own
    second = add(bob, created_by_add_track=True)
    exchange(alice, bob)
    assert [each.mid for each in bob.transceivers] == ["0", None, "1", "2"]
    assert [first.mid, second.mid] == ["0", "1"]
    assert bob.needed


def test_a_track_waits_for_a_section_in_which_the_remote_receives():
    alice, bob = pair()
    add(alice, SENDONLY)
    waiting = add(bob, created_by_add_track=True)
    exchange(alice, bob)
    assert waiting.mid is None
    assert bob.transceivers[1].current_direction is RECVONLY


def test_a_remote_track_is_told_of_with_its_streams_when_the_offer_is_set():
    alice, bob = pair()
    sender = add(alice, stream_ids=("cam", "all"), track_id="lens")
    alice.set_local(alice.create_offer())
    bob.set_remote(SessionDescription("offer", alice.create_offer().sdp))
    (made,) = bob.transceivers
    assert told(bob) == [TransceiverAdded(made), RemoteTrackAdded(made)]
    assert (made.mid, made.direction, made.current_direction) == ("0", RECVONLY, None)
    assert (made.remote_stream_ids, made.remote_track_id) == (("cam", "all"), "lens")
    assert made.remote_ssrcs == ((sender.ssrc, sender.rtx_ssrc),)
    assert not made.receives
    bob.set_local(bob.create_answer())
    assert made.receives
    assert told(bob) == []


def test_a_track_without_a_stream_is_announced_with_its_id_alone():
    alice, bob = pair()
    add(alice, track_id="lens")
    offered, _ = exchange(alice, bob)
    assert [(msid.stream, msid.track) for msid in offered.media[0].msids] == [("-", "lens")]
    assert (bob.transceivers[0].remote_stream_ids, bob.transceivers[0].remote_track_id) == ((), "lens")


def test_a_remote_track_goes_with_the_offer_that_no_longer_sends_and_comes_again():
    alice, bob = pair()
    sender = add(alice)
    exchange(alice, bob)
    (receiver,) = bob.transceivers
    for direction, event in ((RECVONLY, RemoteTrackRemoved), (SENDRECV, RemoteTrackAdded)):
        told(bob)
        sender.direction = direction
        exchange(alice, bob)
        assert told(bob) == [event(receiver)]
        assert receiver.receives is direction.sends


def test_a_remote_track_goes_when_this_side_answers_that_it_takes_none():
    alice, bob = pair()
    add(alice)
    exchange(alice, bob)
    (receiver,) = bob.transceivers
    told(bob)
    receiver.direction = INACTIVE
    exchange(bob, alice)
    assert told(bob) == [RemoteTrackRemoved(receiver)]


def test_media_may_come_before_its_answer():
    alice, bob = pair()
    add(alice, SENDONLY)
    exchange(alice, bob)
    transceiver = alice.transceivers[0]
    assert not transceiver.receives
    transceiver.direction = SENDRECV
    alice.set_local(alice.create_offer())
    assert transceiver.receives
    assert transceiver.current_direction is SENDONLY
    alice.set_local(SessionDescription("rollback"))
    assert not transceiver.receives


# Stopping


def test_a_stopped_transceiver_is_rejected_in_the_next_offer_and_its_section_used_again():
    alice, bob = pair()
    stopped, kept = add(alice), add(alice, kind="audio")
    exchange(alice, bob)
    theirs = bob.transceivers[0]
    told(bob)
    alice.stop(stopped)
    assert (stopped.stopping, stopped.stopped, stopped.sends, stopped.receives) == (True, False, False, False)
    assert alice.needed
    offered, answered = exchange(alice, bob)
    assert [media.port for media in offered.media] == [media.port for media in answered.media] == [0, 9]
    assert offered.bundle == answered.bundle == ("1",)
    assert told(bob) == [RemoteTrackRemoved(theirs), TransceiverStopped(theirs)]
    assert (stopped.stopped, theirs.stopped) == (True, True)
    assert (alice.transceivers, len(bob.transceivers)) == ([kept], 1)
    assert not alice.needed
    new = add(alice)
    offered, _ = exchange(alice, bob)
    assert [media.mid for media in offered.media] == ["2", "1"]
    assert new.mid == bob.transceivers[-1].mid == "2"


def test_the_other_side_may_use_the_section_again():
    alice, bob = pair()
    stopped = add(alice)
    exchange(alice, bob)
    alice.stop(stopped)
    exchange(alice, bob)
    add(bob, kind="audio")
    offered, _ = exchange(bob, alice)
    assert [(media.kind, media.mid) for media in offered.media] == [("audio", "1")]
    assert [each.kind for each in alice.transceivers] == ["audio"]


def test_a_transceiver_that_was_never_offered_ends_at_once():
    alice, _ = pair()
    transceiver = add(alice)
    alice.stop(transceiver)
    assert told(alice) == [TransceiverStopped(transceiver)]
    assert (alice.transceivers, alice.needed) == ([], False)


def test_stopping_twice_is_stopping_once():
    alice, bob = pair()
    transceiver = add(alice)
    exchange(alice, bob)
    alice.stop(transceiver)
    told(alice)
    alice.stop(transceiver)
    assert told(alice) == []


def test_an_offer_for_a_stopped_transceiver_is_answered_by_rejecting_it():
    alice, bob = pair()
    add(alice)
    exchange(alice, bob)
    bob.stop(bob.transceivers[0])
    _, answered = exchange(alice, bob)
    assert [media.port for media in answered.media] == [0]
    assert alice.transceivers == bob.transceivers == []
    assert (alice.needed, bob.needed) == (False, False)


def test_one_that_is_stopped_while_its_offer_waits_to_be_set_is_taken_back_by_the_next():
    alice, bob = pair()
    kept, stopped = add(alice), add(alice, kind="audio")
    offered = alice.create_offer()
    alice.stop(stopped)
    alice.set_local(offered)
    bob.set_remote(offered)
    answered = bob.create_answer()
    bob.set_local(answered)
    alice.set_remote(answered)
    assert alice.needed
    exchange(alice, bob)
    assert (stopped.stopped, alice.transceivers, len(bob.transceivers)) == (True, [kept], 1)
    assert not alice.needed


def test_one_that_is_stopped_and_never_offered_needs_no_negotiation():
    alice, bob = pair()
    stopped = add(alice)
    alice.create_offer()
    alice.stop(stopped)
    assert not alice.needed
    add(alice, kind="audio")
    exchange(alice, bob)
    assert (stopped.stopped, len(alice.transceivers), len(bob.transceivers)) == (True, 1, 1)


def test_nothing_is_added_or_stopped_after_the_end():
    alice, _ = pair()
    transceiver = add(alice)
    alice.close()
    with pytest.raises(InvalidStateError):
        add(alice)
    with pytest.raises(InvalidStateError):
        alice.stop(transceiver)


# Codecs


def test_the_remotes_order_counts_unless_this_side_has_a_preference():
    lines = ("a=rtpmap:96 VP9/90000", "a=rtpmap:97 VP8/90000")
    for capabilities, first in ((default_capabilities("video"), "VP9"), ((VP8, H264), "VP8")):
        negotiation = make_negotiation()
        negotiation.add_transceiver("video", SENDRECV, capabilities, created_by_add_track=True)
        media = answer(negotiation, offer(video("0", *lines, direction="sendrecv")))[0]
        assert media.codecs[0].name == first


def test_what_the_track_comes_in_is_sent_whatever_else_is_received():
    alice, bob = pair()
    add(alice)
    transceiver = bob.add_transceiver(
        "video", SENDRECV, default_capabilities("video"), created_by_add_track=True
    )
    transceiver.sendable = (H264,)
    exchange(alice, bob)
    assert transceiver.sends
    assert transceiver.codecs[0].capability == H264
    assert {codec.name for codec in transceiver.receive_codecs.values()} >= {"vp8", "vp9", "av1"}


def test_a_track_in_no_negotiated_codec_is_not_promised():
    negotiation = make_negotiation()
    transceiver = negotiation.add_transceiver(
        "audio", SENDRECV, default_capabilities("audio"), created_by_add_track=True
    )
    transceiver.sendable = (PCMU,)
    media = answer(negotiation, offer(audio("0", direction="sendrecv")))[0]
    assert (media.direction, transceiver.sends, transceiver.receives) == (RECVONLY, False, True)


def test_preferences_are_offered_in_their_order():
    negotiation = make_negotiation()
    negotiation.add_transceiver("audio", SENDRECV, (PCMU, OPUS))
    (media,) = parse(negotiation.create_offer()).media
    assert [codec.name for codec in media.codecs] == ["PCMU", "opus"]
    assert media.formats[0] == "0"


@pytest.mark.parametrize(
    "rids", [("a", "a"), ("",), ("ä",), ("a b",), ("x" * 17,), tuple("abcdefghijklmnopq")]
)
def test_an_encodings_name_is_checked(rids):
    with pytest.raises(LocalProtocolError, match="RID"):
        add(make_negotiation(), send_rids=rids)


def test_a_track_that_is_matched_keeps_its_ssrc():
    negotiation = make_negotiation()
    transceiver = add_sender(negotiation)
    (media,) = answer(negotiation, offer(video("0")))
    assert [source.id for source in media.ssrcs] == [transceiver.ssrc, transceiver.rtx_ssrc]
