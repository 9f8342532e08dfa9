"""Offers: stable sections, new ones for new tracks, and when an exchange is due."""

import pytest
from support.descriptions import (
    MID_URI,
    add_sender,
    answer,
    audio,
    exchange,
    make_negotiation,
    offer,
    parse,
    video,
)

from triortc.protocol.sdp.description import Direction, SessionDescription
from triortc.protocol.session.codecs import OPUS, VP8, CodecCapability, default_capabilities
from triortc.protocol.session.events import SignalingState, TransceiverStopped
from triortc.protocol.session.negotiation import Negotiation
from triortc.protocol.wire.errors import InvalidStateError, LocalProtocolError

ROLLBACK = SessionDescription("rollback")
ALL_CODECS = default_capabilities("audio") + default_capabilities("video")
UNKNOWN = CodecCapability("video", "H263-1998", 90_000)


def pair(*kinds: str) -> tuple[Negotiation, Negotiation]:
    alice, bob = make_negotiation(1), make_negotiation(2)
    for kind in kinds:
        add_sender(alice, kind)
    return alice, bob


def test_an_offer_leaves_the_dtls_role_to_the_other_side():
    alice, bob = pair("video")
    offered, answered = exchange(alice, bob)
    assert [media.setup for media in offered.media] == ["actpass"]
    assert [media.setup for media in answered.media] == ["passive"]


def test_an_exchange_agrees_on_the_same_on_both_sides():
    alice, bob = pair("audio", "video")
    exchange(alice, bob)
    for ours, theirs in zip(alice.transceivers, bob.transceivers, strict=True):
        assert ours.mid == theirs.mid
        assert ours.mid_extension_id == theirs.mid_extension_id
        assert ours.current_direction is Direction.SENDONLY
        assert theirs.current_direction is Direction.RECVONLY
        assert [codec.payload_type for codec in ours.codecs] == [
            codec.payload_type for codec in theirs.codecs
        ]
        assert ours.sends
        assert theirs.receives
        assert not ours.receives
        assert not theirs.sends
    assert alice.state is bob.state is SignalingState.STABLE


def test_payload_types_differ_within_an_offer():
    alice, _ = pair("audio", "video", "video")
    numbers = {}
    for media in parse(alice.create_offer()).media:
        for codec in media.codecs:
            key = (codec.name, codec.parameters)
            assert numbers.setdefault(codec.payload_type, key) == key
    assert len(numbers) == sum(1 + codec.retransmission for codec in ALL_CODECS)
    assert {numbers[0][0], numbers[8][0], numbers[9][0]} == {"PCMU", "PCMA", "G722"}


def test_nothing_changes_until_an_offer_is_set():
    alice, _ = pair("video")
    assert alice.create_offer() == alice.create_offer()
    assert alice.state is SignalingState.STABLE
    assert alice.transceivers[0].mid is None
    assert alice.local_description is None


def test_an_offer_of_nothing_is_refused():
    with pytest.raises(InvalidStateError, match="add a track"):
        make_negotiation().create_offer()


def test_an_added_track_is_a_new_section_in_the_next_offer_and_the_others_stay():
    alice, bob = pair("video")
    first, _ = exchange(alice, bob)
    assert not alice.needed
    add_sender(alice, "audio")
    assert alice.needed
    second, answered = exchange(alice, bob)
    assert [media.mid for media in second.media] == ["0", "1"]
    assert second.bundle == answered.bundle == ("0", "1")
    assert second.media[0] == first.media[0]
    assert second.session_id == first.session_id
    assert second.session_version == first.session_version + 1
    assert not alice.needed
    assert not bob.needed


