"""The figures of a session's streams, and of the codecs that they are in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from triortc.protocol.rtp.playout import PlayoutStatistics
from triortc.protocol.rtp.receive_stream import ReceiveStream
from triortc.protocol.rtp.send_stream import SendStream
from triortc.protocol.wire.clock import NTP_EPOCH_OFFSET

from .codecs import NegotiatedCodec, Parameters
from .session import Session
from .stats import (
    CodecStats,
    InboundRtpStats,
    OutboundRtpStats,
    RemoteInboundRtpStats,
    RemoteOutboundRtpStats,
    Stats,
)
from .stats_transport import TRANSPORT_ID
from .transceiver import Transceiver


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderFigures:
    """What is known of an outgoing stream before it is packets; see :class:`.OutboundRtpStats`."""

    active: bool = True
    media_source_id: str | None = None
    frames_encoded: int = 0
    total_encode_time: float = 0.0
    target_bitrate: float | None = None
    encoder_implementation: str | None = None
    frame_width: int | None = None
    frame_height: int | None = None
    frames_per_second: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderFigures:
    """What became of the frames of an incoming picture stream; see :class:`.InboundRtpStats`."""

    frames_decoded: int = 0
    key_frames_decoded: int = 0
    frames_dropped: int = 0
    total_decode_time: float = 0.0
    frame_width: int | None = None
    frame_height: int | None = None
    frames_per_second: float | None = None
    decoder_implementation: str | None = None


@dataclass(frozen=True, slots=True)
class CodecFigures:
    """What the floors above know of a session's streams.

    Attributes:
      encoders: by the media section's mid, and the rid, or None.
      decoders: of pictures, likewise.
      playouts: of sound, likewise.
    """

    encoders: Mapping[tuple[str, str | None], EncoderFigures] = field(default_factory=dict)
    decoders: Mapping[tuple[str, str | None], DecoderFigures] = field(default_factory=dict)
    playouts: Mapping[tuple[str, str | None], PlayoutStatistics] = field(default_factory=dict)


PLAYOUT_FIGURES = (
    "audio_level",
    "concealed_samples",
    "concealment_events",
    "fec_packets_discarded",
    "fec_packets_received",
    "inserted_samples_for_deceleration",
    "jitter_buffer_delay",
    "jitter_buffer_emitted_count",
    "jitter_buffer_minimum_delay",
    "jitter_buffer_target_delay",
    "removed_samples_for_acceleration",
    "silent_concealed_samples",
    "total_audio_energy",
    "total_samples_duration",
    "total_samples_received",
)
"""What W3C counts of playing, under the names of :class:`.PlayoutStatistics`."""

_NO_ENCODER = EncoderFigures()
_NO_DECODER = DecoderFigures()

_Codecs: TypeAlias = dict[str, tuple[NegotiatedCodec, CodecStats]]


class StreamGatherer:
    """Describes one session's streams."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._codecs: _Codecs = {}
        self._codecs_before: _Codecs = {}
        self._no_playout = PlayoutStatistics()

    def gather(self, figures: CodecFigures) -> list[Stats]:
        """Return all streams, after the codecs that they are in."""
        self._codecs, self._codecs_before = {}, self._codecs
        media, transceivers = self._session.media, self._session.transceivers
        by_mid = {transceiver.mid: transceiver for transceiver in transceivers}
        streams: list[Stats] = []
        for sent in media.send_streams.values():
            if sent.mid in by_mid:
                streams += self._describe_sent(by_mid[sent.mid], sent, figures)
        for received in media.receive_streams.values():
            streams += self._describe_received(by_mid.get(received.mid), received, figures)
        return [*(stats for _, stats in self._codecs.values()), *streams]

    def _unix_ms(self, now: float) -> float:
        return self._session.anchor.unix_time(now) * 1000

    # Codecs

    def _find_sent_codec(self, transceiver: Transceiver) -> str | None:
        codec = transceiver.codecs[0] if transceiver.codecs else None
        if codec is None:
            return None
        id = f"CO{TRANSPORT_ID}_{codec.payload_type}"
        return self._take_codec(id, codec, codec.payload_type, codec.parameters)

    def _find_received_codec(self, transceiver: Transceiver | None, number: int | None) -> str | None:
        if transceiver is not None and number is not None:
            for codec in transceiver.codecs:
                if codec.receive_payload_type == number:
                    id = f"CI{TRANSPORT_ID}_{number}"
                    return self._take_codec(id, codec, number, codec.local_parameters)
        return None

    def _take_codec(self, id: str, codec: NegotiatedCodec, number: int, parameters: Parameters) -> str:
        known = self._codecs.get(id) or self._codecs_before.get(id)
        if known is None or known[0] is not codec:
            known = codec, _describe_codec(id, codec, number, parameters)
        self._codecs[id] = known
        return id

    # What is sent

    def _describe_sent(
        self, transceiver: Transceiver, stream: SendStream, figures: CodecFigures
    ) -> Iterator[Stats]:
        remote_id = None if stream.reported_at is None else f"RI{stream.ssrc}"
        codec_id, encoder = (
            self._find_sent_codec(transceiver),
            figures.encoders.get((stream.mid, stream.rid), _NO_ENCODER),
        )
        local = _describe_outbound(transceiver, stream, encoder, codec_id, remote_id)
        yield local
        if remote_id is not None and stream.reported_at is not None:
            yield RemoteInboundRtpStats(
                id=remote_id,
                timestamp=self._unix_ms(stream.reported_at),
                ssrc=stream.ssrc,
                kind=transceiver.kind,
                transport_id=TRANSPORT_ID,
                codec_id=codec_id,
                local_id=local.id,
                packets_lost=stream.remote_packets_lost,
                fraction_lost=stream.remote_fraction_lost,
                jitter=stream.remote_jitter,
                round_trip_time=stream.round_trip_time,
                total_round_trip_time=stream.total_round_trip_time,
                round_trip_time_measurements=stream.round_trip_time_measurements,
            )

    # What is received

    def _describe_received(
        self, transceiver: Transceiver | None, stream: ReceiveStream, figures: CodecFigures
    ) -> Iterator[Stats]:
        codec_id = self._find_received_codec(transceiver, stream.payload_type)
        remote_id = None if stream.sender_report is None else f"RO{stream.ssrc}"
        last, key = stream.last_packet_time, (stream.mid, stream.rid)
        if stream.kind == "audio":
            sound = figures.playouts.get(key, self._no_playout)
            decoded, discarded = _describe_sound(sound), sound.packets_discarded
        else:
            decoded, discarded = _describe_pictures(stream, figures.decoders.get(key, _NO_DECODER)), 0
        local = InboundRtpStats(
            id=f"I{TRANSPORT_ID}{stream.ssrc}",
            ssrc=stream.ssrc,
            kind=stream.kind,
            transport_id=TRANSPORT_ID,
            codec_id=codec_id,
            track_identifier=_track_identifier(transceiver, stream),
            mid=stream.mid,
            remote_id=remote_id,
            rtx_ssrc=stream.rtx_ssrc,
            packets_received=stream.packets_received,
            bytes_received=stream.bytes_received,
            header_bytes_received=stream.header_bytes_received,
            last_packet_received_timestamp=None if last is None else self._unix_ms(last),
            packets_lost=stream.packets_lost,
            jitter=stream.jitter,
            packets_discarded=stream.packets_discarded + discarded,
            retransmitted_packets_received=stream.retransmitted_packets_received,
            retransmitted_bytes_received=stream.retransmitted_bytes_received,
            nack_count=stream.nack_count,
            **decoded,
        )
        yield local
        if remote_id is not None:
            yield self._describe_remote_sent(stream, remote_id, local)

    def _describe_remote_sent(
        self, stream: ReceiveStream, id: str, local: InboundRtpStats
    ) -> RemoteOutboundRtpStats:
        assert stream.sender_report is not None
        report, arrival = stream.sender_report
        return RemoteOutboundRtpStats(
            id=id,
            timestamp=self._unix_ms(arrival),
            ssrc=stream.ssrc,
            kind=stream.kind,
            transport_id=TRANSPORT_ID,
            codec_id=local.codec_id,
            local_id=local.id,
            packets_sent=report.packet_count,
            bytes_sent=report.octet_count,
            remote_timestamp=(report.ntp_time / (1 << 32) - NTP_EPOCH_OFFSET) * 1000,
            reports_sent=stream.sender_reports,
        )


