"""Signaling messages: the browser's JSON, hostile JSON, and how long either may take."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triortc.protocol.ice.candidate import IceCandidate, parse_candidate_untrusted
from triortc.protocol.sdp.description import SessionDescription
from triortc.protocol.wire.errors import Malformed
from triortc.signaling.messages import MAX_MESSAGE_SIZE, parse_message_untrusted, serialize_message

LINE = "candidate:1 1 udp 2122260223 192.0.2.1 50000 typ host"
KEYS = st.sampled_from(["type", "sdp", "candidate", "sdpMid", "sdpMLineIndex", "x"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["type", "sdp", "candidate", "sdpMid", "sdpMLineIndex", "x"]), inner
        )
    ),
    max_leaves=12,
)


def parse_or_refuse(text: str | bytes) -> object:
    try:
        return parse_message_untrusted(text)
    except Malformed:
        return Malformed


@given(st.sampled_from(["offer", "answer", "pranswer", "rollback"]), st.text(max_size=200))
def test_a_description_survives_being_sent(kind, sdp):
    message = SessionDescription(kind, sdp)
    assert parse_message_untrusted(serialize_message(message)) == message


@given(st.none() | st.text("abc123", min_size=1, max_size=8), st.none() | st.integers(0, 60))
def test_a_candidate_survives_being_sent(mid, index):
    candidate = parse_candidate_untrusted(LINE)
    text = json.dumps({"candidate": LINE, "sdpMid": mid, "sdpMLineIndex": index})
    read = parse_message_untrusted(text)
    assert isinstance(read, IceCandidate)
    assert (read.address, read.sdp_mid, read.sdp_m_line_index) == (candidate.address, mid, index)
    assert parse_message_untrusted(serialize_message(read)) == read


def test_the_end_of_candidates_is_an_empty_candidate():
    assert serialize_message(None) == '{"candidate": ""}'
    assert parse_message_untrusted('{"candidate": ""}') is None


@given(st.text(max_size=300))
def test_text_is_a_message_or_malformed(text):
    parse_or_refuse(text)


@given(st.binary(max_size=300))
def test_bytes_are_malformed(data):
    assert parse_or_refuse(data) is Malformed


@given(JSON)
def test_json_is_a_message_or_malformed(value):
    parse_or_refuse(json.dumps(value))


@pytest.mark.parametrize("bracket", ["[", '{"a":'])
@pytest.mark.parametrize("depth", [17, 1_000, 10_000])
def test_deep_nesting_is_refused(bracket, depth):
    with pytest.raises(Malformed, match="nested"):
        parse_message_untrusted(bracket * depth)


def test_brackets_within_strings_nest_nothing():
    message = SessionDescription("offer", '[{"' * 1000)
    assert parse_message_untrusted(serialize_message(message)) == message


@pytest.mark.parametrize("size", [MAX_MESSAGE_SIZE + 1, 10 * MAX_MESSAGE_SIZE])
def test_a_long_message_is_refused(size):
    with pytest.raises(Malformed, match="64 KiB"):
        parse_message_untrusted('"' + "x" * (size - 2) + '"')


@pytest.mark.parametrize(
    "text", ['"' + '\\"' * 32_000, '"' * 65_000, "\\" * 65_000, '{"' * 30_000, "[" * 65_000]
)
def test_no_message_takes_long(text):
    start = time.process_time()
    assert parse_or_refuse(text) is Malformed
    assert time.process_time() - start < 0.25
