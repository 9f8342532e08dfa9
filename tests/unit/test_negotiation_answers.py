"""Answers: each offered media section is served or refused, alone, in the offerer's numbers."""

from dataclasses import replace
from pathlib import Path

import pytest
from support.descriptions import (
    MID_URI,
    OPUS,
    RTX,
    TRANSPORT,
    VP8,
    add_receiver,
    add_sender,
    answer,
    application,
    audio,
    describe,
    make_negotiation,
    offer,
    section,
    video,
)
from support.session_pair import make_session

from triortc.protocol.ice.candidate import parse_candidate_untrusted
from triortc.protocol.sdp.description import (
    Direction,
    MediaDescription,
    SessionDescription,
    parse_description_untrusted,
)
from triortc.protocol.session.codecs import VP8 as VP8_CODEC
from triortc.protocol.session.codecs import default_capabilities, h264
from triortc.protocol.session.events import TransceiverAdded
from triortc.protocol.session.negotiation import Negotiation
from triortc.protocol.wire.errors import NoCommonCodec

CORPUS = Path(__file__).parents[2] / "../shared/corpus/sdp"
OLD_H264 = ("a=rtpmap:96 H264/90000", "a=fmtp:96 packetization-mode=0;profile-level-id=42e01f")


def sender() -> Negotiation:
    negotiation = make_negotiation()
    add_sender(negotiation, "audio")
    add_sender(negotiation, "video")
    return negotiation


def test_an_answer_serves_every_section_in_the_offers_order():
    negotiation = sender()
    first, second = answer(negotiation, offer(video("v"), audio("a")))
    assert (first.kind, first.mid, second.kind, second.mid) == ("video", "v", "audio", "a")
    assert first.direction is second.direction is Direction.SENDONLY
    assert [transceiver.mid for transceiver in negotiation.transceivers] == ["a", "v"]


@pytest.mark.parametrize(
    "unserved",
    [
        application("x"),
        video("x", "a=rtpmap:96 H263-1998/90000", "a=rtpmap:97 rtx/90000"),
        video("x", *OLD_H264),
        section("video 9 UDP/TLS/RTP/SAVPF 96", "x", *TRANSPORT[:-1], *VP8),
        section("video 0 UDP/TLS/RTP/SAVPF 96", "x", *TRANSPORT, *VP8),
        section("video 9 RTP/AVP 96", "x", *TRANSPORT, *VP8),
        section("image 9 UDP/TLS/RTP/SAVPF 96", "x", *TRANSPORT, *VP8),
    ],
    ids=[
        "application",
        "unknown-codec",
        "packetization-mode-0",
        "no-rtcp-mux",
        "offered-as-rejected",
        "plain-rtp",
        "strange-kind",
    ],
)
def test_a_section_that_cannot_be_served_is_rejected_and_the_others_are_kept(unserved):
    for sections, index in (((unserved, audio("a")), 0), ((audio("a"), unserved), 1)):
        media = answer(sender(), offer(*sections))
        refused, kept = media[index], media[1 - index]
        assert (refused.mid, refused.port, refused.direction) == ("x", 0, Direction.INACTIVE)
        assert refused.formats
        assert (kept.mid, kept.port, kept.direction) == ("a", 9, Direction.SENDONLY)
        assert kept.ice_ufrag
        assert kept.fingerprints


def test_an_unbundled_section_is_rejected_and_leaves_the_bundle():
    negotiation = sender()
    negotiation.set_remote(offer(audio("a"), video("v"), bundle="a"))
    parsed = parse_description_untrusted(negotiation.create_answer().sdp)
    assert parsed.bundle == ("a",)
    assert [media.port for media in parsed.media] == [9, 0]


def test_the_bundle_of_an_answer_names_the_served_sections_alone():
    negotiation = sender()
    negotiation.set_remote(offer(application("d"), audio("a"), video("v")))
    assert parse_description_untrusted(negotiation.create_answer().sdp).bundle == ("a", "v")


def test_one_section_without_a_bundle_group_is_served():
    text = describe(video("0")).replace("a=group:BUNDLE 0\r\n", "")
    (media,) = answer(sender(), SessionDescription("offer", text))
    assert media.port == 9


@pytest.mark.parametrize(
    ("offered", "answered"),
    [("sendrecv", "recvonly"), ("sendonly", "recvonly"), ("recvonly", "inactive"), ("inactive", "inactive")],
)
def test_a_section_that_nothing_waits_for_is_received(offered, answered):
    negotiation = sender()
    _, media = answer(negotiation, offer(video("0"), video("1", direction=offered)))
    assert (media.port, media.direction.value) == (9, answered)
    created = negotiation.transceivers[2]
    assert (created.mid, created.direction.value, created.current_direction.value) == (
        "1",
        "recvonly",
        answered,
    )
    assert created.capabilities == default_capabilities("video")
    assert negotiation.events[0] == TransceiverAdded(created)


def test_a_second_section_of_one_kind_goes_to_a_second_track():
    negotiation = sender()
    add_sender(negotiation)
    first, second = answer(negotiation, offer(video("0"), video("1")))
    assert (first.port, second.port) == (9, 9)
    assert {ssrc.id for ssrc in first.ssrcs}.isdisjoint(ssrc.id for ssrc in second.ssrcs)


