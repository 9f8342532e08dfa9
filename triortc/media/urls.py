"""URLs of media: what may be shown of them, and how long each protocol may take."""

import re
from typing import Final

TIMEOUT: Final = (10.0, 2.0)
"""Seconds that opening and reading a device or file may take, each."""

LIVE_TIMEOUT: Final = (10.0, 5.0)
"""The same for live streams: a packet may have to be sent again."""

WEB_TIMEOUT: Final = (10.0, 10.0)
"""The same for what HTTP servers keep ready."""

PLAYLIST_TIMEOUT: Final = (10.0, 15.0)
"""The same for HLS: who has come up to the live end waits for the next segment to be made."""

LIVE_SCHEMES: Final = frozenset(("rtp", "rtmp", "rtmps", "rtmpt", "rtsp", "rtsps", "srt", "srtp", "udp"))

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)  # two letters at least: C:// is a drive
_USER = re.compile(r"(?<=://)[^/?#]*@")
_SECRET = re.compile(r"((?:pass|passw(?:or)?d|pwd|secret|token)=)[^&/?#]*", re.IGNORECASE)
_QUERY = re.compile(r"[?#].*", re.DOTALL)


def public_name(path: str) -> str:
    """Return *path* as it may be shown and logged: a URL without user, password and query."""
    if "://" not in path:
        return path
    return _QUERY.sub("?…", _SECRET.sub(r"\1…", _USER.sub("…@", path)))


def is_live(path: str) -> bool:
    """Return whether *path* is sent as it happens, rather than kept ready."""
    return _scheme(path) in LIVE_SCHEMES


def timeouts(path: str) -> tuple[float, float]:
    """Return how many seconds opening *path* may take, and waiting for its next packet."""
    if is_live(path):
        return LIVE_TIMEOUT
    if _scheme(path) not in ("http", "https"):
        return TIMEOUT
    return PLAYLIST_TIMEOUT if _QUERY.sub("", path).endswith(".m3u8") else WEB_TIMEOUT


def protocol_options(path: str, read_timeout: float) -> dict[str, str]:
    """Return FFmpeg's options for the protocol of *path*.

    The timeouts, in microseconds, are for calls that PyAV's own does not reach (seeking), and
    later than it: where a protocol's own strikes first, the stream seems to have ended.
    """
    limit = str(round((read_timeout + 1) * 1e6))
    if _scheme(path) in ("rtsp", "rtsps"):
        return {"timeout": limit, "rtsp_flags": "prefer_tcp"}  # UDP loses packets, and NATs its way
    return {"rw_timeout": limit} if _scheme(path) in ("http", "https") else {}


def _scheme(path: str) -> str:
    match = _SCHEME.match(path)
    return match[1].lower() if match is not None else ""
