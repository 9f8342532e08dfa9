"""The receiving half of a session's media: which packet is whose, and what becomes of it."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from triortc.protocol.rtp.frame import ReceivedFrame
from triortc.protocol.rtp.incoming import Feedback, Incoming, Wanted
from triortc.protocol.rtp.packet import RtpPacket, parse_rtp_untrusted, split_rtp_untrusted
from triortc.protocol.rtp.receive_stream import ReceiveStream
from triortc.protocol.rtp.router import MAX_SSRCS, PayloadType, ReceivedSection, Route, Router
from triortc.protocol.rtp.rtcp_reports import ReportBlock, SenderReport
from triortc.protocol.wire.errors import Malformed

from .transceiver import Transceiver

__all__ = ["FrameReceived", "PacketsReceived", "Receiving", "Wanted", "describe_section"]

REPORTED_SECONDS = 8.0
"""A stream that has been silent for longer is not reported on."""

_MARKER = 0x80

Key = tuple[str, str | None]
"""A track: the mid of its media section, and the rid of its simulcast layer or None."""


class FrameReceived(NamedTuple):
    """A whole frame has come; a tuple, because a frozen dataclass takes five times as long to make.

    Attributes:
      mid: of which media section.
      rid: of which simulcast layer, or None.
      frame: the frame.
    """

    mid: str
    rid: str | None
    frame: ReceivedFrame


class PacketsReceived(NamedTuple):
    """RTP packets have come, in the order of their arrival.

    Attributes:
      mid: of which media section.
      rid: of which simulcast layer, or None.
      packets: authentic and decrypted; retransmitted ones as they were at first.
    """

    mid: str
    rid: str | None
    packets: list[RtpPacket]


@dataclass(slots=True)
class _Repair:
    """A stream of retransmissions: its own statistics, and what it belongs to."""

    stream: ReceiveStream
    route: Route


class _Run:
    """Packets in a row of one frame, with their payloads.

    Attributes:
      kind: their payload type, with the last one's marker as bit 7.
      sequence: of the first one, 16 bits.
      next_sequence: which one would continue it.
      timestamp, ssrc: of all of them.
      block: the header extensions of the first one, and of those others that have any.
      payloads, packets: all of them; only a run of one packet may have an empty payload.
    """

    __slots__ = ("block", "kind", "next_sequence", "packets", "payloads", "sequence", "ssrc", "timestamp")

    def __init__(
        self,
        kind: int,
        sequence: int,
        timestamp: int,
        ssrc: int,
        block: bytes,
        payloads: list[bytes],
        packets: list[bytes],
    ) -> None:
        self.kind = kind
        self.sequence = sequence
        self.next_sequence = sequence + 1 & 0xFFFF if payloads[0] else -1
        self.timestamp = timestamp
        self.ssrc = ssrc
        self.block = block
        self.payloads = payloads
        self.packets = packets

    def part(self, start: int, end: int | None = None) -> "_Run":
        """Return some of its packets."""
        marker = self.kind & _MARKER if end is None or end == len(self.packets) else 0
        return _Run(
            self.kind & 0x7F | marker,
            self.sequence + start & 0xFFFF,
            self.timestamp,
            self.ssrc,
            b"" if start else self.block,
            self.payloads[start:end],
            self.packets[start:end],
        )


class Receiving:
    """All streams that one session receives.

    Attributes:
      streams: by SSRC; those of retransmissions are not among them.
      events: frames and packets that somebody wants.
      feedback: RTCP packets to send.
      unrouted: packets that belong to no media section.
      malformed: packets that are not RTP.
    """

    def __init__(self) -> None:
        self.streams: dict[int, ReceiveStream] = {}
        self.events: deque[FrameReceived | PacketsReceived] = deque()
        self.feedback: deque[Feedback] = deque()
        self.unrouted: int = 0
        self.malformed: int = 0
        self._router = Router()
        self._tracks: dict[Key, Incoming] = {}
        self._by_ssrc: dict[int, tuple[ReceiveStream, Incoming]] = {}
        self._repairs: dict[int, _Repair] = {}
        self._round_trip: float | None = None
        # What is read of each track, and since when; readers may come before the answer.
        self._wishes: dict[Key, tuple[Wanted, float]] = {}

    # What the owner decides

    def configure(self, sections: Iterable[ReceivedSection]) -> None:
        """Take over what was negotiated; what is received no more is forgotten."""
        self._router.configure(sections)
        known = self._router.sections
        for key in list(self._tracks):
            if key[0] not in known or (key[1] is not None and key[1] not in known[key[0]].rids):
                self._forget_track(key)
        for section in known.values():
            for rid in section.rids or (None,):
                self._track(section, rid).configure(section)

    def _track(self, section: ReceivedSection, rid: str | None) -> Incoming:
        track = self._tracks.get((section.mid, rid))
        if track is None:
            track = self._tracks[section.mid, rid] = Incoming(section, rid)
            track.set_wanted(*self._wishes.get((section.mid, rid), (Wanted.NOTHING, 0.0)))
            if self._round_trip is not None:
                track.set_round_trip_time(self._round_trip)
        return track

    def _forget_track(self, key: Key) -> None:
        track = self._tracks.pop(key)
        for ssrc in [ssrc for ssrc, (_, owner) in self._by_ssrc.items() if owner is track]:
            del self.streams[ssrc], self._by_ssrc[ssrc]
        for ssrc in [ssrc for ssrc, it in self._repairs.items() if _key(it.route) == key]:
            del self._repairs[ssrc]

    def set_wanted(self, mid: str, rid: str | None, wanted: Wanted, now: float) -> None:
        """Say what of a track is read; it may be one that is not received yet."""
        if wanted:
            self._wishes[mid, rid] = (wanted, now)
        else:
            self._wishes.pop((mid, rid), None)
        track = self._tracks.get((mid, rid))
        if track is not None:
            track.set_wanted(wanted, now)
            self._attend(track, now)

    def request_keyframe(self, mid: str, rid: str | None, now: float) -> None:
        """Ask for a keyframe, at most twice a second."""
        track = self._tracks.get((mid, rid))
        if track is not None and track.section.kind == "video":
            track.request_keyframe(now)
            self._attend(track, now)

    def set_round_trip_time(self, seconds: float) -> None:
        """Tell how long a packet takes to the remote side and back: NACKs go by it."""
        self._round_trip = seconds
        for track in self._tracks.values():
            track.set_round_trip_time(seconds)

    @property
    def tracks(self) -> Iterable[Incoming]:
        """All that may come in, one for each simulcast layer."""
        return self._tracks.values()

    def track_of(self, stream: ReceiveStream) -> Incoming | None:
        """Return the track that *stream* carries now, or None."""
        track = self._tracks.get((stream.mid, stream.rid))
        return track if track is not None and track.stream is stream else None

    # Packets

    def receive_untrusted(self, packets: Iterable[bytes], now: float) -> None:
        """Take authenticated RTP packets; what is none is counted.

        Packets in a row of one frame, which is how most of them come, are taken as one run.
        """
        run: _Run | None = None
        for plain in packets:
            try:
                kind, sequence, timestamp, ssrc, block, payload = split_rtp_untrusted(plain)
            except Malformed:
                self.malformed += 1
                continue
            if (
                run is not None
                and sequence == run.next_sequence
                and timestamp == run.timestamp
                and ssrc == run.ssrc
                and kind & 0x7F == run.kind
                and payload
                and (not block or block == run.block)
            ):
                run.payloads.append(payload)
                run.packets.append(plain)
                run.kind = kind  # a marker ends the run, for no kind equals it then
                run.next_sequence = sequence + 1 & 0xFFFF
            else:
                if run is not None:
                    self._take_run(run, now)
                run = _Run(kind, sequence, timestamp, ssrc, block, [payload], [plain])
        if run is not None:
            self._take_run(run, now)

    def _take_run(self, run: _Run, now: float) -> None:
        try:
            found = self._find_untrusted(run, now)
        except Malformed:
            self.malformed += len(run.packets)
            return
        if found is None:
            return
        stream, track = found
        if len(run.packets) > 1 and not stream.continues(run.sequence):
            self._take_run(run.part(0, 1), now)
            if stream.continues(run.sequence + 1 & 0xFFFF):
                self._take_run(run.part(1), now)
            else:
                for index in range(1, len(run.packets)):
                    self._take_run(run.part(index, index + 1), now)
            return
        payload_type, payloads = run.kind & 0x7F, run.payloads
        if payload_type != stream.payload_type and not self._change_payload_type(stream, track, payload_type):
            payloads = [b""] * len(payloads)  # not for us, but they have a place in the row
        count, size = len(payloads), sum(map(len, payloads))
        header_size = sum(map(len, run.packets)) - size
        sequence = stream.update(run.sequence, run.timestamp, size, now, header_size, count)
        if sequence is None or not track.attentive:
            return
        if track.stream is not stream:
            if not track.yields(now):
                stream.packets_discarded += count
                return
            track.follow(stream, now)
        track.receive(sequence, run.timestamp, run.kind >= _MARKER, payload_type, payloads, now)
        if track.frames:
            self._pass_on(track)
        if track.tapped and size:
            for plain in run.packets:
                self._pass_packet(track, parse_rtp_untrusted(plain))

    def _change_payload_type(self, stream: ReceiveStream, track: Incoming, payload_type: int) -> bool:
        kind = track.section.payload_types.get(payload_type)
        if kind is None or kind.apt is not None:
            self.unrouted += 1
            return False
        stream.payload_type = payload_type
        stream.clock_rate = kind.clock_rate
        return True

    def _find_untrusted(self, run: _Run, now: float) -> tuple[ReceiveStream, Incoming] | None:
        """Find the stream of a run; what carries retransmissions goes its own way."""
        found = self._by_ssrc.get(run.ssrc)
        if found is not None and (not run.block or run.block == found[0].extension):
            return found
        payload_type = run.kind & 0x7F
        route = self._router.route_untrusted(run.ssrc, payload_type, run.block)
        if route is None:
            self.unrouted += len(run.packets)
            return None
        if route.repairs is not None:
            for plain in run.packets:
                self._receive_repair_untrusted(plain, route, now)
            return None
        if found is None or _key(route) != (found[0].mid, found[0].rid):
            found = self._open_stream(run.ssrc, payload_type, route, now)
        found[0].extension = run.block
        return found

    def _open_stream(
        self, ssrc: int, payload_type: int, route: Route, now: float
    ) -> tuple[ReceiveStream, Incoming]:
        self._make_room(now)
        section, rid, _ = route
        clock_rate = section.payload_types[payload_type].clock_rate
        stream = ReceiveStream(ssrc, clock_rate, mid=section.mid, rid=rid, kind=section.kind)
        track = self._track(section, rid)
        self._forget_stream(ssrc, now)
        self.streams[ssrc] = stream
        found = self._by_ssrc[ssrc] = (stream, track)
        track.follow(stream, now)
        self._pass_on(track)
        return found

    def _make_room(self, now: float) -> None:
        """Forget the stream that was silent for longest, if there are too many."""
        while len(self.streams) + len(self._repairs) >= MAX_SSRCS:
            streams = [*self.streams.values(), *(repair.stream for repair in self._repairs.values())]
            silent = min(streams, key=lambda stream: stream.last_packet_time or 0.0)
            self._repairs.pop(silent.ssrc, None)
            self._forget_stream(silent.ssrc, now)

    def _forget_stream(self, ssrc: int, now: float) -> None:
        """Forget a stream, and let go of what is whole of it."""
        self.streams.pop(ssrc, None)
        found = self._by_ssrc.pop(ssrc, None)
        if found is not None and found[1].stream is found[0]:
            found[1].leave(now)
            self._pass_on(found[1])

    # Retransmissions

    def _receive_repair_untrusted(self, plain: bytes, route: Route, now: float) -> None:
        """Take a retransmission (RFC 4588 §4): the packet that it carries goes its way."""
        kind, sequence, timestamp, ssrc, _, payload = split_rtp_untrusted(plain)
        repair = self._repairs.get(ssrc)
        if repair is None:
            self._make_room(now)
            rate = route.section.payload_types[kind & 0x7F].clock_rate
            repair = self._repairs[ssrc] = _Repair(ReceiveStream(ssrc, rate), route)
        repair.route = route
        size = len(payload)
        repair.stream.update(sequence, timestamp, size, now, len(plain) - size)
        found = self._find_repaired(route)
        if found is None or size < 2:
            return  # mere padding, with which senders probe for bandwidth
        stream, track = found
        stream.rtx_ssrc = ssrc
        stream.count_retransmission(size - 2, now, len(plain) - size + 2)
        original = stream.extend(int.from_bytes(payload[:2], "big"))
        apt = route.section.payload_types[kind & 0x7F].apt
        if original is None or apt is None or not track.attentive or track.stream is not stream:
            return
        track.repair(original, timestamp, kind >= _MARKER, apt, payload[2:], now)
        self._pass_on(track)
        if track.tapped:
            packet = parse_rtp_untrusted(plain)
            self._pass_packet(
                track,
                packet._replace(
                    payload_type=apt,
                    sequence=original & 0xFFFF,
                    ssrc=stream.ssrc,
                    payload=packet.payload[2:],
                    padding=0,
                ),
            )

    def _find_repaired(self, route: Route) -> tuple[ReceiveStream, Incoming] | None:
        """Return the stream that was declared, else the one that carries the same track."""
        found = self._by_ssrc.get(route.repairs or 0)
        if found is not None:
            return found
        track = self._tracks.get(_key(route))
        return None if track is None or track.stream is None else (track.stream, track)

    # What goes on

    def _pass_on(self, track: Incoming) -> None:
        """Hand on what a track has ready."""
        mid, rid = track.section.mid, track.rid
        while track.frames:
            self.events.append(FrameReceived(mid, rid, track.frames.popleft()))
        while track.feedback:
            self.feedback.append(track.feedback.popleft())

    def _pass_packet(self, track: Incoming, packet: RtpPacket) -> None:
        mid, rid = track.section.mid, track.rid
        last = self.events[-1] if self.events else None
        if isinstance(last, PacketsReceived) and (last.mid, last.rid) == (mid, rid):
            last.packets.append(packet)
        else:
            self.events.append(PacketsReceived(mid, rid, [packet]))

    def take_sender_report(self, report: SenderReport, now: float) -> None:
        """Take what a sender says of its stream: its place in wall-clock time."""
        stream = self.streams.get(report.ssrc)
        repair = self._repairs.get(report.ssrc)
        if stream is not None:
            stream.take_sender_report(report, now)
        elif repair is not None:
            repair.stream.note_sender_report(report.ntp_time, now)

    def take_goodbye(self, ssrcs: Iterable[int], now: float) -> None:
        """Forget streams that have ended, and let go of what is whole of them."""
        for ssrc in ssrcs:
            self._router.forget(ssrc)
            self._repairs.pop(ssrc, None)
            self._forget_stream(ssrc, now)

    def report_blocks(self, now: float) -> list[ReportBlock]:
        """Return a report on each stream that is alive."""
        return [
            stream.report_block(now)
            for stream in self._all_streams()
            if stream.last_packet_time is not None and now - stream.last_packet_time < REPORTED_SECONDS
        ]

    def _all_streams(self) -> Iterator[ReceiveStream]:
        yield from self.streams.values()
        for repair in self._repairs.values():
            yield repair.stream

    # Time

    def next_deadline(self) -> float:
        """Return when :meth:`handle_timeout` wants to be called; infinite when it does not."""
        return min([track.deadline for track in self._tracks.values()], default=inf)

    def handle_timeout(self, now: float) -> None:
        """Do what is due: ask again, let frames go, give up packets."""
        for track in self._tracks.values():
            self._attend(track, now)

    def _attend(self, track: Incoming, now: float) -> None:
        if track.deadline <= now:
            track.handle_timeout(now)
            self._pass_on(track)


def _key(route: Route) -> Key:
    return route.section.mid, route.rid


def describe_section(transceiver: Transceiver) -> ReceivedSection:
    """Return what was agreed on for the receiving half of *transceiver*."""
    assert transceiver.mid is not None
    feedback = {value for codec in transceiver.codecs for value in codec.feedback}
    return ReceivedSection(
        mid=transceiver.mid,
        kind=transceiver.kind,
        payload_types={
            number: PayloadType(codec.name, codec.clock_rate, codec.apt)
            for number, codec in transceiver.receive_codecs.items()
        },
        ssrcs=transceiver.remote_ssrcs,
        rids=transceiver.receive_rids,
        mid_extension_id=transceiver.mid_extension_id,
        rid_extension_id=transceiver.rid_extension_id,
        repaired_rid_extension_id=transceiver.repaired_rid_extension_id,
        nack="nack" in feedback,
        pli="nack pli" in feedback,
        fir="ccm fir" in feedback,
        feedback_ssrc=transceiver.ssrc,
    )
