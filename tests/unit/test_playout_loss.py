"""What the playout machine makes of lost and late packets."""

import itertools
from collections.abc import Callable

import pytest
from support.playout_traces import (
    DTX,
    PACKET,
    RATE,
    TICKS,
    WITH_FEC,
    WITHOUT_FEC,
    Arrival,
    jitter,
    play,
    sent,
    sound,
)

from triortc.protocol.rtp.frame import ReceivedFrame
from triortc.protocol.rtp.playout import MAX_BUFFERED, MAX_PACKETS, Kind, Playout


def steady(number: int) -> float:
    return 0.030


def lost(*numbers: int) -> Callable[[int], float | None]:
    return lambda number: None if number in numbers else 0.030


def test_a_steady_stream_is_played_as_it_is() -> None:
    playout, played = play(sent(10, delay=steady))
    assert set(played.kinds()) == {Kind.DECODE}
    numbers = [step.timestamp // TICKS for _, step, _ in played.steps]
    assert numbers == list(range(1000, 1000 + len(numbers)))
    assert playout.statistics.concealed_samples == playout.statistics.packets_discarded == 0
    assert playout.statistics.total_samples_received == sum(ticks for *_, ticks in played.steps)


@pytest.mark.parametrize("payload", [WITH_FEC, WITHOUT_FEC], ids=["fec", "no fec"])
@pytest.mark.parametrize("missing", [(250,), (250, 251), tuple(range(250, 255))], ids=len)
def test_a_loss_adds_no_lasting_latency(
    payload: bytes, missing: tuple[int, ...], measured: Callable[[str], None]
) -> None:
    _, played = play(sent(10, delay=lost(*missing), payload=payload))
    before = played.delays(4, 5)
    after = played.delays(5.0 + len(missing) * PACKET + 2, 9)
    measured(f"latency {max(before) * 1000:.0f} ms before, {max(after) * 1000:.0f} ms two seconds after")
    assert max(after) <= max(before) + 0.005


def test_one_lost_packet_is_recovered_from_the_next() -> None:
    playout, played = play(sent(6, delay=lost(250)))
    recovered = [step for _, step, _ in played.steps if step.kind is Kind.RECOVER]
    assert [step.timestamp for step in recovered] == [1250 * TICKS]
    assert recovered[0].packet is not None
    assert recovered[0].packet.timestamp == 1251 * TICKS
    statistics = playout.statistics
    assert statistics.concealed_samples == statistics.concealment_events == 0
    assert statistics.fec_packets_received - statistics.fec_packets_discarded == 1


def test_of_two_lost_packets_the_first_is_concealed() -> None:
    playout, played = play(sent(6, delay=lost(250, 251)))
    odd = [(step.kind, step.timestamp) for _, step, _ in played.steps if step.kind is not Kind.DECODE]
    assert odd == [
        (Kind.CONCEAL, 1250 * TICKS),
        (Kind.CONCEAL, 1250 * TICKS + TICKS // 2),
        (Kind.RECOVER, 1251 * TICKS),
    ]
    assert playout.statistics.concealed_samples == TICKS
    assert playout.statistics.concealment_events == 1


@pytest.mark.parametrize("spread", [0.0, 0.005, 0.010, 0.020])
def test_at_ten_percent_loss_little_is_concealed(spread: float, measured: Callable[[str], None]) -> None:
    parts, latencies = [], []
    for seed in range(10):
        playout, played = play(sent(60, delay=jitter(seed, loss=0.1, spread=spread)))
        statistics = playout.statistics
        parts.append(statistics.concealed_samples / statistics.total_samples_received)
        latencies += played.delays(5)
    mean = sum(parts) / len(parts)
    latency = (sum(latencies) / len(latencies) - 0.030) * 1000
    measured(f"concealed {mean:.2%} (worst seed {max(parts):.2%}), playout delay {latency:.0f} ms")
    assert mean <= 0.02


def test_a_late_packet_is_played_and_the_delay_comes_down_again() -> None:
    held_up = 0.150
    _, played = play(sent(10, delay=lambda number: 0.030 + held_up * (number == 250)))
    usual = max(played.delays(4, 5))
    assert 1250 * TICKS not in [step.timestamp for _, step, _ in played.steps if step.kind is Kind.CONCEAL]
    assert max(played.delays(7.2, 9)) <= usual + 0.005


def test_packets_out_of_order_are_put_in_order() -> None:
    playout, played = play(sent(10, delay=lambda number: 0.030 + 0.025 * (number % 10 == 3)))
    settled = [step for time, step, _ in played.steps if time > 3]
    assert {step.kind for step in settled} == {Kind.DECODE}
    steps = {later.timestamp - earlier.timestamp for earlier, later in itertools.pairwise(settled)}
    assert steps == {TICKS}
    assert playout.statistics.packets_discarded <= 2


def test_after_an_outage_the_sound_is_soon_in_time_again() -> None:
    def delay(number: int) -> float:
        return max(0.030, 6.2 - number * PACKET) if number >= 250 else 0.030

    playout, played = play(sent(12, delay=delay))
    assert max(played.delays(8.2, 12)) <= max(played.delays(4, 5)) + 0.100
    assert max(played.delays(9.5, 12)) <= max(played.delays(4, 5)) + 0.050
    assert playout.statistics.silent_concealed_samples > 0


def test_a_pause_of_the_sender_is_no_loss() -> None:
    speech = [Arrival(n * PACKET + 0.03, sound(n)) for n in [*range(100), *range(200, 300)]]
    pause = [Arrival(n * PACKET + 0.03, sound(n, DTX)) for n in range(100, 200, 20)]
    playout, played = play(sorted(speech + pause, key=lambda arrival: arrival.time))
    assert playout.statistics.concealed_samples == 0
    assert len([kind for kind in played.kinds() if kind is Kind.DECODE]) >= 200
    delays = played.delays(0, first=0)
    assert max(delays) - min(delays) <= 0.030


def test_a_long_silence_is_counted_as_one_and_costs_no_latency() -> None:
    arrivals = [arrival for arrival in sent(20, delay=steady) if not 5 < arrival.time < 15]
    playout, played = play(arrivals)
    statistics = playout.statistics
    assert statistics.concealment_events == 1
    assert statistics.silent_concealed_samples > 9 * RATE
    assert max(played.delays(15, 20)) <= max(played.delays(4, 5)) + 0.010


def test_garbage_duplicates_and_late_packets_are_discarded() -> None:
    playout = Playout(RATE)
    for payload in (b"", b"\x03", b"\x03\x00", b"\x1b\x3f"):
        playout.put(sound(1, payload), 0.0)
    assert playout.statistics.packets_discarded == 4
    playout.put(sound(5), 0.0)
    playout.put(sound(5), 0.0)
    assert playout.statistics.packets_discarded == 5
    assert playout.start_time is not None
    playout.take(playout.start_time)
    playout.put(sound(4), 0.1)
    assert playout.statistics.packets_discarded == 6


def test_the_buffer_is_bounded_in_time_and_in_number() -> None:
    playout = Playout(RATE)
    for number in range(500):
        playout.put(sound(number), 0.0)
    assert playout.depth * PACKET <= MAX_BUFFERED + PACKET
    short = ReceivedFrame([b"\xe0" + bytes(9)], timestamp=0, time=0.0, keyframe=True, codec="opus")
    playout = Playout(RATE)
    for number in range(1000):
        short.timestamp = number * 120
        copy = ReceivedFrame(short.payloads, timestamp=short.timestamp, time=0.0, keyframe=True, codec="opus")
        playout.put(copy, 0.0)
    assert playout.depth <= MAX_PACKETS


@pytest.mark.parametrize("jump", [-400, 400, 40_000])
def test_timestamps_that_jump_begin_a_new_timeline(jump: int) -> None:
    jumped = [Arrival(5 + n * PACKET + 0.03, sound(1250 + jump + n)) for n in range(250)]
    _, played = play(sent(5, delay=steady) + jumped)
    settled = [step.kind for time, step, _ in played.steps if time > 8]
    assert set(settled) == {Kind.DECODE}
    latest = [time - step.timestamp / RATE for time, step, _ in played.steps if time > 8]
    assert max(latest) + (1250 + jump) * PACKET - 5 <= 0.150
