"""What an H264 ``profile-level-id`` says, and what two of them agree on (RFC 6184 §8.1, §8.2.2)."""

from dataclasses import dataclass

DEFAULT_PROFILE_LEVEL_ID = "42000a"
"""Baseline at level 1, which is meant when nothing is said (RFC 6184 §8.1)."""

LEVEL_1B = 9
"""Stands between the levels 1 and 1.1, in numbers ten times as large."""

_TABLE_5 = (
    (0x42, "x1xx0000", "constrained baseline"),
    (0x4D, "1xxx0000", "constrained baseline"),
    (0x58, "11xx0000", "constrained baseline"),
    (0x42, "x0xx0000", "baseline"),
    (0x58, "10xx0000", "baseline"),
    (0x4D, "0x0x0000", "main"),
    (0x58, "00xx0000", "extended"),
    (0x64, "00000000", "high"),
    (0x64, "00001100", "constrained high"),
)

# Level 1b is 1.1 with constraint_set3_flag in these (H.264 §A.3.1), and 9 in the high profiles.
_FLAG_1B = 0x10
_PROFILES_WITH_FLAG_1B = (0x42, 0x4D, 0x58)


@dataclass(frozen=True, slots=True)
class ProfileLevel:
    """A ``profile-level-id``.

    Attributes:
      profile: its name in RFC 6184 §8.1, table 5, or that of a subset; None when it has none.
      level: ten times the level, :data:`LEVEL_1B` for 1b.
    """

    profile: str | None
    level: int


def parse_profile_level_untrusted(text: str | None) -> ProfileLevel | None:
    """Return what a ``profile-level-id`` says, None when it is malformed."""
    text = DEFAULT_PROFILE_LEVEL_ID if text is None else text.lower()
    if len(text) != 6 or not set(text) <= set("0123456789abcdef"):
        return None
    number, constraints, level = bytes.fromhex(text)
    bits = f"{constraints:08b}"
    profile = next((name for idc, mask, name in _TABLE_5 if idc == number and _fits(bits, mask)), None)
    is_1b = level == 11 and number in _PROFILES_WITH_FLAG_1B and constraints & _FLAG_1B
    return ProfileLevel(profile, LEVEL_1B if is_1b else level)


def _fits(bits: str, mask: str) -> bool:
    return all(wanted in ("x", bit) for bit, wanted in zip(bits, mask, strict=True))


def answer_profile_level(offered: str | None, local: str | None, *, asymmetric: bool) -> str:
    """Return the ``profile-level-id`` of an answer: the offer's profile, at a level of our own.

    Args:
      offered: the remote's, well formed.
      local: ours, well formed.
      asymmetric: whether each side may send at a level of its own; else the lower one holds for both.
    """
    offered = (offered or DEFAULT_PROFILE_LEVEL_ID).lower()
    theirs, ours = parse_profile_level_untrusted(offered), parse_profile_level_untrusted(local)
    assert theirs is not None
    assert ours is not None
    level = ours.level if asymmetric else min(ours.level, theirs.level)
    if level == theirs.level:
        return offered
    number, constraints, _ = bytes.fromhex(offered)
    if number in _PROFILES_WITH_FLAG_1B:
        constraints = constraints | _FLAG_1B if level == LEVEL_1B else constraints & ~_FLAG_1B
        level = 11 if level == LEVEL_1B else level
    return f"{number:02x}{constraints:02x}{level:02x}"
