"""A peer in figures."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import trio

from triortc.media.local_track import LocalTrack
from triortc.net.endpoint import Endpoint
from triortc.protocol.rtp.playout import PlayoutStatistics
from triortc.protocol.session.session import Session
from triortc.protocol.session.stats import AudioSourceStats, MediaSourceStats, Stats, VideoSourceStats
from triortc.protocol.session.stats_gathering import StatsGatherer
from triortc.protocol.session.stats_streams import CodecFigures, DecoderFigures

from .driver import Driver
from .encoder_meter import source_id
from .gathering import Gatherer
from .sections import MediaSections
from .transceiver import Transceiver


@dataclass(frozen=True, slots=True)
class QueueStatistics:
    """One bounded queue of a peer, or all of a kind.

    Attributes:
      name: what goes through it.
      depth: how many items wait now.
      drops: how many were dropped because it was full, or because they came too late.
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
      counters: what was dropped, refused or made no sense, by cause; only ever growing.
    """

    timestamp: float
    stats: tuple[Stats, ...]
    queues: tuple[QueueStatistics, ...]
    counters: dict[str, int]

    def as_w3c(self) -> dict[str, dict[str, object]]:
        """Return what a browser's ``getStats()`` would: dictionaries by id, W3C names and units."""
        return {stats.id: stats.as_w3c(self.timestamp) for stats in self.stats}


class StatisticsGatherer:
    """Puts together what the session, the encoders and the readers of one peer tell."""

    def __init__(
        self,
        session: Session,
        driver: Driver,
        sections: MediaSections,
        gatherer: Gatherer,
        candidates: "trio.MemoryReceiveChannel[object]",
    ) -> None:
        self._session = session
        self._driver = driver
        self._sections = sections
        self._gatherer = gatherer
        self._candidates = candidates
        self._stats = StatsGatherer(session)

    def gather(self) -> PeerStatistics:
        """Return the peer's figures now."""
        sections = self._sections
        return PeerStatistics(
            timestamp=self._session.anchor.unix_time(trio.current_time()) * 1000,
            stats=(*self._stats.gather(self._read_codecs()), *_describe_sources(sections.all)),
            queues=tuple(self._queues()),
            counters=_gather_counters(self._session, self._driver, self._gatherer.sockets),
        )

    def _read_codecs(self) -> CodecFigures:
        decoders: dict[tuple[str, str | None], DecoderFigures] = {}
        playouts: dict[tuple[str, str | None], PlayoutStatistics] = {}
        for track in self._sections.remote_tracks:
            decoders |= track._read_decoders()
            playouts |= track._read_playouts()
        encoders = {
            (transceiver.mid, rid): figures
            for transceiver in self._sections.all
            if transceiver.mid is not None
            for rid, figures in transceiver._sender.read_encoders().items()
        }
        return CodecFigures(encoders, decoders, playouts)

    def _queues(self) -> Iterator[QueueStatistics]:
        driver, sections = self._driver, self._sections
        yield QueueStatistics("dtls-srtp", driver.queued_bursts, driver.shed_datagrams)
        for transceiver in sections.all:
            yield QueueStatistics(
                f"rtp.send {transceiver.mid}", transceiver.queued_frames, transceiver.dropped_frames
            )
        for incoming in self._session.media.receiving.tracks:
            name = incoming.section.mid if incoming.rid is None else f"{incoming.section.mid} {incoming.rid}"
            discarded = 0 if incoming.stream is None else incoming.stream.packets_discarded
            yield QueueStatistics(f"jitter {name}", incoming.held_packets, discarded)
        for track in sections.remote_tracks:
            for name, depth, drops in track._read_queues():
                yield QueueStatistics(name, depth, drops)
        yield QueueStatistics("tracks", _depth(sections.tracks), sections.unread_tracks)
        yield QueueStatistics("candidates", _depth(self._candidates), 0)


def _depth(channel: "trio.MemoryReceiveChannel[object]") -> int:
    return channel.statistics().current_buffer_used


def _describe_sources(transceivers: Iterable[Transceiver]) -> Iterator[MediaSourceStats]:
    tracks = {transceiver.track: None for transceiver in transceivers if transceiver.track is not None}
    return map(_describe_source, tracks)


def _describe_source(track: LocalTrack) -> MediaSourceStats:
    source = track.source_statistics()
    if track.kind == "audio":
        return AudioSourceStats(
            id=source_id(track),
            track_identifier=track.id,
            kind=track.kind,
            audio_level=source.audio_level,
            total_audio_energy=source.total_audio_energy,
            total_samples_duration=source.total_samples_duration,
        )
    return VideoSourceStats(
        id=source_id(track),
        track_identifier=track.id,
        kind=track.kind,
        width=source.width,
        height=source.height,
        frames=source.frames,
        frames_per_second=source.frames_per_second,
    )


_SOCKET_COUNTERS = ("send_drops", "empty_drops", "oversized_drops", "scoped_drops", "too_big", "errors")


def _gather_counters(session: Session, driver: Driver, sockets: Sequence[Endpoint]) -> dict[str, int]:
    media = session.media
    counters = {"unroutable_transmits": driver.unroutable_transmits}
    _count(counters, "", session.counters)
    _count(counters, "media_", media.counters)
    _count(counters, "ice_", session.ice.counters)
    if session.dtls is not None:
        _count(counters, "dtls_", session.dtls.counters)
    if media.receiver is not None:
        counters["srtp_unauthenticated"] = media.receiver.unauthenticated
        counters["srtp_replayed"] = media.receiver.replayed
        counters["srtp_protect_failures"] = sum(
            stream.protect_failures for stream in media.send_streams.values()
        )
    for name in _SOCKET_COUNTERS:
        counters[f"socket_{name}"] = sum(getattr(socket.statistics, name) for socket in sockets)
    return counters


def _count(counters: dict[str, int], prefix: str, counted: object) -> None:
    """Add what a dataclass with slots has counted."""
    names: Sequence[str] = type(counted).__slots__  # type: ignore[attr-defined]
    for name in names:
        counters[prefix + name] = getattr(counted, name)
