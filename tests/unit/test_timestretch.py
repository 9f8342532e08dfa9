"""Sound is made shorter and longer, and gaps are bridged, without clicks."""

from collections.abc import Callable

import numpy as np
import pytest

from triortc.media.concealment import Concealer
from triortc.media.timestretch import Sound, lengthen, shorten

RATE = 48_000


def sine(frequency: float, seconds: float, rate: int = RATE, channels: int = 2) -> Sound:
    wave = 8000 * np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)
    return np.repeat(wave.astype(np.int16)[:, np.newaxis], channels, axis=1)


def roughness(sound: Sound) -> float:
    """Return the greatest step between neighbouring samples."""
    return float(np.abs(np.diff(sound[:, 0].astype(float))).max())


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
@pytest.mark.parametrize("frequency", [130.0, 300.0, 440.0])
def test_a_tone_loses_and_gains_whole_periods(frequency: float, rate: int) -> None:
    tone = sine(frequency, 0.020, rate)
    for change in (shorten, lengthen):
        changed = change(tone, rate, rate // 100)
        periods = abs(len(changed) - len(tone)) * frequency / rate
        assert periods > 0.5
        assert periods == pytest.approx(round(periods), abs=0.12)
        assert roughness(changed) <= 1.5 * roughness(tone)


@pytest.mark.parametrize("change", [shorten, lengthen])
def test_never_more_is_changed_than_is_wanted(change: Callable[[Sound, int, int], Sound]) -> None:
    tone = sine(440, 0.020)
    for surplus in range(0, 2000, 50):
        changed = abs(len(change(tone, RATE, surplus)) - len(tone))
        assert changed <= min(surplus, len(tone) // 2)
    assert len(change(tone[:0], RATE, 500)) == 0
    assert len(change(tone[:100], RATE, 500)) == 100


def test_a_click_is_left_alone_and_silence_is_cut_freely() -> None:
    click = np.zeros((960, 2), np.int16)
    click[100] = 30_000
    click[700:720] = 20_000
    assert len(shorten(click, RATE, 480)) == 960
    assert len(shorten(np.zeros((960, 2), np.int16), RATE, 400)) == 560
    assert len(lengthen(np.zeros((960, 2), np.int16), RATE, 400)) == 1360


def test_a_gap_in_a_tone_is_filled_with_the_tone_which_fades() -> None:
    concealer = Concealer(8_000, 1)
    tone = sine(200, 0.4, 8_000, 1)
    concealer.note(tone[:1600])
    filled = np.concatenate([concealer.conceal(80) for _ in range(8)])
    likeness = np.corrcoef(filled[:80, 0], tone[1600:1680, 0])[0, 1]
    assert likeness > 0.95
    loudness = [np.abs(filled[start : start + 80]).max() for start in range(0, 640, 80)]
    assert loudness == sorted(loudness, reverse=True)
    assert loudness[-1] == 0


def test_what_follows_a_gap_is_joined_without_a_click() -> None:
    concealer = Concealer(8_000, 1)
    tone = sine(200, 0.4, 8_000, 1)
    before = concealer.note(tone[:1600])
    filled = concealer.conceal(160)
    after = concealer.note(tone[1760 + 13 : 2000])
    assert len(after) == 2000 - 1773
    assert roughness(np.concatenate((before, filled, after))) <= 2 * roughness(tone)


def test_a_gap_before_any_sound_is_silent() -> None:
    assert not Concealer(8_000, 1).conceal(160).any()


def test_what_a_cut_costs(measured: Callable[[str], None]) -> None:
    import time

    tone = sine(440, 0.020)
    started = time.perf_counter()
    for _ in range(100):
        shorten(tone, RATE, 480)
    measured(f"shortening 20 ms of 48 kHz stereo takes {(time.perf_counter() - started) * 1e4:.0f} µs")