def test_payload_types_and_extension_ids_are_the_offerers():
    lines = ("a=rtpmap:109 VP8/90000", "a=rtpmap:35 rtx/90000", "a=fmtp:35 apt=109", f"a=extmap:13 {MID_URI}")
    text = describe(section("video 9 UDP/TLS/RTP/SAVPF 109 35", "0", *TRANSPORT, *lines))
    negotiation = sender()
    (media,) = answer(negotiation, SessionDescription("offer", text))
    assert media.formats == ("109", "35")
    assert [(codec.payload_type, codec.name) for codec in media.codecs] == [(109, "VP8"), (35, "rtx")]
    assert media.codecs[1].parameter("apt") == "109"
    assert [(extension.id, extension.uri) for extension in media.extensions] == [(13, MID_URI)]
    assert negotiation.transceivers[1].mid_extension_id == 13


def test_an_offer_without_rtx_or_mid_gets_none():
    (media,) = answer(sender(), offer(video("0", *VP8)))
    assert [codec.name for codec in media.codecs] == ["VP8"]
    assert media.extensions == media.ssrc_groups == ()
    assert len(media.ssrcs) == 1


def test_feedback_is_what_both_sides_know():
    (media,) = answer(sender(), offer(video("0", *VP8, *RTX)))
    assert media.codecs[0].feedback == ("nack", "nack pli")


def test_retransmissions_are_grouped_with_their_source():
    negotiation = sender()
    (media,) = answer(negotiation, offer(video("0")))
    transceiver = negotiation.transceivers[1]
    (group,) = media.ssrc_groups
    assert (group.semantics, group.ssrcs) == ("FID", (transceiver.ssrc, transceiver.rtx_ssrc))


@pytest.mark.parametrize(
    ("remote", "ours", "client"),
    [("actpass", "passive", False), ("active", "passive", False), ("passive", "active", True)],
)
def test_the_dtls_role_of_an_answer(remote, ours, client):
    negotiation = sender()
    text = describe(video("0")).replace("actpass", remote)
    negotiation.set_remote(SessionDescription("offer", text))
    description = negotiation.create_answer()
    assert f"a=setup:{ours}\r\n" in description.sdp
    agreement = negotiation.set_local(description)
    assert agreement is not None
    assert (agreement.dtls_client, agreement.offered) == (client, False)


def test_the_error_names_the_section_that_has_no_common_codec():
    negotiation = make_negotiation()
    add_sender(negotiation, "video", VP8_CODEC)
    negotiation.set_remote(offer(application("d"), video("the-video", "a=rtpmap:96 AV1/90000")))
    with pytest.raises(NoCommonCodec, match="VP8") as caught:
        negotiation.create_answer()
    assert caught.value.mid == "the-video"


def test_the_error_tells_a_codec_of_another_form_from_an_unknown_one():
    negotiation = make_negotiation()
    add_sender(negotiation, "video", h264("64001f"))
    negotiation.set_remote(offer(video("0", *OLD_H264)))
    with pytest.raises(NoCommonCodec, match=r"knows H264 with other parameters \(a=fmtp\) only"):
        negotiation.create_answer()


def test_a_receiver_answers_recvonly_and_announces_no_source():
    negotiation = make_negotiation()
    add_receiver(negotiation, "audio")
    (media,) = answer(negotiation, offer(audio("0", *OPUS, direction="sendrecv")))
    assert media.direction is Direction.RECVONLY
    assert media.ssrcs == media.msids == ()


def corpus_answer(name: str) -> tuple[MediaDescription, ...]:
    text = (CORPUS / name).read_bytes().decode().replace("a=sendonly", "a=recvonly")
    return answer(sender(), SessionDescription("offer", text))


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not here")
@pytest.mark.parametrize(
    ("name", "served"),
    [
        ("str0m/chrome104_offer_0.sdp", ["audio", "video"]),
        ("aiortc/audio_chrome.sdp", ["audio"]),
        ("aiortc/audio_firefox.sdp", ["audio"]),
        ("aiortc/video_chrome.sdp", ["video"]),
        ("aiortc/video_firefox.sdp", ["video"]),
        ("aiortc/safari.sdp", ["audio", "video"]),
    ],
)
def test_real_offers_are_answered(name, served):
    media = corpus_answer(name)
    assert [section.kind for section in media if section.port] == served
    assert all(section.setup == "passive" for section in media if section.port)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not here")
def test_a_chromium_offer_keeps_its_numbers_in_the_answer():
    _, opus, vp8 = corpus_answer("str0m/chrome104_offer_0.sdp")
    assert opus.formats == ("111", "9", "0", "8")
    assert vp8.formats[:2] == ("96", "97")
    assert [extension.id for extension in vp8.extensions] == [4]


def test_reduced_size_rtcp_is_answered_when_it_was_offered():
    for lines, answered in (((), False), (("a=rtcp-rsize",), True)):
        (media,) = answer(sender(), offer(video("0", *VP8, *lines)))
        assert media.rtcp_rsize is answered


def test_candidates_of_a_section_that_is_not_served_lead_nowhere():
    session = make_session(1)
    separate = video("v").replace("ice-ufrag:abcd", "ice-ufrag:other")
    session.set_remote_description(offer(audio("a"), separate, bundle=""), 0.0)
    session.set_local_description(session.create_answer(), 0.0)
    session.add_host_address(("10.0.0.1", 50_000), 0.0)
    for mid, port in (("v", 1000), ("a", 2000), (None, 3000)):
        line = f"candidate:1 1 udp 2122260223 10.0.0.2 {port} typ host"
        candidate = replace(parse_candidate_untrusted(line), sdp_mid=mid)
        session.add_remote_candidate(candidate, 0.0)
    assert {pair.remote[1] for pair in session.ice.candidate_pairs} == {2000, 3000}
