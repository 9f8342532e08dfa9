"""The transceivers of a session: who is there, and how it was before the pending offer."""

from collections import deque
from collections.abc import Container, Sequence

from triortc.protocol.sdp.description import Direction
from triortc.protocol.wire.entropy import Entropy, random_ice_string, random_uint
from triortc.protocol.wire.errors import LocalProtocolError

from .codecs import CodecCapability, default_capabilities
from .events import SessionEvent, TransceiverAdded, TransceiverRemoved
from .settling import end, take_back
from .simulcast import MAX_RIDS, is_rid
from .transceiver import Transceiver


class Roster:
    """All transceivers that have not ended.

    Attributes:
      transceivers: in the order they were added.
      events: what has happened to them.
    """

    def __init__(self, entropy: Entropy) -> None:
        self.transceivers: list[Transceiver] = []
        self.events: deque[SessionEvent] = deque()
        self._entropy = entropy
        # What a rollback returns to, and whom it removes; None while no offer is pending.
        self._saved: dict[Transceiver, tuple[object, ...]] | None = None
        self._made_by_offer: list[Transceiver] = []

    def make(
        self,
        kind: str,
        direction: Direction,
        capabilities: Sequence[CodecCapability],
        send_rids: Sequence[str] = (),
    ) -> Transceiver:
        """Return a new transceiver, which is not in the roster yet."""
        taken = {0}
        for transceiver in self.transceivers:
            taken.update((transceiver.ssrc, transceiver.rtx_ssrc))
            taken.update(ssrc for pair in transceiver.send_ssrcs for ssrc in pair)
        ssrcs = [(self._draw_ssrc(taken), self._draw_ssrc(taken)) for _ in send_rids or (None,)]
        return Transceiver(
            kind=kind,
            direction=direction,
            capabilities=tuple(capabilities),
            stream_ids=(),
            track_id=random_ice_string(self._entropy, 16),
            ssrc=ssrcs[0][0],
            rtx_ssrc=ssrcs[0][1],
            send_rids=tuple(send_rids),
            send_ssrcs=tuple(ssrcs) if send_rids else (),
        )

    def make_receiver(self, kind: str) -> Transceiver:
        """Return what a remote offer gets when nothing waits for it (RFC 9429 §5.10)."""
        return self.make(kind, Direction.RECVONLY, default_capabilities(kind))

    def _draw_ssrc(self, taken: set[int]) -> int:
        while (ssrc := random_uint(self._entropy, 32)) in taken:
            pass
        taken.add(ssrc)
        return ssrc

    def add(self, transceiver: Transceiver) -> None:
        """Take a transceiver of the application's."""
        self.transceivers.append(transceiver)
        if self._saved is not None:
            self._saved[transceiver] = transceiver.save()

    def name_track(self, transceiver: Transceiver, track_id: str) -> None:
        """Let a transceiver's track go by its own id, if no other one does.

        Chromium refuses a description in which two media sections say the same ``a=msid``.
        """
        if track_id and all(each.track_id != track_id for each in self.transceivers):
            transceiver.track_id = track_id

    def add_offered(self, transceiver: Transceiver) -> None:
        """Take the transceiver of an offered section, which may be a new one."""
        if transceiver not in self.transceivers:
            self.add(transceiver)
            self._made_by_offer.append(transceiver)
            self.events.append(TransceiverAdded(transceiver))

    def end_unassociated(self) -> None:
        """End what was stopped and has no media section that the remote side knows of."""
        for transceiver in [each for each in self.transceivers if each.stopping and each.mid is None]:
            end(transceiver, self.events)
            self.transceivers.remove(transceiver)

    # The pending offer

    def begin_offer(self) -> None:
        """Remember what was agreed on; a second offer in place of the first changes nothing in it."""
        if self._saved is None:
            self._saved = {transceiver: transceiver.save() for transceiver in self.transceivers}

    def settle_offer(self, ended: Container[Transceiver | None]) -> None:
        """Forget what was before, and those whose sections were rejected."""
        self.transceivers[:] = [each for each in self.transceivers if each not in ended]
        self._saved, self._made_by_offer = None, []

    def roll_back(self) -> None:
        """Return to what was agreed on before (RFC 9429 §4.1.10.2)."""
        assert self._saved is not None
        for transceiver in self.transceivers.copy():
            take_back(transceiver, self._saved[transceiver], self.events)
        for transceiver in self._made_by_offer:
            transceiver.created_by_add_track = transceiver.reused_by_add_track
            if not transceiver.stopping and not transceiver.reused_by_add_track:
                self.transceivers.remove(transceiver)
                self.events.append(TransceiverRemoved(transceiver))
        self._saved, self._made_by_offer = None, []
        self.end_unassociated()


def check_rids(send_rids: Sequence[str]) -> None:
    """Check the names of a track's encodings.

    Raises:
      LocalProtocolError: if they are too many, not distinct, or no names.
    """
    if len(set(send_rids)) != len(send_rids) or len(send_rids) > MAX_RIDS:
        raise LocalProtocolError(f"the RIDs of the encodings differ, and are at most {MAX_RIDS}")
    if not all(map(is_rid, send_rids)):
        raise LocalProtocolError("a RID has 1 to 16 letters and digits")
