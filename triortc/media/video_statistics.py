"""What became of the frames of a video track that is watched."""


class VideoStatistics:
    """Totals, with the names of W3C webrtc-stats.

    Attributes:
      frames_decoded: pictures that came out.
      key_frames_decoded: keyframes among them.
      frames_dropped: frames that came too soon, before a keyframe, or that were broken; and
        pictures that the reader was too slow for.
      pictures_dropped: those of them that were decoded: the reader was too slow.
      frames_corrupt: those that the decoder refused.
      total_decode_time: seconds.
      decoder_implementation: FFmpeg's name of the decoder, once there is one.
      frame_width: of the last picture, pixels.
      frame_height: of the last picture, pixels.
    """

    __slots__ = (
        "decoder_implementation",
        "frame_height",
        "frame_width",
        "frames_corrupt",
        "frames_decoded",
        "frames_dropped",
        "key_frames_decoded",
        "pictures_dropped",
        "total_decode_time",
    )

    def __init__(self) -> None:
        self.frames_decoded: int = 0
        self.key_frames_decoded: int = 0
        self.frames_dropped: int = 0
        self.pictures_dropped: int = 0
        self.frames_corrupt: int = 0
        self.frame_width: int = 0
        self.frame_height: int = 0
        self.total_decode_time: float = 0.0
        self.decoder_implementation: str | None = None

    def add(self, other: "VideoStatistics") -> None:
        """Add the totals of another viewer; its last picture is the last one."""
        self.frames_decoded += other.frames_decoded
        self.key_frames_decoded += other.key_frames_decoded
        self.frames_dropped += other.frames_dropped
        self.pictures_dropped += other.pictures_dropped
        self.frames_corrupt += other.frames_corrupt
        self.total_decode_time += other.total_decode_time
        self.frame_width = other.frame_width or self.frame_width
        self.frame_height = other.frame_height or self.frame_height
        self.decoder_implementation = other.decoder_implementation or self.decoder_implementation
