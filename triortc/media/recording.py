"""What a recorder does in its worker: bring the frames of all tracks into files."""

from collections.abc import Sequence

from triortc.protocol.rtp.frame import EncodedFrame, ReceivedFrame
from triortc.protocol.rtp.payload.formats import FORMATS
from triortc.protocol.wire.errors import Malformed

from .alignment import Alignment
from .recorded_track import Arrived, Entry, Joined, RecordedTrack
from .recording_format import Destination, RecorderError
from .recording_part import Part, Piece

LONGEST_GAP = 3600.0
"""Seconds of silence in a file; MP4 cannot tell much longer ones, and WAV has to write them."""

_SOUND_CLOCKS = {"opus": 48_000, "pcmu": 8_000, "pcma": 8_000, "g722": 8_000}
_VIDEO_CLOCK = 90_000


class Recording:
    """The files of one recorder, and what goes into which.

    A file must know its tracks when it begins. So those that come too late for its header,
    or no longer fit it because their codec has changed, begin another one.

    Attributes:
      parts: the files so far.
    """

    def __init__(self, destination: Destination) -> None:
        self.parts: list[Part] = []
        self._destination = destination
        self._alignment = Alignment()
        self._failure: RecorderError | None = None
        self._open: dict[Part, None] = {}
        self._part_of: dict[RecordedTrack, Part] = {}
        self._newest = self._new_part()
        self._newest.open()

    def take(self, entries: Sequence[Entry]) -> None:
        """Take what came from the tracks, in order.

        Raises:
          RecorderError: when a file cannot be written, or could not before; all are closed as they are.
        """
        if self._failure is not None:
            raise self._failure
        try:
            for entry in entries:
                self._take_one(entry)
        except RecorderError as error:
            self._abandon(error)
            raise

    def finish(self) -> None:
        """Write the ends of all files.

        Raises:
          RecorderError: when one cannot be written, or could not before.
        """
        try:
            for part in list(self._open):
                self._finish(part)
        except RecorderError as error:
            self._abandon(error)
            raise

    def _abandon(self, failure: RecorderError) -> None:
        """Close all files as they are."""
        self._failure = failure
        while self._open:
            self._open.popitem()[0].abandon()

    def _take_one(self, entry: Entry) -> None:
        track = entry.track
        if isinstance(entry, Arrived):
            try:
                self._arrive_untrusted(track, entry.codec, entry.frame)
            except Malformed:
                track.skip()
        elif isinstance(entry, Joined):
            track.clock = self._alignment.new_clock(track.kind)
            self._join(track)
        else:
            self._alignment.remove(track.clock)
            self._leave(track)

    def _arrive_untrusted(self, track: RecordedTrack, codec: str, frame: EncodedFrame) -> None:
        if codec != track.codec or frame.time - track.latest > LONGEST_GAP:
            self._begin(track, codec)
        track.latest = frame.time
        track.remote = isinstance(frame, ReceivedFrame)
        stamp = frame.timestamp / _SOUND_CLOCKS.get(codec, _VIDEO_CLOCK)
        if track.clock.jumps(stamp, frame.time):
            self._place_gathered(self._part_of[track])
        track.clock.note(stamp, frame.time, frame.ntp_time if isinstance(frame, ReceivedFrame) else None)
        if track.awaits_keyframe and not frame.keyframe:
            track.skip()
            return
        part = self._part_of[track]
        data = FORMATS[codec].join_untrusted(frame.payloads)
        part.take_untrusted(track, Piece(stamp, data, frame.keyframe), frame.time)
        track.awaits_keyframe = track.keyframe_wanted = False
        if part.is_ready(frame.time):
            self._start(part)

    def _begin(self, track: RecordedTrack, codec: str) -> None:
        """Begin a stream, in another file if there was one before."""
        if track.codec is not None:
            self._place_gathered(self._part_of[track])
            self._leave(track)
            self._join(track)
        track.codec = codec
        track.awaits_keyframe = True

    def _join(self, track: RecordedTrack) -> None:
        if self._newest.full or self._newest not in self._open:
            self._newest = self._new_part()
        self._newest.join(track)
        self._part_of[track] = self._newest

    def _leave(self, track: RecordedTrack) -> None:
        part = self._part_of.pop(track)
        part.leave(track)
        if part.deserted:
            self._finish(part)

    def _start(self, part: Part) -> None:
        for track in part.start():
            self._join(track)

    def _place_gathered(self, part: Part) -> None:
        """Write what a part has gathered, for its place cannot be told later."""
        if part.gathered and not part.started:
            self._start(part)

    def _finish(self, part: Part) -> None:
        self._place_gathered(part)
        part.close()
        del self._open[part]

    def _new_part(self) -> Part:
        path = self._destination.part(len(self.parts) + 1)
        part = Part(path, self._destination.format, self._alignment)
        self.parts.append(part)
        self._open[part] = None
        return part
