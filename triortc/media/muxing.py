"""A recorded file: a muxer of FFmpeg, and what makes packets for it. Runs in the recorder's worker."""

import io
import struct
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias, cast

import av
from av.bitstream import BitStreamFilterContext
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from triortc.protocol.wire.errors import Malformed

from .encodings import Kind
from .recording_format import RecordingFormat, recorder_errors
from .transcoding import AudioTranscoder, VideoTranscoder, picture_size_untrusted

AnyPacket: TypeAlias = "Packet[Stream]"

USUAL_STEP = 0.02
LONGEST_STEP = 0.1
"""Seconds that the last frame lasts: as long as the one before, if that was no gap."""

_ENCODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9", "h264": "libx264", "av1": "libsvtav1", "opus": "libopus"}
_CLOCKS = {"opus": 48_000}
_VIDEO_CLOCK = 90_000


class Opening(NamedTuple):
    """How a track begins.

    Attributes:
      kind: video or audio.
      codec: its encoding name, in lower case.
      first: its first frame; of video, a keyframe.
      size: of the first picture, in pixels.
    """

    kind: Kind
    codec: str
    first: bytes
    size: tuple[int, int] = (0, 0)


class Inlet(Protocol):
    """Makes packets for the muxer of one track's frames."""

    def take_untrusted(self, frame: bytes, seconds: float, keyframe: bool) -> Iterable[AnyPacket]:
        """Yield the packets that *frame* gives.

        Raises:
          Malformed: when it cannot be decoded.
        """
        ...

    def flush(self) -> Iterable[AnyPacket]:
        """Yield the last packets."""
        ...


def opening_untrusted(format: RecordingFormat, kind: Kind, codec: str, first: bytes) -> Opening:
    """Look at the frame that a track begins with.

    It is tried out: decoded, and muxed into a file of its own, so that it can do no harm in
    a header which other tracks share.

    Raises:
      Malformed: when decoding cannot begin with it.
    """
    if kind == "audio":
        return Opening(kind, codec, first)
    opening = Opening(kind, codec, first, picture_size_untrusted(codec, first))
    if codec in format.copied:
        container = av.open(io.BytesIO(), "w", format=format.muxer, options=dict(format.options))
        try:
            for packet in Copier(container, format, opening).take_untrusted(first, 0, True):
                container.mux_one(packet)
            container.close()
        except av.FFmpegError as error:
            raise Malformed(f"a frame of {codec} that FFmpeg does not take: {error}") from error
    return opening


class RecordedFile:
    """A file that is being written.

    Attributes:
      path: its name.
      bytes: of all packets in it.
    """

    def __init__(self, path: Path, format: RecordingFormat) -> None:
        self.path = path
        self.bytes: int = 0
        self._format = format
        self._inlets: list[Inlet] = []
        self._held: dict[int, AnyPacket] = {}
        with recorder_errors(path):
            self._file = None if format.muxer == "image2" else _File(path)
            if self._file is None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._container = av.open(
                self._file or str(path),
                "w",
                format=format.muxer,
                options=dict(format.options),
                container_options={"max_interleave_delta": "100000"},  # µs; a silent track holds up no other
            )

    def start(self, openings: Sequence[Opening]) -> None:
        """Write the header, for these tracks.

        Raises:
          RecorderError: when it cannot be written.
        """
        with recorder_errors(self.path):
            self._inlets = [_inlet(self._container, self._format, opening) for opening in openings]
            self._container.start_encoding()

    def write_untrusted(self, index: int, frame: bytes, seconds: float, keyframe: bool) -> None:
        """Write a frame of the track number *index*.

        Args:
          index: among those that the file was started with.
          frame: in the form that its decoder takes.
          seconds: its place, from the beginning of the file; made later when it is not after
            that of the frame before.
          keyframe: whether decoding can begin at it.

        Raises:
          Malformed: when it cannot be decoded or muxed; the others are not concerned.
          RecorderError: when the file cannot be written.
        """
        with recorder_errors(self.path):
            for packet in self._inlets[index].take_untrusted(frame, seconds, keyframe):
                self.bytes += packet.size
                self._mux_untrusted(index, packet)

    def close(self) -> None:
        """Write what is left, and the trailer.

        Raises:
          RecorderError: when that cannot be written.
        """
        with recorder_errors(self.path):
            try:
                self._flush_untrusted()
                self._container.close()
            finally:
                self._release()

    def abandon(self) -> None:
        """Close the file after a failure, at the end of its last whole piece."""
        try:
            if self._file is not None:
                self._file.cut()
            self._container.close()
        except (OSError, av.FFmpegError):
            pass  # it remembers the failure, which has been raised before
        finally:
            self._release()

    def _flush_untrusted(self) -> None:
        for index, inlet in enumerate(self._inlets):
            for packet in inlet.flush():
                self._mux_untrusted(index, packet)
        for packet in self._held.values():
            self._container.mux_one(packet)

    def _mux_untrusted(self, index: int, packet: AnyPacket) -> None:
        """Mux a packet; or, where its length must be told, the one before."""
        if self._format.paced:
            held = self._held.pop(index, None)
            self._held[index] = packet
            if held is None:
                return
            assert packet.pts is not None
            assert held.pts is not None
            held.duration = packet.pts - held.pts
            packet = held
        try:
            self._container.mux_one(packet)
        except av.error.InvalidDataError as error:
            raise Malformed("a frame that cannot be muxed") from error
        if self._file is not None:
            self._file.mark_whole()

    def _release(self) -> None:
        self._inlets.clear()
        self._held.clear()
        if self._file is not None:
            self._file.release()


