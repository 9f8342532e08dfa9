"""``open_speaker``: sound out."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import trio

from triortc.handles import RunBound
from triortc.protocol.wire.errors import LocalProtocolError

from .workers import opened_in_worker, run_in_worker

if TYPE_CHECKING:
    from av import AudioFrame

    from .loudspeaker import Loudspeaker

LEAD = 0.06
"""Seconds of sound that the device has in store, so that a late frame leaves no hole."""


class Audible(Protocol):
    """A track that can be heard, such as :class:`triortc.RemoteTrack`."""

    @property
    def kind(self) -> str:
        """``"audio"``, for one that can."""
        ...

    def frames(self) -> AbstractAsyncContextManager[AsyncIterator[Any]]:
        """Return its decoded frames."""
        ...


class Speaker(RunBound):
    """An output device; born in :func:`open_speaker` and closed with it.

    Attributes:
      seconds_played: how much has been handed to the device.
      underruns: how often it had nothing left to play, the beginning among them.
    """

    def __init__(self, loudspeaker: "Loudspeaker", limiter: trio.CapacityLimiter) -> None:
        super().__init__()
        self.seconds_played: float = 0.0
        self.underruns: int = 0
        self._loudspeaker = loudspeaker
        self._limiter = limiter
        self._until = float("-inf")
        self._busy = False
        self._closed = False

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        return f"<Speaker {state} {self.seconds_played:.1f} s played>"

    async def play(self, track: Audible) -> None:
        """Play a track until it ends.

        Raises:
          LocalProtocolError: when it is no sound.
          MediaError: when the device fails.
          PeerFailed: when the track's connection does.
          trio.BusyResourceError: when something is played already.
        """
        self._check_run()
        if track.kind != "audio":
            raise LocalProtocolError(f"a track of {track.kind} cannot be heard")
        async with track.frames() as frames:
            async for frame in frames:
                await self.write(frame)

    async def write(self, frame: "AudioFrame") -> None:
        """Play a frame of any form; returns when the device has taken it.

        Raises:
          MediaError: when the device fails.
          trio.ClosedResourceError: after the block.
          trio.BusyResourceError: when another task is writing: sounds are not mixed.
          WrongRunError: in another run than its own.
        """
        self._check_run()
        if self._closed:
            raise trio.ClosedResourceError("the open_speaker block has ended")
        if self._busy:
            raise trio.BusyResourceError("another task is playing on this speaker already")
        self._busy = True
        try:
            await self._play(frame)
        finally:
            self._busy = False

    async def _play(self, frame: "AudioFrame") -> None:
        now = trio.current_time()
        silence = 0.0
        if self._until <= now:
            silence, self._until = LEAD, now
            self.underruns += 1
        play = partial(self._loudspeaker.play, frame, silence)
        seconds = await run_in_worker(play, self._limiter)
        self._until += seconds
        self.seconds_played += seconds


@asynccontextmanager
async def open_speaker(device: str | None = None) -> AsyncIterator[Speaker]:
    """Open an output device for sound.

    ``async with open_speaker() as speaker: await speaker.play(track)``

    Args:
      device: on Linux an ALSA name, on macOS the index of an audio device, elsewhere a PortAudio
        index or part of a name; None is the platform's default.

    Raises:
      MediaError: before the body, when the device is missing or busy, or when nothing can play:
        where FFmpeg has no output device, ``triortc[speaker]`` brings one.
    """
    limiter = trio.CapacityLimiter(1)
    async with opened_in_worker(partial(_open_loudspeaker, device), limiter) as loudspeaker:
        speaker = Speaker(loudspeaker, limiter)
        try:
            yield speaker
        finally:
            speaker._closed = True


def _open_loudspeaker(device: str | None) -> "Loudspeaker":
    from .loudspeaker import open_loudspeaker  # FFmpeg is loaded in the worker

    return open_loudspeaker(device)
