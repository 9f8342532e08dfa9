"""A track to send: a fan-out from one source to any number of viewers."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import trio

from triortc.handles import RunBound
from triortc.protocol.rtp.frame import EncodedFrame
from triortc.protocol.wire.errors import LocalProtocolError

from .encodings import UNLIMITED, Encoding, Kind, Limits
from .inbox import Raw
from .meters import SourceMeter, SourceStatistics
from .rendition import RenditionStatistics
from .renditions import Renditions
from .subscription import Subscription

if TYPE_CHECKING:
    from av import VideoFrame


@dataclass(frozen=True, slots=True)
class TrackStatistics:
    """What one track did so far.

    Attributes:
      kind: video or audio.
      id: the track's identifier.
      source: what the source has given.
      renditions: one for each of the track's encodings, in their order, and one for each
        different limits of its viewers.
    """

    kind: Kind
    id: str
    source: SourceStatistics
    renditions: tuple[RenditionStatistics, ...]


class LocalTrack(RunBound):
    """Audio or video that peers can send; born in ``open_media`` and ended with it.

    A track is encoded once for each of its encodings that has viewers, however many; and once
    more for each set of limits that some of them have in common.

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
        self.id: str = str(uuid.uuid4())
        self.encodings: tuple[Encoding, ...] = tuple(encodings)
        self._source = SourceMeter()
        self._renditions = Renditions(
            self.encodings, nursery=nursery, live=live, framerate=framerate, source=self._source
        )
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

    def subscribe(self, encoding: Encoding, *, limits: Limits = UNLIMITED) -> Subscription:
        """Return a subscription to one of :attr:`encodings`, to be used in a ``with`` block.

        Args:
          encoding: how the frames are to be encoded.
          limits: what to have less of. Viewers with equal limits share an encoder. A track
            whose frames come encoded does not heed them.

        Raises:
          WrongRunError: outside of the track's own run.
          trio.ClosedResourceError: when the ``open_media`` block has ended.
          LocalProtocolError: when the track has no such encoding.
        """
        self._check_run()
        if self._closed:
            raise trio.ClosedResourceError("the open_media block of this track has ended")
        if encoding not in self._renditions:
            raise LocalProtocolError(f"{self!r} has no encoding {encoding}")
        return self._renditions.get(encoding, limits).new_subscription()

    def set_limits(self, subscription: Subscription, limits: Limits) -> None:
        """Change what a viewer of this track wants less of; the RTP timeline goes on.

        When only ``max_bitrate`` changes and nobody shares the encoder, it is told, and goes
        on: libx264 without a keyframe, others with one. In all other cases the viewer gets
        another encoder's frames, from a keyframe on.
        """
        self._check_run()
        self._renditions.set_limits(subscription, limits)

    def statistics(self) -> TrackStatistics:
        """Return what happened so far."""
        self._check_run()
        renditions = tuple(rendition.statistics() for rendition in self._renditions)
        return TrackStatistics(self.kind, self.id, self.source_statistics(), renditions)

    def source_statistics(self) -> SourceStatistics:
        """Return what the source has given so far; cheaper than :meth:`statistics`."""
        self._check_run()
        return self._source.read(trio.current_time())

    async def _put(self, raw: Raw) -> None:
        self._source.note_frame(trio.current_time())
        if self.kind == "video":
            picture = cast("VideoFrame", raw.frame)
            self._source.note_picture(picture.width, picture.height)
        for rendition in self._renditions:
            await rendition.put(raw)

    @property
    def _wanted(self) -> bool:
        """Whether somebody watches, so that raw frames are needed."""
        return any(rendition.encoder_wanted for rendition in self._renditions)

    def _pass_by(self) -> None:
        """Take note of a frame that nobody wanted."""
        self._source.note_frame(trio.current_time())

    def _publish(self, encoding: Encoding, frame: EncodedFrame) -> None:
        self._source.note_frame(trio.current_time())
        self._renditions.get(encoding).publish(frame)

    def _finish(self) -> None:
        self._ended.set()
        self._renditions.finish()

    def _close(self) -> None:
        self._closed = True
        self._ended.set()
        self._renditions.end()


class Feed:
    """The inlet of a track whose frames come encoded from elsewhere."""

    def __init__(self, track: LocalTrack) -> None:
        self._track = track

    def publish(self, frame: EncodedFrame, encoding: Encoding | None = None) -> None:
        """Offer *frame* to the viewers of *encoding*, by default the track's first one."""
        self._track._publish(encoding or self._track.encodings[0], frame)

    def keyframe_wanted(self, now: float, encoding: Encoding | None = None) -> bool:
        """Take the request for a keyframe, if there is one and it is time for it."""
        rendition = self._track._renditions.get(encoding or self._track.encodings[0])
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