def test_the_answerer_can_offer_next_and_keeps_sections_and_numbers():
    alice, bob = pair("video")
    first, _ = exchange(alice, bob)
    add_sender(bob, "audio")
    second, _ = exchange(bob, alice)
    assert [media.mid for media in second.media] == ["0", "1"]
    assert second.media[0].formats == first.media[0].formats
    assert second.media[0].direction is Direction.RECVONLY
    assert alice.transceivers[1].receives
    # Once DTLS stands, its roles stay, though an offer says actpass (RFC 8842 §5.2).
    assert [media.setup for media in second.media] == ["actpass", "actpass"]


def test_the_numbers_of_a_browsers_offer_hold_for_what_is_offered_to_it_later():
    negotiation = make_negotiation()
    add_sender(negotiation, "video")
    answer(negotiation, offer(video("0")))
    add_sender(negotiation, "audio")
    add_sender(negotiation, "video")
    kept, sound, picture = parse(negotiation.create_offer()).media
    assert kept.formats[:2] == picture.formats[:2] == ("96", "97")
    assert not set(sound.formats) & set(kept.formats)
    # One id means one thing in a whole bundle (RFC 9143 §9.1).
    ids = {extension.id for media in (kept, sound, picture) for extension in media.extensions}
    assert ids == {4}


def test_a_rejected_track_has_ended_and_its_section_goes_to_the_next_one():
    alice, bob = make_negotiation(1), make_negotiation(2)
    refused = add_sender(alice, "video", UNKNOWN)
    add_sender(alice, "audio")
    _, answered = exchange(alice, bob)
    assert [media.port for media in answered.media] == [0, 9]
    assert refused.stopped
    assert not refused.sends
    assert TransceiverStopped(refused) in alice.events
    assert refused not in alice.transceivers
    assert not alice.needed
    assert [media.port for media in parse(alice.create_offer()).media] == [0, 9]
    add_sender(alice, "audio")
    again, _ = exchange(alice, bob)
    assert [(media.kind, media.mid, media.port) for media in again.media] == [
        ("audio", "2", 9),
        ("audio", "1", 9),
    ]


def test_when_everything_is_rejected_there_is_no_agreement_and_no_need():
    alice, bob = make_negotiation(1), make_negotiation(2)
    add_sender(alice, "video")
    alice.set_local(alice.create_offer())
    bob.set_remote(SessionDescription("offer", alice.create_offer().sdp))
    bob.stop(bob.transceivers[0])
    answered = bob.create_answer()
    assert bob.set_local(answered) is None
    assert alice.set_remote(answered) is None
    assert not alice.needed
    assert alice.transceivers == bob.transceivers == []


def test_negotiation_is_needed_after_an_answer_that_had_no_room_for_a_track():
    negotiation = make_negotiation()
    add_sender(negotiation, "audio")
    add_sender(negotiation, "video")
    answer(negotiation, offer(audio("0")))
    assert negotiation.needed
    assert [media.kind for media in parse(negotiation.create_offer()).media] == ["audio", "video"]


def test_negotiation_is_not_needed_while_one_is_under_way():
    alice, _ = pair("video")
    assert alice.needed
    alice.set_local(alice.create_offer())
    assert not alice.needed


def test_a_rollback_takes_the_offer_back():
    alice, bob = pair("video")
    alice.set_local(alice.create_offer())
    alice.set_local(ROLLBACK)
    assert (alice.state, alice.local_description, alice.transceivers[0].mid) == (
        SignalingState.STABLE,
        None,
        None,
    )
    assert alice.needed
    exchange(alice, bob)
    assert alice.transceivers[0].sends


def test_a_rollback_returns_to_what_was_agreed():
    alice, bob = pair("video")
    exchange(alice, bob)
    agreed = alice.local_description, alice.remote_description
    add_sender(alice, "audio")
    alice.set_local(alice.create_offer())
    alice.set_local(ROLLBACK)
    assert (alice.local_description, alice.remote_description) == agreed
    assert [transceiver.mid for transceiver in alice.transceivers] == ["0", None]


