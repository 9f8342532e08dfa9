"""When two names of a codec mean the same, and which numbers it goes under."""

import pytest

from triortc.protocol.sdp.description import Codec
from triortc.protocol.session.codecs import (
    AV1,
    G722,
    H264,
    OPUS,
    PCMA,
    PCMU,
    VP8,
    VP9,
    CodecCapability,
    default_capabilities,
    match_codecs,
)
from triortc.protocol.session.numbers import PayloadTypes


def codec(
    name: str, number: int = 100, rate: int = 90_000, channels: int | None = None, fmtp: str = ""
) -> Codec:
    parameters = []
    for part in filter(None, fmtp.split(";")):
        key, equals, value = part.partition("=")
        parameters.append((key, value if equals else None))
    return Codec(
        payload_type=number,
        name=name,
        clock_rate=rate,
        channels=channels,
        parameters=tuple(parameters),
        feedback=("nack", "transport-cc"),
    )


@pytest.mark.parametrize(
    ("fmtp", "agrees"),
    [
        ("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", True),
        ("packetization-mode=1;profile-level-id=42E01F", True),
        ("packetization-mode=1;profile-level-id=42001f", True),
        ("packetization-mode=1;profile-level-id=42c02a", True),
        ("packetization-mode=1;profile-level-id=42e034", True),
        ("packetization-mode=1", True),
        ("packetization-mode=1;profile-level-id=640c1f", False),
        ("packetization-mode=1;profile-level-id=4d001f", False),
        ("packetization-mode=1;profile-level-id=f4001f", False),
        ("packetization-mode=0;profile-level-id=42e01f", False),
        ("profile-level-id=42e01f", False),
        ("", False),
        ("packetization-mode=1;profile-level-id=42", False),
        ("packetization-mode=1;profile-level-id=42zzzz", False),
        ("packetization-mode=1;profile-level-id=42e0１f", False),
        ("packetization-mode;profile-level-id", False),
    ],
)
def test_h264_agrees_by_profile_and_packetization_mode(fmtp, agrees):
    assert bool(match_codecs((H264,), (codec("H264", fmtp=fmtp),))) is agrees


def test_of_several_h264_the_one_that_fits_is_taken_with_its_parameters():
    remote = (
        codec("H264", 102, fmtp="packetization-mode=0;profile-level-id=42001f"),
        codec("H264", 104, fmtp="packetization-mode=1;profile-level-id=640032"),
        codec("H264", 106, fmtp="packetization-mode=1;profile-level-id=42e01f"),
        codec("rtx", 107, fmtp="apt=106"),
        codec("H264", 108, fmtp="packetization-mode=1;profile-level-id=42001f"),
    )
    (matched,) = match_codecs((H264,), remote)
    assert (matched.payload_type, matched.rtx_payload_type) == (106, 107)
    assert dict(matched.parameters)["profile-level-id"] == "42e01f"


@pytest.mark.parametrize(
    ("capability", "remote", "agrees"),
    [
        (VP8, codec("vp8"), True),
        (VP8, codec("VP8", rate=48_000), False),
        (VP8, codec("VP9"), False),
        (OPUS, codec("OPUS", rate=48_000, channels=2), True),
        (OPUS, codec("opus", rate=48_000), False),
        (OPUS, codec("opus", rate=48_000, channels=1), False),
    ],
)
def test_names_are_compared_without_case_and_rates_exactly(capability, remote, agrees):
    assert bool(match_codecs((capability,), (remote,))) is agrees


def test_the_senders_order_decides_and_the_remotes_numbers_stay():
    remote = (
        codec("H264", 120, fmtp="packetization-mode=1;profile-level-id=42e01f"),
        codec("VP8", 96),
        codec("rtx", 97, fmtp="apt=96"),
        codec("rtx", 121, fmtp="apt=999"),
    )
    matched = match_codecs((VP8, H264), remote)
    assert [(item.payload_type, item.rtx_payload_type) for item in matched] == [(96, 97), (120, None)]
    assert all(item.feedback == ("nack",) for item in matched)


def test_every_kind_has_its_codecs():
    assert default_capabilities("video")[:2] == (VP8, H264)
    assert default_capabilities("video")[-2:] == (VP9, AV1)
    assert default_capabilities("audio") == (OPUS, G722, PCMU, PCMA)
    assert default_capabilities("text") == ()


def test_a_number_never_changes_its_meaning():
    numbers = PayloadTypes()
    first = numbers.offer("0", (VP8, OPUS))
    assert numbers.offer("0", (H264, OPUS, VP8))[1:] == (first[1], first[0])
    assert numbers.offer("1", (OPUS, VP8)) == (first[1], first[0])
    used = [item.payload_type for item in numbers.offer("0", (VP8, H264, OPUS))]
    used += [item.rtx_payload_type for item in numbers.offer("0", (VP8, H264))]
    assert len(set(used)) == len(used) == 5


def test_the_numbers_of_an_offer_are_taken():
    numbers = PayloadTypes()
    numbers.answer("0", match_codecs((VP8,), (codec("VP8", 96), codec("rtx", 98, fmtp="apt=96"))))
    (offered,) = numbers.offer("0", (OPUS,))
    assert offered.payload_type == 97
    assert numbers.offer("0", (VP8,))[0].rtx_payload_type == 98


def test_a_capability_without_retransmission_gets_none():
    plain = CodecCapability("video", "VP8", 90_000)
    (matched,) = match_codecs((plain,), (codec("VP8", 96), codec("rtx", 97, fmtp="apt=96")))
    assert matched.rtx_payload_type is None
    assert [line.name for line in matched.describe()] == ["VP8"]
