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
    )
    from triortc.media.open import (
        Media,
        open_media,
    )
    from triortc.media.push import (
        PushSource,
        open_push_source,
    )
    from triortc.media.recorder import (
        Recorder,
        RecorderStatistics,
        open_recorder,
    )
    from triortc.media.recording_format import (
        RecorderError,
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
        Speaker,
        open_speaker,
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
    from triortc.peer.remote_track import (
        RemoteTrack,
    )
    from triortc.peer.statistics import (
        PeerStatistics,
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
    from triortc.protocol.wire.errors import (
        InvalidStateError,
        LocalProtocolError,
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
    "AudioFrames",
    "AudioSource",
    "Broadcast",
    "Camera",
    "Certificate",
    "CloseReason",
    "Coded",
    "ConnectionState",
    "EncodedFrame",
    "Encoder",
    "EncoderReport",
    "Encoding",
    "EncodingParameters",
    "IceCandidate",
    "IceFailed",
    "IceGatheringState",
    "IceServer",
    "InvalidStateError",
    "KeyAlgorithm",
    "Limits",
    "LocalProtocolError",
    "LocalTrack",
    "LoopStatistics",
    "LoopWatch",
    "Media",
    "MediaError",
    "MediaFile",
    "MemorySignaling",
    "Microphone",
    "NoCommonCodec",
    "Opus",
    "Peer",
    "PeerClosed",
    "PeerConfig",
    "PeerFailed",
    "PeerStatistics",
    "PushSource",
    "ReceivedFrame",
    "Recorder",
    "RecorderError",
    "RecorderStatistics",
    "RemoteProtocolError",
    "RemoteTrack",
    "RtpPacket",
    "Screen",
    "SendParameters",
    "SessionDescription",
    "SharedPort",
    "SignalingState",
    "SlowStep",
    "Source",
    "Speaker",
    "TestPattern",
    "Transceiver",
    "VideoFrames",
    "VideoSource",
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
    "triortc.media.local_track": ("LocalTrack",),
    "triortc.media.open": (
        "Media",
        "open_media",
    ),
    "triortc.media.push": (
        "PushSource",
        "open_push_source",
    ),
    "triortc.media.recorder": (
        "Recorder",
        "RecorderStatistics",
        "open_recorder",
    ),
    "triortc.media.recording_format": ("RecorderError",),
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
        "Speaker",
        "open_speaker",
    ),
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
    "triortc.peer.remote_track": ("RemoteTrack",),
    "triortc.peer.statistics": ("PeerStatistics",),
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
    "triortc.protocol.wire.errors": (
        "InvalidStateError",
        "LocalProtocolError",
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
