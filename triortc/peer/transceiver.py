"""A media section as the application sees it: what it sends, what comes, and what was agreed."""

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

from triortc.handles import RunBound
from triortc.media.encodings import Encoding
from triortc.media.local_track import LocalTrack
from triortc.protocol.sdp.description import Direction
from triortc.protocol.session.transceiver import Transceiver as Core
from triortc.protocol.wire.errors import InvalidStateError, LocalProtocolError

from .capabilities import capabilities_of, preferred_capabilities
from .driver import Driver
from .errors import check_not_closed, check_not_ended
from .parameters import SendParameters
from .remote_track import RemoteTrack
from .sender import Sender

Kind: TypeAlias = Literal["audio", "video"]
DirectionName: TypeAlias = Literal["sendrecv", "sendonly", "recvonly", "inactive"]


def parse_direction(name: str) -> Direction:
    """Return the direction of that name.

    Raises:
      LocalProtocolError: for a word that is no direction.
    """
    try:
        return Direction(name)
    except ValueError:
        raise LocalProtocolError(f"not a direction: {name!r}") from None


class Transceiver(RunBound):
    """A media section: a track that is sent, and one that comes (W3C ``RTCRtpTransceiver``).

    It is W3C's transceiver, sender and receiver in one. Returned by
    :meth:`triortc.Peer.add_track` and :meth:`triortc.Peer.add_transceiver`, or made by a remote
    offer; there is no public constructor.

    Attributes:
      remote_track: what the remote side sends in it now, or None.
    """

    def __init__(self, core: Core, sender: Sender, driver: Driver) -> None:
        super().__init__()
        self.remote_track: RemoteTrack | None = None
        self._core = core
        self._sender = sender
        self._driver = driver

    def __repr__(self) -> str:
        state = "stopped" if self.stopped else self.current_direction or self.direction
        return f"<Transceiver {self.mid} {self.kind} {state} {self.codec}>"

    @property
    def mid(self) -> str | None:
        """The media section's name, None until a description names it."""
        return self._core.mid

    @property
    def kind(self) -> str:
        """``"audio"`` or ``"video"``."""
        return self._core.kind

    @property
    def direction(self) -> DirectionName:
        """What this side wants; setting it makes a negotiation needed.

        Raises:
          LocalProtocolError: for a word that is no direction.
          InvalidStateError: when the transceiver has been stopped.
        """
        return self._core.direction.value

    @direction.setter
    def direction(self, wanted: DirectionName) -> None:
        self._check_alive()
        direction = parse_direction(wanted)
        self._change(lambda core: setattr(core, "direction", direction))

    @property
    def current_direction(self) -> DirectionName | None:
        """What was agreed, None before the first answer and after the stop."""
        direction = self._core.current_direction
        return None if direction is None or self.stopped else direction.value

    @property
    def stopped(self) -> bool:
        """Whether it has been stopped: its media section is, or will be, gone."""
        return self._core.stopped or self._core.stopping

    @property
    def track(self) -> LocalTrack | None:
        """The track that is sent, or None."""
        return self._sender.track

    @property
    def codec(self) -> str | None:
        """The name of the codec that is sent, or, when nothing is, that was agreed on first."""
        track = self._sender.track
        encoding = None if track is None else self._sender.encoding_of(track)
        if encoding is not None:
            return encoding.name
        return self._core.codecs[0].capability.name if self._core.codecs else None

    @property
    def queued_frames(self) -> int:
        """How many encoded frames wait for this peer."""
        return self._sender.queued_frames

    @property
    def dropped_frames(self) -> int:
        """How many encoded frames were dropped because this peer did not take them in time."""
        return self._sender.dropped_frames

    def set_codec_preferences(self, preferences: Sequence[Encoding]) -> None:
        """Negotiate these codecs alone, in this order, from the next description on.

        Args:
          preferences: codecs, by their encodings; none at all takes back what was preferred before.

        Raises:
          LocalProtocolError: if one is of the other kind, or the track that is sent comes in none.
          InvalidStateError: when the transceiver has been stopped.
        """
        self._check_alive()
        capabilities = preferred_capabilities(self.kind, preferences, self._sender.track)
        self._change(lambda core: setattr(core, "capabilities", capabilities))

    def set_streams(self, *stream_ids: str) -> None:
        """Announce the sent track to be in these MediaStreams, from the next description on.

        Raises:
          InvalidStateError: when the transceiver has been stopped.
        """
        self._check_alive()
        self._change(lambda core: setattr(core, "stream_ids", tuple(dict.fromkeys(stream_ids))))

    def replace_track(self, track: LocalTrack | None) -> None:
        """Send another track in the place of this one, without negotiation; None sends nothing.

        The remote side sees one stream whose RTP timeline goes on.

        Raises:
          LocalProtocolError: if the track is of the other kind, or does not come in the codec that
            was agreed on.
          InvalidStateError: when the transceiver has been stopped.
        """
        self._check_alive()
        if track is not None:
            track._check_run()
            if track.kind != self.kind:
                raise LocalProtocolError(f"a track of kind {track.kind} in a transceiver of kind {self.kind}")
            if self._core.sends and self._sender.encoding_of(track) is None:
                raise LocalProtocolError(f"{track!r} does not come in the codec that was agreed on")
            if self._core.mid is None or not self._core.codecs:
                self._core.sendable = capabilities_of(track.encodings)
        self._sender.set_track(track)

    def get_parameters(self) -> SendParameters:
        """Return how the track is sent."""
        self._check_run()
        return self._sender.parameters

    def set_parameters(self, parameters: SendParameters) -> None:
        """Change how the track is sent, from the next frames on; no negotiation is needed.

        Args:
          parameters: what :meth:`get_parameters` returned last, changed.

        Raises:
          InvalidStateError: if they were changed meanwhile, or the transceiver has been stopped.
          LocalProtocolError: if encodings were added, removed, reordered or renamed.
        """
        self._check_alive()
        self._sender.set_parameters(parameters)

    def stop(self) -> None:
        """End it on both sides: its media section is free for another one, once negotiated.

        A second time does nothing, nor does it once the peer has ended.
        """
        self._check_run()
        if not self.stopped and self._driver.session.ended is None:
            with self._driver.turn() as session:
                session.stop_transceiver(self._core)
            self._sender.set_track(None)

    def _check_alive(self) -> None:
        self._check_run()
        check_not_closed(self._driver.session)
        check_not_ended(self._driver.session)
        if self.stopped:
            raise InvalidStateError("the transceiver has been stopped")

    def _change(self, change: Callable[[Core], None]) -> None:
        with self._driver.turn() as session:
            change(self._core)
            session.note_change()
