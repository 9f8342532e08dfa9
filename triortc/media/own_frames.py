"""Frames that somebody gives us: brought into the form that encoders take, in worker threads."""

import time
from collections.abc import Collection, Mapping
from typing import cast

import av
import numpy as np

from .encodings import Encoding, Kind
from .reader import EVERYTHING, Captured, FrameReader, GivenFrame, RawFrame
from .timeline import SoundTimeline


def adopt(given: GivenFrame) -> RawFrame:
    """Return a frame that was checked as one of our own, which the giver can no longer change."""
    if isinstance(given, np.ndarray):
        return _of_even_size(av.VideoFrame.from_ndarray(np.ascontiguousarray(given), format="rgb24"))
    return _of_even_size(given) if isinstance(given, av.VideoFrame) else _copy_sound(given)


def check(given: object, kind: Kind, giver: str) -> None:
    """See whether *given* is a frame of *kind*, and one that can be encoded.

    Raises:
      TypeError: when it is not of that kind.
      ValueError: when there is no such picture or sound.
    """
    if kind == "video" and isinstance(given, np.ndarray):
        if given.dtype != np.uint8 or given.ndim != 3 or given.shape[2] != 3 or min(given.shape) < 2:
            shape = "x".join(map(str, given.shape))
            wanted = "uint8, height x width x 3"
            raise ValueError(f"{giver} gave an array of {given.dtype}, {shape}; a picture is {wanted}")
    elif not isinstance(given, av.VideoFrame if kind == "video" else av.AudioFrame):
        raise TypeError(f"{giver} gave a {type(given).__name__}, which is no {kind} frame")
    elif isinstance(given, av.VideoFrame):
        if min(given.width, given.height) < 2:
            raise ValueError(f"{giver} gave a picture of {given.width}x{given.height}")
    elif isinstance(given, av.AudioFrame) and not (given.sample_rate and given.samples):
        raise ValueError(f"{giver} gave {given.samples} samples of sound at {given.sample_rate} Hz")


def prepare(given: object, kind: Kind, giver: str, wanted: bool) -> "tuple[RawFrame | None, float]":
    """Return a frame of our own, or None when nobody wants it; and how long its sound is.

    Raises:
      TypeError: when it is no frame of that kind.
      ValueError: when there is no such picture or sound.
    """
    check(given, kind, giver)
    return adopt(cast(GivenFrame, given)) if wanted else None, duration_of(given)


def snapshot(given: GivenFrame) -> GivenFrame:
    """Copy an array, which its owner will write into again; frames are not expected to be."""
    return given.copy() if isinstance(given, np.ndarray) else given


def duration_of(given: object) -> float:
    """Return how long a sound is, in seconds; a picture has no length."""
    return given.samples / given.sample_rate if isinstance(given, av.AudioFrame) else 0.0


class AdaptedReader:
    """Makes a reader of a source of one's own what the other readers are."""

    encodings: Mapping[Kind, Encoding] = {}

    def __init__(self, reader: FrameReader, kind: Kind, giver: str) -> None:
        self._reader = reader
        self._kind: Kind = kind
        self._giver = giver
        self.kinds: tuple[Kind, ...] = (kind,)
        self.live: bool = getattr(reader, "live", True)
        self.framerate: float = getattr(reader, "framerate", 30.0)
        self._sound = SoundTimeline()
        self._seconds = 0.0

    def read(self, wanted: Collection[Kind] = EVERYTHING) -> Captured | None:
        """Return the next frame, or None at the end."""
        given = self._reader.read()
        if given is None:
            return None
        check(given, self._kind, self._giver)
        seconds = self._place(given, time.perf_counter())
        frame = adopt(given) if self._kind in wanted else None
        return Captured(self._kind, frame, seconds)

    def close(self) -> None:
        """Close the reader."""
        self._reader.close()

    def _place(self, given: GivenFrame, now: float) -> float:
        duration = duration_of(given)
        if self.live:
            return self._sound.place(duration, now) if duration else now
        own = None if isinstance(given, np.ndarray) else given.time
        seconds = self._seconds if own is None else own
        self._seconds = seconds + (duration or 1 / self.framerate)
        return seconds


def _of_even_size(frame: av.VideoFrame) -> av.VideoFrame:
    size = frame.width & ~1, frame.height & ~1
    if (*size, "yuv420p") == (frame.width, frame.height, frame.format.name):
        return av.VideoFrame.from_numpy_buffer(frame.to_ndarray(), format="yuv420p")
    return frame.reformat(*size, format="yuv420p", dst_color_range="MPEG")


def _copy_sound(sound: av.AudioFrame) -> av.AudioFrame:
    copy = av.AudioFrame.from_ndarray(sound.to_ndarray(), sound.format.name, sound.layout.name)
    copy.sample_rate = sound.sample_rate
    return copy
