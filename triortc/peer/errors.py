"""How a peer's end reaches a caller who waits on it."""

import trio

from triortc.protocol.session.events import CloseReason


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
