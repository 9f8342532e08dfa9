"""What the tasks of a recorder's tracks tell its worker."""

from pathlib import Path
from typing import NamedTuple, TypeAlias

from triortc.protocol.rtp.frame import EncodedFrame

from .alignment import TrackClock
from .encodings import Kind


class RecordedTrack:
    """A track, as the worker sees it. The loop reads its figures.

    Attributes:
      kind: video or audio.
      id: the track's identifier.
      codec: its encoding name, in lower case, once a frame has come.
      path: of the file it goes into, once that has begun.
      frames: how many were written.
      bytes: of these.
      frames_skipped: how many were of no use: damaged, or before a keyframe.
      keyframe_wanted: whether the worker waits for a keyframe; cleared by who asks for one.
      frames_dropped: how many the track's own queue has dropped, for the loop to count.
    """

    def __init__(self, kind: Kind, id: str) -> None:
        self.kind = kind
        self.id = id
        self.codec: str | None = None
        self.path: Path | None = None
        self.frames = self.bytes = self.frames_dropped = 0
        self.frames_skipped: int = 0
        self.keyframe_wanted: bool = False
        # For the worker alone.
        self.clock: TrackClock = TrackClock(kind)
        self.latest: float = 0.0
        self.awaits_keyframe: bool = True
        self.remote = False

    @property
    def in_step(self) -> bool:
        """Whether a report has told where its frames lie, or none will come."""
        return not self.remote or self.clock.sender is not None

    def skip(self) -> None:
        """Take note of a frame that is of no use, and of all others up to the next keyframe."""
        self.frames_skipped += 1
        self.awaits_keyframe = self.keyframe_wanted = self.kind == "video"


class Joined(NamedTuple):
    """A track was added."""

    track: RecordedTrack


class Arrived(NamedTuple):
    """A frame of a track has come; *codec* is its encoding name, in lower case."""

    track: RecordedTrack
    codec: str
    frame: EncodedFrame


class Left(NamedTuple):
    """A track has ended."""

    track: RecordedTrack


Entry: TypeAlias = Joined | Arrived | Left
