"""Where a source's own timestamps lie on the trio clock."""

STALL = 1.0
"""Seconds late after which a timeline begins anew, rather than hurry to catch up."""

GAP = 10.0
"""Seconds ahead after which stored timestamps have jumped, rather than ask to wait."""

FOLLOW = 0.001
"""Part of its lateness by which a live timeline yields per frame: clocks drift apart slowly."""

SLACK = 0.5
"""Seconds that pieces of sound may be early or late, before that is taken for a gap."""

SOUND_FOLLOW = 0.01
"""Part of its lateness by which a sound that is given too slowly yields per piece."""


class Timeline:
    """Maps the timestamps of one source to the run's clock.

    Its audio and video share it, so that they stay together.

    Attributes:
      offset: what to add to a timestamp to have seconds on the trio clock.
    """

    def __init__(self) -> None:
        self.offset: float = float("-inf")

    def place_live(self, seconds: float, now: float) -> float:
        """Return when a frame was captured that arrives at *now*.

        The frame that was least late is believed; the others were held up on their way.
        """
        late = now - seconds - self.offset
        if abs(late) > STALL:
            self.offset = now - seconds
        else:
            self.offset += late if late < 0 else late * FOLLOW
        return seconds + self.offset

    def place_stored(self, seconds: float, now: float) -> float:
        """Return when a frame is due that was read at *now*; the first one is due at once."""
        late = now - seconds - self.offset
        if late > STALL or -late > GAP:
            self.offset = now - seconds
        return seconds + self.offset


class SoundTimeline:
    """Lays pieces of sound end to end, whenever they are given, so that they come out even.

    A piece that is given half a second late or early is where it is: there was a gap.
    """

    def __init__(self) -> None:
        self._end = float("-inf")

    def place(self, duration: float, now: float) -> float:
        """Return when a piece begins that is *duration* long and given at *now*."""
        late = now - self._end
        start = now if abs(late) > SLACK else self._end + max(late, 0.0) * SOUND_FOLLOW
        self._end = start + duration
        return start
