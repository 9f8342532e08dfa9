import pytest

from triortc.protocol.sdp.attributes import MAX_FINGERPRINT_LENGTH, MAX_GROUP_SIZE
from triortc.protocol.sdp.description import parse_description_untrusted
from triortc.protocol.sdp.grammar import (
    MAX_DESCRIPTION_SIZE,
    MAX_DISTINCT_VALUES,
    MAX_LINE_LENGTH,
    MAX_LINES,
    MAX_MEDIA_SECTIONS,
    MAX_SHARED_VALUES,
)
from triortc.protocol.wire.errors import Malformed

SESSION = "v=0\no=- 1 1 IN IP4 0.0.0.0\ns=-\nt=0 0\n"
MEDIA = "m=video 9 UDP/TLS/RTP/SAVPF 96\n"


def assert_limit(at_the_limit: str, beyond: str, message: str) -> None:
    parse_description_untrusted(at_the_limit)
    with pytest.raises(Malformed, match=message):
        parse_description_untrusted(beyond)


def fill(size: int, character: str = "x") -> str:
    """Return a description of *size* characters, in long lines of an unknown attribute."""
    text = SESSION
    while size - len(text) > MAX_LINE_LENGTH:
        text += "a=" + character * (MAX_LINE_LENGTH - 1000) + "\n"
    return text + "a=" + character * (size - len(text) - 2)


def test_a_description_has_at_most_256_kib():
    assert MAX_DESCRIPTION_SIZE == 256 * 1024
    assert_limit(fill(MAX_DESCRIPTION_SIZE), fill(MAX_DESCRIPTION_SIZE + 1), "bytes")


def test_the_size_is_counted_in_bytes():
    with pytest.raises(Malformed, match="bytes"):
        parse_description_untrusted(fill(MAX_DESCRIPTION_SIZE // 2 + 1000, "é"))


def test_a_line_has_at_most_16_kib():
    assert MAX_LINE_LENGTH == 16 * 1024
    line = "a=" + "x" * (MAX_LINE_LENGTH - 2)
    assert_limit(SESSION + line, SESSION + line + "x", "longer")


def test_a_description_has_at_most_ten_thousand_lines():
    lines = SESSION + "a=x\n" * (MAX_LINES - 5)
    assert_limit(lines, lines + "a=x\n", "lines")


def test_a_description_has_at_most_64_media_sections():
    assert MAX_MEDIA_SECTIONS == 64
    assert_limit(SESSION + MEDIA * 64, SESSION + MEDIA * 65, "media sections")


def test_the_session_part_lends_at_most_64_values_of_an_attribute():
    assert MAX_SHARED_VALUES == 64
    extensions = SESSION + "".join(f"a=extmap:{number} urn:x\n" for number in range(1, 65))
    assert_limit(extensions + MEDIA, extensions + "a=extmap:65 urn:x\n" + MEDIA, "a=extmap")


def test_at_most_64_feedback_values_hold_for_all_codecs():
    section = SESSION + MEDIA + "".join(f"a=rtcp-fb:* x{number}\n" for number in range(64))
    assert_limit(section, section + "a=rtcp-fb:* y\n", "rtcp-fb")


def test_a_codec_has_at_most_32_parameters():
    section = SESSION + MEDIA + "a=rtpmap:96 VP8/90000\na=fmtp:96 " + ";".join("x" * 32)
    assert_limit(section, section + ";x", "parameters")


def test_an_ice_credential_has_at_most_256_characters():
    section = SESSION + MEDIA + "a=ice-ufrag:" + "x" * 256
    assert_limit(section, section + "x", "256")


def test_a_description_has_at_most_1500_different_values_however_often_they_stand_there():
    values = [f"a=msid:stream{number}\n" for number in range(MAX_DISTINCT_VALUES)]
    repeated = SESSION + (MEDIA + "".join(values[::2])) * 3 + MEDIA + "".join(values)
    assert_limit(repeated, repeated + "a=msid:another\n", "different values")


def test_what_repeats_from_section_to_section_is_parsed_once():
    first, second = parse_description_untrusted(SESSION + (MEDIA + "a=extmap:1 urn:x\n") * 2).media
    assert first.extensions[0] is second.extensions[0]


def test_a_fingerprint_is_no_longer_than_a_hash_can_be():
    digest = ("AA:" * MAX_FINGERPRINT_LENGTH)[: MAX_FINGERPRINT_LENGTH - 2]
    section = SESSION + MEDIA + "a=fingerprint:sha-999 "
    assert_limit(section + digest, section + digest + ":AA", "fingerprint")


def test_a_group_has_at_most_64_sources():
    section = SESSION + MEDIA + "a=ssrc-group:SIM" + " 1" * MAX_GROUP_SIZE
    assert_limit(section, section + " 1", "sources")


def test_a_section_has_at_most_64_bandwidths():
    section = SESSION + MEDIA + "b=AS:1\n" * 64
    assert_limit(section, section + "b=AS:1\n", "b=")
