"""What the levels of H.264 allow (ITU-T H.264 annex A, table A-1)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class LevelLimits(NamedTuple):
    """What a level allows.

    Attributes:
      number: ``level_idc``.
      rate: macroblocks per second.
      size: macroblocks in a frame.
      bitrate: in bits per second, for Baseline and Main; High has a quarter more.
    """

    number: int
    rate: int
    size: int
    bitrate: int


LEVELS: Mapping[str, LevelLimits] = MappingProxyType(
    {
        "1": LevelLimits(10, 1_485, 99, 64_000),
        "1.1": LevelLimits(11, 3_000, 396, 192_000),
        "1.2": LevelLimits(12, 6_000, 396, 384_000),
        "1.3": LevelLimits(13, 11_880, 396, 768_000),
        "2": LevelLimits(20, 11_880, 396, 2_000_000),
        "2.1": LevelLimits(21, 19_800, 792, 4_000_000),
        "2.2": LevelLimits(22, 20_250, 1_620, 4_000_000),
        "3": LevelLimits(30, 40_500, 1_620, 10_000_000),
        "3.1": LevelLimits(31, 108_000, 3_600, 14_000_000),
        "3.2": LevelLimits(32, 216_000, 5_120, 20_000_000),
        "4": LevelLimits(40, 245_760, 8_192, 20_000_000),
        "4.1": LevelLimits(41, 245_760, 8_192, 50_000_000),
        "4.2": LevelLimits(42, 522_240, 8_704, 50_000_000),
        "5": LevelLimits(50, 589_824, 22_080, 135_000_000),
        "5.1": LevelLimits(51, 983_040, 36_864, 240_000_000),
        "5.2": LevelLimits(52, 2_073_600, 36_864, 240_000_000),
    }
)


def exceeds_level(
    level: str, *, profile: str, width: int, height: int, framerate: float, bitrate: int
) -> str | None:
    """Return in words what is beyond *level*, or None."""
    limits = LEVELS[level]
    across, down = -(-width // 16), -(-height // 16)
    size = across * down
    if size > limits.size or max(across, down) ** 2 > 8 * limits.size:
        return f"{width}x{height} is"
    if size * framerate > limits.rate:
        return f"{width}x{height} at {framerate:g} frames per second is"
    if bitrate > limits.bitrate * (1.25 if profile == "high" else 1):
        return f"{bitrate} bits per second are"
    return None
