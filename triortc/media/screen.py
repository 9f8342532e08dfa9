"""Screens, through FFmpeg's devices."""

import os
import sys

from .containers import open_container
from .devices import DeviceReader, Options
from .source import MediaError, Screen


def open_screen(screen: Screen) -> DeviceReader:
    """Open a screen.

    Raises:
      MediaError: when there is no such display, or it may not be seen.
    """
    name, format_name, options = _screen_input(screen)
    what = f"open screen {screen.display or name}"
    return DeviceReader(open_container(what, name, format_name=format_name, options=options), "video", what)


def _screen_input(screen: Screen) -> tuple[str, str, Options]:
    """Return FFmpeg's name of the screen, its format and options."""
    options = {"framerate": str(screen.framerate)}
    if sys.platform == "darwin":
        if screen.region is not None:
            raise MediaError("cannot open a region of a screen: AVFoundation has no such thing")
        options |= {"capture_cursor": str(int(screen.cursor)), "pixel_format": "nv12"}
        return f"Capture screen {screen.display or 0}:none", "avfoundation", options
    options |= {"draw_mouse": str(int(screen.cursor))}
    if sys.platform == "win32":
        return screen.display or "desktop", "gdigrab", options | _region(screen, "offset_x", "offset_y")
    display = screen.display or os.environ.get("DISPLAY")
    if not display:
        raise MediaError("cannot open a screen: $DISPLAY names none, so there is no X server here")
    return display, "x11grab", options | _region(screen, "grab_x", "grab_y")


def _region(screen: Screen, left_option: str, top_option: str) -> Options:
    if screen.region is None:
        return {}
    left, top, width, height = screen.region
    return {left_option: str(left), top_option: str(top), "video_size": f"{width}x{height}"}
