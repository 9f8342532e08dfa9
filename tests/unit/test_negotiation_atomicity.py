"""A description that is refused changes nothing: not a field, whatever is wrong with it."""

import copy

from hypothesis import given, settings
from hypothesis import strategies as st
from support.descriptions import add_sender, exchange, make_negotiation
from support.session_pair import make_session

from triortc.protocol.sdp.description import Direction, SessionDescription
from triortc.protocol.session.codecs import default_capabilities
from triortc.protocol.session.negotiation import Negotiation
from triortc.protocol.session.session import Session
from triortc.protocol.wire.errors import InvalidStateError, LocalProtocolError, RemoteProtocolError

REFUSALS = (RemoteProtocolError, LocalProtocolError, InvalidStateError)
CERTIFICATE_OF_ANOTHER = ":".join(["CD"] * 32)


def state_of(session: Session) -> dict[str, object]:
    """Return all that a description could change, deep down."""
    negotiation = session.negotiation
    seen: dict[str, object] = {
        "transceivers": [
            (id(each), [copy.copy(getattr(each, name)) for name in each.__slots__])
            for each in negotiation.transceivers
        ],
        "numbers": (
            copy.deepcopy(vars(negotiation.standing.payload_types)),
            copy.deepcopy(vars(negotiation.standing.extension_ids)),
        ),
        "roster": repr(vars(negotiation._roster)),
        "gathering": repr(vars(session.gathering)),
        "ice": (session.ice.local_parameters, session.ice.remote_parameters, session.ice.state),
        "events": list(session.events),
        "transmits": list(session.transmits),
    }
    seen |= {name: value for name, value in vars(negotiation).items() if not name.startswith("_roster")}
    return seen


def make_party(seed: int, *, tracks: int) -> Session:
    session = make_session(seed)
    for number in range(tracks):
        kind = ("audio", "video")[number % 2]
        session.add_transceiver(
            kind, Direction.SENDRECV, default_capabilities(kind), created_by_add_track=True
        )
    return session


def agree(one: Session, other: Session) -> None:
    one.set_local_description(one.create_offer(), 0.0)
    other.set_remote_description(one.local_description, 0.0)
    other.set_local_description(other.create_answer(), 0.0)
    one.set_remote_description(other.local_description, 0.0)


def make_situation(agreed: bool, waits_for: str) -> tuple[Session, SessionDescription]:
    """Return a session that waits for a description, and one that fits."""
    alice, bob = make_party(1, tracks=2), make_party(2, tracks=1)
    if agreed:
        agree(alice, bob)
        alice.add_transceiver("video", Direction.SENDONLY, default_capabilities("video"))
    alice.set_local_description(alice.create_offer(ice_restart=waits_for == "restart"), 0.0)
    if waits_for == "answer":
        bob.set_remote_description(alice.local_description, 0.0)
        bob.set_local_description(bob.create_answer(), 0.0)
        return alice, bob.local_description
    if waits_for == "glare":
        bob.set_local_description(bob.create_offer(ice_restart=True), 0.0)
    return bob, alice.local_description


@st.composite
def mutations(draw: st.DrawFn):
    """Draw a way to break a description: lines lost, doubled, moved, changed."""
    kind = draw(st.sampled_from(["drop", "double", "swap", "change", "cut"]))
    return kind, draw(st.integers(0, 400)), draw(st.integers(0, 400)), draw(st.sampled_from(REPLACEMENTS))


REPLACEMENTS = (
    "a=mid:0",
    "a=mid:7",
    "m=video 9 UDP/TLS/RTP/SAVPF 96",
    "m=audio 0 UDP/TLS/RTP/SAVPF 111",
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    "a=group:BUNDLE 1",
    "a=setup:holdconn",
    "a=setup:actpass",
    "a=setup:passive",
    "a=ice-ufrag:another1",
    "a=ice-pwd:anotherpasswordanotherpass",
    f"a=fingerprint:sha-256 {CERTIFICATE_OF_ANOTHER}",
    "a=rtpmap:96 opus/48000/2",
    "a=rtpmap:0 VP8/90000",
    "a=extmap:300 urn:ietf:params:rtp-hdrext:sdes:mid",
    "a=simulcast:send a;b recv ~c,d",
    "a=rid:a send pt=96",
    "a=inactive",
    "a=ssrc-group:FID 1 2 3",
    "a=msid:- -",
    "\0",
    "",
)


def mutate(sdp: str, changes: list[tuple[str, int, int, str]]) -> str:
    lines = sdp.split("\r\n")[:-1]
    for kind, first, second, text in changes:
        if not lines:
            break
        one, other = first % len(lines), second % len(lines)
        if kind == "drop":
            del lines[one]
        elif kind == "double":
            lines.insert(other, lines[one])
        elif kind == "swap":
            lines[one], lines[other] = lines[other], lines[one]
        elif kind == "change":
            lines[one] = text
        else:
            del lines[one:]
    return "".join(f"{line}\r\n" for line in lines)


@settings(max_examples=250, deadline=None)
@given(
    st.booleans(),
    st.sampled_from(["offer", "restart", "glare", "answer"]),
    st.lists(mutations(), min_size=1, max_size=4),
)
def test_what_is_refused_changes_nothing_and_what_is_taken_can_be_answered(agreed, waits_for, changes):
    session, fitting = make_situation(agreed, waits_for)
    broken = SessionDescription(fitting.type, mutate(fitting.sdp, changes))
    before = state_of(session)
    try:
        session.set_remote_description(broken, 0.0)
    except REFUSALS:
        assert state_of(session) == before
        session.set_remote_description(fitting, 0.0)
    if fitting.type == "offer":
        try:
            session.set_local_description(session.create_answer(), 0.0)
        except RemoteProtocolError:  # there is nothing in it that can be served
            session.set_local_description(SessionDescription("rollback"), 0.0)
    assert session.signaling_state.value == "stable"


def test_a_local_description_that_was_created_before_the_last_one_changes_nothing():
    session = make_party(1, tracks=1)
    stale = session.create_offer()
    session.add_transceiver("video", Direction.SENDRECV, default_capabilities("video"))
    session.create_offer()
    before = state_of(session)
    for description in (stale, SessionDescription("answer", stale.sdp), SessionDescription("rollback")):
        try:
            session.set_local_description(description, 0.0)
        except (LocalProtocolError, InvalidStateError):
            assert state_of(session) == before
        else:
            raise AssertionError(description)


def test_creating_descriptions_is_pure():
    one, other = make_negotiation(1), make_negotiation(2)
    for negotiation in (one, other):
        add_sender(negotiation, "video")
    exchange(one, other)
    before = standing_of(one)
    assert one.create_offer() == one.create_offer()
    one.create_offer(ice_restart=True)
    assert standing_of(one) == before


def standing_of(negotiation: Negotiation) -> tuple[object, ...]:
    return negotiation.standing, [each.save() for each in negotiation.transceivers]
