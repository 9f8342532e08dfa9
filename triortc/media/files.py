"""Files and URLs: decoded, or taken apart as they are."""

import errno
import heapq
import math
import os
import socket
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple, Protocol, cast
from urllib.parse import urlsplit

import av
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer
from av.stream import Disposition, Stream

from triortc.protocol.rtp.payload.formats import FORMATS
from triortc.protocol.rtp.payload.h264 import split_nal_units
from triortc.protocol.wire.errors import LocalProtocolError

from .containers import AnyPacket, Decoder, as_yuv420p, open_container, read_packets
from .encodings import H264, VP8, Encoding, Kind, Opus
from .reader import EVERYTHING, Captured, CodedFrame, RawFrame
from .source import MediaError, MediaFile, media_errors
from .urls import is_live, protocol_options, public_name, timeouts

READ_AHEAD = 256
"""Packets that are read ahead to bring audio and video into order; muxers differ in care."""

BASELINE = "42"
"""How the ``profile_level_id`` of Baseline begins, constrained or not (RFC 6184 §8.1)."""


def open_file(source: MediaFile) -> "FileReader":
    """Open a file or URL.

    Raises:
      MediaError: when it cannot be read, has neither audio nor video, or cannot be sent
        as it is.
    """
    path = os.fspath(source.path)
    limits = timeouts(path) if source.timeout is None else (source.timeout, source.timeout)
    options = protocol_options(path, limits[1]) | dict(source.options)
    name = public_name(path)
    container = _open(path, name, options, limits)
    try:
        return FileReader(container, name, loop=source.loop, transcode=source.transcode, live=is_live(path))
    except MediaError:
        container.close()
        raise


def _open(path: str, name: str, options: dict[str, str], limits: tuple[float, float]) -> InputContainer:
    try:
        return open_container(f"open {name}", path, options=options, timeout=limits)
    except MediaError as error:
        host = urlsplit(path).hostname if "://" in path else None
        if not host or getattr(error.__cause__, "errno", None) != errno.EIO:
            raise
        try:  # FFmpeg has no word for it
            socket.getaddrinfo(host, None)
        except socket.gaierror as unknown:
            raise MediaError(f"cannot open {name}: {unknown.strerror}") from unknown
        raise


class Piece(NamedTuple):
    """What came out of a packet.

    Attributes:
      frame: decoded, or as it was; None when nobody wanted it.
      seconds: its time in the file.
      duration: in seconds.
    """

    frame: "RawFrame | CodedFrame | None"
    seconds: float
    duration: float


class Taker(Protocol):
    """What becomes of one stream's packets."""

    def take(self, packet: AnyPacket, wanted: bool) -> Iterator[Piece]:
        """Yield what comes out of *packet*."""
        ...


class FileReader:
    """Reads the first video and the first audio stream.

    Those of a file come in the order of their timestamps, those of a live stream as they come.
    """

    def __init__(
        self, container: InputContainer, path: str, *, loop: bool, transcode: bool, live: bool = False
    ) -> None:
        self._container = container
        self._path = path
        self._loop = loop
        self.live = live
        self._streams = _find_streams(container)
        if not self._streams or container.format.name == "tty":  # FFmpeg would play a text as ANSI art
            raise MediaError(f"cannot open {path}: there is neither video nor audio in it")
        self.kinds: tuple[Kind, ...] = tuple(self._streams)
        video = self._streams.get("video")
        self.framerate: float = float((video and video.average_rate) or 30)
        self.encodings: Mapping[Kind, Encoding] = {}
        if not transcode:
            self.encodings = {kind: _encoding_of(stream, path) for kind, stream in self._streams.items()}
        self._takers = {kind: self._taker(kind, stream) for kind, stream in self._streams.items()}
        self._packets = self._read_packets()
        self._ready: deque[Captured] = deque()
        self._shift = 0.0
        self._begin, self._end = math.inf, -math.inf

    def read(self, wanted: Collection[Kind] = EVERYTHING) -> Captured | None:
        """Return the next frame of either stream, or None at the end.

        Raises:
          MediaError: when reading fails, or a live stream has ended.
        """
        with media_errors(f"read {self._path}"):
            while not self._ready:
                packet = next(self._packets, None)
                if packet is not None:
                    self._take(packet, wanted)
                elif self.live:
                    raise MediaError(f"cannot read {self._path}: the server has stopped sending")
                elif not self._rewind():
                    return None
        return self._ready.popleft()

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def _taker(self, kind: Kind, stream: Stream) -> Taker:
        encoding = self.encodings.get(kind)
        if encoding is not None:
            return Copier(stream, encoding, self._path)
        if stream.codec_context is None:
            raise MediaError(f"cannot open {self._path}: this FFmpeg has no decoder for its {kind}")
        return Transcoder(stream)

    def _take(self, packet: AnyPacket, wanted: Collection[Kind]) -> None:
        kind = cast(Kind, packet.stream.type)
        for frame, seconds, duration in self._takers[kind].take(packet, kind in wanted):
            self._begin = min(self._begin, seconds)
            self._end = max(self._end, seconds + duration)
            self._ready.append(Captured(kind, frame, seconds + self._shift))

    def _rewind(self) -> bool:
        """Go back to the beginning if there is to be another round; timestamps go on."""
        if self._end == -math.inf:
            raise MediaError(f"cannot read {self._path}: there is no frame with a timestamp in it")
        if self._loop:
            self._shift += self._end - self._begin
            self._begin, self._end = math.inf, -math.inf
            self._container.seek(self._container.start_time or 0)
            self._packets = self._read_packets()
        return self._loop

    def _read_packets(self) -> Iterator[AnyPacket]:
        packets = read_packets(self._container, [*self._streams.values()], f"read {self._path}")
        return packets if self.live else self._in_order(packets)

    def _in_order(self, packets: Iterator[AnyPacket]) -> Iterator[AnyPacket]:
        """Yield the packets of all streams in the order of their decoding times."""
        waiting: list[tuple[float, int, AnyPacket]] = []
        counts = {stream.index: 0 for stream in self._streams.values()}
        latest = dict.fromkeys(counts, -math.inf)
        for order, packet in enumerate(packets):
            index = packet.stream_index
            latest[index] = _decoding_time(packet, latest[index])
            heapq.heappush(waiting, (latest[index], order, packet))
            counts[index] += 1
            while all(counts.values()) or len(waiting) > READ_AHEAD:
                first = heapq.heappop(waiting)[2]
                counts[first.stream_index] -= 1
                yield first
        while waiting:
            yield heapq.heappop(waiting)[2]


