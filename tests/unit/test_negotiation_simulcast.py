"""Several encodings in one section: offered by browsers and answered, and offered by this side."""

from pathlib import Path

import pytest
from support.descriptions import MID_URI, VP8, answer, exchange, make_negotiation, offer, parse, video

from triortc.protocol.sdp.description import (
    Direction,
    MediaDescription,
    Rid,
    SessionDescription,
    parse_description_untrusted,
)
from triortc.protocol.session.codecs import default_capabilities
from triortc.protocol.session.negotiation import Negotiation
from triortc.protocol.session.simulcast import answer_rids, describe_simulcast, read_rids
from triortc.protocol.session.transceiver import Transceiver

CORPUS = Path(__file__).parents[2] / "../shared/corpus/sdp"
RID_URI = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_URI = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
EXTENSIONS = (f"a=extmap:4 {MID_URI}", f"a=extmap:10 {RID_URI}", f"a=extmap:11 {REPAIRED_URI}")
RIDS = ("a=rid:h send", "a=rid:m send", "a=rid:l send", "a=simulcast:send h;m;l")


def receive(*lines: str, direction: str = "sendrecv") -> tuple[MediaDescription, Transceiver]:
    negotiation = make_negotiation()
    (media,) = answer(negotiation, offer(video("0", *VP8, *lines, direction=direction)))
    return media, negotiation.transceivers[0]


def test_a_browsers_encodings_are_taken_with_their_names():
    media, transceiver = receive(*EXTENSIONS, *RIDS)
    assert media.rids == tuple(Rid(name, "recv") for name in "hml")
    assert media.simulcast == "recv h;m;l"
    assert [extension.id for extension in media.extensions] == [4, 10, 11]
    assert transceiver.receive_rids == ("h", "m", "l")
    assert (transceiver.rid_extension_id, transceiver.repaired_rid_extension_id) == (10, 11)


@pytest.mark.parametrize(
    ("lines", "direction"),
    [
        (RIDS, "sendrecv"),  # nothing in the packets would tell them apart
        ((*EXTENSIONS, *RIDS[:3]), "sendrecv"),
        ((*EXTENSIONS, RIDS[3]), "sendrecv"),
        ((*EXTENSIONS, *RIDS), "recvonly"),
        ((*EXTENSIONS, *RIDS[:3], "a=simulcast:recv h;m;l"), "sendrecv"),
        ((*EXTENSIONS, *RIDS[:3], "a=simulcast:"), "sendrecv"),
        ((*EXTENSIONS, *RIDS[:3], "a=simulcast:send"), "sendrecv"),
    ],
)
def test_without_all_that_it_takes_there_is_one_encoding(lines, direction):
    media, transceiver = receive(*lines, direction=direction)
    assert (media.rids, media.simulcast, transceiver.receive_rids) == ((), None, ())
    assert transceiver.rid_extension_id is None
    assert media.port == 9


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("send h;m;l", "hml"),
        ("recv h send m;l", "ml"),
        ("send ~h;m,l", "hm"),
        ("send h;h;x", "h"),
        (" send rid=h;m", "hm"),
    ],
)
def test_the_list_of_encodings_is_read_in_all_its_forms(value, names):
    rids = tuple(Rid(name, "send") for name in "hml")
    media = MediaDescription("video", rids=rids, simulcast=value.strip())
    assert "".join(rid.id for rid in read_rids(media, "send")) == names


def test_an_encoding_with_a_restriction_that_is_not_understood_is_left_out():
    rids = (Rid("h", "send", (("max-width", "1280"),)), Rid("m", "send", (("colour", "red"),)))
    media = MediaDescription("video", rids=rids, simulcast="send h;m")
    assert read_rids(media, "send") == rids[:1]


def test_restrictions_to_payload_types_leave_what_was_agreed_on():
    rids = (Rid("h", "send", (("pt", "96,98"),)), Rid("m", "send", (("pt", "98"),)), Rid("l", "send"))
    assert answer_rids(rids, [96]) == (Rid("h", "recv", (("pt", "96"),)), Rid("l", "recv"))


