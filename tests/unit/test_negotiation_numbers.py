"""Payload types and extension ids: each side's own, and stable whatever is negotiated later."""

from support.descriptions import (
    MID_URI,
    TRANSPORT,
    answer,
    describe,
    exchange,
    make_negotiation,
    offer,
    parse,
    section,
    video,
)

from triortc.protocol.sdp.description import Direction, MediaDescription, SessionDescription
from triortc.protocol.session.codecs import G722, H264, OPUS, PCMA, PCMU, VP8, VP9, ReceivedCodec
from triortc.protocol.session.negotiation import Negotiation
from triortc.protocol.session.transceiver import Transceiver

SENDRECV = Direction.SENDRECV


def add(negotiation: Negotiation, *capabilities, by_track: bool = True) -> Transceiver:
    kind = capabilities[0].kind
    return negotiation.add_transceiver(kind, SENDRECV, capabilities, created_by_add_track=by_track)


def numbers(media: MediaDescription) -> dict[str, int]:
    return {codec.name: codec.payload_type for codec in media.codecs if codec.name != "rtx"}


def with_numbers(sdp: str, changes: dict[str, str]) -> str:
    """Write other payload types into a description."""
    lines = []
    for line in sdp.split("\r\n"):
        head, colon, rest = line.partition(":")
        if line.startswith("m="):
            words = line.split(" ")
            line = " ".join(words[:3] + [changes.get(word, word) for word in words[3:]])
        elif head in ("a=rtpmap", "a=fmtp", "a=rtcp-fb"):
            number, space, value = rest.partition(" ")
            value = "apt=" + changes.get(value[4:], value[4:]) if value.startswith("apt=") else value
            line = f"{head}{colon}{changes.get(number, number)}{space}{value}"
        lines.append(line)
    return "\r\n".join(lines)


def test_an_answer_may_have_numbers_of_its_own():
    alice, bob = make_negotiation(1), make_negotiation(2)
    sender = add(alice, VP8)
    offered = alice.create_offer()
    alice.set_local(offered)
    bob.set_remote(offered)
    sdp = with_numbers(bob.create_answer().sdp, {"96": "120", "97": "121"})
    alice.set_remote(SessionDescription("answer", sdp.replace("recvonly", "sendrecv")))
    (codec,) = sender.codecs
    assert (codec.payload_type, codec.rtx_payload_type) == (120, 121)
    assert (codec.receive_payload_type, codec.receive_rtx_payload_type) == (96, 97)
    assert sender.receive_codecs == {
        96: ReceivedCodec("vp8", 90_000),
        97: ReceivedCodec("rtx", 90_000, apt=96),
    }
    (again,) = parse(alice.create_offer()).media
    assert again.formats == ("96", "97")


def test_a_number_that_meant_something_else_is_answered_by_ones_own():
    alice, bob = make_negotiation(1), make_negotiation(2)
    add(alice, VP8, H264)
    bob_side = add(bob, VP8, H264)
    first, _ = exchange(alice, bob)
    assert numbers(first.media[0]) == {"VP8": 96, "H264": 98}
    swapped = with_numbers(bob.create_offer().sdp, {"96": "98", "97": "99", "98": "96", "99": "97"})
    alice.set_remote(SessionDescription("offer", swapped))
    alice.set_local(alice.create_answer())
    transceiver = alice.transceivers[0]
    assert {c.capability.name: (c.payload_type, c.receive_payload_type) for c in transceiver.codecs} == {
        "VP8": (98, 96),
        "H264": (96, 98),
    }
    assert {number: it.name for number, it in transceiver.receive_codecs.items() if it.apt is None} == {
        96: "vp8",
        98: "h264",
    }
    assert bob_side.codecs[0].payload_type == 96


def test_numbers_stay_when_codecs_come_and_go():
    alice, bob = make_negotiation(1), make_negotiation(2)
    transceiver = add(alice, VP8, VP9, H264)
    first, _ = exchange(alice, bob)
    known = numbers(first.media[0])
    for capabilities in ((H264, VP8), (VP9,), (VP9, H264, VP8)):
        transceiver.capabilities = capabilities
        again, _ = exchange(alice, bob)
        assert numbers(again.media[0]).items() <= known.items()
        assert list(numbers(again.media[0])) == [capability.name for capability in capabilities]