def test_a_remote_offer_is_rolled_back_too():
    negotiation = make_negotiation()
    add_sender(negotiation)
    negotiation.set_remote(offer(video("0")))
    negotiation.set_local(ROLLBACK)
    assert (negotiation.state, negotiation.remote_description) == (SignalingState.STABLE, None)
    (media,) = answer(negotiation, offer(video("other")))
    assert media.mid == "other"


def test_an_answer_made_for_one_offer_does_not_answer_the_next():
    negotiation = make_negotiation()
    add_sender(negotiation)
    negotiation.set_remote(offer(video("0")))
    stale = negotiation.create_answer()
    negotiation.set_local(ROLLBACK)
    negotiation.set_remote(offer(video("1")))
    with pytest.raises(LocalProtocolError, match="not the last one"):
        negotiation.set_local(stale)
    assert negotiation.state is SignalingState.HAVE_REMOTE_OFFER


def test_an_offer_is_not_set_as_an_answer():
    negotiation = make_negotiation()
    add_sender(negotiation)
    created = negotiation.create_offer()
    negotiation.set_remote(offer(video("0")))
    with pytest.raises(LocalProtocolError, match="not the last one"):
        negotiation.set_local(SessionDescription("answer", created.sdp))


def test_a_description_of_ones_own_making_is_refused():
    alice, _ = pair("video")
    edited = alice.create_offer().sdp.replace("sendonly", "sendrecv")
    with pytest.raises(LocalProtocolError, match="not the last one"):
        alice.set_local(SessionDescription("offer", edited))


def test_a_codec_is_chosen_by_the_sender():
    alice, bob = make_negotiation(1), make_negotiation(2)
    add_sender(alice, "video", VP8)
    _, answered = exchange(alice, bob)
    assert [codec.name for codec in answered.media[0].codecs] == ["VP8", "rtx"]
    with pytest.raises(LocalProtocolError, match="needs a codec"):
        alice.add_transceiver("video", Direction.SENDONLY, ())


def test_two_tracks_of_one_kind_have_sources_of_their_own():
    alice, bob = pair("audio", "audio")
    offered, _ = exchange(alice, bob)
    first, second = offered.media
    assert first.codecs == second.codecs
    assert first.codecs[0].name == OPUS.name
    assert first.ssrcs[0].id != second.ssrcs[0].id
    assert first.extensions[0].uri == MID_URI


def test_a_source_stays_named_while_it_is_not_sent():
    # Chromium shows nothing of what comes under an SSRC that was gone from the descriptions meanwhile.
    alice, bob = pair("video")
    (transceiver,) = alice.transceivers
    sources = [transceiver.ssrc, transceiver.rtx_ssrc]
    exchange(alice, bob)
    transceiver.direction = Direction.INACTIVE
    offered, answered = exchange(alice, bob)
    assert [source.id for source in offered.media[0].ssrcs] == sources
    assert answered.media[0].ssrcs == ()

    transceiver.direction = Direction.SENDONLY
    bob.transceivers[0].direction = Direction.INACTIVE
    _, answered = exchange(bob, alice)
    assert [source.id for source in answered.media[0].ssrcs] == sources


def test_one_track_has_an_id_in_each_section():
    # Chromium: "Duplicate a=msid lines detected".
    negotiation = make_negotiation()
    for _ in range(2):
        negotiation.add_transceiver(
            "video", Direction.SENDRECV, (VP8,), stream_ids=["stream"], track_id="track"
        )
    first, second = parse(negotiation.create_offer()).media
    assert (first.msids[0].stream, first.msids[0].track) == ("stream", "track")
    assert second.msids[0].stream == "stream"
    assert second.msids[0].track not in ("track", None)


def test_a_source_that_was_only_in_an_offer_taken_back_is_not_named():
    alice, _ = pair("video")
    alice.set_local(alice.create_offer())
    alice.set_local(ROLLBACK)
    alice.transceivers[0].direction = Direction.RECVONLY
    assert parse(alice.create_offer()).media[0].ssrcs == ()
