"""What two peers say to each other before media flows, in the browser's JSON shapes.

``{"type": "offer", "sdp": …}`` is a description, ``{"candidate": …, "sdpMid": …}`` a candidate,
and an empty candidate (None here) ends them.
"""

import json
import re
from typing import TypeAlias

from triortc.protocol.ice.candidate import IceCandidate
from triortc.protocol.sdp.description import SessionDescription
from triortc.protocol.wire.errors import Malformed

SignalingMessage: TypeAlias = SessionDescription | IceCandidate | None

MAX_MESSAGE_SIZE = 64 * 1024
MAX_JSON_DEPTH = 16

# A string without an end counts as one: a match cannot fail, so that none is tried twice.
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_BRACKETS = re.compile(r"[\[\]{}]")


def serialize_message(message: SignalingMessage) -> str:
    """Return a message as JSON that a browser's API takes as it is."""
    if message is None:
        return '{"candidate": ""}'
    return json.dumps(message.as_json())


def parse_message_untrusted(text: str | bytes) -> SignalingMessage:
    """Read a message.

    Raises:
      Malformed: if it is too long, not JSON, or neither a description nor a candidate.
    """
    if len(text) > MAX_MESSAGE_SIZE:
        raise Malformed("a signaling message is at most 64 KiB long")
    if isinstance(text, bytes):
        raise Malformed("a signaling message is text")
    _check_depth(text)
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Malformed("a signaling message is JSON") from error
    if not isinstance(value, dict):
        raise Malformed("a signaling message is an object")
    if "sdp" in value or "type" in value:
        return SessionDescription.from_json_untrusted(value)
    if "candidate" in value:
        return IceCandidate.from_json_untrusted(value)
    raise Malformed("a signaling message is a description or a candidate")


def _check_depth(text: str) -> None:
    """Refuse what would recurse too deeply in the JSON parser."""
    depth = 0
    for bracket in _BRACKETS.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_JSON_DEPTH:
            raise Malformed("a signaling message is nested too deeply")