def test_static_numbers_are_used():
    negotiation = make_negotiation()
    add(negotiation, PCMU, PCMA, G722, OPUS)
    (media,) = parse(negotiation.create_offer()).media
    assert numbers(media) == {"PCMU": 0, "PCMA": 8, "G722": 9, "opus": 96}
    lines = "\r\n".join(["m=audio 9 UDP/TLS/RTP/SAVPF 0 8", "a=mid:0", "a=sendrecv", *TRANSPORT, ""])
    text = describe(lines)
    negotiation = make_negotiation()
    (media,) = answer(negotiation, SessionDescription("offer", text))
    assert numbers(media) == {"PCMU": 0, "PCMA": 8}


def test_numbers_of_codecs_that_are_unknown_here_are_left_alone():
    lines = ("a=rtpmap:96 VP8/90000", "a=rtpmap:97 H266/90000", "a=extmap:9 urn:x:unknown")
    negotiation = make_negotiation()
    answer(negotiation, offer(video("0", *lines, direction="sendrecv")))
    add(negotiation, OPUS)
    _, new = parse(negotiation.create_offer()).media
    assert not {96, 97} & set(numbers(new).values())
    assert [extension.id for extension in new.extensions] == [1]


def test_an_offer_that_leaves_no_numbers_leaves_codecs_out():
    codecs = [f"a=rtpmap:{number} X-{number}/90000" for number in range(128) if number != 96]
    line = "video 9 UDP/TLS/RTP/SAVPF " + " ".join(map(str, range(128)))
    extensions = [f"a=extmap:{number} urn:x:{number}" for number in range(1, 15)]
    text = section(line, "0", *TRANSPORT, "a=rtpmap:96 VP8/90000", *codecs, *extensions, direction="sendrecv")
    negotiation = make_negotiation()
    transceiver = add(negotiation, VP8, VP9)
    answer(negotiation, SessionDescription("offer", describe(text)))
    assert [codec.capability for codec in transceiver.codecs] == [VP8]
    again = parse(negotiation.create_offer()).media[0]
    assert (numbers(again), again.extensions) == ({"VP8": 96}, ())


def test_extensions_have_the_ids_that_chromium_gives_them():
    # It cannot offer any more, once an offer of its own was rolled back in which the id had another meaning.
    negotiation = make_negotiation()
    negotiation.add_transceiver("video", Direction.SENDONLY, (VP8,), send_rids=("h", "l"))
    (media,) = parse(negotiation.create_offer()).media
    assert {extension.uri: extension.id for extension in media.extensions}[MID_URI] == 9
    assert {extension.id for extension in media.extensions} == {9, 10, 11}


def test_an_extension_id_that_no_packet_can_carry_is_not_taken():
    negotiation = make_negotiation()
    add(negotiation, VP8)
    lines = ("a=rtpmap:96 VP8/90000", f"a=extmap:4096 {MID_URI}")
    (media,) = answer(negotiation, offer(video("0", *lines)))
    assert media.extensions == ()


def test_the_parameters_a_remote_wishes_to_be_sent_are_told():
    lines = (
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 stereo=1;maxaveragebitrate=32000;useinbandfec=1;usedtx=1",
    )
    line = section("audio 9 UDP/TLS/RTP/SAVPF 111", "0", *TRANSPORT, *lines, direction="recvonly")
    negotiation = make_negotiation()
    transceiver = add(negotiation, OPUS)
    (media,) = answer(negotiation, SessionDescription("offer", describe(line)))
    (codec,) = transceiver.codecs
    assert (codec.parameter("stereo"), codec.parameter("maxaveragebitrate")) == ("1", "32000")
    assert (codec.parameter("usedtx"), codec.parameter("cbr")) == ("1", None)
    # What this side wishes to be sent is its own affair.
    assert media.codecs[0].parameters == OPUS.parameters


def test_ids_and_numbers_of_a_bundle_are_one_for_all_its_sections():
    alice, bob = make_negotiation(1), make_negotiation(2)
    for capability in (VP8, OPUS, VP8):
        add(alice, capability)
    exchange(alice, bob)
    add(alice, VP9, VP8)
    offered, _ = exchange(alice, bob)
    assert {extension.id for media in offered.media for extension in media.extensions} == {9}
    assert {numbers(media)["VP8"] for media in offered.media if media.kind == "video"} == {96}
