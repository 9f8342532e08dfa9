"""What an encoder did for one peer, of all that it does for many."""

from triortc.media.local_track import LocalTrack
from triortc.media.rendition import Rendition
from triortc.media.subscription import Subscription
from triortc.protocol.session.stats_streams import EncoderFigures


class EncoderMeter:
    """Adds up what the encoders of one outgoing stream did while they fed it."""

    def __init__(self) -> None:
        self._frames = 0
        self._seconds = 0.0
        self._rendition: Rendition | None = None
        self._frames_before = 0
        self._seconds_before = 0.0

    def follow(self, subscription: Subscription | None) -> None:
        """Measure who fills *subscription* from now on, or nobody."""
        publisher = None if subscription is None else subscription.publisher
        self._settle()
        self._rendition = publisher if isinstance(publisher, Rendition) else None
        if self._rendition is not None:
            statistics = self._rendition.statistics()
            self._frames_before, self._seconds_before = statistics.frames, statistics.encode_seconds

    def _settle(self) -> None:
        if self._rendition is not None:
            statistics = self._rendition.statistics()
            self._frames += statistics.frames - self._frames_before
            self._seconds += statistics.encode_seconds - self._seconds_before

    def read(self, track: LocalTrack | None, *, active: bool) -> EncoderFigures:
        """Return the figures now.

        Args:
          track: what is sent.
          active: whether it is.
        """
        source = None if track is None else source_id(track)
        if self._rendition is None:
            return EncoderFigures(
                active=active,
                media_source_id=source,
                frames_encoded=self._frames,
                total_encode_time=self._seconds,
            )
        statistics = self._rendition.statistics()
        return EncoderFigures(
            active=active,
            media_source_id=source,
            frames_encoded=self._frames + statistics.frames - self._frames_before,
            total_encode_time=self._seconds + statistics.encode_seconds - self._seconds_before,
            target_bitrate=float(statistics.bitrate),
            encoder_implementation=statistics.encoder,
            frame_width=statistics.width,
            frame_height=statistics.height,
            frames_per_second=statistics.frames_per_second,
        )


def source_id(track: LocalTrack) -> str:
    """Return the id of the statistics of what *track* gives."""
    return f"S{track.id}"
