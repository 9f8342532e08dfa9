"""What an opened source is, seen from the loop: something that blocks in a worker thread."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias, runtime_checkable

from .encodings import Encoding, Kind

if TYPE_CHECKING:
    import numpy as np
    from av import AudioFrame, VideoFrame
    from numpy.typing import NDArray


class CodedFrame(NamedTuple):
    """A frame that was encoded already, cut into RTP payloads."""

    payloads: list[bytes]
    keyframe: bool


RawFrame: TypeAlias = "VideoFrame | AudioFrame"
"""Video in yuv420p, or audio of any rate and layout."""

GivenFrame: TypeAlias = "VideoFrame | NDArray[np.uint8] | AudioFrame"
"""What a source of one's own may give: pictures in any format of FFmpeg, or as an array of
height x width x 3 (red, green, blue); sound of any rate and layout."""

EVERYTHING: tuple[Kind, ...] = ("video", "audio")


class Captured(NamedTuple):
    """What a reader has read.

    Attributes:
      kind: which track it is for.
      frame: to be encoded, or encoded already; None when nobody wanted it.
      seconds: when it was captured, on the source's own timeline; a source's audio and
        video have one timeline.
    """

    kind: Kind
    frame: "RawFrame | CodedFrame | None"
    seconds: float


@runtime_checkable
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

    def read(self, wanted: Collection[Kind] = EVERYTHING) -> Captured | None:
        """Return the next frame, or None at the end. May block.

        Frames that are not of a *wanted* kind need not be made: their time is enough.

        Raises:
          MediaError: when the source has failed.
        """
        ...

    def close(self) -> None:
        """Give the device or file back. May block."""
        ...


class FrameReader(Protocol):
    """What the ``open`` of a source of one's own returns. It is used in worker threads.

    It may have two attributes: ``live``, False when the frames are there already and are to be
    paced, by their own timestamps (those without any by their number, or by the length of the
    sound); and ``framerate``, 30 if it is missing.
    """

    def read(self) -> "GivenFrame | None":
        """Return the next frame, or None at the end; blocks until there is one."""
        ...

    def close(self) -> None:
        """Give back what was opened."""
        ...
