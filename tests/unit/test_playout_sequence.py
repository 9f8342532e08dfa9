"""Everything that came is played, and what did not come is filled in."""

import itertools

from support.playout_traces import DTX, RATE, TICKS, WITH_FEC, WITHOUT_FEC, sound

from triortc.protocol.rtp.playout import Kind, Sequence, Step


def put(sequence: Sequence, *numbers: int, payload: bytes = WITH_FEC) -> list[Step]:
    return [step for number in numbers for step in sequence.put(sound(number, payload))]


def summary(steps: list[Step]) -> list[tuple[str, float, float]]:
    return [(step.kind.value, step.timestamp / TICKS, step.duration / TICKS) for step in steps]


def test_a_steady_stream_comes_out_as_it_is() -> None:
    steps = put(Sequence(RATE), *range(5, 9))
    assert summary(steps) == [("decode", number, 1) for number in range(5, 9)]


def test_the_last_of_the_missing_packets_is_recovered_and_the_others_are_concealed() -> None:
    sequence = Sequence(RATE)
    steps = put(sequence, 5, 8)
    assert summary(steps) == [("decode", 5, 1), ("conceal", 6, 1), ("recover", 7, 1), ("decode", 8, 1)]
    assert sequence.statistics.concealed_samples == TICKS


def test_without_redundancy_all_missing_packets_are_concealed_and_then_silent() -> None:
    sequence = Sequence(RATE)
    steps = put(sequence, 5, 30, payload=WITHOUT_FEC)
    kinds = [step.kind for step in steps]
    assert kinds == [Kind.DECODE, *[Kind.CONCEAL] * 10, *[Kind.SILENCE] * 14, Kind.DECODE]
    assert all(a.timestamp + a.duration == b.timestamp for a, b in itertools.pairwise(steps))
    assert sequence.statistics.concealed_samples == 24 * TICKS
    assert sequence.statistics.silent_concealed_samples == 14 * TICKS
    assert sequence.statistics.concealment_events == 1


def test_a_pause_is_filled_with_comfort_noise_and_is_no_loss() -> None:
    sequence = Sequence(RATE)
    put(sequence, 5, payload=DTX)
    steps = put(sequence, 25)
    assert [step.kind for step in steps] == [Kind.CONCEAL] * 19 + [Kind.DECODE]
    assert sequence.statistics.concealed_samples == 0


def test_a_long_gap_is_a_jump() -> None:
    sequence = Sequence(RATE)
    assert summary(put(sequence, 5, 5000)) == [("decode", 5, 1), ("decode", 5000, 1)]


def test_duplicates_and_garbage_are_discarded() -> None:
    sequence = Sequence(RATE)
    steps = put(sequence, 5, 5, 4, 6)
    assert [step.timestamp // TICKS for step in steps] == [5, 6]
    assert put(sequence, 7, payload=b"") == []
    assert sequence.statistics.packets_discarded == 3


def test_a_sender_that_begins_anew_is_followed() -> None:
    sequence = Sequence(RATE)
    put(sequence, 5000)
    steps = put(sequence, *range(100))
    assert [step.timestamp // TICKS for step in steps] == list(range(10, 100))
