"""What each candidate pair has carried and been checked by."""

from support.calls import connect, make_call, send_frames
from support.session_pair import SessionPair

from triortc.protocol.ice.checklist import PairState
from triortc.protocol.ice.figures import PairFigures
from triortc.protocol.session.demux import is_stun_untrusted
from triortc.protocol.session.stats_gathering import gather_stats


def figures(pair: SessionPair, index: int) -> PairFigures:
    return pair.ends[index].session.ice.selected_pair.figures


def test_datagrams_are_counted_and_checks_are_not():
    pair = connect(delay=0.02)
    send_frames(pair, 60)
    carried = [data for data, _ in pair.ends[0].sent if not is_stun_untrusted(data)]
    sent, received = figures(pair, 0), figures(pair, 1)
    assert (sent.packets_sent, sent.bytes_sent) == (len(carried), sum(map(len, carried)))
    assert (received.packets_received, received.bytes_received) == (sent.packets_sent, sent.bytes_sent)
    assert pair.now - 0.1 < received.received_at <= pair.now


def test_checks_of_one_side_are_those_that_the_other_got():
    pair = connect(delay=0.02)
    pair.run_for(30)
    ours, theirs = figures(pair, 0), figures(pair, 1)
    assert ours.requests_sent + ours.consent_requests_sent == theirs.requests_received
    assert ours.responses_received == theirs.responses_sent == theirs.requests_received
    assert ours.consent_requests_sent >= 4
    assert ours.requests_sent <= 3
    assert abs(ours.total_round_trip_time / ours.responses_received - 0.04) < 0.001


def test_an_answer_to_a_repeated_check_counts_as_long_as_the_one_before():
    measured = PairFigures()
    for round_trip in (None, 0.1, None, 0.2):
        measured.note_response(round_trip)
    assert measured.responses_received == 4
    assert measured.round_trip_time == 0.2
    assert abs(measured.total_round_trip_time - 0.4) < 1e-9


def test_pairs_are_described_before_and_without_success():
    pair = make_call()
    pair.blocked = True
    pair.run_for(5)
    described = [stats for stats in gather_stats(pair.alice) if stats.type == "candidate-pair"]
    assert [stats.state for stats in described] == [PairState.IN_PROGRESS.value]
    assert described[0].requests_sent == 1, "however often it was repeated"
    assert not described[0].nominated
    assert described[0].current_round_trip_time is None
    transport = next(stats for stats in gather_stats(pair.alice) if stats.type == "transport")
    assert transport.selected_candidate_pair_id is None
    assert (transport.dtls_state, transport.dtls_role, transport.tls_version) == ("new", "unknown", None)
