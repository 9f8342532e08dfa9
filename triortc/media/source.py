"""What to send, and how to encode it: frozen descriptions, bound to no run and no thread."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from .encodings import Kind
from .urls import is_live, public_name

if TYPE_CHECKING:
    import av

    from .reader import FrameReader, Reader


class MediaError(OSError):
    """A device, file or codec does not work; the message is one line saying which and why."""


@contextmanager
def media_errors(what: str) -> Iterator[None]:
    """Turn what FFmpeg raises while doing *what* into a :class:`MediaError`."""
    import av

    try:
        yield
    except av.FFmpegError as error:
        error.args = error.args[:2]  # the third is the file's name: a URL, perhaps with a password
        raise MediaError(f"cannot {what}: {_reason(error)}") from error


def _reason(error: "av.FFmpegError") -> str:
    """Say in words what FFmpeg says in the terms of its inside."""
    import av

    if isinstance(error, av.error.ExitError):
        return "no answer in time"
    if error.errno == errno.ENOTTY:
        return "it is no device of this kind"
    return str(error.strerror or error)


class Source(Protocol):
    """A description of something that can be read."""

    def open(self) -> "Reader | FrameReader":
        """Open it; called in a worker thread, and may block.

        Raises:
          MediaError: when it cannot be opened.
        """
        ...


class VideoSource(Protocol):
    """A source of pictures of one's own: a frozen description, to be inherited from.

    What :meth:`open` returns is read and closed in a worker thread, so it may block. What any
    of them raises leaves ``open_media`` as it is.
    """

    kind: ClassVar[Kind] = "video"

    def open(self) -> "FrameReader":
        """Open it; called in a worker thread, and may block."""
        ...


class AudioSource(Protocol):
    """A source of sound of one's own; like :class:`VideoSource`."""

    kind: ClassVar[Kind] = "audio"

    def open(self) -> "FrameReader":
        """Open it; called in a worker thread, and may block."""
        ...


@dataclass(frozen=True, slots=True)
class TestPattern:
    """A moving test card with a burnt-in clock and frame number, and a tone.

    A beep and a flash mark each second. The frame number is readable by machines, too:
    see :func:`triortc.media.pattern.read_frame_number`.

    Attributes:
      size: width and height in pixels, multiples of 2 and 4.
      framerate: frames per second.
      tone: frequency of the tone in hertz; None for a silent film.
      grain: strongest noise in the luma, as of a camera's sensor, so that an encoder has
        real work, and uses its bitrate; 0 for a clean picture.
    """

    __test__: ClassVar[bool] = False  # pytest would take it for a test case

    size: tuple[int, int] = (1280, 720)
    framerate: int = 30
    tone: float | None = 440.0
    grain: int = 2

    def __post_init__(self) -> None:
        width, height = self.size
        if width % 2 or height % 4 or width < 160 or height < 120:
            wanted = "an even width, a height that 4 divides, and at least 160x120"
            raise ValueError(f"a test pattern has {wanted}, not {width}x{height}")
        if not 1 <= self.framerate <= 240:
            raise ValueError(f"a framerate of {self.framerate} is out of range")

    def open(self) -> "Reader":
        """Open it; called in a worker thread."""
        from .pattern import PatternReader

        return PatternReader(self)


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera: v4l2 on Linux, AVFoundation on macOS, DirectShow on Windows.

    Attributes:
      device: ``/dev/video0``, an AVFoundation index or name, or a DirectShow name; None
        is the platform's default (DirectShow has none).
      size: width and height in pixels.
      framerate: frames per second.
    """

    device: str | None = None
    size: tuple[int, int] = (1280, 720)
    framerate: int = 30

    def open(self) -> "Reader":
        """Open it; called in a worker thread.

        Raises:
          MediaError: when the device is missing, busy, or cannot do what is asked.
        """
        from .devices import open_camera

        return open_camera(self)


@dataclass(frozen=True, slots=True)
class Microphone:
    """A microphone: ALSA on Linux, AVFoundation on macOS, DirectShow on Windows.

    Attributes:
      device: an ALSA, AVFoundation or DirectShow name; None is the platform's default
        (DirectShow has none).
    """

    device: str | None = None

    def open(self) -> "Reader":
        """Open it; called in a worker thread.

        Raises:
          MediaError: when the device is missing or busy.
        """
        from .devices import open_microphone

        return open_microphone(self)


@dataclass(frozen=True, slots=True)
class Screen:
    """What a screen shows: x11grab on Linux, AVFoundation on macOS, GDI on Windows.

    Attributes:
      display: an X display such as ``:0.0``, or the number of an AVFoundation screen; None
        is ``$DISPLAY``, the first screen, or the whole desktop. Under Wayland, X shows the
        windows of X programs only.
      region: left, top, width and height in pixels; None for all of it. Not on macOS.
      framerate: frames per second.
      cursor: whether the mouse pointer is seen.
    """

    display: str | None = None
    region: tuple[int, int, int, int] | None = None
    framerate: int = 30
    cursor: bool = True

    def __post_init__(self) -> None:
        if self.region is not None and min(self.region[2:]) < 2:
            raise ValueError(f"a region of {self.region[2]}x{self.region[3]} has nothing in it")
        if not 1 <= self.framerate <= 240:
            raise ValueError(f"a framerate of {self.framerate} is out of range")

    def open(self) -> "Reader":
        """Open it; called in a worker thread.

        Raises:
          MediaError: when there is no such display, or it may not be seen.
        """
        from .screen import open_screen

        return open_screen(self)


@dataclass(frozen=True, slots=True, repr=False)
class MediaFile:
    """The first video and the first audio stream of a file or URL, in real time.

    Files and what HTTP servers keep ready, HLS among it, are paced by their timestamps. RTSP,
    RTMP, SRT and RTP are live: what comes is sent on at once, and when it ceases to come that
    is a :class:`MediaError`, not an end. ``repr`` and messages show URLs without user,
    password and query.

    Attributes:
      path: a file name, or any URL that FFmpeg can read.
      loop: begin again at the end; timestamps go on. Not for live streams.
      transcode: decode, and encode as ``open_media`` is told. When False the file's own
        VP8, H.264 (Baseline) or Opus is sent as it is, with no encoder; requests
        for a keyframe are then answered by the next one of the file.
      timeout: seconds that opening may take, and the wait for each packet. None is 10 and
        2 for files, 10 and 5 for live streams, 10 and 10 for HTTP, 10 and 15 for HLS.
      options: FFmpeg's own, such as ``(("rtsp_transport", "udp"),)``.
    """

    path: str | os.PathLike[str]
    loop: bool = False
    transcode: bool = True
    timeout: float | None = None
    options: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.loop and is_live(os.fspath(self.path)):
            raise ValueError(
                f"{public_name(os.fspath(self.path))} is live and has no beginning to go back to"
            )
        if self.timeout is not None and self.timeout <= 0:
            raise ValueError(f"a timeout of {self.timeout} s leaves no time")

    def __repr__(self) -> str:
        shown = [repr(public_name(os.fspath(self.path)))]
        shown += [f"loop={self.loop}"] if self.loop else []
        shown += [] if self.transcode else ["transcode=False"]
        shown += [] if self.timeout is None else [f"timeout={self.timeout}"]
        shown += ["options=…"] if self.options else []
        return f"MediaFile({', '.join(shown)})"

    def open(self) -> "Reader":
        """Open it; called in a worker thread.

        Raises:
          MediaError: when it cannot be read, or (untranscoded) cannot be sent.
        """
        from .files import open_file

        return open_file(self)
