"""Small clips made on the spot, and decoders for what a track gives."""

from datetime import datetime
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from triortc.media.encodings import Encoding
from triortc.media.pattern import Card, Tone, read_frame_number
from triortc.media.subscription import Subscription
from triortc.protocol.rtp.frame import EncodedFrame
from triortc.protocol.rtp.payload.formats import FORMATS

WIDTH, HEIGHT, FRAMERATE = 320, 240, 30

DECODERS = {
    "VP8": "vp8",
    "VP9": "libvpx-vp9",
    "H264": "h264",
    "AV1": "libdav1d",
    "opus": "libopus",
    "PCMU": "pcm_mulaw",
    "PCMA": "pcm_alaw",
    "G722": "g722",
}


def make_clip(
    path: Path,
    *,
    video: str | None = "libvpx",
    audio: str | None = "libopus",
    seconds: float = 1.0,
    **options: str,
) -> Path:
    """Write a clip of numbered pictures and a tone; a keyframe every ten pictures."""
    with av.open(str(path), "w") as container:
        pictures = container.add_stream(video, rate=FRAMERATE) if video else None
        sound = container.add_stream(audio, rate=48_000, layout="stereo") if audio else None
        if pictures is not None:
            pictures.width, pictures.height, pictures.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            pictures.gop_size = 10
            pictures.codec_context.thread_count = 1
            pictures.options = {"deadline": "realtime"} if video == "libvpx" else options
            card = Card(WIDTH, HEIGHT)
            for number in range(round(seconds * FRAMERATE)):
                picture = card.draw(number, number / FRAMERATE, datetime(2030, 1, 1))
                frame = av.VideoFrame.from_numpy_buffer(picture, format="yuv420p")
                frame.pts, frame.time_base = number, Fraction(1, FRAMERATE)
                container.mux(pictures.encode(frame))
            container.mux(pictures.encode(None))
        if sound is not None:
            for first in range(0, round(seconds * 48_000), 960):
                piece = av.AudioFrame.from_ndarray(Tone(440).chunk(first), format="s16", layout="stereo")
                piece.sample_rate, piece.pts, piece.time_base = 48_000, first, Fraction(1, 48_000)
                container.mux(sound.encode(piece))
            container.mux(sound.encode(None))
    return path


class Viewer:
    """Decodes what a subscription gives, in this thread: the clips are small."""

    def __init__(self, encoding: Encoding) -> None:
        self._kind = encoding.kind
        self._format = FORMATS[encoding.name.lower()]
        self._context = av.CodecContext.create(DECODERS[encoding.name], "r")
        self._context.thread_count = 1
        if encoding.name == "AV1":
            self._context.options = {"max_frame_delay": "1"}
        if encoding.kind == "audio":
            self._context.sample_rate = 16_000 if encoding.name == "G722" else encoding.clock_rate
            self._context.layout = "stereo" if encoding.channels == 2 else "mono"

    def decode(self, frame: EncodedFrame) -> list[np.ndarray]:
        """Return the luma of the pictures, or the samples, of a frame."""
        assert self._format.is_keyframe_untrusted(frame.payloads) is frame.keyframe
        decoded = self._context.decode(av.Packet(self._format.join_untrusted(frame.payloads)))
        if self._kind == "audio":
            return [piece.to_ndarray() for piece in decoded]
        return [picture.to_ndarray()[: picture.height] for picture in decoded]

    async def watch(self, subscription: Subscription, count: int) -> list[int | None]:
        """Return the frame numbers in the next *count* pictures."""
        numbers: list[int | None] = []
        while len(numbers) < count:
            frame = await subscription.receive()
            numbers += [read_frame_number(luma) for luma in self.decode(frame)]
        return numbers
