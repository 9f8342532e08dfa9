"""The test pattern: a test card that moves, tells the time and numbers its frames; and a tone."""

import math
import time
from collections.abc import Collection, Mapping
from datetime import datetime

import av
import numpy as np
from numpy.typing import NDArray

from .encodings import Encoding, Kind
from .glyphs import ROWS, Luma, Typeface, text_width
from .reader import EVERYTHING, Captured
from .source import TestPattern

SAMPLE_RATE = 48_000
CHUNK = 960
"""Samples in 20 ms."""

BLOCKS = 32
"""Blocks of the frame number's bar code: 24 bits of number, 8 of check."""

MARK = 0.1
"""Seconds that the flash and the beep last, at the beginning of each second."""

GRAINS = 8
"""Pictures after which the grain repeats itself; encoders do not look back that far."""

PAPER = 28
"""Luma of the dark panel."""

BARS = ((191, 191, 191), (191, 191, 0), (0, 191, 191), (0, 191, 0), (191, 0, 191), (191, 0, 0), (0, 0, 191))
"""Colour bars of 75 %, red, green and blue."""

ORANGE = (255, 150, 40)


def read_frame_number(luma: NDArray[np.uint8]) -> int | None:
    """Read the frame number back from a picture's luma plane, of the size it was drawn at.

    Returns None when the picture shows none, or when it is damaged.
    """
    block = _block_size(luma.shape[1])
    row = luma[luma.shape[0] - block :, : BLOCKS * block]
    shades = row.reshape(block, BLOCKS, block)[block // 4 : -(block // 4), :, block // 4 : -(block // 4)]
    bits = shades.mean(axis=(0, 2)) > 128
    code = int.from_bytes(np.packbits(bits).tobytes(), "big")
    number = code >> 8
    return number if _check(number) == code & 0xFF else None


def _check(number: int) -> int:
    """Return the check digit; a black picture and a white one are both wrong."""
    return number % 251 ^ 0xA5


def _block_size(width: int) -> int:
    return min(16, width // BLOCKS & ~1)


def _yuv(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """Convert a colour to limited-range Y, Cb, Cr (ITU-R BT.601)."""
    red, green, blue = (part / 255 for part in colour)
    y = 16 + 65.481 * red + 128.553 * green + 24.966 * blue
    cb = 128 - 37.797 * red - 74.203 * green + 112 * blue
    cr = 128 + 112 * red - 93.786 * green - 18.214 * blue
    return round(y), round(cb), round(cr)


class _Picture:
    """Views of the three planes of one yuv420p picture."""

    def __init__(self, data: Luma, width: int, height: int) -> None:
        self.data = data
        self.luma = data[:height]
        chroma = data[height:].reshape(2, height // 2, width // 2)
        self.cb, self.cr = chroma[0], chroma[1]

    def fill(self, left: int, top: int, right: int, bottom: int, colour: tuple[int, int, int]) -> None:
        """Fill a rectangle with a colour; the chroma takes even coordinates."""
        y, cb, cr = _yuv(colour)
        self.luma[top:bottom, left:right] = y
        self.cb[top // 2 : bottom // 2, left // 2 : right // 2] = cb
        self.cr[top // 2 : bottom // 2, left // 2 : right // 2] = cr


def _blend(plane: Luma, left: int, top: int, mask: NDArray[np.float64], shade: int) -> None:
    """Lay a shade over a part of a plane, as far as *mask* covers it."""
    height, width = mask.shape
    area = plane[top : top + height, left : left + width]
    area[:] = area + mask * (shade - area.astype(np.int16))


def _grained(card: Luma, height: int, grain: int) -> list[Luma]:
    """Return copies of a card with noise in the luma, to be shown in turn."""
    if not grain:
        return [card]
    noise = np.random.default_rng(0)
    cards = []
    for _ in range(GRAINS):
        copy = card.copy()
        luma = copy[:height]
        luma[:] = np.clip(luma + noise.integers(-grain, grain, luma.shape, np.int16, endpoint=True), 16, 235)
        cards.append(copy)
    return cards


class Card:
    """Draws the pictures: a static card, made once, and what changes on top of it."""

    def __init__(self, width: int, height: int, grain: int = 0) -> None:
        self._width, self._height = width, height
        self._card = _Picture(np.zeros((height * 3 // 2, width), np.uint8), width, height)
        self._block = _block_size(width)
        clock_scale = max(1, width * 5 // 8 // text_width("00:00:00.000", 1))
        self._clock = Typeface(clock_scale, paper=PAPER)
        self._small = Typeface(max(1, clock_scale // 2), ink=200, paper=PAPER)
        self._unit = ROWS * self._small.scale
        self._panel_top = (height - self._block) * 2 // 5 - 21 * self._unit // 8 & ~1
        self._draw_background()
        self._draw_panel()
        self._make_marker()
        self._cards = _grained(self._card.data, height, grain)

    def draw(self, number: int, seconds: float, clock: datetime) -> Luma:
        """Return a new yuv420p picture, its planes one below the other.

        Args:
          number: the frame number.
          seconds: time on the pattern's own timeline, for all that moves.
          clock: the time of day to write.
        """
        card = self._cards[number % len(self._cards)]
        picture = _Picture(card.copy(), self._width, self._height)
        top = self._panel_top
        time_of_day = f"{clock:%H:%M:%S}.{clock.microsecond // 1000:03d}"
        self._centre(picture, self._clock, top + self._unit * 3 // 2, time_of_day)
        self._centre(picture, self._small, top + self._unit * 4, f"FRAME {number:06d}")
        if seconds % 1 < MARK:
            self._flash(picture)
        self._draw_marker(picture, seconds)
        self._draw_number(picture, number)
        return picture.data

    def _centre(self, picture: _Picture, face: Typeface, top: int, text: str) -> None:
        left = (self._width - text_width(text, face.scale)) // 2
        face.write(picture.luma, left, top, text)

    def _draw_background(self) -> None:
        """Draw colour bars, a grey ramp below them, and a dark floor for the marker."""
        width, height, card = self._width, self._height, self._card
        card.fill(0, 0, width, height, (12, 14, 18))
        bars_bottom = height * 3 // 4 & ~1
        edges = [width * index // len(BARS) & ~1 for index in range(len(BARS))] + [width]
        for colour, left, right in zip(BARS, edges, edges[1:], strict=False):
            card.fill(left, 0, right, bars_bottom, colour)
        ramp_bottom = bars_bottom + height // 18 & ~1
        card.fill(0, bars_bottom, width, ramp_bottom, (128, 128, 128))
        card.luma[bars_bottom:ramp_bottom] = np.linspace(16, 235, width).astype(np.uint8)
        self._floor = ramp_bottom, height - self._block

    def _draw_panel(self) -> None:
        """Draw the dark panel, with the title and an orange rule below it."""
        card, unit, top = self._card, self._unit, self._panel_top
        half = text_width("00:00:00.000", self._clock.scale) // 2 + unit // 2
        left, right = self._width // 2 - half & ~1, self._width // 2 + half & ~1
        card.fill(left, top, right, top + 11 * unit // 2 & ~1, (14, 14, 14))
        card.luma[top : top + 11 * unit // 2 & ~1, left:right] = PAPER
        self._centre(card, self._small, top + unit // 4, "TRIORTC")
        rule = top + unit * 11 // 8 & ~1
        card.fill(left, rule, right, rule + max(2, unit // 16 & ~1), ORANGE)
        self._lamp = top + unit // 2 & ~1, right - unit * 5 // 4 & ~1, unit * 3 // 4 & ~1

    def _flash(self, picture: _Picture) -> None:
        top, left, side = self._lamp
        picture.fill(left, top, left + side, top + side, (255, 255, 255))

    def _make_marker(self) -> None:
        """Draw the orange ball that runs along the floor, as a mask of its cover."""
        top, bottom = self._floor
        self._diameter = max(4, (bottom - top) * 3 // 4 & ~3)
        axis = np.arange(self._diameter) - (self._diameter - 1) / 2
        distance = np.hypot(axis[:, None], axis[None, :])
        self._mask = np.clip(self._diameter / 2 - distance, 0, 1)
        self._chroma_mask = self._mask[::2, ::2]

    def _draw_marker(self, picture: _Picture, seconds: float) -> None:
        top, bottom = self._floor
        side = self._diameter
        swing = (1 - math.cos(seconds * math.pi / 2)) / 2
        left = round(swing * (self._width - side)) & ~1
        above = (top + (bottom - top - side) // 2) & ~1
        y, cb, cr = _yuv(ORANGE)
        _blend(picture.luma, left, above, self._mask, y)
        _blend(picture.cb, left // 2, above // 2, self._chroma_mask, cb)
        _blend(picture.cr, left // 2, above // 2, self._chroma_mask, cr)

    def _draw_number(self, picture: _Picture, number: int) -> None:
        number &= 0xFFFFFF
        code = np.frombuffer((number << 8 | _check(number)).to_bytes(4, "big"), np.uint8)
        row = np.repeat(np.unpackbits(code) * np.uint8(219) + np.uint8(16), self._block)
        picture.luma[self._height - self._block :, : BLOCKS * self._block] = row


class Tone:
    """A gentle sine, and a beep of 100 ms each second; 48 kHz, stereo."""

    def __init__(self, frequency: float) -> None:
        self._frequency = frequency

    def chunk(self, first: int) -> NDArray[np.int16]:
        """Return 20 ms of interleaved sound that begin with sample number *first*."""
        samples = np.arange(first, first + CHUNK)
        sound = 0.05 * np.sin(2 * np.pi * self._frequency / SAMPLE_RATE * samples)
        into_second = samples % SAMPLE_RATE / SAMPLE_RATE
        if into_second[0] < MARK:
            ramp = np.clip(np.minimum(into_second, MARK - into_second) / 0.005, 0, 1)
            sound += 0.2 * ramp * np.sin(2 * np.pi * 1000 * into_second)
        return np.repeat((sound * 32767).astype(np.int16), 2).reshape(1, -1)


class PatternReader:
    """Waits until the next picture or piece of tone is due, and makes it."""

    live = True
    encodings: Mapping[Kind, Encoding] = {}

    def __init__(self, pattern: TestPattern) -> None:
        self.kinds: tuple[Kind, ...] = ("video",) if pattern.tone is None else ("video", "audio")
        self.framerate: float = float(pattern.framerate)
        self._card = Card(*pattern.size, pattern.grain)
        self._tone = None if pattern.tone is None else Tone(pattern.tone)
        self._number = 0
        self._chunk = 0
        self._start = time.perf_counter()

    def read(self, wanted: Collection[Kind] = EVERYTHING) -> Captured:
        """Return whichever is due next, when it is due; what nobody wants is not drawn."""
        picture_due = self._number / self.framerate
        sound_due = self._chunk * CHUNK / SAMPLE_RATE
        sound_first = self._tone is not None and sound_due <= picture_due
        self._wait(sound_due if sound_first else picture_due)
        if sound_first:
            return self._make_sound("audio" in wanted)
        return self._make_picture("video" in wanted)

    def close(self) -> None:
        """Do nothing; there is no device."""

    def _wait(self, due: float) -> None:
        ahead = self._start + due - time.perf_counter()
        if ahead > 0:
            time.sleep(ahead)
        elif ahead < -1:  # the machine was asleep; do not make up for it
            self._start -= ahead

    def _make_picture(self, wanted: bool) -> Captured:
        number = self._number
        self._number += 1
        seconds = number / self.framerate
        if not wanted:
            return Captured("video", None, seconds)
        data = self._card.draw(number, seconds, datetime.now())
        return Captured("video", av.VideoFrame.from_numpy_buffer(data, format="yuv420p"), seconds)

    def _make_sound(self, wanted: bool) -> Captured:
        first = self._chunk * CHUNK
        self._chunk += 1
        if not wanted:
            return Captured("audio", None, first / SAMPLE_RATE)
        assert self._tone is not None
        frame = av.AudioFrame.from_ndarray(self._tone.chunk(first), format="s16", layout="stereo")
        frame.sample_rate = SAMPLE_RATE
        return Captured("audio", frame, first / SAMPLE_RATE)
