"""One file of a recording, and the tracks in it. Runs in the recorder's worker."""

from pathlib import Path
from typing import NamedTuple

from triortc.protocol.wire.errors import Malformed

from .alignment import Alignment
from .muxing import Opening, RecordedFile, opening_untrusted
from .recorded_track import RecordedTrack
from .recording_format import RecordingFormat

HEADER_WAIT = 2.0
"""Seconds a file waits for a first frame of each of its tracks, and for reports that put them in step."""


class Piece(NamedTuple):
    """A frame for the muxer.

    Attributes:
      stamp: its own timestamp, in seconds.
      data: in the form that its decoder takes.
      keyframe: whether decoding can begin at it.
    """

    stamp: float
    data: bytes
    keyframe: bool


class Member:
    """A track's share of a file.

    Attributes:
      track: which one.
      index: its number in the file.
      opening: what it begins with, once that has come.
      pieces: what has come of it before the header was written.
      present: whether more may come.
    """

    def __init__(self, track: RecordedTrack) -> None:
        self.track = track
        self.index = -1
        self.opening: Opening | None = None
        self.pieces: list[Piece] = []
        self.present = True


class Part:
    """One file. Until its header is written, it gathers what comes of its tracks.

    Attributes:
      path: its name.
      origin: where it begins on the common time line, in seconds.
      duration: from its first frame to its last, in seconds.
      started: whether the header is written.
    """

    def __init__(self, path: Path, format: RecordingFormat, alignment: Alignment) -> None:
        self.path = path
        self.origin: float = 0.0
        self.duration: float = 0.0
        self.started: bool = False
        self._format = format
        self._alignment = alignment
        self._members: dict[RecordedTrack, Member] = {}
        self._file: RecordedFile | None = None
        self._since: float | None = None

    @property
    def full(self) -> bool:
        """Whether no track can join any more."""
        return self.started or (self._format.single and bool(self._members))

    @property
    def gathered(self) -> bool:
        """Whether there is anything to write."""
        return self.started or self._since is not None

    @property
    def deserted(self) -> bool:
        """Whether nothing more will come to what there is."""
        return self.gathered and not any(member.present for member in self._members.values())

    @property
    def bytes(self) -> int:
        """How much of its tracks was written."""
        return 0 if self._file is None else self._file.bytes

    def open(self) -> None:
        """Make the file, if it is not there yet.

        Raises:
          RecorderError: when that is not possible.
        """
        if self._file is None:
            self._file = RecordedFile(self.path, self._format)

    def join(self, track: RecordedTrack) -> None:
        """Let a track in."""
        self._members[track] = Member(track)

    def leave(self, track: RecordedTrack) -> None:
        """Let a track go; what has come of it stays."""
        member = self._members[track]
        member.present = False
        if not self.started and not member.pieces:
            del self._members[track]

    def take_untrusted(self, track: RecordedTrack, piece: Piece, now: float) -> None:
        """Write a frame that came at *now*, or gather it.

        Raises:
          Malformed: when it is of no use.
          RecorderError: when the file cannot be written.
        """
        member = self._members[track]
        if self.started:
            self._write_untrusted(member, piece, self._alignment.place(track.clock, piece.stamp))
            return
        if member.opening is None:
            assert track.codec is not None
            member.opening = opening_untrusted(self._format, track.kind, track.codec, piece.data)
        member.pieces.append(piece)
        if self._since is None:
            self._since = now

    def is_ready(self, now: float) -> bool:
        """Whether to write the header: waiting is of no use, or has lasted long enough."""
        if self.started or self._since is None:
            return False
        alone = len(self._members) == 1
        members = self._members.values()
        complete = all(member.pieces and (alone or member.track.in_step) for member in members)
        return complete or now - self._since >= HEADER_WAIT

    def start(self) -> list[RecordedTrack]:
        """Write the header and what was gathered; return the tracks of which there is nothing.

        Raises:
          RecorderError: when the file cannot be written.
        """
        late = [track for track, member in self._members.items() if not member.pieces]
        for track in late:
            del self._members[track]
        self.open()
        assert self._file is not None
        openings = [member.opening for member in self._members.values() if member.opening is not None]
        self._file.start(openings)
        self.started = True
        for index, member in enumerate(self._members.values()):
            member.index = index
            member.track.path = self.path
        self._write_gathered()
        return late

    def close(self) -> None:
        """Write the end of the file.

        Raises:
          RecorderError: when that is not possible.
        """
        self._members.clear()
        if self._file is not None:
            self._file.close()

    def abandon(self) -> None:
        """Close the file as it is."""
        self._members.clear()
        if self._file is not None:
            self._file.abandon()

    def _write_gathered(self) -> None:
        placed = [
            (self._alignment.place(member.track.clock, piece.stamp), member, piece)
            for member in self._members.values()
            for piece in member.pieces
        ]
        placed.sort(key=lambda entry: entry[0])
        self.origin = placed[0][0]
        for place, member, piece in placed:
            try:
                self._write_untrusted(member, piece, place)
            except Malformed:
                member.track.skip()
        for member in self._members.values():
            member.pieces.clear()

    def _write_untrusted(self, member: Member, piece: Piece, place: float) -> None:
        assert self._file is not None
        seconds = max(0.0, place - self.origin)
        self._file.write_untrusted(member.index, piece.data, seconds, piece.keyframe)
        self.duration = max(self.duration, seconds)
        member.track.frames += 1
        member.track.bytes += len(piece.data)
