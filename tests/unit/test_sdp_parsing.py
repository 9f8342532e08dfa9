import pytest

from triortc.protocol.sdp.description import (
    Codec,
    Direction,
    Fingerprint,
    HeaderExtension,
    MediaDescription,
    Msid,
    Rid,
    Ssrc,
    SsrcGroup,
    parse_description_untrusted,
)
from triortc.protocol.wire.errors import Malformed

SESSION = "v=0\r\no=- 42 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"


def parse_media(*attributes: str, line: str = "video 9 UDP/TLS/RTP/SAVPF 96 97") -> MediaDescription:
    text = SESSION + f"m={line}\r\n" + "".join(f"a={attribute}\r\n" for attribute in attributes)
    (media,) = parse_description_untrusted(text).media
    return media


def test_the_session_part_gives_identity_bundle_and_semantics():
    parsed = parse_description_untrusted(
        "v=0\r\no=mozilla...THIS_IS_SDPARTA-99.0 18446744069414584320 7 IN IP4 0.0.0.0\r\ns=call\r\nt=0 0\r\n"
        "a=group:LS x y\r\na=group:BUNDLE a b\r\na=group:BUNDLE c\r\na=msid-semantic:WMS *\r\na=ice-lite\r\n"
    )
    assert (parsed.session_id, parsed.session_version, parsed.name) == (18446744069414584320, 7, "call")
    assert parsed.bundle == ("a", "b")
    assert parsed.msid_semantic == "WMS *"
    assert parsed.ice_lite
    assert parsed.media == ()


def test_line_ends_may_be_bare_and_blank_lines_stand_anywhere():
    text = "\n" + SESSION.replace("\r\n", "\n") + "\n\nm=audio 9 UDP/TLS/RTP/SAVPF 0\n \na=mid:x"
    assert parse_description_untrusted(text).media[0].mid == "x"


def test_unknown_lines_and_attributes_are_passed_over():
    text = SESSION + "z=1 2\r\nX=?\r\na=tls-id:1\r\n"
    text += "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\nk=x\r\na=crypto:1 x\r\na=ptime:20\r\na=:\r\n"
    assert len(parse_description_untrusted(text).media) == 1


def test_a_codec_is_put_together_from_its_lines():
    media = parse_media(
        "rtpmap:96 VP8/90000",
        "rtcp-fb:96 nack",
        "rtcp-fb:96  nack  pli",
        "rtcp-fb:* transport-cc",
        "rtcp-fb:* nack",
        "fmtp:96 max-fs=12288; max-fr=60;",
        "rtpmap:97 rtx/90000",
        "fmtp:97 apt=96",
    )
    assert media.codecs == (
        Codec(
            96,
            "VP8",
            90000,
            parameters=(("max-fs", "12288"), ("max-fr", "60")),
            feedback=("nack", "nack pli", "transport-cc"),
        ),
        Codec(97, "rtx", 90000, parameters=(("apt", "96"),), feedback=("transport-cc", "nack")),
    )
    assert media.codecs[0].parameter("MAX-FS") == "12288"
    assert media.codecs[0].parameter("apt") is None


def test_format_parameters_need_no_name_and_may_hold_equals_signs():
    media = parse_media(
        "rtpmap:96 red/48000/2",
        "fmtp:96 111/111",
        "rtpmap:97 H264/90000",
        "fmtp:97 sprop-parameter-sets=Z0I=,aM4=",
    )
    red, h264 = media.codecs
    assert red.channels == 2
    assert red.parameters == (("111/111", None),)
    assert h264.parameter("sprop-parameter-sets") == "Z0I=,aM4="


def test_static_payload_types_need_no_rtpmap():
    media = parse_media("rtpmap:101 telephone-event/8000", line="audio 9 UDP/TLS/RTP/SAVPF 9 0 8 13 101")
    assert [(codec.payload_type, codec.name, codec.clock_rate) for codec in media.codecs] == [
        (9, "G722", 8000),
        (0, "PCMU", 8000),
        (8, "PCMA", 8000),
        (101, "telephone-event", 8000),
    ]
    assert media.formats == ("9", "0", "8", "13", "101")


