"""What an opened source is, seen from the loop: something that blocks in a worker thread."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from .source import Encoding, Kind

if TYPE_CHECKING:
    from av import AudioFrame, VideoFrame


class CodedFrame(NamedTuple):
    """A frame that was encoded already, cut into RTP payloads."""

    payloads: list[bytes]
    keyframe: bool


RawFrame: TypeAlias = "VideoFrame | AudioFrame"
"""Video in yuv420p, or audio of any rate and layout."""


class Captured(NamedTuple):
    """What a reader has read.

    Attributes:
      kind: which track it is for.
      frame: to be encoded, or encoded already.
      seconds: when it was captured, on the source's own timeline; a source's audio and
        video have one timeline.
    """

    kind: Kind
    frame: "RawFrame | CodedFrame"
    seconds: float


class Reader(Protocol):
    """An opened source. Its methods are called in worker threads, one at a time.

    Attributes:
      kinds: what :meth:`read` gives.
      live: whether :meth:`read` blocks until the moment of capture. Otherwise the frames
        are there already, and are paced by their timestamps.
      framerate: video frames per second, or nearly.
      encodings: the kinds that come as :class:`CodedFrame`, and in which encoding.
    """

    kinds: tuple[Kind, ...]
    live: bool
    framerate: float
    encodings: Mapping[Kind, Encoding]

    def read(self) -> Captured | None:
        """Return the next frame, or None at the end. May block.

        Raises:
          MediaError: when the source has failed.
        """
        ...

    def close(self) -> None:
        """Give the device or file back. May block."""
        ...
