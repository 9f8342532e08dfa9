"""A receiver without a network or keys: plain RTP packets in, frames and feedback out."""

from collections.abc import Iterable, Sequence

from triortc.protocol.rtp.extensions import serialize_extensions
from triortc.protocol.rtp.frame import ReceivedFrame
from triortc.protocol.rtp.incoming import Incoming, Wanted
from triortc.protocol.rtp.packet import RtpPacket, serialize_rtp
from triortc.protocol.rtp.receive_stream import ReceiveStream
from triortc.protocol.rtp.router import PayloadType, ReceivedSection
from triortc.protocol.rtp.rtcp_feedback import FullIntraRequest, GenericNack, PictureLossIndication
from triortc.protocol.session.receiving import FrameReceived, PacketsReceived, Receiving

VP8, VP8_RTX, H264, OPUS, PCMU = 96, 97, 102, 111, 0
SSRC, RTX_SSRC, AUDIO_SSRC = 0x1111, 0x2222, 0x3333
MID_ID, RID_ID, REPAIRED_RID_ID = 1, 2, 3
FRAME = 1 / 30

VIDEO = ReceivedSection(
    "v",
    "video",
    {
        VP8: PayloadType("vp8", 90_000),
        VP8_RTX: PayloadType("rtx", 90_000, VP8),
        H264: PayloadType("h264", 90_000),
    },
    ssrcs=((SSRC, RTX_SSRC),),
    mid_extension_id=MID_ID,
    nack=True,
    pli=True,
    fir=True,
    feedback_ssrc=7,
)
AUDIO = ReceivedSection(
    "a",
    "audio",
    {OPUS: PayloadType("opus", 48_000), PCMU: PayloadType("pcmu", 8_000)},
    ssrcs=((AUDIO_SSRC, None),),
    mid_extension_id=MID_ID,
    feedback_ssrc=7,
)
SIMULCAST = ReceivedSection(
    "s",
    "video",
    {VP8: PayloadType("vp8", 90_000), VP8_RTX: PayloadType("rtx", 90_000, VP8)},
    rids=("q", "h", "f"),
    mid_extension_id=MID_ID,
    rid_extension_id=RID_ID,
    repaired_rid_extension_id=REPAIRED_RID_ID,
    nack=True,
    pli=True,
)


def vp8(*, key: bool = False, start: bool = True, size: int = 20) -> bytes:
    """Return a VP8 payload, with the smallest descriptor there is."""
    return bytes((0x10 if start else 0x00, 0x00 if key else 0x01)) + bytes(size)


def packet(
    sequence: int,
    payload: bytes,
    *,
    timestamp: int = 0,
    marker: bool = False,
    ssrc: int = SSRC,
    payload_type: int = VP8,
    elements: Sequence[tuple[int, bytes]] = (),
    padding: int = 0,
) -> bytes:
    """Return a plain RTP packet."""
    block = serialize_extensions(elements)
    return serialize_rtp(
        RtpPacket(
            payload_type,
            sequence & 0xFFFF,
            timestamp & 0xFFFFFFFF,
            ssrc,
            payload,
            marker,
            extension_profile=int.from_bytes(block[:2], "big") if block else None,
            extension=block[4:],
            padding=padding,
        )
    )


def rtx(sequence: int, original: int, payload: bytes, *, timestamp: int = 0, marker: bool = False) -> bytes:
    """Return a retransmission."""
    return packet(
        sequence,
        original.to_bytes(2, "big") + payload,
        timestamp=timestamp,
        marker=marker,
        ssrc=RTX_SSRC,
        payload_type=VP8_RTX,
    )


def frame(
    number: int, *, first: int | None = None, packets: int = 2, key: bool = False, **fields: int
) -> list[bytes]:
    """Return the packets of a VP8 frame, 30 a second."""
    first = number * packets if first is None else first
    return [
        packet(
            first + index,
            vp8(key=key, start=index == 0),
            timestamp=number * 3000,
            marker=index == packets - 1,
            **fields,
        )
        for index in range(packets)
    ]


class Bench:
    """A receiver, its clock, and what has come out of it.

    Attributes:
      now: seconds.
      frames: what it has let go, with the time.
    """

    def __init__(self, *sections: ReceivedSection, wanted: Wanted = Wanted.FRAMES) -> None:
        self.now = 0.0
        self.receiving = Receiving()
        self.receiving.configure(sections or (VIDEO, AUDIO))
        for track in self.receiving.tracks:
            self.want(track.section.mid, track.rid, wanted)
        self.frames: list[ReceivedFrame] = []
        self.rids: list[str | None] = []
        self.times: list[float] = []
        self.packets: list[RtpPacket] = []
        self.feedback: list[GenericNack | PictureLossIndication | FullIntraRequest] = []

    def want(self, mid: str, rid: str | None = None, wanted: Wanted = Wanted.FRAMES) -> None:
        self.receiving.set_wanted(mid, rid, wanted, self.now)

    def take(self, *packets: bytes | Iterable[bytes]) -> "Bench":
        """Let packets come now."""
        for it in packets:
            for plain in [it] if isinstance(it, bytes) else it:
                self.receiving.receive_untrusted([plain], self.now)
                self._collect()
        return self

    def take_burst(self, packets: Iterable[bytes]) -> "Bench":
        """Let packets come all at once."""
        self.receiving.receive_untrusted(packets, self.now)
        self._collect()
        return self

    def pass_time(self, seconds: float) -> "Bench":
        """Let time pass, and what is due happen."""
        end, steps = self.now + seconds, 0
        while (deadline := self.receiving.next_deadline()) <= end:
            steps += 1
            assert steps < 10_000, "a deadline that does not move"
            self.now = max(self.now, deadline)
            self.receiving.handle_timeout(self.now)
            self._collect()
        self.now = end
        return self

    def _collect(self) -> None:
        for event in self.receiving.events:
            if isinstance(event, FrameReceived):
                self.frames.append(event.frame)
                self.rids.append(event.rid)
                self.times.append(self.now)
            elif isinstance(event, PacketsReceived):
                self.packets += event.packets
        self.receiving.events.clear()
        self.feedback += self.receiving.feedback
        self.receiving.feedback.clear()

    @property
    def nacked(self) -> list[int]:
        """All that was asked for, in order."""
        return [
            number for it in self.feedback if isinstance(it, GenericNack) for number in it.sequence_numbers
        ]

    @property
    def keyframe_requests(self) -> int:
        return sum(not isinstance(it, GenericNack) for it in self.feedback)

    @property
    def timestamps(self) -> list[int]:
        return [it.timestamp for it in self.frames]

    def stream(self, ssrc: int = SSRC) -> ReceiveStream:
        return self.receiving.streams[ssrc]

    def track(self, mid: str = "v", rid: str | None = None) -> Incoming:
        return next(it for it in self.receiving.tracks if (it.section.mid, it.rid) == (mid, rid))

    @property
    def held(self) -> int:
        """How many packets are held, of all tracks."""
        return sum(track.held_packets for track in self.receiving.tracks)
