"""Who nominates, and how it is settled when both sides would (RFC 8445 §7.3.1.1)."""

from triortc.protocol.wire.entropy import Entropy, random_uint

from .events import IceCounters, IceRole
from .pairing import Pairing
from .selection import Selection
from .stun import StunMessage


class Roles:
    """Our role, and the number by which a conflict is decided.

    Attributes:
      tie_breaker: what our checks say in ICE-CONTROLLING or ICE-CONTROLLED.
    """

    __slots__ = ("_counters", "_pairing", "_selection", "tie_breaker")

    def __init__(
        self, pairing: Pairing, selection: Selection, counters: IceCounters, entropy: Entropy
    ) -> None:
        self.tie_breaker: int = random_uint(entropy, 64)
        self._pairing = pairing
        self._selection = selection
        self._counters = counters

    @property
    def current(self) -> IceRole:
        """Controlling or controlled."""
        return IceRole.CONTROLLING if self._pairing.controlling else IceRole.CONTROLLED

    def take(self, role: IceRole) -> None:
        """Take a role."""
        if role is not self.current:
            self._pairing.set_role(controlling=role is IceRole.CONTROLLING)
            self._selection.forget_nomination()

    def settle(self, message: StunMessage) -> bool:
        """Give way to a check that claims our role, or return False when its sender has to."""
        controlling = self._pairing.controlling
        theirs = message.controlling if controlling else message.controlled
        if theirs is None:
            return True
        self._counters.role_conflicts += 1
        if controlling == (self.tie_breaker >= theirs):
            return False
        self.take(self.current.opposite)
        return True

    def give_way(self, *, controlling: bool) -> None:
        """Take the other role: a check that claimed this one was answered by 487."""
        self._counters.role_conflicts += 1
        if controlling == self._pairing.controlling:
            self.take(self.current.opposite)
