"""How many, how large, how loud: what is measured of frames on their way."""

from fractions import Fraction

import av
import numpy as np
import pytest

from triortc.media.loudness import energy_of
from triortc.media.meters import RateMeter, SourceMeter

RATE = 48_000


def sine(format: str, layout: str, amplitude: float) -> av.AudioFrame:
    """Return 20 ms of a tone of 500 Hz."""
    wave = amplitude * np.sin(2 * np.pi * 500 * np.arange(960) / RATE)
    stereo = np.stack([wave] * (2 if layout == "stereo" else 1))
    scales = {"s16": (np.int16, 32767, 0), "s32": (np.int32, 2**31 - 1, 0), "u8": (np.uint8, 127, 128)}
    kind, scale, offset = scales.get(format.rstrip("p"), (np.float32, 1, 0))
    samples = (stereo * scale + offset).astype(kind)
    if not format.endswith("p"):
        samples = samples.T.reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format, layout)
    frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
    return frame


@pytest.mark.parametrize("format", ["s16", "s16p", "s32", "flt", "fltp", "u8"])
@pytest.mark.parametrize("layout", ["mono", "stereo"])
def test_a_tone_is_as_loud_in_every_form(format, layout):
    energy = energy_of(sine(format, layout, 0.5))
    assert energy == pytest.approx(0.5**2 / 2 * 0.02, rel=0.02)


def test_the_loudest_there_is_has_the_level_one():
    frame = av.AudioFrame.from_ndarray(np.full((1, 960), -32768, np.int16), "s16", "mono")
    frame.sample_rate = RATE
    meter = SourceMeter()
    meter.note_sound(0, energy_of(frame), 0.02)
    assert meter.read(0.0).audio_level == pytest.approx(1)


def test_sound_that_two_encoders_measured_is_counted_once():
    meter = SourceMeter()
    for timestamp in (0, 0, 960, 960, 0):
        meter.note_sound(timestamp, 0.005, 0.02)
    source = meter.read(1.0)
    assert (source.total_audio_energy, source.total_samples_duration) == (0.01, 0.04)
    assert source.audio_level == pytest.approx(0.5)


def test_the_rate_is_that_of_the_last_second():
    meter = RateMeter()
    for number in range(90):
        meter.note(number / 30)
    assert meter.per_second(89 / 30) == 30
    assert meter.per_second(89 / 30 + 0.5) == 15
    assert meter.per_second(60) == 0


def test_a_flood_of_frames_takes_bounded_memory():
    meter = RateMeter()
    for number in range(5000):
        meter.note(number / 1e6)
    assert meter.per_second(0.005) == 1000
