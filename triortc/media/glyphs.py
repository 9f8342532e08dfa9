"""A small typeface for burning text into pictures: 5 x 7 dots, rounded, at any size."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.uint8]
Shape = NDArray[np.floating[Any]]

COLUMNS, ROWS = 6, 9
"""Dots in a character cell, with the space around the glyph."""

SUPERSAMPLING = 16

# Seven rows of five dots each, the leftmost one in bit 4.
DOTS = {
    "0": (0x0E, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0E),
    "1": (0x04, 0x0C, 0x04, 0x04, 0x04, 0x04, 0x0E),
    "2": (0x0E, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1F),
    "3": (0x0E, 0x11, 0x01, 0x06, 0x01, 0x11, 0x0E),
    "4": (0x02, 0x06, 0x0A, 0x12, 0x1F, 0x02, 0x02),
    "5": (0x1F, 0x10, 0x1E, 0x01, 0x01, 0x11, 0x0E),
    "6": (0x06, 0x08, 0x10, 0x1E, 0x11, 0x11, 0x0E),
    "7": (0x1F, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08),
    "8": (0x0E, 0x11, 0x11, 0x0E, 0x11, 0x11, 0x0E),
    "9": (0x0E, 0x11, 0x11, 0x0F, 0x01, 0x02, 0x0C),
    ":": (0x00, 0x04, 0x04, 0x00, 0x04, 0x04, 0x00),
    ".": (0x00, 0x00, 0x00, 0x00, 0x00, 0x0C, 0x0C),
    " ": (0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00),
    "A": (0x0E, 0x11, 0x11, 0x1F, 0x11, 0x11, 0x11),
    "C": (0x0E, 0x11, 0x10, 0x10, 0x10, 0x11, 0x0E),
    "E": (0x1F, 0x10, 0x10, 0x1E, 0x10, 0x10, 0x1F),
    "F": (0x1F, 0x10, 0x10, 0x1E, 0x10, 0x10, 0x10),
    "I": (0x0E, 0x04, 0x04, 0x04, 0x04, 0x04, 0x0E),
    "M": (0x11, 0x1B, 0x15, 0x15, 0x11, 0x11, 0x11),
    "O": (0x0E, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0E),
    "R": (0x1E, 0x11, 0x11, 0x1E, 0x14, 0x12, 0x11),
    "T": (0x1F, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04),
}


def text_width(text: str, scale: int) -> int:
    """Return the width of *text* in pixels, at *scale* pixels a dot."""
    return len(text) * COLUMNS * scale


@cache
def _outline(character: str) -> Shape:
    """Draw a character at 16 times its size, its staircases of dots blurred and cut to an outline."""
    cell: Shape = np.zeros((ROWS, COLUMNS))
    for row, bits in enumerate(DOTS[character]):
        cell[row + 1, :5] = [bits >> (4 - column) & 1 for column in range(5)]
    shape: Shape = np.kron(cell, np.ones((SUPERSAMPLING, SUPERSAMPLING)))
    shape = np.roll(shape, SUPERSAMPLING // 2, axis=1)  # half of the blank column to either side
    for _ in range(3):
        shape = _blur(_blur(shape, axis=0), axis=1)
    outline: Shape = np.clip((shape - 0.34) * 6, 0, 1)
    return outline


def _blur(shape: Shape, axis: int) -> Shape:
    """Take the mean over about half a dot."""
    reach = SUPERSAMPLING // 4
    mean: Shape = np.mean([np.roll(shape, offset, axis) for offset in range(-reach, reach + 1)], axis=0)
    return mean


class Typeface:
    """Characters at one size and in two shades, drawn once and then copied.

    Args:
      scale: pixels a dot.
      ink: luma of the characters.
      paper: luma of what is behind them.
    """

    def __init__(self, scale: int, *, ink: int = 235, paper: int = 16) -> None:
        self.scale = scale
        self._cells = {character: _render(character, scale, ink, paper) for character in DOTS}

    def write(self, luma: Luma, left: int, top: int, text: str) -> None:
        """Write *text* into a luma plane, paper and all."""
        height, width = ROWS * self.scale, COLUMNS * self.scale
        for character in text:
            luma[top : top + height, left : left + width] = self._cells[character]
            left += width


def _render(character: str, scale: int, ink: int, paper: int) -> Luma:
    """Bring a character to size, with smooth edges: each pixel is the mean of 4 x 4 samples."""
    outline = _outline(character)
    rows = (np.arange(ROWS * scale * 4) * SUPERSAMPLING) // (4 * scale)
    columns = (np.arange(COLUMNS * scale * 4) * SUPERSAMPLING) // (4 * scale)
    samples = outline[np.ix_(rows, columns)]
    cover = samples.reshape(ROWS * scale, 4, COLUMNS * scale, 4).mean(axis=(1, 3))
    cell: Luma = np.rint(paper + cover * (ink - paper)).astype(np.uint8)
    return cell