class Transcoder:
    """Decodes a stream, to be encoded anew."""

    def __init__(self, stream: Stream) -> None:
        self._decoder = Decoder(stream)

    def take(self, packet: AnyPacket, wanted: bool) -> Iterator[Piece]:
        """Yield the frames that *packet* completes, or only its time."""
        if not wanted:
            self._decoder.skip(packet)
            if packet.pts is not None:
                yield Piece(None, *_times(packet))
            return
        for frame in self._decoder.decode(packet):
            if frame.time is None:
                continue
            if isinstance(frame, av.AudioFrame):
                duration = frame.samples / frame.sample_rate
            else:
                duration = float(frame.duration * (frame.time_base or 0))
            yield Piece(as_yuv420p(frame), frame.time, duration)


class Copier:
    """Cuts a stream's encoded frames into RTP payloads, as they are."""

    def __init__(self, stream: Stream, encoding: Encoding, path: str) -> None:
        self._path = path
        self._packetize = FORMATS[encoding.name.lower()].new_packetizer()
        self._filter: BitStreamFilterContext | None = None
        if isinstance(encoding, H264):  # from the length-prefixed form of MP4 and Matroska
            self._filter = BitStreamFilterContext("h264_mp4toannexb", stream)

    def take(self, packet: AnyPacket, wanted: bool) -> Iterator[Piece]:
        """Yield the frame of *packet*."""
        if packet.size == 0 or packet.pts is None:
            return
        times = _times(packet)  # now: the filter empties it
        is_keyframe = packet.is_keyframe or packet.stream.type == "audio"
        for whole in [packet] if self._filter is None else self._filter.filter(packet):
            try:
                payloads = self._packetize(bytes(whole))
            except LocalProtocolError as error:
                raise MediaError(f"cannot send {self._path} as it is: {error}") from error
            yield Piece(CodedFrame(payloads, is_keyframe), *times)


def _times(packet: AnyPacket) -> tuple[float, float]:
    """Return time and duration of a packet, in seconds."""
    return float((packet.pts or 0) * packet.time_base), float((packet.duration or 0) * packet.time_base)


def _find_streams(container: InputContainer) -> dict[Kind, Stream]:
    """Return the first moving picture and the first sound."""
    found: dict[Kind, Stream] = {}
    for stream in container.streams:
        if stream.type in ("video", "audio") and not stream.disposition & Disposition.attached_pic:
            found.setdefault(stream.type, stream)
    return found


def _decoding_time(packet: AnyPacket, before: float) -> float:
    """Return when to decode a packet, in seconds; the empty ones that flush come last."""
    if packet.size == 0:
        return math.inf
    ticks = packet.pts if packet.dts is None else packet.dts
    return before if ticks is None else float(ticks * packet.time_base)


def _encoding_of(stream: Stream, path: str) -> Encoding:
    """Return how a stream is encoded.

    Raises:
      MediaError: when it cannot be sent like that.
    """
    cannot = f"cannot send {path} as it is"
    context = stream.codec_context
    name = context.name if context is not None else "an unknown codec"
    bitrate = (context.bit_rate if context is not None else 0) or 0
    if name in ("vp8", "libvpx"):
        return VP8(bitrate)
    if name in ("opus", "libopus"):
        return Opus(bitrate)
    if name != "h264":
        raise MediaError(f"{cannot}: its {stream.type} is {name}, not VP8, H.264 or Opus; transcode it")
    if cast(av.VideoCodecContext, context).has_b_frames:
        raise MediaError(f"{cannot}: its video has B-frames, which browsers do not take; transcode it")
    profile_level_id = _profile_level_id(context.extradata)
    if not profile_level_id.startswith(BASELINE):  # no other one is negotiated
        raise MediaError(f"{cannot}: its H.264 is of profile {context.profile}, not Baseline; transcode it")
    try:
        return H264.of_stream(profile_level_id, bitrate)
    except ValueError as error:
        raise MediaError(f"{cannot}: {error}") from error


def _profile_level_id(extradata: bytes | None) -> str:
    """Read profile and level from ``avcC`` (ISO/IEC 14496-15 §5.3.3.1) or from an SPS."""
    if extradata and extradata[0] == 1:
        return extradata[1:4].hex()
    if extradata and b"\0\0\1" in extradata:
        for unit in split_nal_units(extradata):
            if unit[0] & 0x1F == 7:
                return unit[1:4].hex()
    return H264().profile_level_id
