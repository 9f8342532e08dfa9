"""Tracks that play a script, and what ffprobe and a decoder find in a recorded file."""

import json
import subprocess
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import trio

from triortc.media.pattern import Card, Tone, read_frame_number
from triortc.media.recorder import Recorder
from triortc.protocol.rtp.frame import ReceivedFrame
from triortc.protocol.rtp.payload.formats import FORMATS

WIDTH, HEIGHT, FRAMERATE = 320, 240, 30
NTP = 3_900_000_000.0

_VIDEO = {
    "vp8": ("libvpx", {"deadline": "realtime", "cpu-used": "-8", "lag-in-frames": "0", "auto-alt-ref": "0"}),
    "vp9": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}),
    "h264": ("libx264", {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "repeat-headers=1"}),
    "av1": ("libsvtav1", {"preset": "12", "svtav1-params": "pred-struct=1:rc=2"}),
}
_AUDIO = {
    "opus": ("libopus", 48_000, "stereo"),
    "pcmu": ("pcm_mulaw", 8_000, "mono"),
    "pcma": ("pcm_alaw", 8_000, "mono"),
    "g722": ("g722", 16_000, "mono"),
}
CLOCKS = {"opus": 48_000, "pcmu": 8_000, "pcma": 8_000, "g722": 8_000}


@dataclass(frozen=True)
class Shot:
    """One frame of a script.

    Attributes:
      captured: when, in seconds from the beginning.
      delay: from there until it comes, in seconds.
      base: what the sender's timestamps begin with, in seconds.
      report: whether the sender has told its wall clock.
    """

    codec: str
    payloads: Sequence[bytes]
    keyframe: bool
    captured: float
    delay: float = 0.0
    base: float = 0.0
    report: bool = False

    @property
    def arrival(self) -> float:
        return self.captured + self.delay

    def as_received(self) -> ReceivedFrame:
        rate = CLOCKS.get(self.codec, 90_000)
        return ReceivedFrame(
            self.payloads,
            timestamp=round((self.base + self.captured) * rate),
            time=self.arrival,
            keyframe=self.keyframe,
            codec=self.codec,
            ntp_time=NTP + self.captured if self.report else None,
        )


