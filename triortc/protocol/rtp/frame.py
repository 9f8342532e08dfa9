"""The currency of the library: one encoded frame, packetized once, shared by every viewer."""

from collections.abc import Sequence
from typing import NamedTuple

MAX_PAYLOAD_SIZE = 1144
"""Largest RTP payload, so that a UDP payload stays ≤ 1,200 bytes.

1,200 less 12 (RTP header), 22 (header extensions), 16 (SRTP tag), 2 (RTX) and 4 (TURN ChannelData).
"""


class Run(NamedTuple):
    """Successive packets of equal size but for the last: what one GSO ``sendmsg`` takes."""

    first: int
    count: int
    size: int


def find_runs(payloads: Sequence[bytes]) -> tuple[Run, ...]:
    """Split payload sizes into runs of equal ones, each with perhaps a shorter last one."""
    runs: list[Run] = []
    first = 0
    total = len(payloads)
    while first < total:
        size = len(payloads[first])
        end = first + 1
        while end < total and len(payloads[end]) == size:
            end += 1
        if end < total and len(payloads[end]) < size:
            end += 1
        runs.append(Run(first, end - first, size))
        first = end
    return tuple(runs)


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
      runs: the payloads as runs of equal size.
    """

    __slots__ = ("_templates", "keyframe", "payloads", "runs", "size", "time", "timestamp")

    def __init__(self, payloads: Sequence[bytes], *, timestamp: int, time: float, keyframe: bool) -> None:
        self.payloads = tuple(payloads)
        self.timestamp = timestamp
        self.time = time
        self.keyframe = keyframe
        self.size = sum(map(len, self.payloads))
        self.runs = find_runs(self.payloads)
        self._templates: dict[tuple[int, int], bytes] = {}

    def template(self, header_length: int, tag_length: int) -> bytes:
        """Return all payloads in one buffer, with gaps for header and tag around each.

        Viewers that share header and tag lengths share the template.
        """
        key = (header_length, tag_length)
        template = self._templates.get(key)
        if template is None:
            header, tag = bytes(header_length), bytes(tag_length)
            template = b"".join(header + payload + tag for payload in self.payloads)
            self._templates[key] = template
        return template

    def __repr__(self) -> str:
        kind = "keyframe" if self.keyframe else "frame"
        return f"<EncodedFrame {kind} timestamp={self.timestamp} {len(self.payloads)} packets {self.size} bytes>"
