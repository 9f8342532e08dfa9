import json
from dataclasses import FrozenInstanceError

import pytest

from triortc.protocol.sdp.description import SessionDescription
from triortc.protocol.wire.errors import Malformed


@pytest.mark.parametrize("kind", ["offer", "answer", "pranswer", "rollback"])
def test_a_description_survives_the_browsers_json(kind):
    description = SessionDescription(kind, "v=0\r\n")
    assert (
        SessionDescription.from_json_untrusted(json.loads(json.dumps(description.as_json()))) == description
    )


def test_a_rollback_has_no_sdp():
    assert SessionDescription.from_json_untrusted({"type": "rollback"}) == SessionDescription("rollback", "")


def test_other_keys_are_ignored():
    assert SessionDescription.from_json_untrusted({"type": "offer", "sdp": "x", "sdpMid": 3}).sdp == "x"


@pytest.mark.parametrize(
    "value",
    [
        None,
        "offer",
        7,
        [],
        ["type"],
        {},
        {"type": None},
        {"type": ["offer"]},
        {"type": "Offer"},
        {"type": "offer", "sdp": None},
    ],
)
def test_what_is_no_description_object_is_malformed(value):
    with pytest.raises(Malformed):
        SessionDescription.from_json_untrusted(value)


def test_the_text_is_not_shown_and_cannot_be_changed():
    description = SessionDescription("offer", "a=ice-pwd:SECRET")
    assert repr(description) == "SessionDescription(type='offer')"
    with pytest.raises(FrozenInstanceError):
        description.sdp = "other"
