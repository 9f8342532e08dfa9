"""A peer in figures."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from triortc.protocol.session.session import Session
from triortc.protocol.session.stats import Stats, gather_stats

from .driver import Driver
from .transceiver import Transceiver


@dataclass(frozen=True, slots=True)
class QueueStatistics:
    """One bounded queue of a peer.

    Attributes:
      name: what goes through it.
      depth: how many items wait now.
      drops: how many were dropped because it was full.
    """

    name: str
    depth: int
    drops: int


@dataclass(frozen=True, slots=True)
class PeerStatistics:
    """A peer at one instant; frozen.

    Attributes:
      timestamp: milliseconds since 1970.
      stats: the objects of W3C webrtc-stats.
      queues: the peer's bounded queues.
      counters: network input that changed nothing, by cause.
    """

    timestamp: float
    stats: tuple[Stats, ...]
    queues: tuple[QueueStatistics, ...]
    counters: dict[str, int]

    def as_w3c(self) -> dict[str, dict[str, object]]:
        """Return what a browser's ``getStats()`` would: dictionaries by id, W3C names and units."""
        return {stats.id: stats.as_w3c(self.timestamp) for stats in self.stats}


def gather_statistics(
    session: Session, driver: Driver, transceivers: Sequence[Transceiver], now: float
) -> PeerStatistics:
    """Return a peer's figures at *now*."""
    queues = [QueueStatistics("dtls-srtp", driver.queued_bursts, driver.shed_datagrams)]
    queues += [
        QueueStatistics(f"rtp.send {transceiver.mid}", transceiver.queued_frames, transceiver.dropped_frames)
        for transceiver in transceivers
    ]
    return PeerStatistics(
        timestamp=session.anchor.unix_time(now) * 1000,
        stats=gather_stats(session),
        queues=tuple(queues),
        counters=_gather_counters(session),
    )


def _gather_counters(session: Session) -> dict[str, int]:
    counters = dataclasses.asdict(session.counters)
    counters |= {f"media_{name}": value for name, value in dataclasses.asdict(session.media.counters).items()}
    counters |= {f"ice_{name}": value for name, value in dataclasses.asdict(session.ice.counters).items()}
    if session.dtls is not None:
        counters |= {
            f"dtls_{name}": value for name, value in dataclasses.asdict(session.dtls.counters).items()
        }
    receiver = session.media.receiver
    if receiver is not None:
        counters["srtp_unauthenticated"] = receiver.unauthenticated
        counters["srtp_replayed"] = receiver.replayed
    return counters
