"""One media section's two halves, and what was agreed about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from triortc.protocol.sdp.description import Direction

from .codecs import CodecCapability, NegotiatedCodec, ReceivedCodec, default_capabilities

AGREED = (
    "mid",
    "current_direction",
    "remote_direction",
    "codecs",
    "mid_extension_id",
    "rid_extension_id",
    "repaired_rid_extension_id",
    "send_rids",
    "send_ssrcs",
    "ssrc_announced",
    "receptive",
    "receive_codecs",
    "receive_rids",
    "remote_stream_ids",
    "remote_track_id",
    "remote_ssrcs",
    "track_announced",
)
"""What descriptions change, and a rollback restores."""


@dataclass(slots=True, eq=False)
class Transceiver:
    """What this side wants of one media section, and what both sides agreed on.

    What this side wants may be changed at any time; :meth:`Session.note_change` is to be told.
    What was agreed belongs to the session.

    Attributes:
      kind: ``"audio"`` or ``"video"``.
      direction: what this side wants.
      capabilities: the codecs this side takes, the preferred one first. The defaults of the kind,
        unchanged, are no preference: an offer's order then counts.
      stream_ids: the MediaStreams it announces its track to be in (``a=msid``); may be empty.
      track_id: its track's id.
      ssrc: the SSRC it sends under.
      rtx_ssrc: the SSRC of its retransmissions.
      sendable: what its track comes in, when that is not all of the capabilities.
      created_by_add_track: whether a remote offer may be matched with it (RFC 9429 §5.10).
      reused_by_add_track: whether a track was added to it, though a remote offer created it; it
        then outlives that offer's rollback.
      send_rids: the RIDs of its encodings, if it sends several; an answer may leave fewer.
      send_ssrcs: the SSRC and the retransmissions' one of each encoding in :attr:`send_rids`.

      mid: its media section, None until associated.
      current_direction: what was agreed, None before the first answer.
      remote_direction: the direction in the last remote description, as the remote sees it.
      codecs: the codecs agreed on, those that this side can send before the others.
      mid_extension_id, rid_extension_id, repaired_rid_extension_id: the ids of these header
        extensions, None when not agreed.
      stopping: whether it was stopped on this side; it neither sends nor receives any more.
      stopped: whether it has ended for good, its media section being rejected.

      ssrc_announced: whether a description of this side's has named its SSRC.
      receptive: whether the remote may send, and may begin before it has answered.
      receive_codecs: what each payload type means that the remote may send.
      receive_rids: the RIDs under which the remote sends several encodings.
      remote_stream_ids, remote_track_id: the remote's name for what it sends.
      remote_ssrcs: the SSRCs it declared, each with that of its retransmissions, or None.
      track_announced: whether the remote's track has been told of (W3C ``[[FiredDirection]]``).
    """

    kind: str
    direction: Direction
    capabilities: tuple[CodecCapability, ...]
    stream_ids: tuple[str, ...]
    track_id: str
    ssrc: int
    rtx_ssrc: int
    sendable: tuple[CodecCapability, ...] | None = None
    created_by_add_track: bool = False
    reused_by_add_track: bool = False
    send_rids: tuple[str, ...] = ()
    send_ssrcs: tuple[tuple[int, int], ...] = ()
    mid: str | None = None
    current_direction: Direction | None = None
    remote_direction: Direction | None = None
    codecs: tuple[NegotiatedCodec, ...] = ()
    mid_extension_id: int | None = None
    rid_extension_id: int | None = None
    repaired_rid_extension_id: int | None = None
    stopping: bool = False
    stopped: bool = False
    ssrc_announced: bool = False
    receptive: bool = False
    receive_codecs: Mapping[int, ReceivedCodec] = field(default_factory=dict)
    receive_rids: tuple[str, ...] = ()
    remote_stream_ids: tuple[str, ...] = ()
    remote_track_id: str = ""
    remote_ssrcs: tuple[tuple[int, int | None], ...] = ()
    track_announced: bool = False

    @property
    def sends(self) -> bool:
        """Whether it was agreed that this side sends, in a codec that it can send."""
        if self.stopping or self.current_direction is None or not self.current_direction.sends:
            return False
        return bool(self.codecs) and self.can_send(self.codecs[0])

    @property
    def receives(self) -> bool:
        """Whether the remote may send."""
        return self.receptive and not self.stopping and bool(self.receive_codecs)

    def can_send(self, codec: NegotiatedCodec) -> bool:
        """Return whether the track comes in *codec*."""
        if self.sendable is None:
            return True
        return codec.capability.identity in {capability.identity for capability in self.sendable}

    @property
    def has_preferences(self) -> bool:
        """Whether the order of its codecs is this side's wish; else the remote's counts."""
        return self.capabilities != default_capabilities(self.kind)

    def put_sendable_first(self) -> None:
        """Let the codecs that the track comes in stand before the others."""
        self.codecs = tuple(sorted(self.codecs, key=lambda codec: not self.can_send(codec)))

    def save(self) -> tuple[object, ...]:
        """Return what :meth:`restore` takes."""
        return tuple(getattr(self, name) for name in AGREED)

    def restore(self, saved: tuple[object, ...]) -> None:
        """Take back what descriptions have changed since :meth:`save`."""
        for name, value in zip(AGREED, saved, strict=True):
            setattr(self, name, value)

    def agreed_direction(self, remote: Direction) -> Direction:
        """Return what remains of this side's wish, given the remote side's (RFC 3264 §6.1)."""
        return Direction.of(
            self.direction.sends and remote.receives, self.direction.receives and remote.sends
        )
