"""Raw frames on their way from a source to one encoder."""

from typing import NamedTuple

import trio

from .encodings import Kind
from .reader import RawFrame


class Raw(NamedTuple):
    """A frame for encoders, which may share it and change nothing in it.

    Attributes:
      frame: the picture or the sound.
      timestamp: RTP timestamp on the track's timeline, in ticks.
      time: when it was captured, seconds on the trio clock.
    """

    frame: RawFrame
    timestamp: int
    time: float


class Inbox:
    """The queue before one encoder.

    Attributes:
      frames: where the encoder reads them.
      drops: frames that the encoder was too slow for.
    """

    def __init__(self, kind: Kind, *, live: bool) -> None:
        capacity = (1 if kind == "video" else 10) if live else 2
        # Channels 1 (live video: 1, LATEST, which is DROP_OLDEST with room for one),
        # 1a (live audio: 10, DROP_OLDEST) and 1f (file: 2, BLOCK the reader).
        self.frames: trio.MemoryReceiveChannel[Raw]
        self._send, self.frames = trio.open_memory_channel[Raw](capacity)
        self._live = live
        self.drops: int = 0

    @property
    def depth(self) -> int:
        """How many frames wait."""
        return self._send.statistics().current_buffer_used

    async def put(self, raw: Raw) -> None:
        """Queue a frame: at once when live, else as soon as there is room."""
        if self._live:
            self._put_live(raw)
            return
        try:
            await self._send.send(raw)
        except trio.BrokenResourceError:
            pass  # the last viewer has left, and the encoder with it

    def _put_live(self, raw: Raw) -> None:
        try:
            self._send.send_nowait(raw)
        except trio.WouldBlock:
            self.frames.receive_nowait()
            self.drops += 1
            self._send.send_nowait(raw)

    def finish(self) -> None:
        """Let the encoder come to its end with what is queued."""
        self._send.close()

    def close(self) -> None:
        """Forget what is queued, and let a blocked :meth:`put` go."""
        self.frames.close()
        self._send.close()
