"""Where the frames of several tracks lie on one time line: in step, and in place through gaps."""

from .encodings import Kind

LATE = 2.0
"""Seconds a frame may be late; one that is later comes from timestamps that have jumped, or stood still."""

EARLY = 0.5
"""Seconds a frame may be early; nothing but a jump of the timestamps makes it earlier than that."""

FOLLOW = 0.001
"""Part of its lateness by which a clock yields per frame: clocks drift apart slowly."""

SLEW = 0.05
"""Part of the time by which frames are moved to where a report puts them: nothing jumps."""

SAME_SENDER = 1.0
"""Seconds by which two tracks may lag behind their senders' clocks differently, and yet be of one sender."""


class TrackClock:
    """One track's own timestamps, compared with the local clock and with its sender's.

    Attributes:
      kind: video or audio.
      arrival: what to add to a timestamp, in seconds, to have local time; the frame that was
        least late is believed.
      sender: what to add to have the sender's wall clock; None without a report.
      shift: what was added to the last frame that was placed; None before the first, and
        after a restart.
    """

    __slots__ = ("_placed", "arrival", "kind", "sender", "shift")

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.arrival: float | None = None
        self.sender: float | None = None
        self.shift: float | None = None
        self._placed = 0.0

    @property
    def lag(self) -> float:
        """What to add to the sender's wall clock to have local time."""
        assert self.arrival is not None
        assert self.sender is not None
        return self.arrival - self.sender

    def jumps(self, stamp: float, time: float) -> bool:
        """Whether the timestamp of a frame that came at *time* has nothing to do with those before."""
        return self.arrival is not None and not -EARLY <= time - stamp - self.arrival <= LATE

    def note(self, stamp: float, time: float, ntp_time: float | None) -> None:
        """Take note of a frame: its timestamp in seconds, when it came, and when it was sent if known."""
        if self.arrival is None or self.jumps(stamp, time):
            self.arrival = time - stamp
            self.sender = self.shift = None
        else:
            late = time - stamp - self.arrival
            self.arrival += late if late < 0 else late * FOLLOW
        if ntp_time is not None:
            self.sender = ntp_time - stamp

    def place(self, stamp: float, target: float) -> float:
        """Return the place of a frame, moving what is added to its timestamp towards *target*."""
        if self.shift is None or abs(target - self.shift) > LATE:  # no honest clock gets so far away
            self.shift = target
        else:
            step = SLEW * max(0.0, stamp - self._placed)
            self.shift += max(-step, min(step, target - self.shift))
        self._placed = stamp
        return stamp + self.shift


class Alignment:
    """The common time line, in seconds of the local clock.

    A frame lies where it was captured, as well as that is known. From a remote sender it is
    known by when frames come; the sender's reports then tell how much later than the sound
    the pictures come. The sound keeps its place, and the pictures are moved, slowly.
    """

    def __init__(self) -> None:
        self._clocks: list[TrackClock] = []

    def new_clock(self, kind: Kind) -> TrackClock:
        """Return the clock of a track that joins."""
        clock = TrackClock(kind)
        self._clocks.append(clock)
        return clock

    def remove(self, clock: TrackClock) -> None:
        """Forget a track."""
        self._clocks.remove(clock)

    def place(self, clock: TrackClock, stamp: float) -> float:
        """Return where the frame with the timestamp *stamp* lies, once it has been noted."""
        assert clock.arrival is not None
        target = clock.arrival if clock.sender is None else clock.sender + self._lag(clock)
        return clock.place(stamp, target)

    def _lag(self, clock: TrackClock) -> float:
        """Return how far local time is ahead of the sender's clock, the same for all its tracks."""
        lag = clock.lag
        tracks = [other for other in self._clocks if other.sender is not None]
        tracks = [other for other in tracks if abs(other.lag - lag) < SAME_SENDER]
        return min(tracks, key=lambda other: other.kind != "audio", default=clock).lag
