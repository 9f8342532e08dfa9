"""The pair in use: which it is, and which to nominate (RFC 8445 §8.1)."""

from .checklist import CandidatePair
from .consent import Consent
from .pairing import Pairing

NOMINATION_PATIENCE = 0.1
"""Seconds that a controlling agent waits for a better pair after the first valid one."""

RENOMINATION_GAP = 0.5
"""Seconds by which a nomination must come later to win over a pair of higher priority."""

MOVED_AFTER = 0.9
"""Seconds a check stands unanswered before a controlling agent believes that the remote has moved
to the pair over which it spoke last: two checks, half a second apart."""

ANY_TIER = -1


class Selection:
    """Chooses among the valid pairs, and as the controlling agent decides which to nominate.

    Attributes:
      nominating: the pair whose nomination is under way, or None.
      patience_ends: when to nominate although a better pair could still come, or None.
    """

    __slots__ = ("_checklist", "_consent", "_pairing", "nominating", "patience_ends")

    def __init__(self, pairing: Pairing, consent: Consent) -> None:
        self._pairing = pairing
        self._checklist = pairing.checklist
        self._consent = consent
        self.nominating: CandidatePair | None = None
        self.patience_ends: float | None = None

    @property
    def floor(self) -> int:
        """The tier above which pairs are still tried: that of a pair that is nominated and well.

        So a host pair that trickles in late takes over from a relayed one (RFC 8445 §8.1.1 leaves
        it to us when to stop), and a mere difference of priority moves nothing.
        """
        selected = self._checklist.selected
        if selected is None or selected.nominated_at is None or self._consent.is_silent:
            return ANY_TIER
        return selected.tier

    def forget_nomination(self) -> None:
        """Begin anew, in another role."""
        self.nominating = self.patience_ends = None

    def nominates(self, pair: CandidatePair) -> bool:
        """Return whether a check of *pair* is to say USE-CANDIDATE.

        Every check of the nominated pair repeats it, as libwebrtc does, so that a remote which
        follows the latest nomination cannot be led astray by a late packet.
        """
        chosen = pair is self._checklist.selected and pair.nominated_at is not None
        return self._pairing.controlling and (chosen or pair is self.nominating)

    def note_answer(self, pair: CandidatePair, now: float, *, nominated: bool) -> None:
        """Note that a check of *pair* was answered, and whether that check nominated it."""
        if nominated and self._pairing.controlling:
            pair.nominated_at = now
        if self.nominating is pair:
            if nominated:
                self.nominating = None
            else:  # an earlier check was answered; the one that nominates has still to be
                self._checklist.trigger(pair)
        if pair is self._checklist.selected:
            self._consent.answered(now)
        self.enter(pair, now)

    def note_failure(self, pair: CandidatePair) -> None:
        """Note that the checks of *pair* stayed without an answer."""
        pair.fail()
        if self.nominating is pair:
            self.nominating = None
        best = self._checklist.best_valid()
        if pair is self._checklist.selected and best is not None:
            self._select(best)

    def enter(self, pair: CandidatePair, now: float) -> None:
        """Let a valid pair compete with the selected one."""
        if self._is_preferred(pair):
            self._select(pair)
        elif pair is not self._checklist.selected:
            self._consent.hurry(now)

    def _is_preferred(self, pair: CandidatePair) -> bool:
        # A nominated pair wins over one that is not. Of two nominated ones the later wins, unless
        # the nominations came close together: a peer with aggressive nomination (RFC 5245
        # §8.1.1.2, Firefox) nominates all that it checks and means the one of highest priority.
        selected = self._checklist.selected
        if selected is None or pair is selected:
            return selected is None
        if pair.nominated_at is None:
            better = pair.priority > selected.priority or self._consent.is_silent
            return better and selected.nominated_at is None
        if selected.nominated_at is None:
            return True
        lead = pair.nominated_at - selected.nominated_at
        return lead >= (-RENOMINATION_GAP if pair.priority >= selected.priority else RENOMINATION_GAP)

    def _select(self, pair: CandidatePair) -> None:
        self._checklist.selected = pair
        if pair.answered_at is not None:
            self._consent.start(pair.answered_at)

    def nominate(self, now: float) -> None:
        """As the controlling agent, nominate a pair if it is time to."""
        if not self._pairing.controlling or self.nominating in self._checklist:
            return
        nominee = self._find_nominee(now)
        if nominee is None:
            self.patience_ends = None
            return
        if nominee is self._checklist.selected and self._checklist.may_be_beaten(nominee):
            if self.patience_ends is None:
                self.patience_ends = now + NOMINATION_PATIENCE
            if now < self.patience_ends:
                return
        self.patience_ends = None
        self.nominating = nominee
        self._checklist.trigger(nominee)

    def _find_nominee(self, now: float) -> CandidatePair | None:
        """Return the selected pair while it is not nominated, or another when it fails or is far better."""
        selected, since = self._checklist.selected, self._consent.unanswered_since
        if selected is None or (selected.nominated_at is None and selected.is_valid):
            return selected
        if selected.nominated_at is None or self._consent.is_silent:
            return self._checklist.best_valid()
        if since is not None and now - since >= MOVED_AFTER:
            return self._checklist.best_valid(heard_after=selected.heard_at)
        return self._checklist.best_valid(above=selected.tier)
