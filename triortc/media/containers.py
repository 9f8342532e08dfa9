"""What devices and files have in common: an FFmpeg container that may block, but not for ever."""

from typing import Final

import av
from av.container import InputContainer

from .reader import RawFrame
from .source import media_errors

TIMEOUT: Final = (10, 2)
"""Seconds that opening and reading may take, each."""


def open_container(
    what: str, name: str, *, format_name: str | None = None, options: dict[str, str] | None = None
) -> InputContainer:
    """Open a device, file or URL for reading.

    Raises:
      MediaError: "cannot *what*: …".
    """
    with media_errors(what):
        return av.open(name, "r", format=format_name, options=options, timeout=TIMEOUT)


def as_yuv420p(frame: RawFrame) -> RawFrame:
    """Bring a picture into the format that encoders take; a sound is left as it is."""
    if not isinstance(frame, av.VideoFrame) or frame.format.name == "yuv420p":
        return frame
    return frame.reformat(format="yuv420p", dst_color_range="MPEG")
