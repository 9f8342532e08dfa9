"""The payload formats by name: what a sender and a receiver need to know of a codec."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol, TypeAlias

from . import av1, h264, vp8, vp9
from .audio import G722, OPUS, PCMA, PCMU

Packetizer: TypeAlias = Callable[[bytes], list[bytes]]
"""Cuts the next encoded frame of one stream into RTP payloads, equal in size but for the last."""


class PayloadFormat(Protocol):
    """How the frames of one codec travel in RTP payloads.

    The functions that end in ``_untrusted`` raise :class:`Malformed` and nothing else.
    """

    @property
    def name(self) -> str:
        """The encoding name of ``a=rtpmap``."""
        ...

    def new_packetizer(self) -> Packetizer:
        """Return what cuts the successive frames of one stream into payloads."""
        ...

    def starts_frame_untrusted(self, payload: bytes) -> bool:
        """Whether a frame may begin with *payload*; some formats know it for certain."""
        ...

    def is_keyframe_untrusted(self, payloads: Sequence[bytes]) -> bool:
        """Whether decoding can begin at the frame of *payloads*."""
        ...

    def join_untrusted(self, payloads: Sequence[bytes]) -> bytes:
        """Return the frame of *payloads*, which are all there and in order, for its decoder."""
        ...


FORMATS: Mapping[str, PayloadFormat] = MappingProxyType(
    {format.name.lower(): format for format in (vp8, vp9, h264, av1, OPUS, G722, PCMU, PCMA)}
)
"""By encoding name, in lower case."""
