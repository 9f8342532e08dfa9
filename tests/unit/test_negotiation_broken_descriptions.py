"""A remote description that breaks the protocol is refused, and changes nothing at all."""

from collections.abc import Callable

import pytest
from support.descriptions import (
    FINGERPRINT,
    add_receiver,
    add_sender,
    audio,
    describe,
    exchange,
    make_negotiation,
    offer,
    video,
)
from support.session_pair import End

from triortc.protocol.sdp.description import Direction, SessionDescription
from triortc.protocol.session.codecs import VP8
from triortc.protocol.session.events import SignalingState
from triortc.protocol.session.negotiation import Negotiation
from triortc.protocol.session.session import Session
from triortc.protocol.wire.errors import InvalidStateError, RemoteProtocolError

Edit = Callable[[str], str]


def replacing(old: str, new: str) -> Edit:
    return lambda text: text.replace(old, new)


def without(start: str) -> Edit:
    return lambda text: "\r\n".join(line for line in text.split("\r\n") if not line.startswith(start))


BROKEN: list[tuple[str, Edit, str]] = [
    ("no-ufrag", without("a=ice-ufrag"), "no ICE credentials"),
    ("no-password", without("a=ice-pwd"), "no ICE credentials"),
    ("no-fingerprint", without("a=fingerprint"), "fingerprint"),
    ("weak-fingerprint", replacing(f"sha-256 {FINGERPRINT}", f"sha-1 {FINGERPRINT[:59]}"), "fingerprint"),
    ("holdconn", replacing("actpass", "holdconn"), "a=setup:holdconn"),
    ("no-media", lambda text: text[: text.index("m=")], "no media section"),
    ("duplicate-mids", replacing("a=mid:1", "a=mid:0"), "two media sections have"),
    ("not-sdp", lambda text: "hello", "not a session description"),
    ("empty", lambda text: "", "not a session description"),
    ("too-long", lambda text: text + "a=x\r\n" * 60_000, "not a session description"),
    ("nul", replacing("VP8", "V\0P8"), "not a session description"),
]


def snapshot(session: Session) -> tuple[object, ...]:
    negotiation = session.negotiation
    state = vars(negotiation)
    transceivers = [
        tuple(getattr(transceiver, name) for name in transceiver.__slots__)
        for transceiver in negotiation.transceivers
    ]
    return repr(state), transceivers, session.connection_state, session.ice.state, session.ice.role


