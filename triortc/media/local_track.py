"""A track to send: a fan-out from one source to any number of viewers."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import trio

from triortc.handles import RunBound
from triortc.protocol.rtp.frame import EncodedFrame
from triortc.protocol.wire.errors import LocalProtocolError

from .inbox import Raw
from .rendition import Rendition, RenditionStatistics
from .source import Encoding, Kind
from .subscription import Subscription


@dataclass(frozen=True, slots=True)
class TrackStatistics:
    """What one track did so far.

    Attributes:
      kind: video or audio.
      id: the track's identifier.
      frames_captured: frames that the source has given.
      renditions: one for each of the track's encodings, in their order.
    """

    kind: Kind
    id: str
    frames_captured: int
    renditions: tuple[RenditionStatistics, ...]


class LocalTrack(RunBound):
    """Audio or video that peers can send; born in ``open_media`` and ended with it.

    A track is encoded once for each of its encodings that has viewers, however many.

    Attributes:
      kind: video or audio.
      id: a unique identifier, for ``a=msid``.
      encodings: how it can be had, the preferred one first.
    """

    def __init__(
        self,
        kind: Kind,
        encodings: Sequence[Encoding],
        *,
        nursery: trio.Nursery | None,
        live: bool = True,
        framerate: float = 30.0,
    ) -> None:
        super().__init__()
        self.kind = kind
        self.id = str(uuid.uuid4())
        self.encodings = tuple(encodings)
        self._renditions = {
            encoding: Rendition(encoding, nursery=nursery, live=live, framerate=framerate)
            for encoding in self.encodings
        }
        self._frames_captured = 0
        self._ended = trio.Event()
        self._closed = False

    def __repr__(self) -> str:
        state = "closed" if self._closed else "ended" if self.ended else "live"
        names = "/".join(encoding.name for encoding in self.encodings)
        return f"<LocalTrack {self.kind} {state} {names}>"

    @property
    def ended(self) -> bool:
        """Whether the source has come to its end: a file has, a camera never does."""
        return self._ended.is_set()

    async def wait_ended(self) -> None:
        """Wait until the source has come to its end."""
        self._check_run()
        await self._ended.wait()

    def subscribe(self, encoding: Encoding) -> Subscription:
        """Return a subscription to one of :attr:`encodings`, to be used in a ``with`` block.

        Raises:
          WrongRunError: outside of the track's own run.
          trio.ClosedResourceError: when the ``open_media`` block has ended.
          LocalProtocolError: when the track has no such encoding.
        """
        self._check_run()
        if self._closed:
            raise trio.ClosedResourceError("the open_media block of this track has ended")
        rendition = self._renditions.get(encoding)
        if rendition is None:
            raise LocalProtocolError(f"{self!r} has no encoding {encoding}")
        return rendition.new_subscription()

    def statistics(self) -> TrackStatistics:
        """Return what happened so far."""
        self._check_run()
        renditions = tuple(rendition.statistics() for rendition in self._renditions.values())
        return TrackStatistics(self.kind, self.id, self._frames_captured, renditions)

    async def _put(self, raw: Raw) -> None:
        self._frames_captured += 1
        for rendition in self._renditions.values():
            await rendition.put(raw)

    def _publish(self, encoding: Encoding, frame: EncodedFrame) -> None:
        self._frames_captured += 1
        self._renditions[encoding].publish(frame)

    def _finish(self) -> None:
        self._ended.set()
        for rendition in self._renditions.values():
            rendition.finish()

    def _close(self) -> None:
        self._closed = True
        self._ended.set()
        for rendition in self._renditions.values():
            rendition.end()


class Feed:
    """The inlet of a track whose frames come encoded from elsewhere."""

    def __init__(self, track: LocalTrack) -> None:
        self._track = track

    def publish(self, frame: EncodedFrame, encoding: Encoding | None = None) -> None:
        """Offer *frame* to the viewers of *encoding*, by default the track's first one."""
        self._track._publish(encoding or self._track.encodings[0], frame)

    def keyframe_wanted(self, now: float, encoding: Encoding | None = None) -> bool:
        """Take the request for a keyframe, if there is one and it is time for it."""
        rendition = self._track._renditions[encoding or self._track.encodings[0]]
        return rendition.take_keyframe_request(now)

    def finish(self) -> None:
        """End the track, as a file ends."""
        self._track._finish()


@contextmanager
def open_fed_track(kind: Kind, encodings: Sequence[Encoding]) -> Iterator[tuple[LocalTrack, Feed]]:
    """Open a track without a source, an encoder or a thread; its frames are handed in."""
    track = LocalTrack(kind, encodings, nursery=None)
    try:
        yield track, Feed(track)
    finally:
        track._close()
