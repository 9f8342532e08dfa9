"""What each encoder of FFmpeg is told, so that frames come out at once and at an even bitrate."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from .encodings import AV1, H264, VP8, VP9, VideoEncoding

IN_PLACE: Final = frozenset(("libx264",))
"""Encoders that follow a change of ``bit_rate`` while they run; found out by trying.

FFmpeg reads it before each frame for libx264, and only when opened for libvpx, SVT-AV1 and V4L2.
"""

HARDWARE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "h264_nvenc": "an NVIDIA GPU and its driver",
        "av1_nvenc": "an NVIDIA GPU and its driver",
        "h264_qsv": "an Intel GPU and its driver",
        "vp9_qsv": "an Intel GPU and its driver",
        "av1_qsv": "an Intel GPU and its driver",
        "h264_amf": "an AMD GPU and its driver",
        "av1_amf": "an AMD GPU and its driver",
        "h264_v4l2m2m": "a codec device of Linux, as of a Raspberry Pi",
        "vp8_v4l2m2m": "a codec device of Linux",
    }
)
"""Encoders in hardware, and what they need."""

PIXEL_FORMATS: Final[Mapping[str, str]] = MappingProxyType(
    {name: "nv12" for name in HARDWARE if name.endswith(("_qsv", "_amf"))}
)
"""For encoders that do not take yuv420p."""


def options_for(encoding: VideoEncoding, ceiling: int, bitrate: int) -> dict[str, str]:
    """Return FFmpeg's options.

    Args:
      encoding: what to encode.
      ceiling: the most that the encoder will ever be asked for, in bits per second.
      bitrate: what it is asked for first.
    """
    family = encoding.encoder.rpartition("_")[2]
    options = {"maxrate": str(ceiling), "bufsize": str(bitrate * 6 // 10)}
    if encoding.encoder in HARDWARE:
        options |= _hardware_options(family)
        if isinstance(encoding, H264) and family != "v4l2m2m":
            options["profile"] = _h264_profile(encoding, family)
    elif isinstance(encoding, H264):
        options |= _x264_options(encoding)
    elif isinstance(encoding, AV1):
        options = _svtav1_options()
    else:
        options |= _libvpx_options(encoding, bitrate)
    if isinstance(encoding, H264) and encoding.level is not None and family != "v4l2m2m":
        options["level"] = encoding.level
    return options


def _libvpx_options(encoding: VP8 | VP9, bitrate: int) -> dict[str, str]:
    """Return what libwebrtc sets for a camera, so far as FFmpeg lets us."""
    options = {
        "minrate": str(bitrate),  # with maxrate: a constant bitrate
        "deadline": "realtime",
        "lag-in-frames": "0",
        "auto-alt-ref": "0",
        "static-thresh": "1",
        "undershoot-pct": "100",
        "overshoot-pct": "15",
        "max-intra-rate": "900",
        "rc_init_occupancy": str(bitrate // 2),
        "qmin": "2",
        "qmax": "56",
    }
    if isinstance(encoding, VP8):
        options["cpu-used"] = "-6"  # negative: a fixed speed, rather than one that follows the load
    else:
        options |= {"cpu-used": "8", "row-mt": "1", "aq-mode": "3", "frame-parallel": "0"}
    return options


def _x264_options(encoding: H264) -> dict[str, str]:
    """One slice a frame, no look-ahead; x264's baseline has nothing that Constrained Baseline lacks."""
    return {
        "preset": "superfast",
        "tune": "zerolatency",
        "profile": encoding.profile,
        "forced-idr": "1",
        "x264-params": "sliced-threads=0:scenecut=0:repeat-headers=1:annexb=1",
    }


def _svtav1_options() -> dict[str, str]:
    """Low delay, which frame for frame is one in, one out; constant bitrate; one thread's work."""
    return {
        "preset": "12",
        "svtav1-params": "rtc=1:pred-struct=1:rc=2:lp=1:buf-sz=600:buf-initial-sz=300:buf-optimal-sz=400",
    }


def _h264_profile(encoding: H264, family: str) -> str:
    if encoding.profile == "baseline" and family == "amf":
        return "constrained_baseline"
    return encoding.profile


def _hardware_options(family: str) -> dict[str, str]:
    if family == "nvenc":
        low_delay = {"tune": "ull", "zerolatency": "1", "delay": "0"}
        return {"preset": "p4", "rc": "cbr", "forced-idr": "1", **low_delay}
    if family == "qsv":
        return {"preset": "veryfast", "async_depth": "1", "forced_idr": "1", "look_ahead": "0"}
    if family == "amf":
        return {"usage": "ultralowlatency", "rc": "cbr", "forced_idr": "1"}
    return {}
