"""Received media on bad lines: what is recovered, what freezes, what it costs in delay."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from support.calls import connect, send_frames
from support.session_pair import START
from support.video_calls import VideoCall, percentile

from triortc.protocol.rtp.incoming import Wanted
from triortc.protocol.session.events import FrameReceived, PacketsReceived
from triortc.protocol.wire.clock import NTP_EPOCH_OFFSET

Measured = Callable[[str], None]
ONE_WAY = 0.030


def in_order(call: VideoCall) -> bool:
    return all(before.timestamp < after.timestamp for (_, before), (_, after) in pairwise(call.arrivals))


def share_recovered(call: VideoCall) -> float:
    lost = call.stream.packets_lost
    return 1.0 if lost == 0 else call.stream.retransmitted_packets_received / lost


@pytest.mark.parametrize("loss", [0.0, 0.02, 0.05, 0.10])
def test_video_survives_loss(loss: float, measured: Measured) -> None:
    recovered, frozen, delays = [], [], []
    for seed in range(3):
        call = VideoCall(seed, delay=ONE_WAY)
        call.pair.loss = loss
        call.run(20)
        call.pair.loss = 0.0
        call.settle()
        assert in_order(call)
        assert len(call.arrivals) >= 570
        recovered.append(share_recovered(call))
        frozen.append(call.freeze_ratio())
        delays += call.delays()
    assert min(recovered) >= 0.97
    assert max(frozen) <= 0.06
    assert percentile(delays, 0.5) <= ONE_WAY + 0.4
    measured(
        f"{loss:.0%} loss, RTT 60 ms: {min(recovered):.2%} recovered at worst, {sum(frozen) / 3:.2%} frozen, "
        f"delay p50 {percentile(delays, 0.5) * 1e3:.0f} p95 {percentile(delays, 0.95) * 1e3:.0f} ms"
    )


def test_without_loss_no_delay_is_added() -> None:
    call = VideoCall(delay=ONE_WAY)
    call.run(5)
    assert max(call.delays()) == pytest.approx(ONE_WAY, abs=0.001)
    assert (call.stream.nack_count, call.stream.pli_count) == (0, 0)


def test_after_one_lost_frame_the_delay_comes_down(measured: Measured) -> None:
    call = VideoCall(delay=ONE_WAY)
    call.run(2)
    call.pair.blocked = True
    call.run(1 / 30)
    call.pair.blocked = False
    call.run(15)
    delays = list(call.delays())
    assert len(delays) >= 500
    above = [number for number, delay in enumerate(delays) if delay > ONE_WAY + 0.005]
    assert max(delays) < 0.2
    assert above[-1] - above[0] < 30 * 12
    seconds = (above[-1] - above[0]) / 30
    measured(f"a whole frame lost: {max(delays) * 1e3:.0f} ms at most, back after {seconds:.1f} s")


@pytest.mark.parametrize("seconds", [0.3, 2.0])
def test_video_is_soon_back_after_an_outage(seconds: float, measured: Measured) -> None:
    call = VideoCall(delay=ONE_WAY)
    call.run(2)
    call.pair.blocked = True
    call.run(seconds)
    call.pair.blocked = False
    back = call.pair.now
    call.run(5)
    first = next(time for time, _ in call.arrivals if time > back + ONE_WAY)
    assert first - back < 2.0
    assert in_order(call)
    measured(f"outage of {seconds} s: video is back {first - back:.2f} s after it")


def test_reordering_is_no_loss(measured: Measured) -> None:
    call = VideoCall(delay=ONE_WAY, jitter=0.010)
    call.run(20)
    call.settle()
    assert in_order(call)
    assert len(call.arrivals) == 600
    assert call.stream.packets_lost == 0
    wasted = call.pair.alice.media.send_streams["0", None].retransmitted_packets_sent
    assert wasted < 0.02 * call.stream.packets_received
    measured(f"10 ms of reordering: {wasted} of {call.stream.packets_received} packets asked for in vain")


def test_retransmissions_hardly_come_twice(measured: Measured) -> None:
    call = VideoCall(delay=ONE_WAY)
    call.pair.loss = 0.05
    call.run(20)
    stream, sent = call.stream, call.pair.alice.media.send_streams["0", None]
    assert sent.retransmitted_packets_sent < 1.5 * stream.packets_lost
    measured(f"{sent.retransmitted_packets_sent} retransmissions for {stream.packets_lost} lost packets")


def test_sound_comes_at_once_and_tells_its_losses() -> None:
    call = VideoCall(kind="audio", delay=ONE_WAY)
    call.pair.loss = 0.10
    call.run(20)
    assert in_order(call)
    assert sum(frame.lost for _, frame in call.arrivals) == call.stream.packets_lost
    assert percentile(list(call.delays()), 0.99) < ONE_WAY + 0.065
    assert call.stream.nack_count == 0


def test_an_unread_track_is_counted_and_no_more() -> None:
    call = VideoCall(wanted=False, delay=ONE_WAY)
    call.pair.loss = 0.05
    call.run(5)
    assert (call.arrivals, call.track.held_packets, call.track.missing_packets) == ([], 0, 0)
    assert (call.stream.nack_count, call.stream.pli_count) == (0, 0)
    assert call.stream.packets_received > 1000


def test_who_begins_to_read_late_gets_a_keyframe_within_a_round_trip_and_a_frame() -> None:
    call = VideoCall(wanted=False, delay=ONE_WAY)
    call.run(5)
    began = call.pair.now
    call.want(Wanted.FRAMES)
    call.run(1)
    time, frame = call.arrivals[0]
    assert frame.keyframe
    assert time - began < 2 * ONE_WAY + 2 / 30 + 0.01
    assert call.keyframes_sent == 2


def test_frames_know_the_senders_time() -> None:
    call = VideoCall(delay=ONE_WAY)
    call.run(3)
    known = [frame for _, frame in call.arrivals if frame.ntp_time is not None]
    assert len(known) > 80
    captured = [call.sent[frame.timestamp - call.arrivals[0][1].timestamp] for frame in known]
    expected = [time - START + 1_700_000_000 + NTP_EPOCH_OFFSET for time in captured]
    assert [frame.ntp_time for frame in known] == pytest.approx(expected, abs=0.001)


def test_packets_come_as_they_were_sent() -> None:
    pair = connect()
    pair.bob.set_wanted("1", None, Wanted.PACKETS, pair.now)
    send_frames(pair, 5)
    packets = [packet for event in pair.ends[1].seen(PacketsReceived) for packet in event.packets]
    assert [packet.marker for packet in packets] == [False, False, True] * 5
    assert pair.ends[1].seen(FrameReceived) == []


def test_a_round_trip_is_known_from_the_first_check_on() -> None:
    call = VideoCall(delay=0.1)
    assert call.track._round_trip == pytest.approx(0.2, abs=0.001)
