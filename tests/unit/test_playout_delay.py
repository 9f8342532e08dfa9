"""The playout delay follows the network's jitter, up and down."""

from collections.abc import Callable

import pytest
from support.playout_traces import RATE, Played, jitter, play, sent

from triortc.protocol.rtp.playout import Kind, Step
from triortc.protocol.rtp.playout_delay import MAX_DELAY, MIN_DELAY, DelayEstimator


def test_without_jitter_a_packet_waits_for_one_packet() -> None:
    estimator = DelayEstimator()
    for number in range(100):
        estimator.note_arrival(number * 0.02, 7 + number * 0.02)
    assert estimator.target == MIN_DELAY


def test_the_target_has_an_upper_bound() -> None:
    estimator = DelayEstimator()
    for number in range(500):
        estimator.note_arrival(number * 0.02, number * 0.02 + (number % 10 == 0) * 5)
    assert estimator.target == MAX_DELAY


@pytest.mark.parametrize("drift", [-3e-4, 3e-4])
def test_clocks_may_drift_apart(drift: float) -> None:
    _, played = play(sent(300, delay=lambda number: 0.5 + number * 0.02 * drift))
    for start in (50, 250):
        delays = played.delays(start, start + 20)
        assert max(delays) - (0.5 + start * drift) <= 0.060
    assert {step.kind for time, step, _ in played.steps if time > 10} == {Kind.DECODE}


def test_the_delay_grows_with_the_jitter_and_comes_down_when_it_ends(
    measured: Callable[[str], None],
) -> None:
    calm, wild = jitter(1, spread=0.001), jitter(2, spread=0.060)
    _, played = play(sent(80, delay=lambda number: (wild if 500 <= number < 1500 else calm)(number)))
    before, during, after = (mean(played, start, start + 5) for start in (5, 24, 70))
    down = next(
        time
        for time, step, _ in played.steps
        if time > 30 and step.kind is Kind.DECODE and mean(played, time, time + 1) < before + 0.010
    )
    measured(
        f"{before * 1000:.0f} ms before, {during * 1000:.0f} ms in the jitter, "
        f"{after * 1000:.0f} ms after; down {down - 30:.1f} s after its end"
    )
    assert during > before + 0.050
    assert after <= before + 0.010


def mean(played: Played, start: float, end: float) -> float:
    delays = played.delays(start, end)
    return sum(delays) / len(delays)


def test_in_jitter_little_is_concealed(measured: Callable[[str], None]) -> None:
    for spread in (0.010, 0.030):
        playout, played = play(sent(60, delay=jitter(3, spread=spread)))
        statistics = playout.statistics
        part = statistics.concealed_samples / statistics.total_samples_received
        delay = mean(played, 5, 60) - 0.030
        measured(
            f"jitter of {spread * 1000:.0f} ms: concealed {part:.2%}, playout delay {delay * 1000:.0f} ms"
        )
        assert part < 0.01


def test_shortened_and_lengthened_sound_is_counted() -> None:
    playout, played = play(sent(20, delay=lambda number: 0.030 + 0.1 * (200 <= number < 400)))
    statistics = playout.statistics
    removed = sum(step.duration - ticks for _, step, ticks in played.steps if ticks < step.duration)
    inserted = sum(ticks - step.duration for _, step, ticks in played.steps if ticks > step.duration)
    assert statistics.removed_samples_for_acceleration == removed > 0
    assert statistics.inserted_samples_for_deceleration == inserted
    assert statistics.jitter_buffer_emitted_count > 19 * RATE
    mean_delay = statistics.jitter_buffer_delay / statistics.jitter_buffer_emitted_count
    mean_target = statistics.jitter_buffer_target_delay / statistics.jitter_buffer_emitted_count
    assert mean_delay == pytest.approx(mean_target, abs=0.03)


def test_sound_that_cannot_be_stretched_is_left_out_when_it_is_far_too_late() -> None:
    def rigid(step: Step) -> int:
        return step.duration

    late = sent(20, delay=lambda number: max(0.03, 6 - number * 0.02) if 200 <= number < 300 else 0.03)
    playout, played = play(late, stretch=rigid)
    assert mean(played, 18, 20) <= mean(played, 2, 4) + 0.51
    assert playout.statistics.packets_discarded > 0
