"""A peer's media sections: what it sends and receives in each, and how both follow the negotiation."""

from collections.abc import Iterable, Sequence

import trio

from triortc.media.local_track import LocalTrack
from triortc.protocol.sdp.description import Direction
from triortc.protocol.session import events
from triortc.protocol.session.codecs import default_capabilities
from triortc.protocol.session.events import SessionEvent
from triortc.protocol.session.receiving import FrameReceived, PacketsReceived
from triortc.protocol.session.session import Session
from triortc.protocol.session.transceiver import Transceiver as Core
from triortc.protocol.wire.errors import LocalProtocolError

from .capabilities import capabilities_of
from .driver import Driver
from .errors import PeerFailed
from .parameters import EncodingParameters, check_encodings
from .remote_track import RemoteTrack
from .sender import Sender
from .transceiver import Transceiver

MAX_UNREAD_TRACKS = 64
"""As many as a description has media sections."""


class MediaSections:
    """The transceivers of one peer.

    Attributes:
      all: those that were not stopped, in the order they were added.
      tracks: the remote side's tracks, as they come.
      unread_tracks: how many were dropped because nobody took them from :attr:`tracks`.
    """

    def __init__(self, driver: Driver, nursery: trio.Nursery) -> None:
        self.all: list[Transceiver] = []
        self.unread_tracks: int = 0
        self._driver = driver
        self._nursery = nursery
        self._by_mid: dict[str, RemoteTrack] = {}
        self._senders: dict[Core, Sender] = {}
        # session → peer.tracks: 64, DROP_NEWEST, counted; a description has no more sections.
        self.tracks: trio.MemoryReceiveChannel[RemoteTrack]
        self._track_sender, self.tracks = trio.open_memory_channel[RemoteTrack](MAX_UNREAD_TRACKS)

    # What the application asks for

    def add_track(self, track: LocalTrack, stream_ids: Sequence[str]) -> Transceiver:
        """Send *track* in a section that never sent anything, or in a new one (W3C ``addTrack``)."""
        if any(transceiver.track is track for transceiver in self.all):
            raise LocalProtocolError(f"the track {track.id} was added before")
        with self._driver.turn() as session:
            streams = tuple(stream_ids) or (session.negotiation.cname,)
            for transceiver in self.all:
                if self._is_free_for(transceiver, track):
                    self._reuse(session, transceiver, track, streams)
                    return transceiver
            core = session.add_transceiver(
                track.kind,
                Direction.SENDRECV,
                capabilities_of(track.encodings),
                stream_ids=streams,
                track_id=track.id,
                created_by_add_track=True,
            )
            return self._adopt(core, track, ())

    def add_transceiver(
        self,
        track: LocalTrack | None,
        kind: str,
        direction: Direction,
        stream_ids: Sequence[str],
        send_encodings: Sequence[EncodingParameters],
    ) -> Transceiver:
        """Add a new section (W3C ``addTransceiver``)."""
        encodings = check_encodings(send_encodings)
        with self._driver.turn() as session:
            core = session.add_transceiver(
                kind,
                direction,
                default_capabilities(kind) if track is None else capabilities_of(track.encodings),
                stream_ids=tuple(stream_ids) or (session.negotiation.cname,),
                track_id="" if track is None else track.id,
                send_rids=[each.rid for each in encodings if each.rid is not None],
            )
            return self._adopt(core, track, encodings)

    def remove_track(self, track: LocalTrack) -> None:
        """Send *track* no more (W3C ``removeTrack``); one that is not sent is no matter."""
        for transceiver in self.all:
            if transceiver.track is track and not transceiver.stopped:
                core = transceiver._core
                with self._driver.turn() as session:
                    self._senders[core].set_track(None)
                    core.direction = Direction.of(False, core.direction.receives)
                    session.note_change()

    def _is_free_for(self, transceiver: Transceiver, track: LocalTrack) -> bool:
        sender = self._senders[transceiver._core]
        return (
            transceiver.kind == track.kind
            and transceiver.track is None
            and not transceiver.stopped
            and not sender.has_sent
        )

    def _reuse(
        self, session: Session, transceiver: Transceiver, track: LocalTrack, streams: tuple[str, ...]
    ) -> None:
        core = transceiver._core
        core.sendable = capabilities_of(track.encodings)
        core.stream_ids = streams
        session.negotiation.name_track(core, track.id)
        core.reused_by_add_track = True
        core.direction = Direction.of(True, core.direction.receives)
        self._senders[core].set_track(track)
        session.note_change()

    def _adopt(
        self, core: Core, track: LocalTrack | None, encodings: Sequence[EncodingParameters]
    ) -> Transceiver:
        sender = Sender(core, self._driver, self._nursery, track, check_encodings(encodings))
        transceiver = Transceiver(core, sender, self._driver)
        self._senders[core] = sender
        self.all.append(transceiver)
        return transceiver

    # What the session tells

    def handle(self, event: SessionEvent) -> None:
        """Take an event that is about media; any other is passed over."""
        match event:
            case FrameReceived(mid, rid, frame):
                if (track := self._by_mid.get(mid)) is not None:
                    track._take_frame(rid, frame)
            case PacketsReceived(mid, rid, packets):
                if (track := self._by_mid.get(mid)) is not None:
                    track._take_packets(rid, packets)
            case events.KeyframeRequested(mid, rid):
                for core, sender in self._senders.items():
                    if core.mid == mid:
                        sender.request_keyframe(rid)
            case events.TransceiverAdded(core):
                self._adopt(core, None, ())
            case events.TransceiverRemoved(core) | events.TransceiverStopped(core):
                self._drop(core)
            case events.RemoteTrackAdded(core):
                self._begin_track(core)
            case events.RemoteTrackRemoved(core):
                self._end_track(core)

    @property
    def remote_tracks(self) -> Iterable[RemoteTrack]:
        """The tracks that the remote side sends now."""
        return self._by_mid.values()

    def set_connected(self, connected: bool) -> None:
        """Send what was agreed on, or nothing."""
        for sender in self._senders.values():
            sender.set_connected(connected)

    def end(self, failure: PeerFailed | None) -> None:
        """End everything: the peer has ended."""
        self.set_connected(False)
        for track in self._by_mid.values():
            track._end(failure)
        self._by_mid.clear()
        self._track_sender.close()

    def _find(self, core: Core) -> Transceiver:
        return next(transceiver for transceiver in self.all if transceiver._core is core)

    def _begin_track(self, core: Core) -> None:
        transceiver = self._find(core)
        track = RemoteTrack(core, self._driver)
        transceiver.remote_track = self._by_mid[track.mid] = track
        try:
            self._track_sender.send_nowait(track)
        except trio.WouldBlock:
            self.unread_tracks += 1

    def _end_track(self, core: Core) -> None:
        transceiver = self._find(core)
        track, transceiver.remote_track = transceiver.remote_track, None
        if track is not None:
            del self._by_mid[track.mid]
            track._end()

    def _drop(self, core: Core) -> None:
        self._end_track(core)
        self._senders.pop(core).set_track(None)
        self.all.remove(self._find(core))
