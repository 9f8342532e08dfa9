"""Output devices for sound. Everything here runs in worker threads.

FFmpeg plays to ALSA on Linux and to AudioToolbox on macOS, where its build can; everywhere else
PortAudio does, through the ``sounddevice`` package, which is an extra: ``triortc[speaker]``.
"""

import importlib
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import av
import numpy as np

from .devices import ALSA_CONFIG
from .source import MediaError, media_errors
from .stereo import as_stereo

RATE = 48_000
LAYOUT = "stereo"
CHANNELS = 2

SILENCE_LIMIT = 1.0
"""Seconds of silence that one call may ask for."""


class Device(Protocol):
    """An opened output device for 48 kHz, stereo, 16 bits."""

    def write(self, samples: bytes) -> None:
        """Play samples, which may block until there is room for them."""
        ...

    def close(self) -> None:
        """Give the device back when what was written has been played."""
        ...


class Loudspeaker:
    """An output device that takes sound of any form."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._resampler: av.AudioResampler | None = None
        self._form: tuple[str, str, int] | None = None

    def play(self, frame: av.AudioFrame, silence: float = 0.0) -> float:
        """Play a frame, after so many seconds of silence; return how long both are, in seconds.

        Raises:
          MediaError: when the device has failed.
        """
        frame = as_stereo(frame)
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._resampler is None or form != self._form:
            self._form, self._resampler = form, av.AudioResampler("s16", LAYOUT, RATE)
        samples = bytes(int(min(silence, SILENCE_LIMIT) * RATE) * CHANNELS * 2)
        for piece in self._resampler.resample(frame):
            samples += piece.to_ndarray().tobytes()
        if samples:
            self._device.write(samples)
        return len(samples) / (RATE * CHANNELS * 2)

    def close(self) -> None:
        """Give the device back."""
        self._resampler = None  # it has threads
        self._device.close()


def open_loudspeaker(device: str | None) -> Loudspeaker:
    """Open an output device, the platform's default one if none is named.

    Raises:
      MediaError: when it is missing or busy, or nothing here can play.
    """
    if _can_write("alsa") and sys.platform == "linux":
        if Path(ALSA_CONFIG).exists():
            os.environ.setdefault("ALSA_CONFIG_PATH", ALSA_CONFIG)  # PyAV's wheels look where they were built
        return Loudspeaker(ContainerDevice(device or "default", "alsa", {}))
    if _can_write("audiotoolbox") and sys.platform == "darwin":
        options = {} if device is None else {"audio_device_index": device}
        return Loudspeaker(ContainerDevice(device or "default", "audiotoolbox", options))
    return Loudspeaker(PortAudioDevice(device))


def _can_write(format: str) -> bool:
    try:
        return av.ContainerFormat(format, "w").is_output
    except ValueError:
        return False


class ContainerDevice:
    """A device that FFmpeg takes for a file."""

    def __init__(self, device: str, format: str, options: dict[str, str]) -> None:
        self._what = f"open speaker {device}"
        with media_errors(self._what):
            self._container = av.open(device, "w", format=format, options=options)
            try:
                self._stream = self._container.add_stream("pcm_s16le", rate=RATE, layout=LAYOUT)
                self._container.start_encoding()
            except av.FFmpegError:
                with suppress(av.FFmpegError):
                    self._container.close()
                raise
        self._written = 0

    def write(self, samples: bytes) -> None:
        """Play samples; blocks until there is room for them."""
        frame = av.AudioFrame.from_ndarray(np.frombuffer(samples, np.int16).reshape(1, -1), "s16", LAYOUT)
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._written, Fraction(1, RATE)
        self._written += frame.samples
        with media_errors(self._what.replace("open", "play on")):
            self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Play what was written, and close the device."""
        with media_errors(self._what.replace("open", "close")):
            self._container.close()


class PortAudioDevice:
    """A device of PortAudio's."""

    def __init__(self, device: str | None) -> None:
        self._what = f"speaker {device or 'default'}"
        module = _import_sounddevice()
        self._error: type[Exception] = module.PortAudioError
        number = int(device) if device is not None and device.isdecimal() else device

        def start() -> Any:
            stream = module.RawOutputStream(
                samplerate=RATE, channels=CHANNELS, dtype="int16", device=number, latency="low"
            )
            stream.start()
            return stream

        self._stream = self._do("open", start)

    def write(self, samples: bytes) -> None:
        """Play samples; blocks until there is room for them."""
        self._do("play on", lambda: self._stream.write(samples))

    def close(self) -> None:
        """Play what was written, and close the device."""
        self._do("close", self._stream.stop)
        self._do("close", self._stream.close)

    def _do(self, verb: str, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except (self._error, ValueError) as error:  # ValueError: no device of this name
            raise MediaError(f"cannot {verb} {self._what}: {error}") from error


def _import_sounddevice() -> ModuleType:
    """Load the package, which loads PortAudio.

    Raises:
      MediaError: when it is not there.
    """
    try:
        return importlib.import_module("sounddevice")
    except ImportError as error:
        reason = "this FFmpeg has no output device; install triortc[speaker]"
        raise MediaError(f"cannot open a speaker: {reason}") from error
    except OSError as error:  # the package without its library
        raise MediaError(f"cannot open a speaker: {error}") from error
