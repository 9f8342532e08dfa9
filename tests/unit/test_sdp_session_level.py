import pytest

from triortc.protocol.sdp.description import (
    Direction,
    Fingerprint,
    HeaderExtension,
    MediaDescription,
    parse_description_untrusted,
)


def parse(session: str, *sections: str) -> tuple[MediaDescription, ...]:
    text = "v=0\no=- 1 1 IN IP4 0.0.0.0\ns=-\nt=0 0\n"
    text += "".join(f"a={attribute}\n" for attribute in session.split("|") if attribute)
    for section in sections:
        text += "m=audio 9 UDP/TLS/RTP/SAVPF 0\n"
        text += "".join(f"a={attribute}\n" for attribute in section.split("|") if attribute)
    return parse_description_untrusted(text).media


def test_ice_credentials_and_options_hold_for_sections_without_their_own():
    first, second = parse(
        "ice-ufrag:sess|ice-pwd:secret|ice-options:trickle ice2", "", "ice-ufrag:own|ice-pwd:other"
    )
    assert (first.ice_ufrag, first.ice_pwd) == ("sess", "secret")
    assert (second.ice_ufrag, second.ice_pwd) == ("own", "other")
    assert first.ice_options == second.ice_options == ("trickle", "ice2")


def test_fingerprints_of_a_section_replace_those_of_the_session():
    first, second = parse("fingerprint:sha-256 AA:BB|fingerprint:sha-1 CC", "", "fingerprint:sha-256 DD")
    assert first.fingerprints == (Fingerprint("sha-256", "AA:BB"), Fingerprint("sha-1", "CC"))
    assert second.fingerprints == (Fingerprint("sha-256", "DD"),)


def test_the_setup_role_holds_for_sections_without_their_own():
    first, second = parse("setup:actpass", "", "setup:passive")
    assert (first.setup, second.setup) == ("actpass", "passive")


@pytest.mark.parametrize(
    ("session", "section", "direction"),
    [
        ("", "", Direction.SENDRECV),
        ("recvonly", "", Direction.RECVONLY),
        ("sendrecv", "inactive", Direction.INACTIVE),
        ("inactive", "sendonly", Direction.SENDONLY),
    ],
)
def test_a_sections_direction_goes_before_the_sessions(session, section, direction):
    (media,) = parse(session, section)
    assert media.direction is direction


def test_header_extensions_hold_for_sections_without_their_own():
    first, second = parse("extmap:1 urn:a|extmap-allow-mixed", "", "extmap:2 urn:b")
    assert first.extensions == (HeaderExtension(1, "urn:a"),)
    assert second.extensions == (HeaderExtension(2, "urn:b"),)
    assert first.extmap_allow_mixed
    assert second.extmap_allow_mixed


def test_end_of_candidates_holds_for_all():
    assert all(media.end_of_candidates for media in parse("end-of-candidates", "", ""))


def test_names_and_sources_of_the_session_part_are_nobodys():
    (media,) = parse("mid:0|msid:s t|ssrc:1 cname:x|rtcp-mux|candidate:1 1 udp 1 192.0.2.1 1 typ host", "")
    assert media == MediaDescription(kind="audio", formats=("0",), codecs=media.codecs)


@pytest.mark.parametrize("direction", Direction)
def test_a_direction_is_made_of_sending_and_receiving(direction):
    assert Direction.of(direction.sends, direction.receives) is direction
    assert direction.reversed().sends is direction.receives
    assert direction.reversed().reversed() is direction
