"""Cameras and microphones, through FFmpeg's devices."""

import os
import sys
import time
from collections import deque
from collections.abc import Collection, Mapping
from pathlib import Path

import av
from av.container import InputContainer

from .containers import AnyPacket, Decoder, as_yuv420p, open_container, read_packets
from .encodings import Encoding, Kind
from .reader import EVERYTHING, Captured, RawFrame
from .source import Camera, MediaError, Microphone, media_errors
from .urls import TIMEOUT

BAD_PACKETS = 30
"""Packets in a row that may be undecodable; the first pictures of many cameras are."""

ALSA_CONFIG = "/usr/share/alsa/alsa.conf"

Options = dict[str, str]


def open_camera(camera: Camera) -> "DeviceReader":
    """Open a camera, in the first of its pixel formats that it has at that size.

    Raises:
      MediaError: when it is missing or busy, or has none.
    """
    device, format_name, choices = _camera_input(camera)
    width, height = camera.size
    wanted = {"video_size": f"{width}x{height}", "framerate": str(camera.framerate)}
    what = f"open camera {camera.device or device} at {width}x{height} and {camera.framerate} frames/s"
    for choice in choices:
        try:
            container = open_container(what, device, format_name=format_name, options=wanted | choice)
            return DeviceReader(container, "video", what)
        except MediaError as error:
            if choice is choices[-1] or not isinstance(error.__cause__, av.error.ArgumentError):
                raise
    raise AssertionError("a camera has at least one choice")


def open_microphone(microphone: Microphone) -> "DeviceReader":
    """Open a microphone.

    Raises:
      MediaError: when it is missing or busy.
    """
    device, format_name = _microphone_input(microphone)
    what = f"open microphone {microphone.device or device}"
    if format_name == "alsa" and Path(ALSA_CONFIG).exists():
        os.environ.setdefault("ALSA_CONFIG_PATH", ALSA_CONFIG)  # PyAV's wheels look where they were built
    return DeviceReader(open_container(what, device, format_name=format_name), "audio", what)


def _camera_input(camera: Camera) -> tuple[str, str, list[Options]]:
    """Return FFmpeg's name of the device, its format, and options to try one after the other."""
    if sys.platform == "darwin":
        yuv: list[Options] = [{"pixel_format": "nv12"}, {"pixel_format": "uyvy422"}, {}]
        return f"{camera.device or 'default'}:none", "avfoundation", yuv
    if sys.platform == "win32":
        if camera.device is None:
            raise MediaError("cannot open a camera: DirectShow has no default one, name it")
        return f"video={camera.device}", "dshow", [{"pixel_format": "yuyv422"}, {"vcodec": "mjpeg"}, {}]
    choices: list[Options] = [{"input_format": "yuyv422"}, {"input_format": "mjpeg"}, {}]
    if camera.size[0] > 640:
        choices[:2] = reversed(choices[:2])  # USB has no room for large raw pictures at full rate
    return camera.device or "/dev/video0", "v4l2", choices


def _microphone_input(microphone: Microphone) -> tuple[str, str]:
    if sys.platform == "darwin":
        return f":{microphone.device or 'default'}", "avfoundation"
    if sys.platform == "win32":
        if microphone.device is None:
            raise MediaError("cannot open a microphone: DirectShow has no default one, name it")
        return f"audio={microphone.device}", "dshow"
    return microphone.device or "default", "alsa"


class DeviceReader:
    """Reads a camera, a microphone or a screen; blocks until there is something."""

    live = True
    encodings: Mapping[Kind, Encoding] = {}

    def __init__(self, container: InputContainer, kind: Kind, what: str) -> None:
        self._container = container
        self._kind: Kind = kind
        self._what = what.replace("open", "read", 1)
        stream = next((stream for stream in container.streams if stream.type == kind), None)
        if stream is None:
            container.close()
            raise MediaError(f"cannot {what}: the device gives no {kind}")
        self._stream = stream
        self.kinds: tuple[Kind, ...] = (kind,)
        self.framerate: float = float(stream.average_rate or 30) if kind == "video" else 0.0
        self._decoder = Decoder(stream)
        self._packets = read_packets(container, [stream], self._what)
        self._frames: deque[RawFrame] = deque()

    def read(self, wanted: Collection[Kind] = EVERYTHING) -> Captured:
        """Return the next picture or piece of sound.

        Raises:
          MediaError: when the device is gone, or silent for two seconds.
        """
        while not self._frames:
            packet = self._next_packet()
            if self._kind not in wanted:
                self._decoder.skip(packet)
                ticks = packet.pts
                seconds = time.perf_counter() if ticks is None else float(ticks * packet.time_base)
                return Captured(self._kind, None, seconds)
            with media_errors(self._what):
                self._frames += self._decoder.decode(packet)
            if self._decoder.damaged >= BAD_PACKETS:
                raise MediaError(f"cannot {self._what}: what it gives cannot be decoded")
        frame = self._frames.popleft()
        seconds = time.perf_counter() if frame.time is None else frame.time
        return Captured(self._kind, as_yuv420p(frame), seconds)

    def close(self) -> None:
        """Give the device back."""
        self._container.close()

    def _next_packet(self) -> AnyPacket:
        """Wait for a packet; some devices say that there is none yet, and some never do."""
        deadline = time.perf_counter() + TIMEOUT[1]
        while True:
            try:
                packet = next(self._packets, None)
            except MediaError as error:
                if not isinstance(error.__cause__, BlockingIOError) or time.perf_counter() > deadline:
                    raise
            else:
                if packet is None or not packet.size:
                    raise MediaError(f"cannot {self._what}: the device has stopped")
                return packet
            time.sleep(0.005)
            self._packets = read_packets(self._container, [self._stream], self._what)