def test_the_two_directions_are_written_as_one_line():
    assert describe_simulcast(["a", "b"], ["c"]) == "send a;b recv c"
    assert describe_simulcast([], []) is None


# Several encodings of this side's


def sender(*rids: str) -> tuple[Negotiation, Transceiver]:
    negotiation = make_negotiation(1)
    transceiver = negotiation.add_transceiver(
        "video", Direction.SENDRECV, default_capabilities("video"), send_rids=rids
    )
    return negotiation, transceiver


def test_several_encodings_are_offered_by_name_and_one_is_not():
    negotiation, transceiver = sender("h", "l")
    (media,) = parse(negotiation.create_offer()).media
    assert (media.rids, media.simulcast) == ((Rid("h", "send"), Rid("l", "send")), "send h;l")
    assert [extension.uri for extension in media.extensions] == [MID_URI, RID_URI, REPAIRED_URI]
    assert media.ssrcs == ()
    assert len({ssrc for pair in transceiver.send_ssrcs for ssrc in pair}) == 4
    assert transceiver.send_ssrcs[0] == (transceiver.ssrc, transceiver.rtx_ssrc)
    (media,) = parse(sender("only")[0].create_offer()).media
    assert (media.rids, media.simulcast) == ((), None)


def test_both_sides_agree_on_the_encodings():
    alice, ours = sender("h", "m", "l")
    bob = make_negotiation(2)
    exchange(alice, bob)
    assert ours.send_rids == bob.transceivers[0].receive_rids == ("h", "m", "l")
    assert ours.rid_extension_id == bob.transceivers[0].rid_extension_id is not None
    # And so they go on, whoever offers next.
    offered, _ = exchange(bob, alice)
    assert offered.media[0].simulcast == "recv h;m;l"
    assert ours.send_rids == bob.transceivers[0].receive_rids == ("h", "m", "l")


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        (("a=rid:h recv", "a=rid:l recv", "a=simulcast:recv h;l"), ("h", "l")),
        (("a=rid:l recv", "a=simulcast:recv l"), ("l",)),
        ((), ("h",)),
    ],
)
def test_an_answer_may_leave_fewer_encodings(lines, kept):
    alice, transceiver = sender("h", "m", "l")
    ssrcs = dict(zip(transceiver.send_rids, transceiver.send_ssrcs, strict=True))
    alice.set_local(alice.create_offer())
    extensions = [f"a=extmap:{extension.id} {extension.uri}" for extension in parse_local(alice).extensions]
    answered = offer(video("0", *VP8, *extensions, *lines)).sdp.replace("actpass", "passive")
    alice.set_remote(SessionDescription("answer", answered))
    assert transceiver.send_rids == kept
    assert transceiver.send_ssrcs == tuple(ssrcs[rid] for rid in kept)


def parse_local(negotiation: Negotiation) -> MediaDescription:
    assert negotiation.local_description is not None
    return negotiation.local_description.media[0]


def test_a_rollback_brings_the_encodings_back():
    alice, transceiver = sender("h", "l")
    alice.set_local(alice.create_offer())
    alice.set_local(SessionDescription("rollback"))
    assert transceiver.send_rids == ("h", "l")


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not here")
@pytest.mark.parametrize("path", sorted(CORPUS.glob("*/*.sdp")), ids=lambda path: path.stem)
def test_every_real_offer_is_answered_or_refused(path):
    """Nothing but a documented refusal, and an answer that an offerer can take."""
    text = path.read_bytes().decode(errors="replace")
    negotiation = make_negotiation()
    try:
        media = answer(negotiation, SessionDescription("offer", text))
    except ValueError as refusal:
        assert type(refusal).__name__ in ("RemoteProtocolError", "NoCommonCodec")  # noqa: PT017
        return
    offered = parse_description_untrusted(text).media
    assert [section.kind for section in media] == [section.kind for section in offered]
    assert [section.mid for section in media if section.port] == [
        section.mid or str(index) for index, section in enumerate(offered) if media[index].port
    ]
