"""What devices, screens and files have in common: an FFmpeg container that may block, but not for ever."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias, cast

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from .reader import RawFrame
from .source import MediaError, media_errors
from .urls import TIMEOUT

HELD_PACKETS = 60
"""Packets that are kept undecoded for somebody who joins, and must then be decoded at once."""

AnyPacket: TypeAlias = "Packet[Stream]"


def open_container(
    what: str,
    name: str,
    *,
    format_name: str | None = None,
    options: dict[str, str] | None = None,
    timeout: tuple[float, float] = TIMEOUT,
) -> InputContainer:
    """Open a device, file or URL for reading.

    Args:
      what: "open …", for messages.
      name: FFmpeg's name of it.
      format_name: FFmpeg's name of its format, if that is not to be found out.
      options: for FFmpeg.
      timeout: seconds that opening may take, and the wait for each packet.

    Raises:
      MediaError: "cannot *what*: …".
    """
    with answers_in_time(what, timeout[0]):
        return av.open(name, "r", format=format_name, options=options, timeout=timeout)


@contextmanager
def answers_in_time(what: str, seconds: float) -> Iterator[None]:
    """Turn what FFmpeg raises into a :class:`MediaError`, and tell giving up from failing.

    FFmpeg does not always: some protocols take being interrupted for broken data.
    """
    started = time.perf_counter()
    try:
        with media_errors(what):
            yield
    except MediaError as error:
        if time.perf_counter() - started < seconds:
            raise
        raise _no_answer(what) from error.__cause__


def read_packets(container: InputContainer, streams: Sequence[Stream], what: str) -> Iterator[AnyPacket]:
    """Yield the packets of *streams* as they come, and an empty one for each at the end.

    Raises:
      MediaError: "cannot *what*: …", when reading fails, or takes too long.
    """
    limit = float(container.read_timeout or 0)
    packets = container.demux(*streams)
    while True:
        started = time.perf_counter()
        with answers_in_time(what, limit):
            packet = next(packets, None)
        if packet is None:
            return
        if not packet.size and time.perf_counter() - started > limit:  # interrupted, which looks like the end
            raise _no_answer(what)
        yield packet


def _no_answer(what: str) -> MediaError:
    return MediaError(f"cannot {what}: no answer in time")


class Decoder:
    """Decodes a stream while somebody wants it; what is damaged is left out.

    While nobody does, packets are kept from the last keyframe on. Who joins then need not
    wait for the next one, which in a film may be ten seconds away. Where keyframes are that
    rare, decoding goes on some packets behind, so that there is never much to catch up with.

    Attributes:
      damaged: packets in a row that could not be decoded.
    """

    def __init__(self, stream: Stream) -> None:
        assert stream.codec_context is not None
        self._context = stream.codec_context
        self._context.thread_count = 1  # the worker is the thread
        self._is_video = stream.type == "video"
        self._held: deque[AnyPacket] = deque()
        self._gap = False
        self.damaged: int = 0

    def decode(self, packet: AnyPacket) -> list[RawFrame]:
        """Return the frames that *packet* completes; an empty one flushes the decoder."""
        self._catch_up()
        return self._decode(packet)

    def skip(self, packet: AnyPacket) -> None:
        """Take note of a packet whose frames nobody wants."""
        if not self._is_video:
            self._gap = True
            return
        if packet.is_keyframe:
            self._held.clear()
            self._gap = True
        if packet.size:  # an empty one would end the decoder for good
            self._held.append(packet)
        self._catch_up(HELD_PACKETS)

    def _catch_up(self, lag: int = 0) -> None:
        """Bring the decoder to where the stream is, but for *lag* packets; those pictures are past."""
        if self._gap and len(self._held) >= lag:
            self._context.flush_buffers()
            self._gap = False
        while len(self._held) > lag:
            self._decode(self._held.popleft())

    def _decode(self, packet: AnyPacket) -> list[RawFrame]:
        try:
            frames = cast(list[RawFrame], packet.decode())
        except av.error.InvalidDataError:
            self.damaged += 1
            return []
        self.damaged = 0
        return frames


def as_yuv420p(frame: RawFrame) -> RawFrame:
    """Bring a picture into the format that encoders take; a sound is left as it is."""
    if not isinstance(frame, av.VideoFrame) or frame.format.name == "yuv420p":
        return frame
    return frame.reformat(format="yuv420p", dst_color_range="MPEG")
