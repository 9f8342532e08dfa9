from dataclasses import replace

import pytest

from triortc.protocol.sdp.description import (
    Codec,
    Direction,
    Fingerprint,
    HeaderExtension,
    MediaDescription,
    Msid,
    ParsedDescription,
    Ssrc,
    SsrcGroup,
    parse_description_untrusted,
    serialize_description,
)
from triortc.protocol.wire.errors import LocalProtocolError

VIDEO = MediaDescription(
    kind="video",
    mid="0",
    direction=Direction.SENDONLY,
    ice_ufrag="F7gIabcd",
    ice_pwd="x9cml/YzichV2+XlhiMu8gAB",
    ice_options=("trickle",),
    candidates=("candidate:1 1 udp 2122260223 192.0.2.1 50000 typ host",),
    end_of_candidates=True,
    fingerprints=(Fingerprint("sha-256", "D2:FA:0E"),),
    setup="passive",
    rtcp_mux=True,
    rtcp_rsize=True,
    formats=("96", "97"),
    codecs=(
        Codec(96, "VP8", 90000, feedback=("nack", "nack pli")),
        Codec(97, "rtx", 90000, parameters=(("apt", "96"),)),
    ),
    extensions=(HeaderExtension(4, "urn:ietf:params:rtp-hdrext:sdes:mid"),),
    extmap_allow_mixed=True,
    ssrcs=(Ssrc(1, (("cname", "c"), ("msid", "s t"))), Ssrc(2, (("cname", "c"),))),
    ssrc_groups=(SsrcGroup("FID", (1, 2)),),
    msids=(Msid("s", "t"),),
)
DATA = MediaDescription(
    kind="application", protocol="UDP/DTLS/SCTP", mid="1", sctp_port=5000, max_message_size=262144
)


def lines_of(*media: MediaDescription, **session: object) -> list[str]:
    text = serialize_description(replace(ParsedDescription(media=media), **session))
    assert text.endswith("\r\n")
    return text.split("\r\n")[:-1]


def test_an_answer_is_written_in_the_order_of_jsep():
    assert lines_of(VIDEO, session_id=42, session_version=3, bundle=("0",)) == [
        "v=0",
        "o=- 42 3 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0",
        "a=extmap-allow-mixed",
        "a=msid-semantic: WMS *",
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97",
        "c=IN IP4 0.0.0.0",
        "a=mid:0",
        "a=sendonly",
        "a=rtpmap:96 VP8/90000",
        "a=rtcp-fb:96 nack",
        "a=rtcp-fb:96 nack pli",
        "a=rtpmap:97 rtx/90000",
        "a=fmtp:97 apt=96",
        "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=msid:s t",
        "a=ssrc-group:FID 1 2",
        "a=ssrc:1 cname:c",
        "a=ssrc:1 msid:s t",
        "a=ssrc:2 cname:c",
        "a=ice-ufrag:F7gIabcd",
        "a=ice-pwd:x9cml/YzichV2+XlhiMu8gAB",
        "a=ice-options:trickle",
        "a=fingerprint:sha-256 D2:FA:0E",
        "a=setup:passive",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=rtcp-mux",
        "a=rtcp-rsize",
        "a=candidate:1 1 udp 2122260223 192.0.2.1 50000 typ host",
        "a=end-of-candidates",
    ]


def test_a_data_section_has_neither_direction_nor_rtcp():
    assert lines_of(DATA)[5:] == [
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 0.0.0.0",
        "a=mid:1",
        "a=sctp-port:5000",
        "a=max-message-size:262144",
    ]


def test_a_rejected_section_has_port_zero_and_the_offered_formats():
    rejected = MediaDescription(
        kind="video", port=0, formats=("96", "200"), mid="1", direction=Direction.INACTIVE
    )
    assert rejected.rejected
    assert lines_of(rejected)[5:] == [
        "m=video 0 UDP/TLS/RTP/SAVPF 96 200",
        "c=IN IP4 0.0.0.0",
        "a=mid:1",
        "a=inactive",
    ]


def test_few_arguments_make_a_section():
    media = MediaDescription(kind="audio", mid="0", codecs=(Codec(111, "opus", 48000, 2),))
    written = lines_of(media)
    assert "m=audio 9 UDP/TLS/RTP/SAVPF 111" in written
    assert "a=rtpmap:111 opus/48000/2" in written
    (parsed,) = parse_description_untrusted("\r\n".join(lines_of(media))).media
    assert parsed == replace(media, formats=("111",))


def test_a_section_is_never_written_without_a_format():
    assert "m=video 0 UDP/TLS/RTP/SAVPF 0" in lines_of(MediaDescription(kind="video", port=0))


def test_mixed_extension_headers_are_a_section_attribute_when_not_all_take_them():
    other = replace(VIDEO, mid="2", extmap_allow_mixed=False)
    written = lines_of(VIDEO, other)
    assert written.index("a=extmap-allow-mixed") > written.index("a=mid:0")
    assert written.count("a=extmap-allow-mixed") == 1


@pytest.mark.parametrize(
    "description",
    [ParsedDescription(), ParsedDescription(media=(VIDEO, replace(DATA, formats=("webrtc-datachannel",))))],
)
def test_what_is_written_is_read_back(description):
    assert parse_description_untrusted(serialize_description(description)) == description


@pytest.mark.parametrize("evil", ["x\r\na=ice-lite", "x\na=ice-lite", "x\ry", "x\0y"])
@pytest.mark.parametrize(
    "inject",
    [
        lambda evil: ParsedDescription(name=evil),
        lambda evil: ParsedDescription(bundle=(evil,)),
        lambda evil: ParsedDescription(msid_semantic=evil),
        lambda evil: ParsedDescription(media=(MediaDescription(kind=evil),)),
        lambda evil: ParsedDescription(media=(replace(VIDEO, mid=evil),)),
        lambda evil: ParsedDescription(media=(replace(VIDEO, protocol=evil),)),
        lambda evil: ParsedDescription(media=(replace(VIDEO, formats=(evil,)),)),
        lambda evil: ParsedDescription(media=(replace(VIDEO, candidates=(evil,)),)),
        lambda evil: ParsedDescription(media=(replace(VIDEO, msids=(Msid("s", evil),)),)),
        lambda evil: ParsedDescription(media=(replace(VIDEO, ssrcs=(Ssrc(1, (("cname", evil),)),)),)),
        lambda evil: ParsedDescription(media=(replace(VIDEO, codecs=(Codec(96, evil, 1),)),)),
        lambda evil: ParsedDescription(media=(replace(VIDEO, simulcast=evil),)),
    ],
)
def test_a_line_break_or_nul_in_a_string_is_refused(inject, evil):
    with pytest.raises(LocalProtocolError):
        serialize_description(inject(evil))
