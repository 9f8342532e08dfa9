"""A session in figures: frozen objects with the names and units of W3C webrtc-stats."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import ClassVar

from triortc.protocol.ice.agent import IceRole
from triortc.protocol.ice.candidate import IceCandidate
from triortc.protocol.ice.checklist import CandidatePair
from triortc.protocol.rtp.receive_stream import ReceiveStream
from triortc.protocol.rtp.send_stream import SendStream

from .codecs import NegotiatedCodec
from .session import Session
from .transceiver import Transceiver

TRANSPORT_ID = "T01"


@dataclass(frozen=True, slots=True)
class Stats:
    """One object of a statistics report (W3C ``RTCStats``).

    Attributes:
      id: unique within the report, and stable from one report to the next.
    """

    type: ClassVar[str]

    id: str

    def as_w3c(self, timestamp: float) -> dict[str, object]:
        """Return the browser's dictionary form.

        Args:
          timestamp: milliseconds since 1970.
        """
        values: dict[str, object] = {"id": self.id, "type": self.type, "timestamp": timestamp}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "id" and value is not None:
                values[_camel_case(field.name)] = value
        return values


_SPECIAL_NAMES = {"sdp_fmtp_line": "sdpFmtpLine", "mime_type": "mimeType"}


def _camel_case(name: str) -> str:
    special = _SPECIAL_NAMES.get(name)
    if special is not None:
        return special
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


@dataclass(frozen=True, slots=True)
class PeerConnectionStats(Stats):
    """W3C ``RTCPeerConnectionStats``."""

    type = "peer-connection"


@dataclass(frozen=True, slots=True)
class TransportStats(Stats):
    """W3C ``RTCTransportStats``; ``srtp_cipher`` as the IANA registry names it."""

    type = "transport"

    dtls_state: str
    ice_role: str
    ice_state: str
    ice_local_username_fragment: str
    selected_candidate_pair_id: str | None
    srtp_cipher: str | None
    dtls_role: str | None


@dataclass(frozen=True, slots=True)
class CandidateStats(Stats):
    """W3C ``RTCIceCandidateStats``."""

    type = "local-candidate"

    transport_id: str
    address: str
    port: int
    protocol: str
    candidate_type: str
    priority: int
    foundation: str


@dataclass(frozen=True, slots=True)
class RemoteCandidateStats(CandidateStats):
    """W3C ``RTCIceCandidateStats`` of the remote side."""

    type = "remote-candidate"


@dataclass(frozen=True, slots=True)
class CandidatePairStats(Stats):
    """W3C ``RTCIceCandidatePairStats`` of the selected pair; times in seconds."""

    type = "candidate-pair"

    transport_id: str
    local_candidate_id: str
    remote_candidate_id: str
    state: str
    nominated: bool
    current_round_trip_time: float | None


@dataclass(frozen=True, slots=True)
class CodecStats(Stats):
    """W3C ``RTCCodecStats``."""

    type = "codec"

    transport_id: str
    payload_type: int
    mime_type: str
    clock_rate: int
    channels: int | None
    sdp_fmtp_line: str | None


@dataclass(frozen=True, slots=True)
class OutboundRtpStats(Stats):
    """W3C ``RTCOutboundRtpStreamStats``."""

    type = "outbound-rtp"

    ssrc: int
    kind: str
    mid: str
    transport_id: str
    codec_id: str | None
    remote_id: str | None
    rtx_ssrc: int | None
    packets_sent: int
    bytes_sent: int
    header_bytes_sent: int
    retransmitted_packets_sent: int
    retransmitted_bytes_sent: int
    frames_sent: int | None
    key_frames_encoded: int | None
    nack_count: int
    pli_count: int
    fir_count: int
    active: bool


@dataclass(frozen=True, slots=True)
class RemoteInboundRtpStats(Stats):
    """W3C ``RTCRemoteInboundRtpStreamStats``: our stream, as the remote side reports it."""

    type = "remote-inbound-rtp"

    ssrc: int
    kind: str
    transport_id: str
    local_id: str
    packets_lost: int
    fraction_lost: float
    jitter: float
    round_trip_time: float | None
    total_round_trip_time: float
    round_trip_time_measurements: int


@dataclass(frozen=True, slots=True)
class InboundRtpStats(Stats):
    """W3C ``RTCInboundRtpStreamStats``, as far as packets are counted."""

    type = "inbound-rtp"

    ssrc: int
    transport_id: str
    packets_received: int
    bytes_received: int
    packets_lost: int
    jitter: float


def gather_stats(session: Session) -> tuple[Stats, ...]:
    """Return all that is known of a session now."""
    return tuple(_gather(session))


def _gather(session: Session) -> Iterator[Stats]:
    yield PeerConnectionStats("P")
    yield _transport(session)
    pair = session.ice.selected_pair
    if pair is not None:
        yield from _candidate_pair(pair)
    for transceiver in session.transceivers:
        stream = session.media.send_streams.get((transceiver.mid or "", None))
        if stream is not None:
            yield from _outbound(transceiver, stream)
    for received in session.media.receive_streams.values():
        yield _inbound(received)


def _transport(session: Session) -> TransportStats:
    ice, dtls = session.ice, session.dtls
    return TransportStats(
        TRANSPORT_ID,
        dtls_state="new" if dtls is None else dtls.state.value,
        ice_role="controlling" if ice.role is IceRole.CONTROLLING else "controlled",
        ice_state=ice.state.value,
        ice_local_username_fragment=ice.local_parameters.ufrag,
        selected_candidate_pair_id=None if ice.selected_pair is None else _pair_id(ice.selected_pair),
        srtp_cipher=None if session.media.profile is None else session.media.profile.name,
        dtls_role=None if dtls is None else dtls.role.name.lower(),
    )


def _candidate_id(letter: str, candidate: IceCandidate) -> str:
    return f"{letter}{candidate.foundation}-{candidate.address}-{candidate.port}"


def _pair_id(pair: CandidatePair) -> str:
    local, remote = _candidate_id("L", pair.local_candidate), _candidate_id("R", pair.remote_candidate)
    return f"CP{local}_{remote}"


def _candidate_pair(pair: CandidatePair) -> Iterator[Stats]:
    local, remote = pair.local_candidate, pair.remote_candidate
    yield _candidate(CandidateStats, _candidate_id("L", local), local)
    yield _candidate(RemoteCandidateStats, _candidate_id("R", remote), remote)
    yield CandidatePairStats(
        _pair_id(pair),
        transport_id=TRANSPORT_ID,
        local_candidate_id=_candidate_id("L", local),
        remote_candidate_id=_candidate_id("R", remote),
        state="succeeded",
        nominated=True,
        current_round_trip_time=pair.rtt,
    )


def _candidate(form: type[CandidateStats], id: str, candidate: IceCandidate) -> CandidateStats:
    return form(
        id,
        transport_id=TRANSPORT_ID,
        address=candidate.address,
        port=candidate.port,
        protocol=candidate.transport,
        candidate_type=candidate.type,
        priority=candidate.priority,
        foundation=candidate.foundation,
    )


def _codec(codec: NegotiatedCodec) -> CodecStats:
    capability = codec.capability
    line = ";".join(name if value is None else f"{name}={value}" for name, value in codec.parameters)
    return CodecStats(
        f"COT01_{codec.payload_type}",
        transport_id=TRANSPORT_ID,
        payload_type=codec.payload_type,
        mime_type=f"{capability.kind}/{capability.name}",
        clock_rate=capability.clock_rate,
        channels=capability.channels,
        sdp_fmtp_line=line or None,
    )


def _outbound(transceiver: Transceiver, stream: SendStream) -> Iterator[Stats]:
    video = transceiver.kind == "video"
    codec = _codec(transceiver.codecs[0]) if transceiver.codecs else None
    if codec is not None:
        yield codec
    local_id, remote_id = f"OT01{stream.ssrc}", f"RI{stream.ssrc}"
    reported = stream.round_trip_time_measurements > 0 or stream.remote_packets_lost != 0
    yield OutboundRtpStats(
        local_id,
        ssrc=stream.ssrc,
        kind=transceiver.kind,
        mid=stream.mid,
        transport_id=TRANSPORT_ID,
        codec_id=None if codec is None else codec.id,
        remote_id=remote_id if reported else None,
        rtx_ssrc=stream.rtx_ssrc,
        packets_sent=stream.packets_sent,
        bytes_sent=stream.bytes_sent,
        header_bytes_sent=stream.header_bytes_sent,
        retransmitted_packets_sent=stream.retransmitted_packets_sent,
        retransmitted_bytes_sent=stream.retransmitted_bytes_sent,
        frames_sent=stream.frames_sent if video else None,
        key_frames_encoded=stream.key_frames_sent if video else None,
        nack_count=stream.nack_count,
        pli_count=stream.pli_count,
        fir_count=stream.fir_count,
        active=transceiver.sends,
    )
    if reported:
        yield RemoteInboundRtpStats(
            remote_id,
            ssrc=stream.ssrc,
            kind=transceiver.kind,
            transport_id=TRANSPORT_ID,
            local_id=local_id,
            packets_lost=stream.remote_packets_lost,
            fraction_lost=stream.remote_fraction_lost,
            jitter=stream.remote_jitter,
            round_trip_time=stream.round_trip_time,
            total_round_trip_time=stream.total_round_trip_time,
            round_trip_time_measurements=stream.round_trip_time_measurements,
        )


def _inbound(stream: ReceiveStream) -> InboundRtpStats:
    return InboundRtpStats(
        f"IT01{stream.ssrc}",
        ssrc=stream.ssrc,
        transport_id=TRANSPORT_ID,
        packets_received=stream.packets_received,
        bytes_received=stream.bytes_received,
        packets_lost=stream.packets_lost,
        jitter=stream.jitter,
    )
