"""One media section's two halves, and what was agreed about it."""

from dataclasses import dataclass

from triortc.protocol.sdp.description import Direction

from .codecs import CodecCapability, NegotiatedCodec


@dataclass(slots=True, eq=False)
class Transceiver:
    """What this side wants of one media section, and what both sides agreed on.

    Attributes:
      kind: ``"audio"`` or ``"video"``.
      direction: what this side wants.
      capabilities: the codecs this side takes, the preferred one first.
      stream_id: the MediaStream it announces (``a=msid``).
      track_id: its track's id.
      ssrc: the SSRC it sends under.
      rtx_ssrc: the SSRC of its retransmissions.
      mid: its media section, None until associated.
      current_direction: what was agreed, None before the first answer.
      codecs: the codecs agreed on; this side sends the first one.
      mid_extension_id: the id of the mid header extension, None when not agreed.
      remote_direction: the direction in the last remote description, as the remote sees it.
    """

    kind: str
    direction: Direction
    capabilities: tuple[CodecCapability, ...]
    stream_id: str
    track_id: str
    ssrc: int
    rtx_ssrc: int
    mid: str | None = None
    current_direction: Direction | None = None
    codecs: tuple[NegotiatedCodec, ...] = ()
    mid_extension_id: int | None = None
    remote_direction: Direction | None = None

    @property
    def sends(self) -> bool:
        """Whether it was agreed that this side sends."""
        return self.current_direction is not None and self.current_direction.sends and bool(self.codecs)

    @property
    def receives(self) -> bool:
        """Whether it was agreed that this side receives."""
        return self.current_direction is not None and self.current_direction.receives and bool(self.codecs)

    def agreed_direction(self, remote: Direction) -> Direction:
        """Return what remains of this side's wish, given the remote side's (RFC 3264 §6.1)."""
        return Direction.of(
            self.direction.sends and remote.receives, self.direction.receives and remote.sends
        )
