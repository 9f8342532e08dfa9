"""``open_recorder``: tracks in, a file out."""

import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import trio

from triortc.handles import RunBound
from triortc.nursery import open_bare_nursery
from triortc.protocol.rtp.frame import EncodedFrame, ReceivedFrame
from triortc.protocol.wire.errors import LocalProtocolError

from .backlog import Backlog
from .encodings import Encoding, Kind
from .local_track import LocalTrack
from .recorded_track import Arrived, Entry, Joined, Left, RecordedTrack
from .recording_format import Destination, RecorderError, find_destination
from .subscription import Subscription
from .workers import CLOSE_TIMEOUT, run_in_worker

if TYPE_CHECKING:
    from .recording import Recording

PAUSE = 0.05
"""Seconds between two visits to the worker: a hop is paid for several frames."""

DRAIN = 1.0
"""Seconds that a track which has ended is given for what its encoder still holds."""

_logger = logging.getLogger("triortc.recorder")


class EncodedTrack(Protocol):
    """A track whose encoded frames can be read, as a remote one's.

    Attributes:
      kind: video or audio.
      id: a name for it.
    """

    @property
    def kind(self) -> Kind:
        """Video or audio."""
        ...

    @property
    def id(self) -> str:
        """A name for it."""
        ...

    def encoded_frames(self) -> AbstractAsyncContextManager[AsyncIterator[ReceivedFrame]]:
        """Open the stream of its frames; the iteration ends with the track."""
        ...


@runtime_checkable
class KeyframeSource(Protocol):
    """A track that can be asked for a keyframe."""

    def request_keyframe(self) -> None:
        """Ask for one."""
        ...


@dataclass(frozen=True, slots=True)
class RecordedTrackStatistics:
    """What was recorded of one track.

    Attributes:
      kind: video or audio.
      id: the track's identifier.
      codec: its encoding name, in lower case; None before the first frame.
      path: the file it goes into; None as long as that has not begun.
      transcoded: whether the file does not take that codec as it is.
      frames: how many were written.
      bytes: of these, before transcoding.
      frames_skipped: how many were of no use: damaged, or before a keyframe.
      frames_dropped: how many a :class:`LocalTrack`'s queue has dropped, since the disk was slow.
    """

    kind: Kind
    id: str
    codec: str | None
    path: Path | None
    transcoded: bool
    frames: int
    bytes: int
    frames_skipped: int
    frames_dropped: int


@dataclass(frozen=True, slots=True)
class RecordedFileStatistics:
    """What was written into one file.

    Attributes:
      path: its name.
      start: when it begins, in seconds after the first file does.
      duration: from its first frame to its last, in seconds.
      bytes: of all its frames.
    """

    path: Path
    start: float
    duration: float
    bytes: int


@dataclass(frozen=True, slots=True)
class RecorderStatistics:
    """What a recorder did so far.

    Attributes:
      files: those that have begun.
      tracks: those that were added.
      duration: from the first frame to the last, in seconds, over all files.
      queue_depth: frames that wait to be written.
      queue_bytes: of these.
    """

    files: tuple[RecordedFileStatistics, ...]
    tracks: tuple[RecordedTrackStatistics, ...]
    duration: float
    queue_depth: int
    queue_bytes: int