def test_a_payload_type_out_of_range_costs_that_codec_alone():
    media = parse_media(
        "rtpmap:200 opus/48000/2",
        "rtpmap:96 VP8/90000",
        "rtpmap:50 stray/8000",
        line="video 9 RTP/SAVPF 200 096 96",
    )
    assert [codec.name for codec in media.codecs] == ["VP8"]


def test_the_first_of_several_lines_for_one_payload_type_counts():
    media = parse_media(
        "rtpmap:96 VP8/90000", "rtpmap:96 H264/90000", "fmtp:96 a=1", "fmtp:96 a=2", "mid:x", "mid:y"
    )
    assert media.codecs == (Codec(96, "VP8", 90000, parameters=(("a", "1"),)),)
    assert media.mid == "x"


def test_transport_attributes_are_read():
    media = parse_media(
        "ice-ufrag:F7gI",
        "ice-pwd:x9cml/YzichV2+XlhiMu8g",
        "ice-options:trickle ice2",
        "fingerprint:SHA-256 d2:fa:0e",
        "fingerprint:sha-512 00:11",
        "setup:actpass",
        "rtcp-mux",
        "rtcp-rsize",
        "candidate:1 1 udp 2122260223 192.0.2.1 50000 typ host",
        "end-of-candidates",
    )
    assert (media.ice_ufrag, media.ice_pwd) == ("F7gI", "x9cml/YzichV2+XlhiMu8g")
    assert media.ice_options == ("trickle", "ice2")
    assert media.fingerprints == (Fingerprint("sha-256", "D2:FA:0E"), Fingerprint("sha-512", "00:11"))
    assert media.setup == "actpass"
    assert media.rtcp_mux
    assert media.rtcp_rsize
    assert media.candidates == ("candidate:1 1 udp 2122260223 192.0.2.1 50000 typ host",)
    assert media.end_of_candidates


def test_header_extensions_sources_and_streams_are_read():
    media = parse_media(
        "extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
        "extmap:2/recvonly urn:x some extension attributes",
        "extmap-allow-mixed",
        "ssrc-group:FID 1001 1002",
        "ssrc:1001 cname:abc",
        "ssrc:1002 cname:abc",
        "ssrc:1001 msid:stream track",
        "ssrc:1002 flag",
        "msid:stream track",
        "msid:-",
        "rid:hi send pt=96;max-width=1280",
        "rid:lo recv",
        "simulcast:send hi;~lo recv x",
    )
    assert media.extensions == (
        HeaderExtension(4, "urn:ietf:params:rtp-hdrext:sdes:mid", None),
        HeaderExtension(2, "urn:x", Direction.RECVONLY),
    )
    assert media.extmap_allow_mixed
    assert media.ssrc_groups == (SsrcGroup("FID", (1001, 1002)),)
    assert media.ssrcs == (
        Ssrc(1001, (("cname", "abc"), ("msid", "stream track"))),
        Ssrc(1002, (("cname", "abc"), ("flag", None))),
    )
    assert media.msids == (Msid("stream", "track"), Msid("-"))
    assert media.rids == (Rid("hi", "send", (("pt", "96"), ("max-width", "1280"))), Rid("lo", "recv"))
    assert media.simulcast == "send hi;~lo recv x"


def test_data_channel_sections_are_read_in_both_spellings():
    line = "application 9 UDP/DTLS/SCTP webrtc-datachannel"
    media = parse_media("sctp-port:5000", "max-message-size:262144", line=line)
    assert (media.sctp_port, media.max_message_size, media.codecs) == (5000, 262144, ())
    media = parse_media("sctpmap:5001 webrtc-datachannel 256", line="application 9 DTLS/SCTP 5001")
    assert (media.sctp_port, media.max_message_size, media.formats) == (5001, None, ("5001",))


