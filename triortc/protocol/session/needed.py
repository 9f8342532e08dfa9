"""Whether an exchange would change anything (W3C webrtc §4.7.3, "check if negotiation is needed")."""

from collections.abc import Iterable, Iterator
from itertools import zip_longest

from triortc.protocol.sdp.description import Direction, MediaDescription, ParsedDescription

from .transceiver import Transceiver


def is_negotiation_needed(
    transceivers: Iterable[Transceiver],
    local: ParsedDescription | None,
    remote: ParsedDescription | None,
    *,
    offered: bool,
) -> bool:
    """Return whether the transceivers differ from what was agreed on last.

    Args:
      transceivers: all of them.
      local: this side's current description.
      remote: the remote's.
      offered: whether *local* is an offer, or an answer.
    """
    sections = dict(_pair_sections(local, remote))
    for transceiver in transceivers:
        ours, theirs = sections.get(transceiver.mid, (None, None))
        if _differs(transceiver, ours, theirs, offered):
            return True
    return False


def _pair_sections(
    local: ParsedDescription | None, remote: ParsedDescription | None
) -> Iterator[tuple[str | None, tuple[MediaDescription, MediaDescription | None]]]:
    theirs = () if remote is None else remote.media
    for ours, other in zip_longest(() if local is None else local.media, theirs):
        if ours is not None and ours.mid is not None:
            yield ours.mid, (ours, other)


def _differs(
    transceiver: Transceiver, ours: MediaDescription | None, theirs: MediaDescription | None, offered: bool
) -> bool:
    if transceiver.stopped:
        rejected = (ours is None or ours.rejected) or (theirs is not None and theirs.rejected)
        return not rejected
    if transceiver.stopping:
        return transceiver.mid is not None  # else the remote side never knew of it
    if ours is None:
        return True
    return _streams_differ(transceiver, ours) or _direction_differs(transceiver, ours, theirs, offered)


def _streams_differ(transceiver: Transceiver, ours: MediaDescription) -> bool:
    if not transceiver.direction.sends:
        return False
    wanted = set(transceiver.stream_ids) or {"-"}
    return wanted != {msid.stream for msid in ours.msids}


def _direction_differs(
    transceiver: Transceiver, ours: MediaDescription, theirs: MediaDescription | None, offered: bool
) -> bool:
    theirs_reversed = Direction.INACTIVE if theirs is None else theirs.direction.reversed()
    if offered:
        # What was offered or, if the answer left less, that is enough.
        return transceiver.direction not in (ours.direction, theirs_reversed)
    intersected = Direction.of(
        transceiver.direction.sends and theirs_reversed.sends,
        transceiver.direction.receives and theirs_reversed.receives,
    )
    return ours.direction is not intersected
