"""The currency of the library: one encoded frame, packetized once, shared by every viewer."""

from collections.abc import Sequence
from typing import NamedTuple

MAX_PAYLOAD_SIZE = 1144
"""Largest RTP payload, so that a UDP payload stays ≤ 1,200 bytes.

1,200 less 12 (RTP header), 22 (header extensions), 16 (SRTP tag), 2 (RTX) and 4 (TURN ChannelData).
"""

MAX_SEGMENTS = 64
MAX_BURST_SIZE = 65_507
"""What one GSO ``sendmsg`` takes: datagrams, and bytes in all."""


class Burst(NamedTuple):
    """Successive packets of equal size but for the last: what one GSO ``sendmsg`` takes.

    Attributes:
      offset: where it begins, in bytes.
      stride: bytes from one packet to the next.
      packets: how many there are.
      last: length of the last one, in bytes.
    """

    offset: int
    stride: int
    packets: int
    last: int


class Template(NamedTuple):
    """A frame laid out for viewers whose headers and tags have the same lengths.

    Attributes:
      data: all payloads, with gaps for header and tag around each.
      bursts: how to send it.
    """

    data: bytes
    bursts: tuple[Burst, ...]


def find_bursts(sizes: Sequence[int]) -> tuple[Burst, ...]:
    """Lay packets of these *sizes* one behind the other, and split them into bursts."""
    bursts: list[Burst] = []
    first = offset = 0
    while first < len(sizes):
        stride = sizes[first]
        limit = min(len(sizes), first + min(MAX_SEGMENTS, MAX_BURST_SIZE // stride))
        end = first + 1
        while end < limit and sizes[end] == stride:
            end += 1
        if end < limit and sizes[end] < stride:
            end += 1
        bursts.append(Burst(offset, stride, end - first, sizes[end - 1]))
        offset += sum(sizes[first:end])
        first = end
    return tuple(bursts)


class EncodedFrame:
    """One encoded video frame or audio packet, already cut into RTP payloads.

    Immutable but for a cache. Its payloads are plain text, so one frame serves all viewers:
    each copies a *template* and writes its own headers into the gaps.

    Attributes:
      payloads: RTP payloads in order; the last one gets the marker bit (video).
      timestamp: RTP timestamp on the track's own timeline, in ticks of the codec's clock
        rate, unwrapped; a sender adds its offset.
      time: when the frame was captured, seconds on the trio clock of the run.
      keyframe: whether decoding can start here.
      size: payload bytes in all.
    """

    __slots__ = ("_templates", "keyframe", "payloads", "size", "time", "timestamp")

    def __init__(self, payloads: Sequence[bytes], *, timestamp: int, time: float, keyframe: bool) -> None:
        self.payloads: tuple[bytes, ...] = tuple(payloads)
        self.timestamp: int = timestamp
        self.time: float = time
        self.keyframe: bool = keyframe
        self.size: int = sum(map(len, self.payloads))
        self._templates: dict[tuple[int, int], Template] = {}

    def template(self, header_length: int, tag_length: int) -> Template:
        """Return all payloads in one buffer, with gaps for header and tag around each.

        Viewers that share header and tag lengths share the template.
        """
        key = (header_length, tag_length)
        template = self._templates.get(key)
        if template is None:
            header, tag = bytes(header_length), bytes(tag_length)
            packets = [header + payload + tag for payload in self.payloads]
            template = Template(b"".join(packets), find_bursts([len(packet) for packet in packets]))
            self._templates[key] = template
        return template

    def __repr__(self) -> str:
        kind = "keyframe" if self.keyframe else "frame"
        count = len(self.payloads)
        return f"<EncodedFrame {kind} timestamp={self.timestamp} {count} packets {self.size} bytes>"


class ReceivedFrame(EncodedFrame):
    """A frame that came from a remote peer, complete and in order.

    Its payloads are as they came, so that a forwarder sends them on untouched.

    Attributes:
      timestamp: RTP ticks of the remote stream, unwrapped; it goes on over a change of SSRC.
      time: when its first packet came, seconds on the local monotonic clock; never earlier
        than the frame before.
      codec: the encoding name, in lower case.
      lost: how many packets are missing just before it; 0 when there is no gap.
      ntp_time: the sender's wall clock at capture, NTP seconds (since 1900), or None before
        the first sender report. It puts the tracks of one peer in step.
      rid: the simulcast layer (RFC 8851), or None.
    """

    __slots__ = ("codec", "lost", "ntp_time", "rid")

    def __init__(
        self,
        payloads: Sequence[bytes],
        *,
        timestamp: int,
        time: float,
        keyframe: bool,
        codec: str,
        lost: int = 0,
        ntp_time: float | None = None,
        rid: str | None = None,
    ) -> None:
        EncodedFrame.__init__(self, payloads, timestamp=timestamp, time=time, keyframe=keyframe)
        self.codec: str = codec
        self.lost: int = lost
        self.ntp_time: float | None = ntp_time
        self.rid: str | None = rid
