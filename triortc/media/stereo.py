"""One channel on two loudspeakers."""

from typing import Any

import av
import numpy as np


def as_stereo(sound: av.AudioFrame) -> av.AudioFrame:
    """Return mono sound on both sides, as loud as it was; other sound is left as it is.

    FFmpeg's resampler would make it 3 dB quieter, unlike browsers and codecs.
    """
    if sound.layout.nb_channels != 1:
        return sound
    samples: Any = np.repeat(sound.to_ndarray(), 2, axis=0 if sound.format.is_planar else 1)
    both = av.AudioFrame.from_ndarray(samples, format=sound.format.name, layout="stereo")
    both.sample_rate, both.pts = sound.sample_rate, sound.pts
    if sound.time_base is not None:
        both.time_base = sound.time_base
    return both