class Recorder(RunBound):
    """Writes tracks into a file; born in :func:`open_recorder` and ended with it."""

    def __init__(self, destination: Destination, recording: "Recording", nursery: trio.Nursery) -> None:
        super().__init__()
        self._destination = destination
        self._recording = recording
        self._nursery = nursery
        self._backlog: Backlog[Entry] = Backlog()
        self._batch: Sequence[Entry] = ()
        self._tracks: list[RecordedTrack] = []
        self._readers: dict[EncodedTrack | LocalTrack, trio.CancelScope] = {}
        self._failure: RecorderError | None = None
        self._writing = trio.CancelScope()
        self._over = trio.Event()
        self._ending = trio.Event()

    def __repr__(self) -> str:
        state = "failed" if self._failure else "closed" if self._ending.is_set() else "live"
        return f"<Recorder {state} {self._destination.path} {len(self._readers)} tracks>"

    @property
    def failure(self) -> RecorderError | None:
        """Why nothing is recorded any more, or None."""
        return self._failure

    async def wait_failed(self) -> RecorderError:
        """Wait until the file cannot be written any more, and return why.

        The ``open_recorder`` block raises it as well, when it is left.

        Raises:
          trio.ClosedResourceError: when the block has ended, with no failure.
        """
        self._check_run()
        await self._over.wait()
        if self._failure is None:
            raise trio.ClosedResourceError("the open_recorder block has ended")
        return self._failure

    def add_track(self, track: EncodedTrack | LocalTrack) -> None:
        """Record *track* from now on, video from its next keyframe on, until it ends.

        A file holds the tracks that are there when it begins: it waits up to two seconds for
        a first frame of each. A track that comes later, or whose codec changes, has a file of
        its own, ``call-2.webm``, in which time begins with its first frame; so has every
        further track where a file holds but one (WAV and pictures).

        Args:
          track: local, remote, or anything like a remote one.

        Raises:
          LocalProtocolError: when the file takes no track of that kind, or has it already.
          trio.BrokenResourceError: when the recorder has failed.
          trio.ClosedResourceError: when its block has ended, or the ``open_media`` block of the track.
          WrongRunError: outside of its own run.
        """
        self._check_run()
        if self._ending.is_set():
            raise trio.ClosedResourceError("the open_recorder block has ended")
        if self._failure is not None:
            raise trio.BrokenResourceError("the recorder has failed") from self._failure
        if track in self._readers:
            raise LocalProtocolError(f"{track!r} is being recorded already")
        if track.kind not in self._destination.format.encoders:
            raise LocalProtocolError(f"{self._destination.path} takes no {track.kind}")
        recorded = RecordedTrack(track.kind, track.id)
        if isinstance(track, LocalTrack):
            encoding = self._choose(track)
            read = partial(self._read_local, track.subscribe(encoding), encoding.name.lower(), recorded)
        else:
            read = partial(self._read_encoded, track, recorded)
        self._tracks.append(recorded)
        self._backlog.put_nowait(Joined(recorded))
        self._readers[track] = trio.CancelScope()
        self._nursery.start_soon(self._record, track, recorded, read, name=f"record {track.id}")

    def statistics(self) -> RecorderStatistics:
        """Return what happened so far."""
        self._check_run()
        copied = self._destination.format.copied
        parts = [part for part in self._recording.parts if part.started]
        origin = parts[0].origin if parts else 0.0
        files = tuple(
            RecordedFileStatistics(part.path, part.origin - origin, part.duration, part.bytes)
            for part in parts
        )
        tracks = tuple(
            RecordedTrackStatistics(
                kind=track.kind,
                id=track.id,
                codec=track.codec,
                path=track.path,
                transcoded=track.codec is not None and track.codec not in copied,
                frames=track.frames,
                bytes=track.bytes,
                frames_skipped=track.frames_skipped,
                frames_dropped=track.frames_dropped,
            )
            for track in self._tracks
        )
        duration = max((file.start + file.duration for file in files), default=0.0)
        return RecorderStatistics(files, tracks, duration, len(self._backlog), self._backlog.bytes)

    # Reading

    async def _record(
        self,
        track: EncodedTrack | LocalTrack,
        recorded: RecordedTrack,
        read: Callable[[], Awaitable[None]],
    ) -> None:
        try:
            with self._readers[track]:
                await read()
        except trio.BrokenResourceError:
            pass  # its peer has failed, which those are told who wait for the peer
        finally:
            self._backlog.put_nowait(Left(recorded))
            del self._readers[track]
            self._close_if_over()

    async def _read_local(self, subscription: Subscription, codec: str, recorded: RecordedTrack) -> None:
        with subscription:
            while True:
                try:
                    frame = await subscription.receive()
                except (trio.EndOfChannel, trio.ClosedResourceError):
                    return  # its source has ended, or open_media has
                recorded.frames_dropped = subscription.frames_dropped
                await self._put(recorded, codec, frame, subscription)

    async def _read_encoded(self, track: EncodedTrack, recorded: RecordedTrack) -> None:
        source = track if isinstance(track, KeyframeSource) else None
        async with track.encoded_frames() as frames:
            async for frame in frames:
                await self._put(recorded, frame.codec, frame, source)

    async def _put(
        self, recorded: RecordedTrack, codec: str, frame: EncodedFrame, source: KeyframeSource | None
    ) -> None:
        if recorded.keyframe_wanted and source is not None:
            recorded.keyframe_wanted = False
            source.request_keyframe()
        await self._backlog.put(Arrived(recorded, codec, frame), frame.size)

    def _choose(self, track: LocalTrack) -> Encoding:
        """Return the encoding to record: the first one that the file takes as it is, if there is one."""
        copied = self._destination.format.copied
        fitting = (encoding for encoding in track.encodings if encoding.name.lower() in copied)
        return next(fitting, track.encodings[0])

    # Writing

    async def _run(self, limiter: trio.CapacityLimiter) -> None:
        try:
            with self._writing:
                await self._write(limiter)
            await self._ending.wait()
        finally:
            await self._finish(limiter)
            self._over.set()
            if self._failure is not None:
                raise self._failure

    async def _write(self, limiter: trio.CapacityLimiter) -> None:
        while entries := await self._backlog.take():
            self._batch = entries
            try:
                # Abandoned when cancelled, for a disk may hang; the limiter lets nobody overtake it.
                await trio.to_thread.run_sync(self._take_batch, limiter=limiter, abandon_on_cancel=True)
            except RecorderError as error:
                self._fail(error)
                return
            await trio.sleep(PAUSE)

    async def _finish(self, limiter: trio.CapacityLimiter) -> None:
        finish = partial(self._finish_files, self._backlog.drain())
        # The second shield of the library, for the end of the file. A disk that hangs is left behind.
        with trio.move_on_after(CLOSE_TIMEOUT, shield=True) as scope:
            try:
                await trio.to_thread.run_sync(finish, limiter=limiter, abandon_on_cancel=True)
            except RecorderError as error:
                self._fail(error)
        if scope.cancelled_caught:
            path = self._destination.path
            self._fail(RecorderError(f"cannot end {path}: the disk takes nothing for {CLOSE_TIMEOUT:.0f} s"))

    def _take_batch(self) -> None:
        """Write the entries that the worker was called for, if it has not begun with them before."""
        batch, self._batch = self._batch, ()
        self._recording.take(batch)

    def _finish_files(self, entries: Sequence[Entry]) -> None:
        self._take_batch()
        self._recording.take(entries)
        self._recording.finish()

    def _fail(self, error: RecorderError) -> None:
        if self._failure is not None:
            return
        self._failure = error
        _logger.error("%s", error)
        self._over.set()
        self._backlog.close()
        self._backlog.drain()
        for scope in self._readers.values():
            scope.cancel()

    def _end(self) -> None:
        """Let what has ended come to its end, and the rest go."""
        self._ending.set()
        self._writing.deadline = trio.current_time() + CLOSE_TIMEOUT
        for track, scope in self._readers.items():
            if isinstance(track, LocalTrack) and track.ended:
                scope.deadline = trio.current_time() + DRAIN
            else:
                scope.cancel()
        self._close_if_over()

    def _close_if_over(self) -> None:
        if self._ending.is_set() and not self._readers:
            self._backlog.close()


