"""What the readers of a remote track have decoded, those that have left too."""

from collections.abc import Iterator
from contextlib import contextmanager

from triortc.media.audio_frames import AudioFrames
from triortc.media.video_frames import VideoFrames
from triortc.media.video_statistics import VideoStatistics
from triortc.protocol.rtp.playout import PlayoutStatistics
from triortc.protocol.session.stats_streams import DecoderFigures


class Decoding:
    """Adds up the figures of all readers of one encoding of a track."""

    def __init__(self) -> None:
        self._viewers: list[VideoFrames] = []
        self._listeners: list[AudioFrames] = []
        self._viewed = VideoStatistics()
        self._heard = PlayoutStatistics()

    @contextmanager
    def reading(self, frames: VideoFrames | AudioFrames) -> Iterator[None]:
        """Count what *frames* decodes, for as long as the block lasts and afterwards."""
        if isinstance(frames, VideoFrames):
            self._viewers.append(frames)
            try:
                yield
            finally:
                self._viewers.remove(frames)
                self._viewed.add(frames.statistics)
        else:
            self._listeners.append(frames)
            try:
                yield
            finally:
                self._listeners.remove(frames)
                self._heard.add(frames.statistics)

    @property
    def waiting(self) -> int:
        """How many pictures, or packets of sound, wait for their readers."""
        pictures = sum(frames.depth for frames in self._viewers)
        return pictures + sum(frames.depth for frames in self._listeners)

    @property
    def dropped(self) -> int:
        """How many pictures the readers were too slow for, or packets came too late to be played."""
        pictures = sum(frames.statistics.pictures_dropped for frames in self._viewers)
        packets = sum(frames.statistics.packets_discarded for frames in self._listeners)
        return self._viewed.pictures_dropped + pictures + self._heard.packets_discarded + packets

    def read_pictures(self) -> DecoderFigures:
        """Return what became of pictures."""
        total = VideoStatistics()
        total.add(self._viewed)
        for frames in self._viewers:
            total.add(frames.statistics)
        return DecoderFigures(
            frames_decoded=total.frames_decoded,
            key_frames_decoded=total.key_frames_decoded,
            frames_dropped=total.frames_dropped,
            total_decode_time=total.total_decode_time,
            frame_width=total.frame_width or None,
            frame_height=total.frame_height or None,
            frames_per_second=self._viewers[-1].frames_per_second if self._viewers else None,
            decoder_implementation=total.decoder_implementation,
        )

    def read_sound(self) -> PlayoutStatistics:
        """Return what became of sound."""
        if not self._listeners:
            return self._heard
        total = PlayoutStatistics()
        total.add(self._heard)
        for frames in self._listeners:
            total.add(frames.statistics)
        return total