def test_port_zero_rejects_a_section_unless_it_is_bundle_only():
    assert parse_media(line="video 0 UDP/TLS/RTP/SAVPF 96").rejected
    assert not parse_media("bundle-only", line="video 0 UDP/TLS/RTP/SAVPF 96").rejected
    assert not parse_media(line="video 49170/2 UDP/TLS/RTP/SAVPF 96").rejected


def test_bandwidth_is_read_and_one_without_a_number_says_nothing():
    text = SESSION + "m=video 9 RTP/SAVPF 96\r\nb=AS:2500\r\nb=TIAS:2500000\r\nb=CT:-1\r\nb=X\r\n"
    assert parse_description_untrusted(text).media[0].bandwidth == (("AS", 2500), ("TIAS", 2500000))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "m=audio 9 RTP/AVP 0\r\n",
        "v=1\r\no=- 1 1 IN IP4 0.0.0.0\r\n",
        "v=0\r\ns=-\r\n",
        "v=0\r\no=- one 1 IN IP4 0.0.0.0\r\n",
        "v=0\r\no=- 1 1\r\n",
        SESSION + "no equals sign\r\n",
        SESSION + "s=a\rm=audio 9 RTP/AVP 0\r\n",
        SESSION + "s=\0\r\n",
        SESSION + "s=\ud800\r\n",
        SESSION + "m=audio 9\r\n",
        SESSION + "m=audio nine RTP/AVP 0\r\n",
        SESSION + "m=audio 65536 RTP/AVP 0\r\n",
        SESSION + "m=audio ٩ RTP/AVP 0\r\n",
        SESSION + "m=audio 9 RTP/AVP 0\r\na=mid:1\r\nm=audio 9 RTP/AVP 0\r\na=mid:1\r\n",
    ],
)
def test_what_is_no_description_is_malformed(text):
    with pytest.raises(Malformed):
        parse_description_untrusted(text)


@pytest.mark.parametrize(
    "attribute",
    [
        "mid:",
        "mid:two words",
        "mid:é",
        "setup:maybe",
        "fingerprint:sha-256",
        "fingerprint:sha-256 D2:F",
        "fingerprint:sha-256 D2:GG",
        "ice-pwd:" + "x" * 257,
        "extmap:0 urn:x",
        "extmap:4352 urn:x",
        "extmap:1/upwards urn:x",
        "extmap:1",
        "rtpmap:96",
        "rtpmap:96 VP8",
        "rtpmap:96 VP8/0",
        "rtpmap:96 VP8/1_0",
        "rtpmap:96 /90000",
        "rtpmap:96 opus/48000/2/2",
        "rtcp-fb:",
        "rtcp-fb:96",
        "fmtp:96",
        "ssrc:1",
        "ssrc:4294967296 cname:x",
        "ssrc-group:",
        "ssrc-group:FID -1",
        "msid:",
        "rid:x",
        "rid:x sideways",
        "sctp-port:65536",
        "sctp-port:",
        "max-message-size:12345678901",
    ],
)
def test_a_broken_value_is_malformed_and_the_error_names_its_attribute(attribute):
    with pytest.raises(Malformed, match=f"^a={attribute.partition(':')[0]}: "):
        parse_media(attribute)


def test_the_credentials_are_not_shown():
    media = parse_media(
        "ice-ufrag:SECRETuf", "ice-pwd:SECRETpw", "candidate:1 1 udp 1 192.0.2.1 1 typ host ufrag SECRETuf"
    )
    assert "SECRET" not in repr(media)


def test_not_even_a_broken_password_is_shown():
    with pytest.raises(Malformed) as caught:
        parse_media("ice-pwd:SECRET word")
    assert "SECRET" not in str(caught.value)
