"""Whether the remote still consents to being sent to, and when to ask again (RFC 7675)."""

import enum
from math import inf

from triortc.protocol.wire.entropy import Entropy, random_fraction
from triortc.protocol.wire.timers import Timers, earliest

INTERVAL = 5.0
"""Seconds from one answered check to the next, ± 20 % (RFC 7675 §5.1)."""

HURRIED_INTERVAL = 0.5
"""Seconds between checks while one is unanswered or a receiving pair is silent."""

FIRST_INTERVAL = 1.0
"""Seconds from the selection of a pair to its first check: a renomination is repeated early."""

SEARCH_AFTER = 2.5
"""Seconds a check stands unanswered before other pairs are tried; then every ``INTERVAL``."""

DISCONNECTED_AFTER = 5.0
"""Seconds a check stands unanswered before the connection is called disconnected."""

EXPIRES_AFTER = 30.0
"""Seconds after the last answer at which consent ends."""


class ConsentTimer(enum.Enum):
    """What is due."""

    CHECK = enum.auto()
    SEARCH = enum.auto()
    DISCONNECT = enum.auto()
    EXPIRE = enum.auto()


class Consent:
    """The life of the selected pair.

    Attributes:
      unanswered_since: when the first check was sent after the last answer, or None.
      is_silent: whether that is ``SEARCH_AFTER`` ago.
      is_disconnected: whether that is ``DISCONNECTED_AFTER`` ago.
    """

    __slots__ = (
        "_answered_at",
        "_entropy",
        "_received_at",
        "_sent_at",
        "_timers",
        "is_disconnected",
        "is_silent",
        "unanswered_since",
    )

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._timers: Timers[ConsentTimer] = Timers()
        self._received_at = -inf
        self._sent_at = -inf
        self._answered_at = -inf
        self.unanswered_since: float | None = None
        self.is_silent: bool = False
        self.is_disconnected: bool = False

    def start(self, answered_at: float) -> None:
        """Begin anew with a pair whose last check was answered at *answered_at*."""
        self.stop()
        self.answered(answered_at)
        self._timers.set(ConsentTimer.CHECK, answered_at + FIRST_INTERVAL)

    def answered(self, now: float) -> None:
        """Note the answer to a check of the selected pair."""
        jitter = 0.8 + 0.4 * random_fraction(self._entropy)
        self._answered_at = now
        self.unanswered_since = None
        self.is_silent = self.is_disconnected = False
        self._timers.set(ConsentTimer.CHECK, now + INTERVAL * jitter)
        self._timers.set(ConsentTimer.EXPIRE, now + EXPIRES_AFTER)
        self._timers.stop(ConsentTimer.SEARCH)
        self._timers.stop(ConsentTimer.DISCONNECT)

    def sent(self, now: float) -> None:
        """Note that a consent check was sent."""
        self._sent_at = now
        self._timers.set(ConsentTimer.CHECK, now + HURRIED_INTERVAL)
        if self.unanswered_since is None:
            self.unanswered_since = now
            self._timers.set(ConsentTimer.SEARCH, now + SEARCH_AFTER)
            self._timers.set(ConsentTimer.DISCONNECT, now + DISCONNECTED_AFTER)

    def note_received(self, now: float) -> None:
        """Note authenticated media: the pair is a receiving one, and was not silent now."""
        self._received_at = now

    def hurry(self, now: float) -> None:
        """Check soon: there is reason to doubt the pair."""
        if now - self._answered_at >= HURRIED_INTERVAL:
            self._timers.set_earlier(ConsentTimer.CHECK, max(now, self._sent_at + HURRIED_INTERVAL))

    def stop(self) -> None:
        """Ask no more."""
        self._timers.clear()
        self._received_at = -inf

    def next_deadline(self) -> float | None:
        """Return when something is due."""
        return earliest(self._timers.next_deadline(), self._silence_deadline())

    def _silence_deadline(self) -> float | None:
        # A pair that has been silent for as long as a lost one would be noticed in is taken to
        # be at rest, not in doubt: a muted track must not cost two checks a second for ever.
        doubt_until = self._received_at + DISCONNECTED_AFTER
        deadline = max(self._received_at, self._sent_at) + HURRIED_INTERVAL
        return deadline if deadline < doubt_until else None

    def expired(self, now: float) -> list[ConsentTimer]:
        """Return what is due at *now*."""
        silence = self._silence_deadline()
        if silence is not None and silence <= now:
            self._timers.set_earlier(ConsentTimer.CHECK, now)
        due = self._timers.expired(now)
        if ConsentTimer.DISCONNECT in due:
            self.is_disconnected = True
        if ConsentTimer.SEARCH in due:
            self.is_silent = True
            self._timers.set(ConsentTimer.SEARCH, now + INTERVAL)
        return due