def _describe_codec(id: str, codec: NegotiatedCodec, number: int, parameters: Parameters) -> CodecStats:
    capability = codec.capability
    line = ";".join(name if value is None else f"{name}={value}" for name, value in parameters)
    return CodecStats(
        id=id,
        transport_id=TRANSPORT_ID,
        payload_type=number,
        mime_type=f"{capability.kind}/{capability.name}",
        clock_rate=capability.clock_rate,
        channels=capability.channels,
        sdp_fmtp_line=line or None,
    )


def _describe_outbound(
    transceiver: Transceiver,
    stream: SendStream,
    encoder: EncoderFigures,
    codec_id: str | None,
    remote_id: str | None,
) -> OutboundRtpStats:
    video = transceiver.kind == "video"
    return OutboundRtpStats(
        id=f"O{TRANSPORT_ID}{stream.ssrc}",
        ssrc=stream.ssrc,
        kind=transceiver.kind,
        transport_id=TRANSPORT_ID,
        codec_id=codec_id,
        mid=stream.mid,
        rid=stream.rid,
        encoding_index=_encoding_index(transceiver, stream) if video else None,
        media_source_id=encoder.media_source_id,
        remote_id=remote_id,
        rtx_ssrc=stream.rtx_ssrc,
        packets_sent=stream.packets_sent,
        bytes_sent=stream.bytes_sent,
        header_bytes_sent=stream.header_bytes_sent,
        retransmitted_packets_sent=stream.retransmitted_packets_sent,
        retransmitted_bytes_sent=stream.retransmitted_bytes_sent,
        target_bitrate=encoder.target_bitrate,
        frame_width=encoder.frame_width,
        frame_height=encoder.frame_height,
        frames_per_second=encoder.frames_per_second if video else None,
        frames_sent=stream.frames_sent if video else None,
        frames_encoded=encoder.frames_encoded if video else None,
        key_frames_encoded=stream.key_frames_sent if video else None,
        total_encode_time=encoder.total_encode_time if video else None,
        encoder_implementation=encoder.encoder_implementation if video else None,
        quality_limitation_reason="none" if video else None,
        nack_count=stream.nack_count,
        fir_count=stream.fir_count if video else None,
        pli_count=stream.pli_count if video else None,
        active=transceiver.sends and encoder.active,
    )


