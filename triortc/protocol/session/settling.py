"""What descriptions do to transceivers, and what is told of it (W3C webrtc §4.4.1.5)."""

from collections import deque

from triortc.protocol.rtp.extensions import MID_URI, REPAIRED_RID_URI, RID_URI
from triortc.protocol.sdp.description import Direction

from .codecs import ReceivedCodec
from .events import RemoteTrackAdded, RemoteTrackRemoved, SessionEvent, TransceiverStopped
from .numbers import extension_id
from .sections import RemoteMedia, SectionPlan
from .transceiver import Transceiver


def expect_answer(plan: SectionPlan) -> None:
    """Take an offer of this side: media may come before its answer does."""
    transceiver = plan.transceiver
    if transceiver is None or not plan.accepted:
        return
    transceiver.mid = plan.mid
    transceiver.ssrc_announced |= plan.direction.sends
    transceiver.receptive = plan.direction.receives
    transceiver.receive_codecs = {**transceiver.receive_codecs, **_receive_types(plan)}
    if transceiver.current_direction is None:
        _set_extensions(transceiver, plan)


def take_remote_media(
    transceiver: Transceiver, remote: RemoteMedia, events: deque[SessionEvent], *, receives: bool
) -> None:
    """Take what the remote says of its track (W3C "process remote tracks")."""
    transceiver.remote_direction = remote.direction
    transceiver.remote_stream_ids = remote.stream_ids
    transceiver.remote_track_id = remote.track_id
    transceiver.remote_ssrcs = remote.ssrcs
    announce(transceiver, receives, events)


def announce(transceiver: Transceiver, receives: bool, events: deque[SessionEvent]) -> None:
    """Tell that the remote's track has come or gone."""
    if receives is not transceiver.track_announced and not transceiver.stopping:
        transceiver.track_announced = receives
        events.append(RemoteTrackAdded(transceiver) if receives else RemoteTrackRemoved(transceiver))


def settle(plan: SectionPlan, events: deque[SessionEvent], *, provisional: bool) -> None:
    """Take an answer, whoever gave it."""
    transceiver = plan.transceiver
    if transceiver is None:
        return
    if not plan.accepted and not provisional:
        end(transceiver, events)
        return
    codecs = plan.codecs if plan.accepted else ()
    transceiver.mid = plan.mid
    transceiver.codecs = codecs
    transceiver.put_sendable_first()
    transceiver.current_direction = plan.direction if codecs else Direction.INACTIVE
    transceiver.ssrc_announced |= transceiver.current_direction.sends
    transceiver.receptive = transceiver.current_direction.receives
    transceiver.receive_codecs = _receive_types(plan) if codecs else {}
    transceiver.receive_rids = tuple(rid.id for rid in plan.receive_rids)
    _set_extensions(transceiver, plan)
    if not provisional:
        _keep_answered_encodings(transceiver, plan)
    if plan.remote is not None:
        take_remote_media(transceiver, plan.remote, events, receives=transceiver.receptive)


def _receive_types(plan: SectionPlan) -> dict[int, ReceivedCodec]:
    return {number: meaning for codec in plan.codecs for number, meaning in codec.receive_types().items()}


def _set_extensions(transceiver: Transceiver, plan: SectionPlan) -> None:
    transceiver.mid_extension_id = extension_id(plan.extensions, MID_URI)
    transceiver.rid_extension_id = extension_id(plan.extensions, RID_URI)
    transceiver.repaired_rid_extension_id = extension_id(plan.extensions, REPAIRED_RID_URI)


def _keep_answered_encodings(transceiver: Transceiver, plan: SectionPlan) -> None:
    """Drop the encodings that the other side did not take; one stays (W3C webrtc §4.4.1.5)."""
    if len(transceiver.send_rids) > 1 and plan.direction.sends:
        kept = plan.send_rids or transceiver.send_rids[:1]
        pairs = zip(transceiver.send_rids, transceiver.send_ssrcs, strict=True)
        transceiver.send_ssrcs = tuple(ssrcs for rid, ssrcs in pairs if rid in kept)
        transceiver.send_rids = kept


def retire(transceiver: Transceiver, events: deque[SessionEvent]) -> None:
    """Neither send nor receive any more; the remote side has to be told (W3C ``[[Stopping]]``)."""
    announce(transceiver, False, events)
    transceiver.stopping = True
    transceiver.receptive = False


def end(transceiver: Transceiver, events: deque[SessionEvent]) -> None:
    """End for good (W3C "stop the RTCRtpTransceiver")."""
    if transceiver.stopped:
        return
    retire(transceiver, events)
    transceiver.stopped = True
    transceiver.current_direction = None
    events.append(TransceiverStopped(transceiver))


def take_back(transceiver: Transceiver, saved: tuple[object, ...], events: deque[SessionEvent]) -> None:
    """Return to what was agreed on before (RFC 9429 §4.1.10.2)."""
    announced = transceiver.track_announced
    transceiver.restore(saved)
    wanted, transceiver.track_announced = transceiver.track_announced, announced
    if transceiver.stopping:
        transceiver.receptive = False
    else:
        announce(transceiver, wanted, events)
