"""ICE restarts of whole sessions: by either side, taken back, while media flows on."""

import pytest
from support.calls import connect, make_frame, receive_stream
from support.session_pair import End, SessionPair

from triortc.protocol.sdp.description import SessionDescription
from triortc.protocol.session.events import (
    ConnectionStateChanged,
    IceGatheringState,
    IceGatheringStateChanged,
    IceRestarted,
    IceRestartRolledBack,
    LocalCandidateFound,
)

ROLLBACK = SessionDescription("rollback")


def feed_bases(pair: SessionPair) -> None:
    """Give each new generation its socket, as a driver does."""
    pair.drain()
    for end in pair.ends:
        restarts = [event for event in end.seen(IceRestarted) if event not in end.handled]
        end.handled.extend(restarts)
        if restarts:
            end.session.add_host_address(end.local, pair.now)
            end.session.end_of_bases(pair.now)
    pair.drain()


def call(seed: int = 0) -> SessionPair:
    pair = connect(seed, "video")
    for end in pair.ends:
        end.handled = []
        end.events.clear()
    return pair


def renegotiate(pair: SessionPair, offerer: End, answerer: End, **options: bool) -> None:
    offerer.session.set_local_description(offerer.session.create_offer(**options), pair.now)
    feed_bases(pair)
    answerer.session.set_remote_description(offerer.session.local_description, pair.now)
    answerer.session.set_local_description(answerer.session.create_answer(), pair.now)
    feed_bases(pair)
    offerer.session.set_remote_description(answerer.session.local_description, pair.now)
    feed_bases(pair)


def send_frames(pair: SessionPair, first: int, count: int) -> None:
    for number in range(first, first + count):
        pair.alice.send_frame("0", make_frame(number))
        pair.drain()
        pair.run_for(1 / 30)


def ufrags(pair: SessionPair) -> list[str]:
    return [end.session.ice.local_parameters.ufrag for end in pair.ends]


@pytest.mark.parametrize("restarter", [0, 1])
@pytest.mark.parametrize("by_option", [True, False])
def test_media_flows_on_over_a_restart_by_either_side(restarter, by_option):
    pair = call()
    before, paths = ufrags(pair), [end.session.ice.selected_pair for end in pair.ends]
    send_frames(pair, 0, 10)
    offerer, answerer = pair.ends[restarter], pair.ends[1 - restarter]
    if not by_option:
        offerer.session.restart_ice()
    renegotiate(pair, offerer, answerer, **({"ice_restart": True} if by_option else {}))
    send_frames(pair, 10, 60)
    pair.run_for(1)
    assert set(ufrags(pair)).isdisjoint(before)
    stream = receive_stream(pair, "0")
    assert (stream.packets_received, stream.packets_lost) == (210, 0)
    for end, path in zip(pair.ends, paths, strict=True):
        session = end.session
        assert not session.ice.restarting
        assert session.ice.selected_pair is not path
        assert session.ice.selected_pair.rtt == pytest.approx(2 * pair.delay)
        assert [event.ufrag for event in end.seen(IceRestarted)] == [session.ice.local_parameters.ufrag]
        assert not end.seen(ConnectionStateChanged)
        assert not session.negotiation.needed


def test_a_restarted_generation_is_gathered_and_described_by_itself():
    pair = call()
    old = pair.alice.local_description.sdp
    pair.alice.set_local_description(pair.alice.create_offer(ice_restart=True), pair.now)
    pair.drain()
    assert "a=candidate" not in pair.alice.local_description.sdp
    assert pair.alice.current_local_description.sdp == old
    assert pair.alice.gathering.state is IceGatheringState.GATHERING
    feed_bases(pair)
    new = pair.alice.local_description.sdp
    assert "a=candidate" in new
    assert "a=end-of-candidates" in new
    assert pair.alice.current_local_description.sdp == old
    found = [event.candidate for event in pair.ends[0].seen(LocalCandidateFound)]
    assert found[-1] is None
    assert {each.username_fragment for each in found[:-1]} == {pair.alice.ice.local_parameters.ufrag}
    states = [event.state.value for event in pair.ends[0].seen(IceGatheringStateChanged)]
    assert states == ["gathering", "complete"]


def test_a_restart_that_is_taken_back_leaves_everything_as_it_was():
    pair = call()
    before, old = ufrags(pair), pair.alice.local_description.sdp
    pair.alice.set_local_description(pair.alice.create_offer(ice_restart=True), pair.now)
    feed_bases(pair)
    pair.bob.set_remote_description(pair.alice.local_description, pair.now)
    given_up = pair.alice.ice.local_parameters.ufrag
    pair.alice.set_local_description(ROLLBACK, pair.now)
    pair.bob.set_remote_description(ROLLBACK, pair.now)
    pair.drain()
    assert ufrags(pair) == before
    assert pair.alice.local_description.sdp == old
    assert pair.ends[0].seen(IceRestartRolledBack) == [IceRestartRolledBack(given_up)]
    # The answerer had told nobody of its new credentials, and so has nothing to take back.
    assert not pair.ends[1].seen(IceRestarted)
    assert not pair.ends[1].seen(IceRestartRolledBack)
    assert pair.alice.gathering.state is pair.bob.gathering.state is IceGatheringState.COMPLETE
    send_frames(pair, 0, 30)
    pair.run_for(1)
    assert receive_stream(pair, "0").packets_received == 90
    assert pair.connected


def test_a_restart_that_meets_the_others_offer_is_made_up_for():
    pair = call()
    pair.alice.restart_ice()
    pair.alice.set_local_description(pair.alice.create_offer(), pair.now)
    feed_bases(pair)
    pair.bob.set_local_description(pair.bob.create_offer(), pair.now)
    pair.alice.set_remote_description(pair.bob.local_description, pair.now)
    pair.alice.set_local_description(pair.alice.create_answer(), pair.now)
    pair.bob.set_remote_description(pair.alice.local_description, pair.now)
    feed_bases(pair)
    assert pair.alice.negotiation.needed
    assert len(pair.ends[0].seen(IceRestartRolledBack)) == 1
    renegotiate(pair, *pair.ends)
    pair.run_for(1)
    assert not pair.alice.negotiation.needed
    assert not pair.alice.ice.restarting


def test_both_sides_restart_one_after_the_other():
    pair = call()
    for number in range(4):
        offerer, answerer = pair.ends[number % 2], pair.ends[1 - number % 2]
        renegotiate(pair, offerer, answerer, ice_restart=True)
        send_frames(pair, number * 30, 30)
    pair.run_for(6)
    assert receive_stream(pair, "0").packets_received == 360
    assert pair.connected


def test_a_restart_saves_a_call_whose_path_is_gone():
    pair = call()
    pair.blocked = True
    pair.run_for(8)
    assert not pair.connected
    # The line comes back; the descriptions went another way.
    pair.alice.restart_ice()
    renegotiate(pair, *pair.ends)
    pair.blocked = False
    assert pair.run_until(lambda: pair.connected, limit=5)
    send_frames(pair, 0, 30)
    pair.run_for(1)
    assert receive_stream(pair, "0").packets_received == 90
