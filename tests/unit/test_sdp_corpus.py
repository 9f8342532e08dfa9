"""Descriptions from public test suites; see ../shared/corpus/INDEX.md."""

import time
from pathlib import Path

import pytest

from triortc.protocol.sdp.description import (
    Direction,
    MediaDescription,
    ParsedDescription,
    parse_description_untrusted,
    serialize_description,
)
from triortc.protocol.wire.errors import Malformed

CORPUS = Path(__file__).parents[2] / "../shared/corpus/sdp"
FILES = sorted(CORPUS.rglob("*.sdp"))
FRAGMENTS = {"unittest-3.sdp", "unittest-6.sdp", "unittest-7.sdp"}
"""Media sections alone, which libwebrtc's fuzzers put together."""

pytestmark = pytest.mark.skipif(not FILES, reason="the corpus is not here")


def parse(name: str) -> ParsedDescription:
    return parse_description_untrusted((CORPUS / name).read_bytes().decode())


def summarize(media: MediaDescription) -> tuple[object, ...]:
    return media.kind, media.mid, media.direction, media.setup, [codec.name for codec in media.codecs]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_description_is_read_and_survives_being_written(path):
    text = path.read_bytes().decode()
    start = time.process_time()
    if path.name in FRAGMENTS:
        with pytest.raises(Malformed):
            parse_description_untrusted(text)
        return
    parsed = parse_description_untrusted(text)
    assert time.process_time() - start < 0.1
    if all(media.formats for media in parsed.media):
        assert parse_description_untrusted(serialize_description(parsed)) == parsed


def test_a_chromium_offer():
    parsed = parse("str0m/chrome104_offer_0.sdp")
    data, audio, video = parsed.media
    assert (parsed.session_id, parsed.session_version) == (2954344436352400798, 4)
    assert parsed.bundle == ("0", "1", "2")
    assert (data.sctp_port, data.max_message_size, len(data.candidates)) == (5000, 262144, 2)
    assert audio.direction is video.direction is Direction.SENDONLY
    assert [codec.name for codec in audio.codecs][:3] == ["opus", "red", "ISAC"]
    assert all(media.extmap_allow_mixed and media.setup == "actpass" for media in parsed.media)
    vp8, rtx = video.codecs[:2]
    assert (vp8.name, vp8.payload_type) == ("VP8", 96)
    assert vp8.feedback == ("goog-remb", "transport-cc", "ccm fir", "nack", "nack pli")
    assert (rtx.name, rtx.parameter("apt")) == ("rtx", "96")
    assert [extension.id for extension in video.extensions if extension.uri.endswith("sdes:mid")] == [4]
    assert video.ssrc_groups[0].ssrcs == tuple(source.id for source in video.ssrcs)


def test_a_firefox_offer_with_session_level_fingerprint():
    parsed = parse("aiortc/video_firefox.sdp")
    (video,) = parsed.media
    assert summarize(video) == ("video", "sdparta_0", Direction.SENDRECV, "actpass", ["VP8", "VP9"])
    assert video.fingerprints[0].value.startswith("AF:9E:29:99")
    assert video.ice_options == ("trickle",)
    assert video.end_of_candidates
    assert len(video.candidates) == 4


def test_a_safari_offer():
    parsed = parse("aiortc/safari.sdp")
    assert [media.mid for media in parsed.media] == ["audio", "video", "data"] == list(parsed.bundle)
    assert "H264" in [codec.name for codec in parsed.media[1].codecs]


def test_old_firefox_data_channels_have_their_port_in_sctpmap():
    (data,) = parse("aiortc/datachannel_firefox.sdp").media
    assert (data.protocol, data.sctp_port, data.max_message_size) == ("DTLS/SCTP", 5000, 1073741823)
    (data,) = parse("aiortc/datachannel_firefox_63.sdp").media
    assert (data.protocol, data.sctp_port) == ("UDP/DTLS/SCTP", 5000)


def test_a_pion_style_offer_without_extras():
    parsed = parse("str0m/sdp_1.sdp")
    (data,) = parsed.media
    assert (data.kind, data.setup, data.max_message_size) == ("application", "actpass", 131072)
    assert data.fingerprints


def test_an_ffmpeg_whip_offer_is_passive_and_has_no_candidates():
    parsed = parse("str0m/parser_5.sdp")
    assert [summarize(media) for media in parsed.media] == [
        ("audio", "0", Direction.SENDONLY, "passive", ["opus"]),
        ("video", "1", Direction.SENDONLY, "passive", ["H264", "rtx"]),
    ]
    assert not any(media.candidates for media in parsed.media)


def test_ice_credentials_at_session_level():
    (audio,) = parse("aiortc/audio_ice_session_level_credentials.sdp").media
    assert (audio.ice_ufrag, audio.ice_pwd) == ("5+Ix", "uK8IlylxzDMUhrkVzdmj0M+v")


def test_dtls_parameters_at_session_level():
    (audio,) = parse("aiortc/audio_dtls_session_level.sdp").media
    assert audio.setup == "actpass"
    assert audio.fingerprints[0].value.startswith("6B:8B:5D:EA")


def test_an_ice_lite_offer():
    assert parse("aiortc/audio_ice_lite.sdp").ice_lite


def test_a_sip_gateway_without_dtls():
    (audio,) = parse("aiortc/audio_freeswitch_no_dtls.sdp").media
    assert (audio.fingerprints, audio.setup, audio.mid) == ((), None, None)


def test_feedback_for_all_payload_types():
    (video,) = parse("aiortc/video_session_star_rtcp_fb.sdp").media
    assert [codec.feedback for codec in video.codecs] == [("nack", "nack pli", "goog-remb")] * 2


def test_simulcast_is_kept():
    (video,) = parse("libwebrtc/simulcast.1.sdp").media
    assert [(rid.id, rid.direction) for rid in video.rids] == [("f", "send"), ("h", "send"), ("q", "send")]
    assert video.simulcast is not None
    assert video.simulcast.startswith("send ")


def test_a_section_rejected_by_firefox():
    (audio,) = parse("str0m/parser_9.sdp").media
    assert audio.rejected
    assert audio.direction is Direction.INACTIVE


def test_a_payload_type_out_of_range_leaves_the_section_without_codecs():
    (audio,) = parse("str0m/sdp-negotiation_2.sdp").media
    assert (audio.formats, audio.codecs) == (("200",), ())