@pytest.mark.parametrize(("edit", "message"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_broken_offer_changes_nothing(edit, message):
    session = End(0, ("10.0.0.1", 50_000)).session
    session.add_transceiver("video", Direction.SENDONLY, (VP8,))
    session.events.clear()
    good = offer(video("0"), audio("1"))
    before = snapshot(session)
    with pytest.raises(RemoteProtocolError, match=message):
        session.set_remote_description(SessionDescription("offer", edit(good.sdp)), 0.0)
    assert snapshot(session) == before
    assert not session.events
    assert not session.transmits
    session.set_remote_description(good, 0.0)
    assert session.signaling_state is SignalingState.HAVE_REMOTE_OFFER


def fewer_sections(text: str) -> str:
    return text[: text.rindex("m=")]


def more_sections(text: str) -> str:
    return text + text[text.rindex("m=") :].replace("a=mid:1", "a=mid:2")


BROKEN_ANSWERS: list[tuple[str, Edit, str]] = [
    ("fewer-sections", fewer_sections, "not as many media sections"),
    (
        "more-sections",
        lambda text: text + text[text.rindex("m=") :].replace("a=mid:1", "a=mid:2"),
        "not as many",
    ),
    ("other-mid", replacing("a=mid:1", "a=mid:7"), "has become another one"),
    ("other-kind", replacing("m=video", "m=text"), "has become another one"),
    ("duplicate-mids", replacing("a=mid:1", "a=mid:0"), "two media sections have"),
    ("undecided", replacing("passive", "actpass"), "a=setup:actpass"),
    ("no-ufrag", without("a=ice-ufrag"), "no ICE credentials"),
    ("no-fingerprint", without("a=fingerprint"), "fingerprint"),
    ("not-sdp", lambda text: "v=1", "not a session description"),
]


def answered(alice: Negotiation) -> str:
    bob = make_negotiation(9)
    for kind in ("video", "audio"):
        add_receiver(bob, kind)
    bob.set_remote(SessionDescription("offer", alice.create_offer().sdp))
    return bob.create_answer().sdp


@pytest.mark.parametrize(
    ("edit", "message"), [row[1:] for row in BROKEN_ANSWERS], ids=[row[0] for row in BROKEN_ANSWERS]
)
def test_a_broken_answer_changes_nothing(edit, message):
    session = End(0, ("10.0.0.1", 50_000)).session
    for kind in ("audio", "video"):
        add_sender(session.negotiation, kind)
    session.set_local_description(session.create_offer(), 0.0)
    good = answered(session.negotiation)
    session.set_local_description(session.create_offer(), 0.0)
    session.events.clear()
    before = snapshot(session)
    with pytest.raises(RemoteProtocolError, match=message):
        session.set_remote_description(SessionDescription("answer", edit(good)), 0.0)
    assert snapshot(session) == before
    assert not session.events
    session.set_remote_description(SessionDescription("answer", good), 0.0)
    assert session.signaling_state is SignalingState.STABLE


def agreed() -> tuple[Negotiation, str]:
    """Return a side after a first exchange of two sections, and the other side's next offer."""
    alice, bob = make_negotiation(1), make_negotiation(2)
    for kind in ("audio", "video"):
        add_sender(alice, kind)
    exchange(alice, bob)
    return alice, bob.create_offer().sdp


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (fewer_sections, "have disappeared"),
        (replacing("a=mid:0", "a=mid:5"), "has become another one"),
        (replacing(f"sha-256 {FINGERPRINT}", f"sha-256 {FINGERPRINT[:-2]}00"), "change of certificate"),
    ],
    ids=["fewer-sections", "other-mid", "other-certificate"],
)
def test_a_later_offer_cannot_undo_what_was_agreed(edit, message):
    alice, later = agreed()
    sections = alice.transceivers[0].current_direction, alice.transceivers[0].codecs
    with pytest.raises(RemoteProtocolError, match=message):
        alice.set_remote(SessionDescription("offer", edit(later)))
    assert (alice.transceivers[0].current_direction, alice.transceivers[0].codecs) == sections
    assert alice.state is SignalingState.STABLE
    alice.set_remote(SessionDescription("offer", later))


@pytest.mark.parametrize("kind", ["pranswer", "rollback"])
def test_without_an_offer_there_is_nothing_to_answer_or_to_take_back(kind):
    with pytest.raises(InvalidStateError, match="stable"):
        make_negotiation().set_remote(SessionDescription(kind, describe(video("0"))))


def test_an_unusable_candidate_in_a_description_is_passed_over():
    session = End(0, ("10.0.0.1", 50_000)).session
    session.add_transceiver("video", Direction.SENDONLY, (VP8,))
    lines = (
        "a=candidate:1 1 udp 2122260223 nonsense",
        "a=candidate:2 1 udp 2122260223 4c1b.local 50000 typ host",
        "a=candidate:3 1 tcp 2122260223 10.0.0.2 9 typ host tcptype active",
        "a=candidate:4 1 udp 2122260223 224.0.0.1 50000 typ host",
    )
    text = describe(video("0")) + "\r\n".join(lines) + "\r\n"
    session.set_remote_description(SessionDescription("offer", text), 0.0)
    session.set_local_description(session.create_answer(), 0.0)
    session.add_host_address(("10.0.0.1", 50_000), 0.0)
    assert session.ice.candidate_pairs == ()
    assert session.counters.unknown == 1
