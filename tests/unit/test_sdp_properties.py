from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from triortc.protocol.sdp.attributes import SETUP_ROLES
from triortc.protocol.sdp.description import (
    Codec,
    Direction,
    Fingerprint,
    HeaderExtension,
    MediaDescription,
    Msid,
    ParsedDescription,
    Rid,
    SessionDescription,
    Ssrc,
    SsrcGroup,
    parse_description_untrusted,
    serialize_description,
)
from triortc.protocol.wire.errors import Malformed

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""The machine may be busy; time is asserted in test_sdp_corpus alone."""

CORPUS = Path(__file__).parents[2] / "../shared/corpus/sdp"
OFFER = """v=0
o=- 2954344436352400798 4 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
a=msid-semantic: WMS
a=ice-options:trickle
m=video 9 UDP/TLS/RTP/SAVPF 96 97
c=IN IP4 0.0.0.0
b=AS:2500
a=ice-ufrag:v8Lx
a=ice-pwd:GdpW980Caww9WWsbg6jJ5pGu
a=fingerprint:sha-256 7A:D7:C9:33
a=setup:actpass
a=mid:0
a=extmap:4/sendonly urn:ietf:params:rtp-hdrext:sdes:mid
a=recvonly
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 nack pli
a=rtcp-fb:* transport-cc
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96;rtx-time=200
a=rid:hi send pt=96
a=simulcast:send hi
a=ssrc-group:FID 1 2
a=ssrc:1 cname:x
a=msid:s t
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
a=mid:1
a=sctp-port:5000
a=max-message-size:262144
"""
OFFERS = [OFFER, *(path.read_bytes().decode() for path in sorted(CORPUS.rglob("*.sdp")))]

words = st.text("abcXYZ019-_.{}+/", min_size=1, max_size=12)
phrases = st.lists(words, min_size=1, max_size=3).map(" ".join)
uint32 = st.integers(0, 2**32 - 1)
parameters = st.lists(st.tuples(words, st.none() | phrases), max_size=4).map(tuple)


def tuples(values: st.SearchStrategy) -> st.SearchStrategy:
    return st.lists(values, max_size=3).map(tuple)


codecs = st.builds(
    Codec,
    payload_type=st.integers(0, 127),
    name=words.filter(lambda name: "/" not in name),
    clock_rate=st.integers(1, 2**32 - 1),
    channels=st.none() | st.integers(0, 255),
    parameters=parameters,
    feedback=st.lists(phrases, max_size=3, unique=True).map(tuple),
)
sources = st.builds(
    Ssrc, uint32, st.lists(st.tuples(words, st.none() | phrases), min_size=1, max_size=3).map(tuple)
)
fingerprints = st.builds(
    lambda algorithm, digest: Fingerprint(algorithm.lower(), digest.hex(":").upper()),
    words,
    st.binary(min_size=1, max_size=64),
)


@st.composite
def media_descriptions(draw: st.DrawFn, mid: str) -> MediaDescription:
    """What this side may write: a section whose formats are those of its codecs."""
    protocol = draw(st.sampled_from(["UDP/TLS/RTP/SAVPF", "UDP/DTLS/SCTP"]))
    known = tuples(codecs).map(lambda each: tuple({codec.payload_type: codec for codec in each}.values()))
    own = draw(known) if "RTP" in protocol else ()
    default = ("97",) if "RTP" in protocol else ("webrtc-datachannel",)
    return MediaDescription(
        kind=draw(words),
        port=draw(st.integers(0, 65535)),
        protocol=protocol,
        formats=tuple(str(codec.payload_type) for codec in own) or default,
        mid=mid,
        direction=draw(st.sampled_from(Direction)),
        ice_ufrag=draw(st.none() | words),
        ice_pwd=draw(st.none() | words),
        ice_options=draw(tuples(words)),
        candidates=draw(tuples(phrases.map("candidate:{}".format))),
        end_of_candidates=draw(st.booleans()),
        fingerprints=draw(tuples(fingerprints)),
        setup=draw(st.none() | st.sampled_from(sorted(SETUP_ROLES))),
        rtcp_mux=draw(st.booleans()),
        rtcp_rsize=draw(st.booleans()),
        bundle_only=draw(st.booleans()),
        codecs=own,
        extensions=draw(
            tuples(
                st.builds(
                    HeaderExtension, st.integers(1, 4351), words, st.none() | st.sampled_from(Direction)
                )
            )
        ),
        extmap_allow_mixed=draw(st.booleans()),
        ssrcs=draw(st.lists(sources, max_size=3, unique_by=lambda source: source.id).map(tuple)),
        ssrc_groups=draw(tuples(st.builds(SsrcGroup, words, tuples(uint32)))),
        msids=draw(tuples(st.builds(Msid, words, st.none() | words))),
        rids=draw(tuples(st.builds(Rid, words, st.sampled_from(["send", "recv"]), parameters))),
        simulcast=draw(st.none() | phrases),
        sctp_port=draw(st.none() | st.integers(0, 65535)),
        max_message_size=draw(st.none() | uint32),
        bandwidth=draw(tuples(st.tuples(words, uint32))),
    )


@st.composite
def descriptions(draw: st.DrawFn) -> ParsedDescription:
    mids = draw(st.lists(words, max_size=3, unique=True))
    return ParsedDescription(
        session_id=draw(st.integers(0, 2**64 - 1)),
        session_version=draw(st.integers(0, 2**64 - 1)),
        name=draw(phrases),
        bundle=draw(tuples(words)),
        ice_lite=draw(st.booleans()),
        msid_semantic=draw(st.none() | phrases),
        media=tuple(draw(media_descriptions(mid)) for mid in mids),
    )


@st.composite
def mutated_offers(draw: st.DrawFn) -> str:
    """A real offer with a few lines or characters cut, doubled, moved or replaced."""
    lines = draw(st.sampled_from(OFFERS)).splitlines()
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, len(lines) - 1))
        line = lines[place]
        cut = draw(st.integers(0, len(line)))
        junk = draw(
            st.text(max_size=3) | st.sampled_from(["\r", "\0", ":", " ", "/", ";", "=", "*", "99999999999"])
        )
        lines[place] = draw(
            st.sampled_from(
                [line[:cut], line[:cut] + junk + line[cut:], line[:cut] + junk, line + "\n" + line]
            )
        )
    return "\r\n".join(lines)


def parse_or_malformed(text: str) -> ParsedDescription | None:
    try:
        return parse_description_untrusted(text)
    except Malformed:
        return None


@unhurried
@given(descriptions())
def test_what_is_written_is_read_back(description):
    assert parse_description_untrusted(serialize_description(description)) == description


@unhurried
@given(st.text())
@example("v=0\no=- 1 1 IN IP4 x\nm=")
def test_any_text_is_read_or_malformed(text):
    parse_or_malformed(text)


@unhurried
@given(st.lists(st.tuples(st.sampled_from("voscbmaz"), st.text(max_size=30))))
def test_any_lines_are_read_or_malformed(lines):
    parse_or_malformed(OFFER + "".join(f"{kind}={value}\n" for kind, value in lines))


@unhurried
@given(mutated_offers())
def test_a_mutated_offer_is_malformed_or_survives_being_written(text):
    parsed = parse_or_malformed(text)
    if parsed is not None and all(media.formats for media in parsed.media):
        assert parse_description_untrusted(serialize_description(parsed)) == parsed


@unhurried
@given(
    st.recursive(
        st.none() | st.booleans() | st.text() | st.integers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["type", "sdp", "x"]), inner),
    )
)
def test_any_json_is_a_description_or_malformed(value):
    try:
        description = SessionDescription.from_json_untrusted(value)
    except Malformed:
        return
    assert SessionDescription.from_json_untrusted(description.as_json()) == description
