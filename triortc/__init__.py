"""WebRTC for Trio: a peer connection is an ``async with`` block.

Everything here is loaded when it is first used: a program that names no camera loads no FFmpeg.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from triortc.handles import (
        WrongRunError,
    )
    from triortc.lag import (
        LoopStatistics,
        LoopWatch,
        SlowStep,
        open_loop_watch,
    )
    from triortc.media.audio_frames import (
        AudioFrames,
    )
    from triortc.media.encoder import (
        Coded,
        Encoder,
    )
    from triortc.media.encoder_probe import (
        EncoderReport,
        probe_encoders,
    )
    from triortc.media.encodings import (
        AV1,
        G722,
        H264,
        PCMA,
        PCMU,
        VP8,
        VP9,
        Encoding,
        Limits,
        Opus,
    )
    from triortc.media.generator import (
        audio_source,
        video_source,
    )
    from triortc.media.local_track import (
        LocalTrack,
        TrackStatistics,
    )
    from triortc.media.meters import (
        SourceStatistics,
    )
    from triortc.media.open import (
        Media,
        open_media,
    )
    from triortc.media.push import (
        PushSource,
        open_push_source,
    )
    from triortc.media.reader import (
        FrameReader,
    )
    from triortc.media.recorder import (
        EncodedTrack,
        RecordedFileStatistics,
        RecordedTrackStatistics,
        Recorder,
        RecorderStatistics,
        open_recorder,
    )
    from triortc.media.recording_format import (
        RecorderError,
    )
    from triortc.media.rendition import (
        RenditionStatistics,
    )
    from triortc.media.source import (
        AudioSource,
        Camera,
        MediaError,
        MediaFile,
        Microphone,
        Screen,
        Source,
        TestPattern,
        VideoSource,
    )
    from triortc.media.speaker import (
        Audible,
        Speaker,
        open_speaker,
    )
    from triortc.media.subscription import (
        Subscription,
    )
    from triortc.media.video_frames import (
        VideoFrames,
    )
    from triortc.net.mux import (
        SharedPort,
        open_shared_port,
    )
    from triortc.peer.config import (
        IceServer,
        PeerConfig,
        generate_certificate,
    )
    from triortc.peer.errors import (
        IceFailed,
        PeerClosed,
        PeerFailed,
    )
    from triortc.peer.open import (
        open_peer,
    )
    from triortc.peer.parameters import (
        EncodingParameters,
        SendParameters,
    )
    from triortc.peer.peer import (
        Peer,
    )
    from triortc.peer.relay import (
        open_relay,
    )
    from triortc.peer.remote_track import (
        RemoteTrack,
    )
    from triortc.peer.statistics import (
        PeerStatistics,
        QueueStatistics,
    )
    from triortc.peer.transceiver import (
        Transceiver,
    )
    from triortc.protocol.dtls.certificate import (
        Certificate,
        KeyAlgorithm,
    )
    from triortc.protocol.ice.candidate import (
        IceCandidate,
    )
    from triortc.protocol.rtp.frame import (
        EncodedFrame,
        ReceivedFrame,
    )
    from triortc.protocol.rtp.packet import (
        RtpPacket,
    )
    from triortc.protocol.sdp.description import (
        SessionDescription,
    )
    from triortc.protocol.session.events import (
        CloseReason,
        ConnectionState,
        IceGatheringState,
        SignalingState,
    )
    from triortc.protocol.session.stats import (
        AudioSourceStats,
        CandidatePairStats,
        CandidateStats,
        CertificateStats,
        CodecStats,
        InboundRtpStats,
        MediaSourceStats,
        OutboundRtpStats,
        PeerConnectionStats,
        RemoteCandidateStats,
        RemoteInboundRtpStats,
        RemoteOutboundRtpStats,
        Stats,
        TransportStats,
        VideoSourceStats,
    )
    from triortc.protocol.wire.errors import (
        InvalidStateError,
        LocalProtocolError,
        Malformed,
        NoCommonCodec,
        RemoteProtocolError,
    )
    from triortc.signaling.memory import (
        MemorySignaling,
        open_memory_signaling,
    )
    from triortc.signaling.negotiate import (
        negotiate,
    )
    from triortc.signaling.serve import (
        serve_peers,
    )
    from triortc.signaling.websocket import (
        WebSocketSignaling,
        open_websocket_signaling,
    )
    from triortc.web.broadcast import (
        Broadcast,
        BroadcastStatistics,
        serve_broadcast,
    )

__version__ = "0.1.0"

__all__ = [
    "AV1",
    "G722",
    "H264",
    "PCMA",
    "PCMU",
    "VP8",
    "VP9",
    "Audible",
    "AudioFrames",
    "AudioSource",
    "AudioSourceStats",
    "Broadcast",
    "BroadcastStatistics",
    "Camera",
    "CandidatePairStats",
    "CandidateStats",
    "Certificate",
    "CertificateStats",
    "CloseReason",
    "CodecStats",
    "Coded",
    "ConnectionState",
    "EncodedFrame",
    "EncodedTrack",
    "Encoder",
    "EncoderReport",
    "Encoding",
    "EncodingParameters",
    "FrameReader",
    "IceCandidate",
    "IceFailed",
    "IceGatheringState",
    "IceServer",
    "InboundRtpStats",
    "InvalidStateError",
    "KeyAlgorithm",
    "Limits",
    "LocalProtocolError",
    "LocalTrack",
    "LoopStatistics",
    "LoopWatch",
    "Malformed",
    "Media",
    "MediaError",
    "MediaFile",
    "MediaSourceStats",
    "MemorySignaling",
    "Microphone",
    "NoCommonCodec",
    "Opus",
    "OutboundRtpStats",
    "Peer",
    "PeerClosed",
    "PeerConfig",
    "PeerConnectionStats",
    "PeerFailed",
    "PeerStatistics",
    "PushSource",
    "QueueStatistics",
    "ReceivedFrame",
    "RecordedFileStatistics",
    "RecordedTrackStatistics",
    "Recorder",
    "RecorderError",
    "RecorderStatistics",
    "RemoteCandidateStats",
    "RemoteInboundRtpStats",
    "RemoteOutboundRtpStats",
    "RemoteProtocolError",
    "RemoteTrack",
    "RenditionStatistics",
    "RtpPacket",
    "Screen",
    "SendParameters",
    "SessionDescription",
    "SharedPort",
    "SignalingState",
    "SlowStep",
    "Source",
    "SourceStatistics",
    "Speaker",
    "Stats",
    "Subscription",
    "TestPattern",
    "TrackStatistics",
    "Transceiver",
    "TransportStats",
    "VideoFrames",
    "VideoSource",
    "VideoSourceStats",
    "WebSocketSignaling",
    "WrongRunError",
    "__version__",
    "audio_source",
    "generate_certificate",
    "negotiate",
    "open_loop_watch",
    "open_media",
    "open_memory_signaling",
    "open_peer",
    "open_push_source",
    "open_recorder",
    "open_relay",
    "open_shared_port",
    "open_speaker",
    "open_websocket_signaling",
    "probe_encoders",
    "serve_broadcast",
    "serve_peers",
    "video_source",
]

_HOMES = {
    "triortc.handles": ("WrongRunError",),
    "triortc.lag": (
        "LoopStatistics",
        "LoopWatch",
        "SlowStep",
        "open_loop_watch",
    ),
    "triortc.media.audio_frames": ("AudioFrames",),
    "triortc.media.encoder": (
        "Coded",
        "Encoder",
    ),
    "triortc.media.encoder_probe": (
        "EncoderReport",
        "probe_encoders",
    ),
    "triortc.media.encodings": (
        "AV1",
        "Encoding",
        "G722",
        "H264",
        "Limits",
        "Opus",
        "PCMA",
        "PCMU",
        "VP8",
        "VP9",
    ),
    "triortc.media.generator": (
        "audio_source",
        "video_source",
    ),
    "triortc.media.local_track": (
        "LocalTrack",
        "TrackStatistics",
    ),
    "triortc.media.meters": ("SourceStatistics",),
    "triortc.media.open": (
        "Media",
        "open_media",
    ),
    "triortc.media.push": (
        "PushSource",
        "open_push_source",
    ),
    "triortc.media.reader": ("FrameReader",),
    "triortc.media.recorder": (
        "EncodedTrack",
        "RecordedFileStatistics",
        "RecordedTrackStatistics",
        "Recorder",
        "RecorderStatistics",
        "open_recorder",
    ),
    "triortc.media.recording_format": ("RecorderError",),
    "triortc.media.rendition": ("RenditionStatistics",),
    "triortc.media.source": (
        "AudioSource",
        "Camera",
        "MediaError",
        "MediaFile",
        "Microphone",
        "Screen",
        "Source",
        "TestPattern",
        "VideoSource",
    ),
    "triortc.media.speaker": (
        "Audible",
        "Speaker",
        "open_speaker",
    ),
    "triortc.media.subscription": ("Subscription",),
    "triortc.media.video_frames": ("VideoFrames",),
    "triortc.net.mux": (
        "SharedPort",
        "open_shared_port",
    ),
    "triortc.peer.config": (
        "IceServer",
        "PeerConfig",
        "generate_certificate",
    ),
    "triortc.peer.errors": (
        "IceFailed",
        "PeerClosed",
        "PeerFailed",
    ),
    "triortc.peer.open": ("open_peer",),
    "triortc.peer.parameters": (
        "EncodingParameters",
        "SendParameters",
    ),
    "triortc.peer.peer": ("Peer",),
    "triortc.peer.relay": ("open_relay",),
    "triortc.peer.remote_track": ("RemoteTrack",),
    "triortc.peer.statistics": (
        "PeerStatistics",
        "QueueStatistics",
    ),
    "triortc.peer.transceiver": ("Transceiver",),
    "triortc.protocol.dtls.certificate": (
        "Certificate",
        "KeyAlgorithm",
    ),
    "triortc.protocol.ice.candidate": ("IceCandidate",),
    "triortc.protocol.rtp.frame": (
        "EncodedFrame",
        "ReceivedFrame",
    ),
    "triortc.protocol.rtp.packet": ("RtpPacket",),
    "triortc.protocol.sdp.description": ("SessionDescription",),
    "triortc.protocol.session.events": (
        "CloseReason",
        "ConnectionState",
        "IceGatheringState",
        "SignalingState",
    ),
    "triortc.protocol.session.stats": (
        "AudioSourceStats",
        "CandidatePairStats",
        "CandidateStats",
        "CertificateStats",
        "CodecStats",
        "InboundRtpStats",
        "MediaSourceStats",
        "OutboundRtpStats",
        "PeerConnectionStats",
        "RemoteCandidateStats",
        "RemoteInboundRtpStats",
        "RemoteOutboundRtpStats",
        "Stats",
        "TransportStats",
        "VideoSourceStats",
    ),
    "triortc.protocol.wire.errors": (
        "InvalidStateError",
        "LocalProtocolError",
        "Malformed",
        "NoCommonCodec",
        "RemoteProtocolError",
    ),
    "triortc.signaling.memory": (
        "MemorySignaling",
        "open_memory_signaling",
    ),
    "triortc.signaling.negotiate": ("negotiate",),
    "triortc.signaling.serve": ("serve_peers",),
    "triortc.signaling.websocket": (
        "WebSocketSignaling",
        "open_websocket_signaling",
    ),
    "triortc.web.broadcast": (
        "Broadcast",
        "BroadcastStatistics",
        "serve_broadcast",
    ),
}

_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'triortc' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