class _File:
    """A file for FFmpeg: each write is whole, or fails; and after a failure nothing more is written."""

    def __init__(self, path: Path) -> None:
        self._raw = path.open("wb", buffering=0)
        self._whole = 0
        self._failed = False

    def write(self, data: bytes) -> int:
        """Write all of *data*."""
        rest = memoryview(b"" if self._failed else data)
        while rest:
            rest = rest[self._raw.write(rest) :]
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to another place."""
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        """Return the place."""
        return self._raw.tell()

    def mark_whole(self) -> None:
        """Take note that a cluster, fragment or packet ends here: FFmpeg writes each in one go."""
        self._whole = self._raw.tell()

    def cut(self) -> None:
        """Write nothing more, and remove what is not whole."""
        self._failed = True
        if self._raw.seekable():
            self._raw.truncate(self._whole)

    def release(self) -> None:
        """Close the file; not ``close``, which FFmpeg would call."""
        self._raw.close()


def _inlet(container: OutputContainer, format: RecordingFormat, opening: Opening) -> Inlet:
    if opening.codec in format.copied:
        return Copier(container, format, opening)
    encoder = format.encoders[opening.kind]
    if opening.kind == "audio":
        return AudioTranscoder(container, opening.codec, encoder, timeless=format.timeless)
    return VideoTranscoder(container, opening.codec, encoder, opening.size, format.ticks or _VIDEO_CLOCK)


class Copier:
    """Hands on the frames of a track as they are."""

    def __init__(self, container: OutputContainer, format: RecordingFormat, opening: Opening) -> None:
        self._ticks = format.ticks or _CLOCKS.get(opening.codec, _VIDEO_CLOCK)
        self._stream = _add_stream(container, opening)
        self._stream.time_base = Fraction(1, self._ticks)
        if opening.codec in format.tags:
            self._stream.codec_context.codec_tag = format.tags[opening.codec]
        self._last = -1
        self._step = USUAL_STEP

    def take_untrusted(self, frame: bytes, seconds: float, keyframe: bool) -> Iterator[AnyPacket]:
        """Yield the packet of *frame*."""
        ticks = max(round(seconds * self._ticks), self._last + 1)
        if self._last >= 0 and ticks - self._last < LONGEST_STEP * self._ticks:
            self._step = (ticks - self._last) / self._ticks
        self._last = ticks
        packet: AnyPacket = Packet(frame)
        packet.stream = self._stream
        packet.time_base = Fraction(1, self._ticks)
        packet.pts = packet.dts = ticks
        packet.duration = round(self._step * self._ticks)
        packet.is_keyframe = keyframe
        yield packet

    def flush(self) -> Iterable[AnyPacket]:
        """Return nothing: no frame is held back."""
        return ()


def _add_stream(container: OutputContainer, opening: Opening) -> Stream:
    """Add a stream without an encoder, its parameters taken from the track's first frame."""
    # PyAV makes streams from encoders or from other streams; only those made from others are left unopened.
    with av.open(io.BytesIO(), "w", format="matroska") as other:
        template = other.add_stream(_ENCODERS[opening.codec])
        stream: Stream = container.add_stream_from_template(template, opaque=True)
        context = stream.codec_context
        if opening.kind == "audio":
            sound = cast(av.AudioCodecContext, context)
            sound.sample_rate, sound.layout = _CLOCKS[opening.codec], "stereo"
            context.extradata = opus_head(channels=2)
        else:
            picture = cast(av.VideoCodecContext, context)
            picture.width, picture.height = opening.size
            picture.pix_fmt = "yuv420p"
            context.extradata = _extradata(template, opening.first)
    return stream


def opus_head(*, channels: int, pre_skip: int = 0, rate: int = 48_000) -> bytes:
    """Return the header of an Opus stream (RFC 7845 §5.1), which RTP does without."""
    return b"OpusHead" + struct.pack("<BBHIhB", 1, channels, pre_skip, rate, 0, 0)


def _extradata(template: Stream, keyframe: bytes) -> bytes | None:
    """Return what a header tells of a codec: parameter sets (H.264), the sequence header (AV1)."""
    if template.codec_context.name not in ("libx264", "libsvtav1"):
        return None
    for packet in BitStreamFilterContext("extract_extradata", template).filter(Packet(keyframe)):
        if packet.has_sidedata("new_extradata"):
            return bytes(packet.get_sidedata("new_extradata"))
    return None
