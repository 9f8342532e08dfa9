"""Which name means which format, and what sound is laid on a line of samples."""

from pathlib import Path

import numpy as np
import pytest

from triortc.media.muxing import opus_head
from triortc.media.recording_format import MATROSKA, MP4, PNG, WAV, WEBM, RecordingFormat, find_destination
from triortc.media.transcoding import SampleLine
from triortc.protocol.wire.errors import LocalProtocolError


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("a.webm", WEBM),
        ("a.MKV", MATROSKA),
        ("a.mp4", MP4),
        ("a.m4a", MP4),
        ("a.wav", WAV),
        ("%04d.png", PNG),
    ],
)
def test_the_name_tells_the_format(name: str, format: RecordingFormat) -> None:
    assert find_destination(name).format is format


def test_a_directory_takes_pictures(tmp_path: Path) -> None:
    assert find_destination(tmp_path).path == tmp_path / "%06d.png"
    assert find_destination("shots/").path == Path("shots/%06d.png")


@pytest.mark.parametrize("name", ["call.avi", "call", "shot.png", "%d-%d.png"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(LocalProtocolError, match="cannot record into"):
        find_destination(name)


def test_further_files_are_numbered() -> None:
    destination = find_destination("calls/mine.webm")
    assert [str(destination.part(number)) for number in (1, 2, 3)] == [
        "calls/mine.webm",
        "calls/mine-2.webm",
        "calls/mine-3.webm",
    ]


def test_the_header_of_opus_is_that_of_ogg() -> None:
    assert opus_head(channels=2) == b"OpusHead\x01\x02\x00\x00\x80\xbb\x00\x00\x00\x00\x00"


class Tape:
    """A mono line at 1,000 samples a second, in blocks of 20."""

    def __init__(self, *, timeless: bool) -> None:
        self._line = SampleLine(1, 1000, timeless=timeless)
        self.blocks: list[tuple[int, np.ndarray]] = []

    def put(self, count: int, due: int) -> None:
        self.blocks += self._line.put(np.ones((count, 1), np.int16), due)

    def flush(self) -> None:
        self.blocks += self._line.flush()

    @property
    def starts(self) -> list[int]:
        return [start for start, _ in self.blocks]

    @property
    def samples(self) -> list[int]:
        return np.concatenate([block for _, block in self.blocks])[:, 0].tolist()


def test_pieces_of_any_length_become_even_blocks() -> None:
    tape = Tape(timeless=True)
    for due in range(0, 90, 30):
        tape.put(30, due)
    tape.flush()
    assert tape.starts == [0, 20, 40, 60, 80]
    assert tape.samples == [1] * 90 + [0] * 10


def test_a_small_tremble_of_the_time_changes_nothing() -> None:
    tape = Tape(timeless=True)
    for due in (0, 25, 35, 62, 80):
        tape.put(20, due)
    assert tape.samples == [1] * 100


def test_silence_fills_a_gap_where_there_are_no_timestamps() -> None:
    tape = Tape(timeless=True)
    tape.put(20, 0)
    tape.put(20, 195)
    tape.flush()
    assert tape.starts == list(range(0, 220, 20))
    assert tape.samples == [1] * 20 + [0] * 175 + [1] * 20 + [0] * 5


def test_timestamps_pass_over_a_gap_where_there_are_some() -> None:
    tape = Tape(timeless=False)
    tape.put(30, 0)
    tape.put(20, 195)
    assert tape.starts == [0, 20, 195]
    assert tape.samples == [1] * 30 + [0] * 10 + [1] * 20


def test_what_overlaps_is_left_out() -> None:
    tape = Tape(timeless=True)
    tape.put(200, 0)
    tape.put(100, 140)
    assert tape.samples == [1] * 240