def pictures(
    codec: str,
    seconds: float = 3.0,
    *,
    every: int = 30,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    first: int = 0,
) -> list[Shot]:
    """Return the test card, numbered from *first*, 30 a second, a keyframe *every* so many."""
    name, options = _VIDEO[codec]
    context = av.CodecContext.create(name, "w")
    context.width, context.height, context.pix_fmt = *size, "yuv420p"
    context.time_base, context.framerate = Fraction(1, FRAMERATE), FRAMERATE
    context.bit_rate, context.gop_size, context.thread_count = 500_000, every, 1
    context.options = options
    card = Card(*size)
    packets = []
    for number in range(first, first + round(seconds * FRAMERATE)):
        data = card.draw(number, number / FRAMERATE, datetime(2030, 1, 1))
        frame = av.VideoFrame.from_numpy_buffer(data, format="yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, FRAMERATE)
        packets += context.encode(frame)
    packets += context.encode(None)
    packetize = FORMATS[codec].new_packetizer()
    return [
        Shot(codec, packetize(bytes(packet)), packet.is_keyframe, packet.pts / FRAMERATE)
        for packet in packets
    ]


def sound(codec: str, seconds: float = 3.0) -> list[Shot]:
    """Return the tone with its beeps, in packets of 20 ms."""
    name, rate, layout = _AUDIO[codec]
    context = av.CodecContext.create(name, "w")
    context.sample_rate, context.layout, context.format = rate, layout, "s16"
    resampler = av.AudioResampler("s16", layout, rate, rate // 50)
    tone = Tone(440)
    packets = []
    for first in range(0, round(seconds * 48_000), 960):
        piece = av.AudioFrame.from_ndarray(tone.chunk(first), format="s16", layout="stereo")
        piece.sample_rate, piece.pts, piece.time_base = 48_000, first, Fraction(1, 48_000)
        for resampled in resampler.resample(piece):
            packets += context.encode(resampled)
    packetize = FORMATS[codec].new_packetizer()
    return [Shot(codec, packetize(bytes(packet)), True, index / 50) for index, packet in enumerate(packets)]


def changed(shots: Iterable[Shot], **changes: float | bool) -> list[Shot]:
    """Return the shots with other delays, bases or reports."""
    return [replace(shot, **changes) for shot in shots]


def moved(shots: Iterable[Shot], seconds: float) -> list[Shot]:
    """Return the shots, captured later."""
    return [replace(shot, captured=shot.captured + seconds) for shot in shots]


@dataclass(eq=False)
class ScriptedTrack:
    """A track like a remote one, of which each frame comes when the script says so."""

    kind: str
    id: str = "scripted"
    keyframes_requested: int = 0
    frames: "trio.MemorySendChannel[ReceivedFrame]" = field(init=False)

    def __post_init__(self) -> None:
        # script → recorder: 0, RENDEZVOUS
        self.frames, self._received = trio.open_memory_channel[ReceivedFrame](0)

    @asynccontextmanager
    async def encoded_frames(self) -> AsyncIterator[AsyncIterator[ReceivedFrame]]:
        async with self._received:
            yield self._received

    def request_keyframe(self) -> None:
        self.keyframes_requested += 1


def scripted(*, video: bool = True, audio: bool = True) -> tuple[ScriptedTrack, ...]:
    """Return new tracks."""
    return (ScriptedTrack("video", "pictures"),) * video + (ScriptedTrack("audio", "sound"),) * audio


async def play(*scripts: tuple[ScriptedTrack, Sequence[Shot]], end: bool = True) -> None:
    """Let all frames come in the order of their arrival, at once; then end the tracks."""
    entries = [(shot.arrival, track, shot) for track, shots in scripts for shot in shots]
    for _, track, shot in sorted(entries, key=lambda entry: entry[0]):
        await track.frames.send(shot.as_received())
    if end:
        for track, _ in scripts:
            track.frames.close()


async def record(recorder: Recorder, *scripts: tuple[ScriptedTrack, Sequence[Shot]]) -> None:
    """Add the tracks and play."""
    for track, _ in scripts:
        recorder.add_track(track)
    await play(*scripts)


def probe(path: Path) -> dict[str, object]:
    """Return what ffprobe tells: format, streams and packets. Fails if it finds any fault."""
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams", "-show_packets"]
    done = subprocess.run([*command, str(path)], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return json.loads(done.stdout)


def times(path: Path, kind: str = "video") -> list[float]:
    """Return the presentation times of a stream's packets, in the order of the file."""
    found = probe(path)
    [index] = [stream["index"] for stream in found["streams"] if stream["codec_type"] == kind]
    return [float(packet["pts_time"]) for packet in found["packets"] if packet["stream_index"] == index]


def codecs(path: Path) -> list[str]:
    """Return the names of the codecs of the streams."""
    return sorted(stream["codec_name"] for stream in probe(path)["streams"])


def assert_sound(path: Path, seconds: float | None = None, *, tolerance: float = 0.1) -> None:
    """The file has monotone timestamps and this duration, and decodes without a fault."""
    found = probe(path)
    for stream in found["streams"]:
        index = stream["index"]
        stamps = [float(packet["pts_time"]) for packet in found["packets"] if packet["stream_index"] == index]
        assert all(earlier < later for earlier, later in pairwise(stamps))
    if seconds is not None:
        assert abs(float(found["format"]["duration"]) - seconds) < tolerance
    with av.open(str(path), options={"err_detect": "explode"}) as container:
        assert sum(1 for _ in container.decode()) > 0


def seen(path: Path) -> list[tuple[float, int | None]]:
    """Return when each picture is shown, and its number."""
    with av.open(str(path)) as container:
        return [
            (picture.time, read_frame_number(picture.to_ndarray(format="gray")))
            for picture in container.decode(video=0)
        ]


def beeps(path: Path) -> list[float]:
    """Return when the beeps begin."""
    begun: list[float] = []
    with av.open(str(path)) as container:
        for when, loudness in _loudness(container):
            if loudness > 0.1 and (not begun or when - begun[-1] > 0.5):
                begun.append(when)
    return begun


def _loudness(container: av.container.InputContainer) -> Iterator[tuple[float, float]]:
    resampler = av.AudioResampler("flt", "mono", 48_000)
    for piece in container.decode(audio=0):
        start = piece.time
        for resampled in resampler.resample(piece):
            samples = np.abs(resampled.to_ndarray()[0])
            for first in range(0, len(samples), 96):
                yield start + first / 48_000, float(samples[first : first + 96].max())


def audio_video_offsets(path: Path) -> list[float]:
    """Return how much later than its flash each beep comes, in seconds; a flash may be missing."""
    flashes = [when for when, number in seen(path) if number is not None and number % FRAMERATE == 0]
    offsets = []
    for beep in beeps(path):
        nearest = min(flashes, key=lambda flash: abs(flash - beep))
        offsets.append(beep - nearest)
    return [offset for offset in offsets if abs(offset) < 0.5]
