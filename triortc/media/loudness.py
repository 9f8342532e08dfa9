"""How loud sound is, as W3C webrtc-stats wants it. Runs in worker threads."""

from typing import Any

import numpy as np
from av import AudioFrame
from numpy.typing import NDArray


def energy_of(sound: AudioFrame) -> float:
    """Return the mean square of all samples, 1 being the loudest there is, times the seconds."""
    return mean_square(sound.to_ndarray()) * sound.samples / sound.sample_rate


def mean_square(samples: NDArray[Any]) -> float:
    """Return the mean of the squared samples, of any format of FFmpeg; 1 is the loudest there is."""
    if not samples.size:
        return 0.0
    flat = samples.ravel().astype(np.float32)
    scale = 1.0
    if samples.dtype.kind in "iu":
        scale = float(1 << (8 * samples.dtype.itemsize - 1))
    if samples.dtype.kind == "u":
        flat -= scale
    return float(np.dot(flat, flat)) / flat.size / scale**2
