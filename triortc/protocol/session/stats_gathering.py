"""From a session to its figures."""

from .session import Session
from .stats import PeerConnectionStats, Stats
from .stats_streams import CodecFigures, StreamGatherer
from .stats_transport import TransportGatherer

_NOTHING_KNOWN = CodecFigures()


class StatsGatherer:
    """Gathers one session's statistics, again and again; what never changes is described once."""

    def __init__(self, session: Session) -> None:
        self._transport = TransportGatherer(session)
        self._streams = StreamGatherer(session)

    def gather(self, figures: CodecFigures = _NOTHING_KNOWN) -> tuple[Stats, ...]:
        """Return all that is known of the session now.

        Args:
          figures: what the floors above know of its streams.
        """
        return (
            PeerConnectionStats(id="P"),
            self._transport.gather_transport(),
            *self._transport.gather_certificates(),
            *self._transport.gather_connectivity(),
            *self._streams.gather(figures),
        )


def gather_stats(session: Session) -> tuple[Stats, ...]:
    """Return all that is known of a session by itself."""
    return StatsGatherer(session).gather()
