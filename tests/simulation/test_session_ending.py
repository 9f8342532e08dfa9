"""How sessions end: by a word, by silence, by failure. Afterwards nothing is sent and nothing changes."""

import pytest
from support.calls import connect, make_call, make_frame, send_frames
from support.session_pair import START

from triortc.protocol.session.demux import DatagramKind, classify_untrusted
from triortc.protocol.session.events import (
    CloseReason,
    ConnectionState,
    ConnectionStateChanged,
    LocalCandidateFound,
    SessionEnded,
    SignalingState,
)
from triortc.protocol.wire.errors import InvalidStateError


def test_a_close_is_told_and_ends_the_other_side_at_once():
    pair = connect(delay=0.05)
    send_frames(pair, 3)
    sent = len(pair.ends[0].sent)
    pair.alice.close(pair.now)
    pair.drain()
    kinds = [classify_untrusted(datagram) for datagram, _ in pair.ends[0].sent[sent:]]
    assert kinds == [DatagramKind.RTCP, DatagramKind.DTLS]
    assert pair.alice.ended == SessionEnded(CloseReason.LOCAL)
    closed_at = pair.now
    assert pair.run_until(lambda: pair.bob.ended is not None, limit=1)
    assert pair.now - closed_at == pytest.approx(0.05)
    assert pair.bob.ended.reason is CloseReason.REMOTE
    for end in pair.ends:
        assert end.session.connection_state is ConnectionState.CLOSED
        assert end.session.signaling_state is SignalingState.CLOSED
        assert [type(event) for event in end.events[-3:]][-1] is SessionEnded


def test_a_goodbye_forgets_the_streams_it_names():
    pair = connect()
    send_frames(pair, 3)
    assert len(pair.bob.media.receive_streams) == 1
    pair.alice.close(pair.now)
    pair.drain()
    pair.run_for(1)
    assert pair.bob.media.receive_streams == {}


def test_closing_twice_says_nothing_new():
    pair = connect()
    pair.alice.close(pair.now)
    pair.drain()
    sent, told = len(pair.ends[0].sent), len(pair.ends[0].events)
    pair.alice.close(pair.now)
    pair.drain()
    assert (len(pair.ends[0].sent), len(pair.ends[0].events)) == (sent, told)


def test_silence_is_disconnected_after_5_s_and_failed_after_30():
    pair = connect()
    pair.run_for(10)
    silent_since = pair.now
    pair.blocked = True
    changes = []
    for state in (ConnectionState.DISCONNECTED, ConnectionState.FAILED):
        assert pair.run_until(lambda state=state: pair.alice.connection_state is state, limit=60)
        changes.append(pair.now - silent_since)
    # A check goes out every 5 s ± 20 %, and the first one that is not answered starts the count.
    assert 4.9 <= changes[0] <= 11.1
    assert 23.9 <= changes[1] <= 30.1
    assert pair.alice.ended.reason is CloseReason.CONSENT_LOST


def test_nothing_is_sent_without_consent():
    pair = connect()
    pair.blocked = True
    assert pair.run_until(lambda: pair.alice.ended is not None, limit=60)
    sent = len(pair.ends[0].sent)
    pair.alice.send_frame("1", make_frame(0))
    pair.alice.close(pair.now)
    pair.alice.handle_timeout(pair.now)
    pair.drain()
    pair.run_for(60)
    assert len(pair.ends[0].sent) == sent
    assert pair.alice.next_deadline() is None
    assert pair.alice.ended.reason is CloseReason.CONSENT_LOST
    assert pair.alice.connection_state is ConnectionState.FAILED


def test_a_short_outage_is_survived():
    pair = connect()
    pair.run_for(3)
    pair.blocked = True
    assert pair.run_until(lambda: pair.alice.connection_state is ConnectionState.DISCONNECTED, limit=15)
    pair.blocked = False
    assert pair.run_until(lambda: pair.connected, limit=2)
    pair.run_for(60)
    assert pair.connected
    send_frames(pair, 3)
    assert [stream.packets_received for stream in pair.bob.media.receive_streams.values()] == [9]


def test_no_path_fails_after_30_s_and_stays_failed():
    pair = make_call()
    pair.blocked = True
    assert pair.run_until(lambda: pair.alice.ended is not None, limit=60)
    assert pair.now - START <= 36
    assert pair.alice.ended.reason is CloseReason.ICE_FAILED
    pair.run_for(10)
    states = [event.state for event in pair.ends[0].seen(ConnectionStateChanged)]
    assert states == [ConnectionState.CONNECTING, ConnectionState.FAILED]


def test_a_handshake_that_nobody_answers_fails():
    pair = make_call()
    drop = pair.send
    pair.send = lambda data, source, target: (
        None if classify_untrusted(data) is DatagramKind.DTLS else drop(data, source, target)
    )
    assert pair.run_until(lambda: pair.alice.ended is not None, limit=60)
    assert pair.alice.ended.reason is CloseReason.DTLS_FAILED
    assert "30 s" in pair.alice.ended.detail


def test_what_comes_after_the_end_is_counted_and_changes_nothing():
    pair = connect()
    pair.alice.close(pair.now)
    pair.drain()
    told = len(pair.ends[0].events)
    before = pair.alice.counters.after_end
    for data in (b"", b"\x00" * 20, b"\x16\xfe\xfd" + bytes(20), b"\x80" * 40):
        pair.alice.receive_datagram(data, *[end.local for end in pair.ends], pair.now)
    pair.alice.end_of_bases(pair.now)
    pair.drain()
    assert pair.alice.counters.after_end == before + 4
    assert len(pair.ends[0].events) == told


def test_candidates_that_are_found_after_the_end_are_not_told():
    pair = make_call()
    alice = pair.alice
    alice.gathering._all_bases_known = False
    alice.close(pair.now)
    pair.drain()
    told = len(pair.ends[0].events)
    alice.end_of_bases(pair.now)
    pair.drain()
    assert len(pair.ends[0].events) == told
    assert alice.connection_state is ConnectionState.CLOSED
    assert pair.ends[0].seen(LocalCandidateFound)


@pytest.mark.parametrize("call", ["create_offer", "create_answer"])
def test_an_ended_session_negotiates_no_more(call):
    pair = connect()
    pair.alice.close(pair.now)
    with pytest.raises(InvalidStateError):
        getattr(pair.alice, call)()
