"""Streams as a remote peer sends them, encoded by FFmpeg: test cards, and tones."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from fractions import Fraction
from typing import Self

import av
import numpy as np
import trio

from triortc.media.pattern import Card
from triortc.protocol.rtp.frame import ReceivedFrame
from triortc.protocol.rtp.payload.formats import FORMATS

WIDTH, HEIGHT, FRAMERATE = 320, 240, 30
NOON = datetime(2030, 1, 1, 12)

VIDEO_ENCODERS: dict[str, tuple[str, dict[str, str]]] = {
    "vp8": ("libvpx", {"deadline": "realtime", "cpu-used": "-6", "lag-in-frames": "0"}),
    "vp9": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}),
    "h264": ("libx264", {"preset": "superfast", "tune": "zerolatency", "profile": "high"}),
    "av1": ("libsvtav1", {"preset": "12", "svtav1-params": "rtc=1:pred-struct=1:rc=2:lp=1"}),
}

SOUND_ENCODERS = {
    "opus": ("libopus", 48_000, 48_000, {"application": "voip", "fec": "1", "packet_loss": "20"}),
    "pcmu": ("pcm_mulaw", 8_000, 8_000, {}),
    "pcma": ("pcm_alaw", 8_000, 8_000, {}),
    "g722": ("g722", 16_000, 8_000, {}),
}


def cards(count: int, width: int = WIDTH, height: int = HEIGHT) -> Iterator[av.VideoFrame]:
    """Draw test cards."""
    card = Card(width, height)
    for number in range(count):
        frame = av.VideoFrame.from_numpy_buffer(card.draw(number, number / FRAMERATE, NOON), format="yuv420p")
        frame.pts, frame.time_base = number * 90_000 // FRAMERATE, Fraction(1, 90_000)
        yield frame


def video(codec: str, pictures: Iterable[av.VideoFrame], *, bitrate: int = 800_000) -> list[ReceivedFrame]:
    """Encode pictures, the first of them as a keyframe."""
    name, options = VIDEO_ENCODERS[codec]
    pictures = list(pictures)
    context = av.CodecContext.create(name, "w")
    context.width, context.height, context.pix_fmt = pictures[0].width, pictures[0].height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, 90_000), Fraction(FRAMERATE)
    context.bit_rate, context.gop_size, context.thread_count = bitrate, 3000, 1
    context.options = options
    packetize = FORMATS[codec].new_packetizer()
    packets = [packet for picture in [*pictures, None] for packet in context.encode(picture)]
    return [
        ReceivedFrame(
            packetize(bytes(packet)),
            timestamp=packet.pts,
            time=packet.pts / 90_000,
            keyframe=packet.is_keyframe,
            codec=codec,
        )
        for packet in packets
    ]


def tone(frequency: float, seconds: float, rate: int) -> np.ndarray:
    """Return a sine."""
    time = np.arange(int(seconds * rate)) / rate
    return (8000 * np.sin(2 * np.pi * frequency * time)).astype(np.int16)


def voice(seconds: float, rate: int) -> np.ndarray:
    """Return something like speech: buzzing syllables whose pitch wanders."""
    time = np.arange(int(seconds * rate)) / rate
    phase = 2 * np.pi * np.cumsum(140 + 50 * np.sin(2 * np.pi * 1.3 * time)) / rate
    buzz = sum(np.sin(harmonic * phase) / harmonic for harmonic in range(1, 12))
    syllables = 0.15 + 0.85 * np.maximum(0, np.sin(2 * np.pi * 2.5 * time)) ** 0.5
    return (6000 * buzz * syllables).astype(np.int16)


def sound(codec: str, samples: np.ndarray, *, bitrate: int = 24_000) -> list[ReceivedFrame]:
    """Encode mono samples, which have the codec's own rate, in packets of 20 ms."""
    name, rate, clock_rate, options = SOUND_ENCODERS[codec]
    context = av.CodecContext.create(name, "w")
    context.sample_rate, context.layout, context.format = rate, "mono", "s16"
    context.time_base, context.options = Fraction(1, rate), options
    if codec == "opus":
        context.bit_rate = bitrate
    size = rate // 50
    data = []
    for start in range(0, len(samples) - size + 1, size):
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis, start : start + size], "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        data += [bytes(packet) for packet in context.encode(frame)]
    return [
        ReceivedFrame(
            [packet], timestamp=number * clock_rate // 50, time=number / 50, keyframe=True, codec=codec
        )
        for number, packet in enumerate(data)
    ]


class Stream:
    """Frames as a track gives them; no generator, which would have to be exhausted."""

    def __init__(self, frames: Iterable[ReceivedFrame], *, paced: bool) -> None:
        self._frames = iter(frames)
        self._paced = paced
        self._start: float | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ReceivedFrame:
        await trio.lowlevel.checkpoint()
        for frame in self._frames:
            if self._paced:
                self._start = trio.current_time() if self._start is None else self._start
                await trio.sleep_until(self._start + frame.time)
            return frame
        raise StopAsyncIteration


def at_once(frames: Iterable[ReceivedFrame]) -> Stream:
    """Give frames as fast as they are taken."""
    return Stream(frames, paced=False)


def in_real_time(frames: Iterable[ReceivedFrame]) -> Stream:
    """Give each frame at its time."""
    return Stream(frames, paced=True)
