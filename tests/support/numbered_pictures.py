"""Pictures that carry a number and the wall clock as bar codes, and who reads them back once decoded.

So order, loss and end-to-end delay are measured. tests/browser/caller.html draws and reads the same.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

import av
import numpy as np
import trio
from numpy.typing import NDArray

import triortc
from triortc.media.pattern import BLOCKS, read_frame_number

SIZE = 640, 360
FRAMERATE = 20
CLOCK = 0xFFFFFF


def clock() -> int:
    """Return the wall clock in milliseconds, as far as a bar code goes."""
    return int(datetime.now().timestamp() * 1000) & CLOCK


@triortc.video_source
async def numbered_pictures(
    first: int = 0, size: tuple[int, int] = SIZE, framerate: float = FRAMERATE
) -> AsyncGenerator[NDArray[np.uint8], None]:
    """Draw what the browser's camera draws; *first* is the first number."""
    (width, height), number, begin = size, first, trio.current_time()
    while True:
        picture = np.full((height, width, 3), (40, 60, 120), np.uint8)
        left = number * 8 % (width - height // 8)
        picture[height // 4 : height * 3 // 8, left : left + height // 8] = (255, 200, 0)
        for row, value in enumerate((number, clock())):
            _draw_row(picture, row, value)
        yield picture
        number += 1
        await trio.sleep_until(begin + (number - first) / framerate)


def _draw_row(picture: NDArray[np.uint8], row: int, number: int) -> None:
    height, width, _ = picture.shape
    block = _block_size(width)
    code = (number << 8 | number % 251 ^ 0xA5).to_bytes(4, "big")
    bits = np.repeat(np.unpackbits(np.frombuffer(code, np.uint8)) * np.uint8(255), block)
    picture[height - (row + 1) * block : height - row * block, : BLOCKS * block] = bits[None, :, None]


def _block_size(width: int) -> int:
    return min(16, width // BLOCKS & ~1)


@triortc.audio_source
async def tone(frequency: float = 880.0) -> AsyncGenerator[av.AudioFrame, None]:
    """Sound a sine."""
    first = 0
    while True:
        samples = np.arange(first, first + 960)
        sound = (9000 * np.sin(2 * np.pi * frequency / 48_000 * samples)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(sound.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = 48_000
        yield frame
        first += 960


@dataclass(frozen=True, slots=True)
class Seen:
    """One picture that was decoded: when (ms), what it says, and its size."""

    at: int
    number: int | None
    clock: int | None
    width: int
    height: int


def read_picture(frame: av.VideoFrame, drawn: tuple[int, int] = SIZE) -> Seen:
    """Read what a picture says that was *drawn* in some size, and may have been scaled since."""
    at = clock()
    luma = frame.reformat(*drawn, "gray").to_ndarray()
    above = luma[: -_block_size(drawn[0])]
    return Seen(at, read_frame_number(luma), read_frame_number(above), frame.width, frame.height)


@dataclass
class Flow:
    """Pictures in the order in which they were seen."""

    seen: list[Seen]

    @property
    def numbers(self) -> list[int]:
        """The numbers that could be read."""
        return [each.number for each in self.seen if each.number is not None]

    @property
    def delays(self) -> list[float]:
        """Seconds from drawing to decoding, sorted."""
        return sorted(((each.at - each.clock) & CLOCK) / 1000 for each in self.seen if each.clock is not None)

    @property
    def delay(self) -> float:
        """The median of :attr:`delays`."""
        return self.delays[len(self.delays) // 2]

    @property
    def longest_gap(self) -> float:
        """Seconds between two pictures, at most."""
        gaps = [((after.at - before.at) & CLOCK) / 1000 for before, after in pairwise(self.seen)]
        return max(gaps, default=float("inf"))

    @property
    def in_order(self) -> bool:
        """Whether no picture came after a newer one."""
        return all(before <= after for before, after in pairwise(self.numbers))

    @property
    def sizes(self) -> set[tuple[int, int]]:
        """Widths and heights."""
        return {(each.width, each.height) for each in self.seen}

    def __str__(self) -> str:
        if not self.numbers or not self.delays:
            return f"{len(self.seen)} pictures, none of them read"
        span = self.numbers[-1] - self.numbers[0] + 1
        return (
            f"{len(set(self.numbers))} of {span} pictures, delay {self.delay * 1000:.0f} ms "
            f"(at most {self.delays[-1] * 1000:.0f}), longest gap {self.longest_gap * 1000:.0f} ms"
        )


@dataclass
class Watcher:
    """What a triortc peer sees and hears of a remote track."""

    track: triortc.RemoteTrack
    drawn: tuple[int, int] = SIZE
    seen: list[Seen] = field(default_factory=list)
    sound: list[NDArray[np.int16]] = field(default_factory=list)

    def drain(self) -> Flow:
        """Return the pictures since the last time."""
        seen, self.seen = self.seen, []
        return Flow(seen)

    def hear(self) -> tuple[float, float]:
        """Return the loudest frequency of the last second of sound, and its amplitude (1: full scale)."""
        heard = np.concatenate(self.sound[-50:] or [np.zeros(960, np.int16)]) / 32768
        spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard)))) * 4 / len(heard)
        return float(np.argmax(spectrum)) * 48_000 / len(heard), float(spectrum.max())

    async def watch(self, rid: str | None = None) -> None:
        """Decode the track until it ends."""
        video = self.track.kind == "video"
        async with self.track.frames(lossless=video, rid=rid) as frames:
            async for frame in frames:
                if video:
                    self.seen.append(read_picture(frame, self.drawn))
                else:
                    self.sound.append(frame.to_ndarray().reshape(-1, 2)[:, 0])
