"""Two sessions restart ICE in the middle of a call: one DTLS association, and no packet missing."""

import pytest
from support.calls import connect, receive_stream, send_frames, send_stream
from support.session_pair import SessionPair

from triortc.protocol.session.events import ConnectionState, ConnectionStateChanged, IceRestarted


def restart(pair: SessionPair, offerer: int) -> None:
    """Exchange a restarting offer and its answer; frames flow in between."""
    here, there = pair.ends[offerer], pair.ends[1 - offerer]
    pair.gather(here, lambda: here.session.create_offer(ice_restart=True))
    send_frames(pair, 3)
    there.session.set_remote_description(here.session.local_description, pair.now)
    pair.gather(there, there.session.create_answer)
    send_frames(pair, 3)
    here.session.set_remote_description(there.session.local_description, pair.now)
    pair.drain()


@pytest.mark.parametrize("offerer", [0, 1])
@pytest.mark.parametrize("seed", range(20))
def test_frames_flow_on_over_restarts_by_either_side(seed: int, offerer: int) -> None:
    pair = connect(seed, jitter=0.03)
    dtls = [end.session.dtls for end in pair.ends]
    fragments = {pair.alice.ice.local_parameters.ufrag}
    for _ in range(3):
        restart(pair, offerer)
        send_frames(pair, 20)
        assert not pair.alice.ice.restarting
        fragments.add(pair.alice.ice.local_parameters.ufrag)
    assert len(fragments) == 4
    assert receive_stream(pair).packets_received == send_stream(pair).packets_sent == 3 * 26 * 3
    assert [end.session.dtls for end in pair.ends] == dtls
    for end in pair.ends:
        assert len(end.seen(IceRestarted)) == 3
        assert end.session.counters.unchecked == 0
        states = [event.state for event in end.seen(ConnectionStateChanged)]
        assert states == [ConnectionState.CONNECTING, ConnectionState.CONNECTED]


def test_a_disconnected_call_is_restarted_and_goes_on() -> None:
    pair = connect()
    pair.blocked = True
    assert pair.run_until(lambda: pair.alice.connection_state is ConnectionState.DISCONNECTED, limit=20)
    pair.blocked = False
    restart(pair, 0)
    assert pair.run_until(lambda: pair.connected, limit=5)
    before = receive_stream(pair).packets_received
    send_frames(pair, 10)
    assert receive_stream(pair).packets_received == before + 30
