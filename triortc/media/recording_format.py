"""What can be recorded into: the container formats, what each takes as it is, and the names of files."""

import errno
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from triortc.protocol.wire.errors import LocalProtocolError

from .encodings import Kind
from .source import MediaError

FLUSH_INTERVAL = 0.5
"""Seconds of media that a cut file may lack: a cluster of Matroska, a fragment of MP4."""

_NUMBER = re.compile(r"%0?\d*d")


class RecorderError(MediaError):
    """A file cannot be written; ``errno`` says why if the system does (``ENOSPC``: the disk is full)."""


@contextmanager
def recorder_errors(path: Path) -> Iterator[None]:
    """Turn what is raised while writing *path* into a :class:`RecorderError`."""
    import av

    try:
        yield
    except RecorderError:
        raise
    except (OSError, av.FFmpegError) as error:
        failure = RecorderError(f"cannot record into {path}: {error.strerror or error}")
        if error.errno in errno.errorcode:
            failure.errno = error.errno
        raise failure from error


@dataclass(frozen=True, slots=True)
class RecordingFormat:
    """A container format.

    Attributes:
      muxer: its name in FFmpeg.
      copied: the codecs that go in as they are, by their encoding names in lower case.
      encoders: FFmpeg's encoder for all others, by kind; a kind without one is refused.
      tags: the sample entries of codecs for which FFmpeg's choice is not ours.
      options: for the muxer.
      ticks: per second, of its timestamps; None where each track has a clock of its own.
      paced: whether a frame's time is told by how long those before it last.
      single: whether a file holds one track only.
      timeless: whether it has no timestamps, so that silence fills the gaps.
    """

    muxer: str
    copied: frozenset[str] = frozenset()
    encoders: Mapping[Kind, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    ticks: int | None = None
    paced: bool = False
    single: bool = False
    timeless: bool = False


_MATROSKA_OPTIONS = {"cluster_time_limit": str(round(FLUSH_INTERVAL * 1000))}

WEBM = RecordingFormat(
    "webm",
    copied=frozenset(("vp8", "vp9", "av1", "opus")),
    encoders={"video": "libvpx", "audio": "libopus"},
    options=_MATROSKA_OPTIONS,
    ticks=1000,
)
MATROSKA = RecordingFormat(
    "matroska",
    copied=frozenset(("vp8", "vp9", "av1", "h264", "opus")),
    encoders={"video": "libx264", "audio": "pcm_s16le"},  # G.711 and G.722: nothing more is lost
    options=_MATROSKA_OPTIONS,
    ticks=1000,
)
MP4 = RecordingFormat(
    "mp4",
    copied=frozenset(("vp9", "av1", "h264", "opus")),
    encoders={"video": "libx264", "audio": "libopus"},
    paced=True,
    tags={"h264": "avc3"},  # the parameter sets stay in the stream, and may change with the size
    options={
        # The moov comes first and lists no frames; each fragment plays as soon as it is there.
        "movflags": "empty_moov+default_base_moof+delay_moov",
        "frag_duration": str(round(FLUSH_INTERVAL * 1_000_000)),
    },
)
WAV = RecordingFormat(
    "wav", encoders={"audio": "pcm_s16le"}, options={"rf64": "auto"}, single=True, timeless=True
)
PNG = RecordingFormat(
    "image2", encoders={"video": "png"}, options={"atomic_writing": "1"}, single=True, timeless=True
)

_BY_SUFFIX = {
    ".webm": WEBM,
    ".mkv": MATROSKA,
    ".mka": MATROSKA,
    ".mp4": MP4,
    ".m4v": MP4,
    ".m4a": MP4,
    ".wav": WAV,
    ".png": PNG,
}


@dataclass(frozen=True, slots=True)
class Destination:
    """Where to record, and in which format.

    Attributes:
      path: of the first file; of pictures, the pattern of their names.
      format: what to write.
    """

    path: Path
    format: RecordingFormat

    def part(self, number: int) -> Path:
        """Return the path of a file: ``call.webm``, ``call-2.webm``, ``call-3.webm``, …"""
        path = self.path
        return path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")


def find_destination(path: str | os.PathLike[str]) -> Destination:
    """Find out from its name what to write into *path*.

    Raises:
      LocalProtocolError: when it is none of the formats.
    """
    name = os.fspath(path)
    file = Path(name)
    if name.endswith(("/", os.sep)) or file.is_dir():
        return Destination(file / "%06d.png", PNG)
    format = _BY_SUFFIX.get(file.suffix.lower())
    if format is None:
        raise LocalProtocolError(
            f"cannot record into {name}: only into {', '.join(_BY_SUFFIX)} or a directory"
        )
    if format is PNG and len(_NUMBER.findall(file.name)) != 1:
        raise LocalProtocolError(f"cannot record into {name}: pictures need a number, as in %04d.png")
    return Destination(file, format)
