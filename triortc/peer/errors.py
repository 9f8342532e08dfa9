"""How a peer's end reaches a caller who waits on it."""

import trio

from triortc.protocol.session.events import CloseReason
from triortc.protocol.session.session import Session


class PeerClosed(trio.EndOfChannel):
    """The peer was closed by this or the remote side while the call waited.

    Attributes:
      reason: which side.
    """

    def __init__(self, reason: CloseReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class PeerFailed(trio.BrokenResourceError):
    """The connection could not be made, or was lost.

    Attributes:
      reason: why.
    """

    def __init__(self, reason: CloseReason, detail: str = "") -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason


class IceFailed(PeerFailed):
    """No candidate pair worked.

    Attributes:
      pairs: what was tried, one line a pair: addresses and how the checks went.
    """

    def __init__(self, reason: CloseReason, pairs: tuple[str, ...]) -> None:
        tried = "; ".join(pairs) if pairs else "no pair to try: were candidates exchanged?"
        super().__init__(reason, tried)
        self.pairs = pairs


def failure_of(session: Session) -> PeerFailed | None:
    """Return what a failed session is raised as; None for one that lives or was closed."""
    ended = session.ended
    if ended is None or not ended.reason.is_failure:
        return None
    if ended.reason is CloseReason.ICE_FAILED:
        return IceFailed(ended.reason, tuple(map(str, session.ice.candidate_pairs)))
    return PeerFailed(ended.reason, ended.detail)


def check_not_closed(session: Session) -> None:
    """Refuse to work on what this side has closed.

    Raises:
      trio.ClosedResourceError: if it has.
    """
    if session.ended is not None and session.ended.reason is CloseReason.LOCAL:
        raise trio.ClosedResourceError("the peer is closed")


def check_not_ended(session: Session) -> None:
    """Tell how a session has ended.

    Raises:
      PeerClosed: if either side has closed it.
      PeerFailed: if it has failed.
    """
    if session.ended is not None:
        raise failure_of(session) or PeerClosed(session.ended.reason)
