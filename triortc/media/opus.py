"""Opus with what FFmpeg leaves out: redundancy within packets, and concealment. Runs in worker threads.

libopus is part of PyAV's wheels, beside FFmpeg. Where neither it nor the system's is found, FFmpeg
decodes, and losses are concealed as for other codecs.
"""

import ctypes
import ctypes.util
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import av
import numpy as np

from triortc.protocol.rtp.sound import MAX_OPUS_DURATION

from .source import MediaError
from .timestretch import Sound

RATE = 48_000
CHANNELS = 2

GRAIN = RATE // 400
"""Samples in 2.5 ms, of which concealed sound is a multiple."""

_OK = 0


@cache
def load_libopus() -> ctypes.CDLL | None:
    """Return libopus, or None where there is none."""
    for path in _find_libopus():
        try:
            library = ctypes.CDLL(path)
            _declare(library)
        except (OSError, AttributeError):
            continue
        return library
    return None


def _find_libopus() -> Iterator[str]:
    """Yield where libopus may be: in PyAV's wheel (Linux and Windows, macOS), or in the system."""
    package = Path(av.__file__).parent
    for directory in (package.parent / "av.libs", package / ".dylibs", package.parent / "av.dylibs"):
        yield from map(str, sorted(directory.glob("*opus*")))
    found = ctypes.util.find_library("opus")
    if found is not None:
        yield found


def _declare(library: ctypes.CDLL) -> None:
    pointer, number = ctypes.c_void_p, ctypes.c_int
    library.opus_decoder_create.restype = pointer
    library.opus_decoder_create.argtypes = [ctypes.c_int32, number, ctypes.POINTER(number)]
    library.opus_decoder_destroy.restype = None
    library.opus_decoder_destroy.argtypes = [pointer]
    library.opus_decode.restype = number
    library.opus_decode.argtypes = [pointer, ctypes.c_char_p, ctypes.c_int32, pointer, number, number]


class LibopusDecoder:
    """A decoder of 48 kHz stereo, which mono becomes as well.

    ``ctypes`` lets other threads run while libopus works.

    Attributes:
      rate: samples per second.
      channels: of the sound.
      corrupt: packets that made no sense.
    """

    rate = RATE
    channels = CHANNELS

    def __init__(self, library: ctypes.CDLL) -> None:
        error = ctypes.c_int()
        self._library = library
        self._state: int | None = library.opus_decoder_create(RATE, CHANNELS, ctypes.byref(error))
        if error.value != _OK or not self._state:
            raise MediaError(f"cannot decode Opus: libopus says error {error.value}")
        self._buffer = np.zeros((MAX_OPUS_DURATION, CHANNELS), np.int16)
        self.corrupt: int = 0

    def decode(self, packet: bytes) -> Sound:
        """Return the sound of a packet; of a broken one, none."""
        return self._decode(packet, MAX_OPUS_DURATION, redundancy=False)

    def recover(self, following: bytes, samples: int) -> Sound:
        """Return the sound of the packet before *following*, from what that one repeats of it."""
        return self._decode(following, min(samples, MAX_OPUS_DURATION), redundancy=True)

    def conceal(self, samples: int) -> Sound:
        """Make up so much sound: a continuation of what was heard, or comfort noise in a pause."""
        whole = min(-(-samples // GRAIN) * GRAIN, MAX_OPUS_DURATION)
        return self._decode(None, whole, redundancy=False)[:samples]

    def close(self) -> None:
        """Free the decoder."""
        if self._state is not None:
            self._library.opus_decoder_destroy(self._state)
            self._state = None

    def _decode(self, packet: bytes | None, samples: int, *, redundancy: bool) -> Sound:
        size = 0 if packet is None else len(packet)
        decoded = self._library.opus_decode(
            self._state, packet, size, self._buffer.ctypes.data, samples, int(redundancy)
        )
        if decoded < 0:
            self.corrupt += 1
            decoded = 0
        return self._buffer[:decoded].copy()
