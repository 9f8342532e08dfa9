"""Candidates as browsers write them, as JSON, and as hostile text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triortc.protocol.ice.candidate import IceCandidate, local_candidate, parse_candidate_untrusted
from triortc.protocol.wire.errors import LocalProtocolError, Malformed

CHROMIUM = (
    "candidate:842163049 1 udp 1677729535 203.0.113.141 60893 typ srflx raddr 10.0.0.5 rport 54321 "
    "generation 0 ufrag EsAw network-id 1 network-cost 999"
)
FIREFOX = "candidate:0 1 UDP 2122252543 7a2f3c0e-1111-4222-8333-444455556666.local 51472 typ host"
TCP = "candidate:2 1 TCP 2105524479 192.0.2.7 9 typ host tcptype active"

words = st.text("abcXYZ019+/", min_size=1, max_size=20)
ports = st.integers(0, 65535)
texts = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=20)
candidates = st.builds(
    IceCandidate,
    foundation=words,
    component=st.integers(0, 256),
    transport=st.sampled_from(["udp", "UDP", "tcp"]),
    priority=st.integers(0, 2**32 - 1),
    address=st.one_of(st.ip_addresses().map(str), words),
    port=ports,
    type=st.sampled_from(["host", "srflx", "prflx", "relay"]),
    related_address=st.none() | words,
    related_port=st.none() | ports,
    tcp_type=st.none() | st.sampled_from(["active", "passive", "so"]),
    username_fragment=st.none() | words,
)


def test_a_candidate_of_chromium() -> None:
    candidate = parse_candidate_untrusted(CHROMIUM)
    assert candidate == parse_candidate_untrusted(f"a={CHROMIUM}")
    assert candidate.type == "srflx"
    assert candidate.socket_address == ("203.0.113.141", 60893)
    assert (candidate.related_address, candidate.related_port) == ("10.0.0.5", 54321)
    assert candidate.username_fragment == "EsAw"
    assert candidate.is_usable()


def test_a_candidate_of_firefox_hides_behind_a_name_and_is_not_resolved() -> None:
    candidate = parse_candidate_untrusted(FIREFOX)
    assert candidate.address.endswith(".local")
    assert not candidate.is_usable()


@given(candidates)
def test_what_is_written_is_read_back(candidate: IceCandidate) -> None:
    assert parse_candidate_untrusted(candidate.to_sdp()) == candidate


@given(candidates, st.none() | texts, st.none() | st.integers(0, 65535))
def test_what_is_written_as_json_is_read_back(
    candidate: IceCandidate, mid: str | None, index: int | None
) -> None:
    value = json.loads(json.dumps(candidate.as_json() | {"sdpMid": mid, "sdpMLineIndex": index}))
    assert IceCandidate.from_json_untrusted(value).as_json() == value


@given(st.text())
def test_any_text_is_parsed_or_malformed(text: str) -> None:
    for line in (text, f"candidate:{text}", f"{CHROMIUM} {text}"):
        try:
            parse_candidate_untrusted(line).is_usable()
        except Malformed:
            pass


@given(st.lists(st.sampled_from([*CHROMIUM.split(), "1_0", "+1", "٣", "-1", "99999999999", "typ"])))
def test_any_shuffled_words_are_parsed_or_malformed(line: list[str]) -> None:
    try:
        parse_candidate_untrusted(" ".join(line)).is_usable()
    except Malformed:
        pass


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_any_json_is_parsed_or_malformed(value: object) -> None:
    for shape in (
        value,
        {"candidate": value},
        {"candidate": CHROMIUM, "sdpMid": value},
        {"candidate": CHROMIUM, "sdpMLineIndex": value},
        {"candidate": "", "usernameFragment": value},
    ):
        try:
            IceCandidate.from_json_untrusted(shape)
        except Malformed:
            pass


@pytest.mark.parametrize(
    "value", [{}, {"candidate": ""}, {"candidate": "", "sdpMid": "0", "sdpMLineIndex": 0}]
)
def test_an_empty_candidate_is_the_end(value: object) -> None:
    assert IceCandidate.from_json_untrusted(value) is None


@pytest.mark.parametrize(
    "line",
    [
        "",
        "candidate:1 1 udp 1 10.0.0.1 5000 typ",
        "candidate:1 1 udp 1 10.0.0.1 5000 type host",
        "candidate:1 1 udp 1 10.0.0.1 5000 typ token",
        "candidate:1 1 udp 4294967296 10.0.0.1 5000 typ host",
        "candidate:1 1 udp 1 10.0.0.1 65536 typ host",
        "candidate:1 257 udp 1 10.0.0.1 5000 typ host",
        "candidate:1 1 udp +1 10.0.0.1 5000 typ host",
        "candidate:1 1 udp 1 10.0.0.1 5_0 typ host",
        "candidate:1 1 udp 1 10.0.0.1 ٥٠ typ host",
        "candidate:1 1 udp 1 10.0.0.1 5000 typ srflx raddr 10.0.0.1 rport 1_0",
        "candidate:1 1 udp 1 10.0.0.1 5000 typ host generation x",
        "candidate:1 1 udp 1 10.0.0.1\r\na=x 5000 typ host",
        "candidate:1 1 udp 1 10.0.0.1 5000 typ host" + " x" * 600,
    ],
)
def test_a_line_that_breaks_the_grammar_is_malformed(line: str) -> None:
    with pytest.raises(Malformed):
        parse_candidate_untrusted(line)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "0.1.2.3",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "::",
        "ff02::fb",
        "fe80::1",
        "fe80::1%eth0",
        "2001:db8::1%1",
        "::ffff:10.0.0.1",
        "example.com",
        "x.local",
        "10.0.0",
        "1e3",
    ],
)
def test_what_is_no_single_host_is_never_sent_to(address: str) -> None:
    candidate = IceCandidate("1", 1, "udp", 1, address, 5000, "host")
    assert not candidate.is_usable()


@pytest.mark.parametrize(
    ("address", "canonical"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("127.0.0.1", "127.0.0.1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("::1", "::1"),
        ("169.254.1.2", "169.254.1.2"),
    ],
)
def test_an_address_is_used_in_canonical_form(address: str, canonical: str) -> None:
    assert IceCandidate("1", 1, "UDP", 1, address, 5000, "host").socket_address == (canonical, 5000)


def test_tcp_port_0_and_the_second_component_are_never_sent_to() -> None:
    assert parse_candidate_untrusted(TCP).tcp_type == "active"
    for unusable in (TCP, CHROMIUM.replace("60893", "0"), CHROMIUM.replace(" 1 udp", " 2 udp")):
        assert not parse_candidate_untrusted(unusable).is_usable()


@pytest.mark.parametrize("word", ["", "a b", "a\r\nb", "a\0", "é"])
def test_a_word_that_would_break_the_line_is_refused(word: str) -> None:
    for field in ("foundation", "address", "username_fragment", "related_address"):
        values = {"foundation": "1", "address": "10.0.0.1"} | {field: word}
        candidate = IceCandidate(component=1, transport="udp", priority=1, port=1, type="host", **values)
        with pytest.raises(LocalProtocolError):
            candidate.to_sdp()


def test_our_own_candidates_have_the_priorities_of_the_rfc() -> None:
    base = ("10.0.0.1", 5000)
    host = local_candidate("host", base, base, 65535, "frag")
    srflx = local_candidate("srflx", ("203.0.113.1", 40000), base, 65535, "frag")
    assert host.priority == 2130706431
    assert srflx.priority == 1694498815
    assert host.foundation != srflx.foundation
    assert host.related_address is None
    assert (srflx.related_address, srflx.related_port) == base
