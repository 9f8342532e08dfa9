"""``open_media``: sources in, tracks out."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import trio

from triortc.handles import RunBound
from triortc.nursery import open_bare_nursery
from triortc.protocol.wire.errors import LocalProtocolError

from .capture import Delivery, Opened, ThreadedReader
from .encodings import VP8, Encoding, Kind, Opus
from .generator import Generating, GeneratorSource
from .local_track import LocalTrack, TrackStatistics
from .push import PushSource
from .reader import Reader
from .source import Source
from .workers import codec_limiter, opened_in_worker, run_in_worker

DEFAULT_VIDEO = VP8()
DEFAULT_AUDIO = Opus()


class Media(RunBound):
    """Opened sources; born in :func:`open_media` and ended with it.

    Attributes:
      tracks: every track of every source, in order.
    """

    def __init__(self, tracks: Iterable[LocalTrack]) -> None:
        super().__init__()
        self.tracks: tuple[LocalTrack, ...] = tuple(tracks)

    def __repr__(self) -> str:
        return f"<Media {' '.join(map(repr, self.tracks))}>"

    @property
    def video(self) -> LocalTrack | None:
        """The first video track."""
        return self._first("video")

    @property
    def audio(self) -> LocalTrack | None:
        """The first audio track."""
        return self._first("audio")

    @property
    def ended(self) -> bool:
        """Whether every source has come to its end."""
        return all(track.ended for track in self.tracks)

    async def wait_ended(self) -> None:
        """Wait until every source has come to its end: files have one, cameras do not."""
        self._check_run()
        await trio.lowlevel.checkpoint()  # there may be no tracks
        for track in self.tracks:
            await track.wait_ended()

    def statistics(self) -> tuple[TrackStatistics, ...]:
        """Return what happened so far, track by track."""
        self._check_run()
        return tuple(track.statistics() for track in self.tracks)

    def _first(self, kind: Kind) -> LocalTrack | None:
        return next((track for track in self.tracks if track.kind == kind), None)


@asynccontextmanager
async def open_media(
    *sources: Source | GeneratorSource | PushSource,
    video: Encoding | Sequence[Encoding] | None = DEFAULT_VIDEO,
    audio: Encoding | Sequence[Encoding] | None = DEFAULT_AUDIO,
) -> AsyncIterator[Media]:
    """Open cameras, microphones, files and test patterns, and give their tracks.

    The sources are opened in worker threads before the body begins, and are closed when it
    has ended, whatever way. Encoders run only while a track has viewers.

    Args:
      sources: what to read: descriptions, and push sources of this run.
      video: how video may be encoded, the preferred way first; None for no video.
      audio: how audio may be encoded; None for no audio.

    Raises:
      MediaError: before the body, when a source cannot be opened or an encoder is missing;
        out of the body, which is cancelled, when a source or an encoder fails.
      Exception: what a source of one's own raises, likewise.
      LocalProtocolError: when there is no source, or an encoding is of the wrong kind.
      WrongRunError: when a push source is of another run.
      trio.BusyResourceError: when a push source is read by another block.
    """
    if not sources:
        raise LocalProtocolError("open_media() wants at least one source")
    for source in sources:
        if not isinstance(source, GeneratorSource | PushSource) and not callable(
            getattr(source, "open", None)
        ):
            raise LocalProtocolError(f"{source!r} is no source")
    encodings = {"video": _encodings("video", video), "audio": _encodings("audio", audio)}
    async with AsyncExitStack() as stack:
        await run_in_worker(
            partial(_check_encoders, [*encodings["video"], *encodings["audio"]]), codec_limiter()
        )
        opened = [(str(source), await _open(source, stack)) for source in sources]
        async with open_bare_nursery() as nursery:
            media = _start(opened, encodings, nursery)
            try:
                yield media
            finally:
                for track in media.tracks:
                    track._close()
                nursery.cancel_scope.cancel()


async def _open(source: Source | GeneratorSource | PushSource, stack: AsyncExitStack) -> Opened:
    if isinstance(source, GeneratorSource):
        return Generating(source)
    if isinstance(source, PushSource):
        return stack.enter_context(source._opened())
    limiter = trio.CapacityLimiter(1)
    reader = await stack.enter_async_context(opened_in_worker(partial(_open_reader, source), limiter))
    return ThreadedReader(reader, limiter, str(source))


def _open_reader(source: Source) -> Reader:
    reader = source.open()
    if isinstance(reader, Reader):
        return reader
    if not all(callable(getattr(reader, method, None)) for method in ("read", "close")):
        raise TypeError(f"{source}.open() has returned {reader!r}, which cannot be read and closed")
    from .own_frames import AdaptedReader

    return AdaptedReader(reader, getattr(source, "kind", "video"), str(source))


def _start(
    opened: Iterable[tuple[str, Opened]], encodings: dict[str, tuple[Encoding, ...]], nursery: trio.Nursery
) -> Media:
    tracks: list[LocalTrack] = []
    epoch = trio.current_time()
    for name, source in opened:
        own = {
            kind: _track(kind, source, encodings[kind], nursery) for kind in source.kinds if encodings[kind]
        }
        tracks += own.values()
        if own:  # else nobody would pace the reading
            delivery = Delivery(own, live=source.live, epoch=epoch)
            nursery.start_soon(source.run, delivery, name=f"capture {name}")
    return Media(tracks)


def _track(kind: Kind, source: Opened, encodings: Sequence[Encoding], nursery: trio.Nursery) -> LocalTrack:
    coded = source.encodings.get(kind)
    if coded is not None:
        return LocalTrack(kind, [coded], nursery=None)
    return LocalTrack(kind, encodings, nursery=nursery, live=source.live, framerate=source.framerate)


def _encodings(kind: Kind, wanted: Encoding | Sequence[Encoding] | None) -> tuple[Encoding, ...]:
    if wanted is None:
        return ()
    encodings = tuple(wanted) if isinstance(wanted, Sequence) else (wanted,)
    for encoding in encodings:
        if isinstance(encoding, type) or not isinstance(encoding, Encoding) or encoding.kind != kind:
            raise LocalProtocolError(f"{encoding!r} is no {kind} encoding")
    return encodings


def _check_encoders(encodings: Sequence[Encoding]) -> None:
    for encoding in encodings:
        encoding.open_encoder(framerate=30).close()