@asynccontextmanager
async def open_recorder(path: str | os.PathLike[str]) -> AsyncIterator[Recorder]:
    """Record tracks into a file, which the name tells the format of.

    * ``.webm`` takes VP8, VP9, AV1 and Opus as they come; H.264 becomes VP8, other sound Opus.
    * ``.mkv`` and ``.mka`` take H.264 as well; other sound becomes PCM.
    * ``.mp4``, ``.m4v`` and ``.m4a``, which are fragmented, take VP9, AV1, H.264 and Opus; VP8
      becomes H.264, other sound Opus. H.264 is stored as ``avc3``, which the player must know.
    * ``.wav`` takes sound, as PCM, with silence in the gaps.
    * ``.png`` with a number, such as ``shots/%04d.png``, or a directory takes each picture.

    A file that is there already is replaced.

    A video may change its size, but for one that is transcoded: that keeps the first one.
    Frames keep their place in time: through silence, loss and pauses, and when a source is
    replaced. Audio and video of a remote peer are put in step by its sender reports. A file
    plays even if the program is killed: at most a second of it is missing.

    All that touches the file runs in a worker thread. When the disk is too slow, up to 16 MiB
    or 10 s wait for it; then the tracks' own queues drop frames. A failure to write ends the
    recorder and nothing else: it is logged, :meth:`Recorder.wait_failed` returns it, and the
    block raises it when its body has ended.

    Args:
      path: of the file or files.

    Raises:
      LocalProtocolError: when the name tells no format.
      RecorderError: before the body, when the file cannot be made; after it, when it could
        not be written, with ``errno`` such as ``ENOSPC``.
    """
    destination = find_destination(path)
    limiter = trio.CapacityLimiter(1)
    recording = await run_in_worker(partial(_open_recording, destination), limiter)
    async with open_bare_nursery() as nursery:
        recorder = Recorder(destination, recording, nursery)
        nursery.start_soon(recorder._run, limiter, name=f"recorder {destination.path}")
        try:
            yield recorder
        finally:
            recorder._end()


def _open_recording(destination: Destination) -> "Recording":
    from .recording import Recording

    return Recording(destination)
