"""Strangers at the port: no state changes, not one byte is answered, and a counter names each cause."""

import secrets
from collections.abc import Callable

import pytest
from support.calls import connect, make_call, send_frames
from support.session_pair import ADDRESSES, START, SessionPair

from triortc.protocol.ice import stun
from triortc.protocol.session.events import ConnectionState
from triortc.protocol.session.session import Session

ALICE, BOB = ADDRESSES
STRANGER = ("203.0.113.9", 4444)

CLIENT_HELLO = b"\x16\xfe\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x20\x01\x00\x00\x14" + bytes(27)
CLEAR_ALERT = b"\x15\xfe\xfd" + bytes(8) + b"\x00\x02\x02\x28"
RTP = b"\x80\x60" + bytes(50)
RTCP = b"\x80\xc8\x00\x06" + bytes(40)


def forged_check(session: Session) -> bytes:
    """Return a check with the right name and another key."""
    return stun.connectivity_check(
        bytes(12),
        username=f"{session.ice.local_parameters.ufrag}:evil",
        key=b"not the password",
        priority=1,
        controlling=True,
        tie_breaker=1,
        nominate=True,
    )


def plain_request(session: Session) -> bytes:
    return stun.binding_request(bytes(12))


def forged_answer(session: Session) -> bytes:
    return stun.binding_success(bytes(12), STRANGER, b"not the password")


def snapshot(session: Session) -> tuple[object, ...]:
    dtls = session.dtls
    assert dtls is not None
    return (
        session.connection_state,
        session.ice.state,
        session.ice.selected_pair,
        len(session.ice.candidate_pairs),
        dtls.state,
        session.ended,
        tuple(session.media.receive_streams),
        session.signaling_state,
    )


Make = Callable[[Session], bytes]

SHAPES: dict[str, tuple[Make, str]] = {
    "empty": (lambda _: b"", "unknown"),
    "oversized": (lambda _: b"\x80" * 2049, "unknown"),
    "first-byte-4": (lambda _: b"\x04" * 40, "unknown"),
    "first-byte-255": (lambda _: b"\xff" * 40, "unknown"),
    "short-rtp": (lambda _: b"\x80\x60", "unknown"),
    "short-stun": (lambda _: b"\x00\x01\x00", "ice.malformed"),
    "stun-without-cookie": (lambda _: b"\x00\x01\x00\x00" + bytes(16), "ice.malformed"),
    "forged-check": (forged_check, "ice.unauthenticated"),
    "nameless-request": (plain_request, "ice.unauthenticated"),
    "forged-answer": (forged_answer, "ice.unknown_transaction"),
    "client-hello": (lambda _: CLIENT_HELLO, "unchecked"),
    "clear-alert": (lambda _: CLEAR_ALERT, "unchecked"),
    "rtp": (lambda _: RTP, "unchecked"),
    "rtcp": (lambda _: RTCP, "unchecked"),
}


def count(session: Session, name: str) -> int:
    part, dot, counter = name.rpartition(".")
    counters = getattr(session, part).counters if dot else session.counters
    return getattr(counters, counter)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_stranger_changes_nothing_and_hears_nothing(shape):
    pair = connect()
    alice, end = pair.alice, pair.ends[0]
    make, counter = SHAPES[shape]
    before, sent, told = snapshot(alice), len(end.sent), len(end.events)
    counted = count(alice, counter)
    for _ in range(20):
        alice.receive_datagram(make(alice), ALICE, STRANGER, pair.now)
        pair.drain()
    assert snapshot(alice) == before
    assert (len(end.sent), len(end.events)) == (sent, told)
    assert count(alice, counter) == counted + 20
    send_frames(pair, 2)
    assert pair.connected


SPOOFED: dict[str, tuple[bytes, str]] = {
    "clear-alert": (CLEAR_ALERT, "dtls.clear_alerts"),
    "client-hello": (CLIENT_HELLO, "dtls.datagrams_received"),
    "broken-record": (b"\x16\xfe\xfd\x00", "dtls.malformed"),
    "rtp": (RTP, "media.receiver.unauthenticated"),
    "rtcp": (RTCP, "media.receiver.unauthenticated"),
}


@pytest.mark.parametrize("shape", SPOOFED)
def test_a_forged_source_address_ends_no_call(shape):
    pair = connect()
    data, counter = SPOOFED[shape]
    before = snapshot(pair.alice)
    for _ in range(20):
        pair.alice.receive_datagram(data, ALICE, BOB, pair.now)
        pair.drain()
    assert snapshot(pair.alice) == before
    if counter.startswith("media"):
        assert pair.alice.media.receiver.unauthenticated == 20
    else:
        assert count(pair.alice, counter) >= 20
    pair.run_for(5)
    send_frames(pair, 3)
    assert [stream.packets_received for stream in pair.bob.media.receive_streams.values()] == [9]


def test_media_before_the_keys_is_counted():
    pair = make_call()
    assert pair.run_until(lambda: pair.alice.ice.selected_pair is not None, limit=5)
    pair.alice.receive_datagram(RTP, ALICE, BOB, pair.now)
    assert pair.alice.media.counters.before_keys == 1


def test_media_of_no_known_section_is_counted():
    pair = connect()
    pair.bob.media.receiving.configure([])
    send_frames(pair, 2)
    assert pair.bob.media.counters.unrouted == 6
    assert pair.bob.media.receive_streams == {}


def pelt(pair: SessionPair) -> None:
    """Let a stranger throw something at both ends at every step of the call."""
    for end in pair.ends:
        for make, _ in SHAPES.values():
            pair.send(make(end.session), STRANGER, end.local)
        for data, _ in SPOOFED.values():
            pair.send(data[: 1 + secrets.randbelow(len(data))], STRANGER, end.local)


@pytest.mark.parametrize("seed", range(5))
def test_a_call_connects_under_fire(seed):
    pair = make_call(seed, loss=0.1, delay=0.03, jitter=0.02)
    while not pair.connected and pair.now < START + 30:
        pelt(pair)
        pair.run_for(0.02)
    assert pair.connected
    answered = {remote for end in pair.ends for _, remote in end.sent}
    assert answered == {ALICE, BOB}
    assert pair.alice.connection_state is ConnectionState.CONNECTED
