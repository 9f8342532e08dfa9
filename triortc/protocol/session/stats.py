"""A session in figures: frozen objects with the names and units of W3C webrtc-stats.

Their hierarchy is that of W3C's dictionaries. Times are in seconds, points in time in milliseconds
since 1970, sizes in bytes. What is not known is None, and missing in the browser's form.
"""

from dataclasses import dataclass, fields
from functools import cache
from operator import attrgetter
from typing import Any, ClassVar

__all__ = [
    "AudioSourceStats",
    "CandidatePairStats",
    "CandidateStats",
    "CertificateStats",
    "CodecStats",
    "InboundRtpStats",
    "MediaSourceStats",
    "OutboundRtpStats",
    "PeerConnectionStats",
    "ReceivedRtpStats",
    "RemoteCandidateStats",
    "RemoteInboundRtpStats",
    "RemoteOutboundRtpStats",
    "RtpStats",
    "SentRtpStats",
    "Stats",
    "TransportStats",
    "VideoSourceStats",
]


@dataclass(frozen=True, slots=True, kw_only=True)
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
          timestamp: of the report, milliseconds since 1970. An object that tells what the remote
            side has reported has its own: when that came.
        """
        names, read = _members(type(self))  # type: ignore[arg-type]  # mypy takes types for unhashable
        members = zip(names, read(self), strict=True)
        known = {name: value for name, value in members if value is not None}
        return {"timestamp": timestamp, "type": self.type, **known}


@cache
def _members(form: type[Stats]) -> "tuple[tuple[str, ...], attrgetter[Any]]":
    """Return the W3C names of a kind of object, and what reads their values."""
    names = tuple(field.name for field in fields(form))
    return tuple(map(_camel_case, names)), attrgetter(*names)


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerConnectionStats(Stats):
    """W3C ``RTCPeerConnectionStats``; there are no data channels yet."""

    type = "peer-connection"

    data_channels_opened: int = 0
    data_channels_closed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportStats(Stats):
    """W3C ``RTCTransportStats``; ciphers as the IANA registries name them."""

    type = "transport"

    packets_sent: int
    packets_received: int
    bytes_sent: int
    bytes_received: int
    ice_role: str
    ice_state: str
    ice_local_username_fragment: str
    dtls_state: str
    dtls_role: str
    selected_candidate_pair_id: str | None
    selected_candidate_pair_changes: int
    local_certificate_id: str
    remote_certificate_id: str | None
    tls_version: str | None
    dtls_cipher: str | None
    srtp_cipher: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateStats(Stats):
    """W3C ``RTCCertificateStats``; self-signed, so that no issuer is named."""

    type = "certificate"

    fingerprint: str
    fingerprint_algorithm: str
    base64_certificate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateStats(Stats):
    """W3C ``RTCIceCandidateStats`` of a candidate of this side."""

    type = "local-candidate"

    transport_id: str
    address: str
    port: int
    protocol: str
    candidate_type: str
    priority: int
    foundation: str
    username_fragment: str | None
    url: str | None
    related_address: str | None
    related_port: int | None
    tcp_type: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteCandidateStats(CandidateStats):
    """W3C ``RTCIceCandidateStats`` of the remote side."""

    type = "remote-candidate"


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidatePairStats(Stats):
    """W3C ``RTCIceCandidatePairStats``; packets and bytes are those of media and DTLS alone."""

    type = "candidate-pair"

    transport_id: str
    local_candidate_id: str
    remote_candidate_id: str
    state: str
    nominated: bool
    packets_sent: int
    packets_received: int
    bytes_sent: int
    bytes_received: int
    last_packet_received_timestamp: float | None
    total_round_trip_time: float
    current_round_trip_time: float | None
    requests_received: int
    requests_sent: int
    responses_received: int
    responses_sent: int
    consent_requests_sent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecStats(Stats):
    """W3C ``RTCCodecStats``."""

    type = "codec"

    transport_id: str
    payload_type: int
    mime_type: str
    clock_rate: int
    channels: int | None
    sdp_fmtp_line: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSourceStats(Stats):
    """W3C ``RTCMediaSourceStats``: a track that is sent, before it is encoded."""

    type = "media-source"

    track_identifier: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioSourceStats(MediaSourceStats):
    """W3C ``RTCAudioSourceStats``; the level is linear, and 1 is the loudest there is."""

    audio_level: float
    total_audio_energy: float
    total_samples_duration: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoSourceStats(MediaSourceStats):
    """W3C ``RTCVideoSourceStats``; pictures that come encoded have no known size."""

    width: int | None
    height: int | None
    frames: int
    frames_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpStats(Stats):
    """W3C ``RTCRtpStreamStats``."""

    ssrc: int
    kind: str
    transport_id: str
    codec_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SentRtpStats(RtpStats):
    """W3C ``RTCSentRtpStreamStats``."""

    packets_sent: int
    bytes_sent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundRtpStats(SentRtpStats):
    """W3C ``RTCOutboundRtpStreamStats``.

    An encoder may feed many peers: what is said of it counts from when it began to feed this one.
    """

    type = "outbound-rtp"

    mid: str
    rid: str | None
    encoding_index: int | None
    media_source_id: str | None
    remote_id: str | None
    rtx_ssrc: int | None
    header_bytes_sent: int
    retransmitted_packets_sent: int
    retransmitted_bytes_sent: int
    target_bitrate: float | None
    frame_width: int | None
    frame_height: int | None
    frames_per_second: float | None
    frames_sent: int | None
    frames_encoded: int | None
    key_frames_encoded: int | None
    total_encode_time: float | None
    encoder_implementation: str | None
    quality_limitation_reason: str | None
    nack_count: int
    fir_count: int | None
    pli_count: int | None
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteOutboundRtpStats(SentRtpStats):
    """W3C ``RTCRemoteOutboundRtpStreamStats``: what the sender says of a stream that comes.

    Attributes:
      timestamp: when its last report came, milliseconds since 1970.
    """

    type = "remote-outbound-rtp"

    timestamp: float
    local_id: str
    remote_timestamp: float
    reports_sent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedRtpStats(RtpStats):
    """W3C ``RTCReceivedRtpStreamStats``."""

    packets_lost: int
    jitter: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteInboundRtpStats(ReceivedRtpStats):
    """W3C ``RTCRemoteInboundRtpStreamStats``: our stream, as the remote side reports it.

    Attributes:
      timestamp: when its last report came, milliseconds since 1970.
    """

    type = "remote-inbound-rtp"

    timestamp: float
    local_id: str
    fraction_lost: float
    round_trip_time: float | None
    total_round_trip_time: float
    round_trip_time_measurements: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundRtpStats(ReceivedRtpStats):
    """W3C ``RTCInboundRtpStreamStats``.

    Nothing is decoded unless somebody asks, and then for each reader: what is said of decoding
    and playing is the sum over all readers there were. What speaks of pictures is None of sound,
    and the other way round.
    """

    type = "inbound-rtp"

    track_identifier: str
    mid: str
    remote_id: str | None
    rtx_ssrc: int | None
    packets_received: int
    bytes_received: int
    header_bytes_received: int
    last_packet_received_timestamp: float | None
    packets_discarded: int
    retransmitted_packets_received: int
    retransmitted_bytes_received: int
    nack_count: int
    fir_count: int | None = None
    pli_count: int | None = None
    jitter_buffer_delay: float
    jitter_buffer_target_delay: float
    jitter_buffer_minimum_delay: float
    jitter_buffer_emitted_count: int
    frames_received: int | None = None
    frames_decoded: int | None = None
    key_frames_decoded: int | None = None
    frames_dropped: int | None = None
    frame_width: int | None = None
    frame_height: int | None = None
    frames_per_second: float | None = None
    total_decode_time: float | None = None
    decoder_implementation: str | None = None
    total_samples_received: int | None = None
    concealed_samples: int | None = None
    silent_concealed_samples: int | None = None
    concealment_events: int | None = None
    inserted_samples_for_deceleration: int | None = None
    removed_samples_for_acceleration: int | None = None
    fec_packets_received: int | None = None
    fec_packets_discarded: int | None = None
    audio_level: float | None = None
    total_audio_energy: float | None = None
    total_samples_duration: float | None = None
