"""H264 profiles and levels: which agree, and what an answer says (RFC 6184 §8.1, §8.2.2)."""

import pytest

from triortc.protocol.sdp.description import Codec
from triortc.protocol.session.codecs import H264, default_capabilities, h264, match_codecs
from triortc.protocol.session.h264 import LEVEL_1B, answer_profile_level, parse_profile_level_untrusted


@pytest.mark.parametrize(
    ("text", "profile", "level"),
    [
        ("42e01f", "constrained baseline", 31),
        ("42C02A", "constrained baseline", 42),
        ("4d801f", "constrained baseline", 31),
        ("58f01f", "constrained baseline", 31),
        ("42001f", "baseline", 31),
        ("42a01f", "baseline", 31),
        ("58a01f", "baseline", 31),
        ("4d001f", "main", 31),
        ("4d401f", "main", 31),
        ("58001f", "extended", 31),
        ("64001f", "high", 31),
        ("640c34", "constrained high", 52),
        ("f4001f", None, 31),
        ("42f00b", "constrained baseline", LEVEL_1B),
        ("42e00b", "constrained baseline", 11),
        ("640009", "high", 9),
        (None, "baseline", 10),
    ],
)
def test_a_profile_level_id_is_read(text, profile, level):
    said = parse_profile_level_untrusted(text)
    assert said is not None
    assert (said.profile, said.level) == (profile, level)


@pytest.mark.parametrize("text", ["", "42e0", "42e01f0", "42e01g", "42e0１f", "-2e01f"])
def test_nonsense_is_no_profile(text):
    assert parse_profile_level_untrusted(text) is None


@pytest.mark.parametrize(
    ("offered", "local", "asymmetric", "answered"),
    [
        ("42e01f", "42e01f", True, "42e01f"),
        ("42e01f", "42e034", True, "42e034"),
        ("42e01f", "42e034", False, "42e01f"),
        ("42e034", "42e01f", False, "42e01f"),
        ("42001f", "42e02a", True, "42002a"),
        ("640c1f", "64002a", True, "640c2a"),
        ("42e01f", "42f00b", False, "42f00b"),
        ("42f00b", "42e01f", False, "42f00b"),
        ("42f00b", "42e01f", True, "42e01f"),
        (None, "42e01f", False, "42000a"),
    ],
)
def test_the_level_of_an_answer_is_ones_own_or_the_lower_one(offered, local, asymmetric, answered):
    assert answer_profile_level(offered, local, asymmetric=asymmetric) == answered


def remote(profile: str, number: int = 100, *, asymmetric: bool = True) -> Codec:
    parameters = (("packetization-mode", "1"), ("profile-level-id", profile))
    if asymmetric:
        parameters += (("level-asymmetry-allowed", "1"),)
    return Codec(number, "H264", 90_000, parameters=parameters)


@pytest.mark.parametrize("profile", ["42e01f", "42001f", "4d001f", "64001f", "640c1f", "4d401f", "42c02a"])
def test_every_profile_that_browsers_have_is_known(profile):
    (matched,) = match_codecs(default_capabilities("video"), [remote(profile)])
    assert matched.parameter("profile-level-id") == profile
    described = dict(matched.describe()[0].parameters)
    assert described["profile-level-id"][:4] == profile[:4]
    assert described["packetization-mode"] == "1"


@pytest.mark.parametrize("profile", ["f4001f", "58001f", "6e001f"])
def test_others_are_not(profile):
    assert match_codecs(default_capabilities("video"), [remote(profile)]) == ()


def test_each_profile_finds_its_equal_before_one_that_is_near():
    offered = [remote("42001f", 100), remote("42e01f", 102), remote("640c1f", 104), remote("64001f", 106)]
    matched = match_codecs(default_capabilities("video"), offered)
    said = {codec.payload_type: codec.capability.parameter("profile-level-id") for codec in matched}
    assert said == {100: "42001f", 102: "42e01f", 104: "640c1f", 106: "64001f"}


def test_no_payload_type_is_agreed_on_twice():
    matched = match_codecs(default_capabilities("video"), [remote("64001f", 100)])
    assert [codec.payload_type for codec in matched] == [100]
    assert matched[0].capability == h264("64001f")


def test_a_symmetric_level_is_the_lower_one_and_the_answer_says_so():
    (matched,) = match_codecs([h264("42e034")], [remote("42e01f", asymmetric=False)])
    described = dict(matched.describe()[0].parameters)
    assert described["profile-level-id"] == "42e01f"
    assert described["level-asymmetry-allowed"] == "0"
    (matched,) = match_codecs([H264], [remote("42e034")])
    assert dict(matched.describe()[0].parameters)["profile-level-id"] == "42e01f"
    # What the encoder has to respect:
    assert matched.parameter("profile-level-id") == "42e034"
