"""The test pattern can be read back, by people and by machines."""

from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triortc.media.pattern import CHUNK, SAMPLE_RATE, Card, PatternReader, Tone, read_frame_number
from triortc.media.source import TestPattern

SIZES = [(1280, 720), (640, 360), (320, 240), (160, 120), (1920, 1080)]
NOON = datetime(2030, 1, 1, 12, 0, 0, 42_000)


def luma_of(picture: np.ndarray, height: int) -> np.ndarray:
    return picture[:height]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_frame_number_is_read_back_at_every_size(size: tuple[int, int]) -> None:
    card = Card(*size, grain=3)
    for number in (0, 1, 255, 108_000, 0xFFFFFF):
        assert read_frame_number(luma_of(card.draw(number, 0.0, NOON), size[1])) == number


CARD = Card(320, 240)


@given(st.integers(0, 0xFFFFFF), st.integers(0, 31))
def test_a_flipped_block_is_noticed(number: int, block: int) -> None:
    luma = luma_of(CARD.draw(number, 0.5, NOON), 240)
    strip = luma[-10:, block * 10 : block * 10 + 10]
    strip[:] = 251 - strip
    assert read_frame_number(luma) is None


@pytest.mark.parametrize("shade", [0, 16, 128, 235, 255])
def test_a_plain_picture_has_no_number(shade: int) -> None:
    assert read_frame_number(np.full((240, 320), shade, np.uint8)) is None


def test_the_clock_and_the_marker_move() -> None:
    first = CARD.draw(7, 0.5, NOON)
    assert np.array_equal(first, CARD.draw(7, 0.5, NOON))
    assert not np.array_equal(first, CARD.draw(7, 0.5, NOON.replace(microsecond=43_000)))
    assert not np.array_equal(first, CARD.draw(7, 0.6, NOON))


def test_a_flash_and_a_beep_begin_each_second() -> None:
    def brightness(seconds: float) -> float:
        return float(luma_of(CARD.draw(0, seconds, NOON), 240)[:150].mean())

    def loudness(seconds: float) -> float:
        return float(np.abs(Tone(440).chunk(int(seconds * SAMPLE_RATE))).mean())

    assert brightness(3.05) > brightness(3.5)
    assert loudness(3.04) > 2 * loudness(3.5)


def test_the_tone_has_no_clicks_between_its_pieces() -> None:
    tone = Tone(441.7)
    sound = np.concatenate([tone.chunk(first)[0, ::2] for first in range(4800, 20 * CHUNK, CHUNK)])
    assert np.abs(np.diff(sound.astype(int))).max() < 2 * np.pi * 441.7 / SAMPLE_RATE * 0.06 * 32767


def test_pictures_and_sound_come_in_the_order_of_their_time() -> None:
    reader = PatternReader(TestPattern(size=(160, 120), framerate=25))
    captured = [reader.read() for _ in range(12)]
    assert [item.seconds for item in captured] == sorted(item.seconds for item in captured)
    assert {item.kind for item in captured} == {"audio", "video"}


def test_a_pattern_without_a_tone_is_silent() -> None:
    reader = PatternReader(TestPattern(size=(160, 120), framerate=240, tone=None))
    assert reader.kinds == ("video",)
    assert {reader.read().kind for _ in range(5)} == {"video"}