def _encoding_index(transceiver: Transceiver, stream: SendStream) -> int:
    rids = transceiver.send_rids
    return rids.index(stream.rid) if stream.rid in rids else 0


def _track_identifier(transceiver: Transceiver | None, stream: ReceiveStream) -> str:
    told = "" if transceiver is None else transceiver.remote_track_id
    return told or f"{stream.kind}-{stream.mid}"


def _describe_pictures(stream: ReceiveStream, decoder: DecoderFigures) -> dict[str, Any]:
    return {
        "fir_count": stream.fir_count,
        "pli_count": stream.pli_count,
        "jitter_buffer_delay": stream.jitter_buffer_delay,
        "jitter_buffer_target_delay": stream.jitter_buffer_target_delay,
        "jitter_buffer_minimum_delay": stream.jitter_buffer_minimum_delay,
        "jitter_buffer_emitted_count": stream.jitter_buffer_emitted_count,
        "frames_received": stream.frames_received,
        "frames_decoded": decoder.frames_decoded,
        "key_frames_decoded": decoder.key_frames_decoded,
        "frames_dropped": stream.frames_dropped + decoder.frames_dropped,
        "frame_width": decoder.frame_width,
        "frame_height": decoder.frame_height,
        "frames_per_second": decoder.frames_per_second,
        "total_decode_time": decoder.total_decode_time,
        "decoder_implementation": decoder.decoder_implementation,
    }


def _describe_sound(playout: PlayoutStatistics) -> dict[str, Any]:
    """Describe sound as it is played: there is no delay and no sample before that."""
    return {name: getattr(playout, name) for name in PLAYOUT_FIGURES}
