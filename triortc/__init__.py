"""WebRTC for Trio: a peer connection is an ``async with`` block.

Everything here is loaded when it is first used: a program that names no camera loads no FFmpeg.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from triortc.handles import WrongRunError
    from triortc.media.local_track import LocalTrack
    from triortc.media.open import Media, open_media
    from triortc.media.source import (
        H264,
        VP8,
        Camera,
        MediaError,
        MediaFile,
        Microphone,
        Opus,
        TestPattern,
    )
    from triortc.net.mux import SharedPort, open_shared_port
    from triortc.peer.config import IceServer, PeerConfig
    from triortc.peer.errors import IceFailed, PeerClosed, PeerFailed
    from triortc.peer.open import open_peer
    from triortc.peer.peer import Peer
    from triortc.peer.statistics import PeerStatistics
    from triortc.peer.transceiver import Transceiver
    from triortc.protocol.dtls.certificate import Certificate
    from triortc.protocol.ice.candidate import IceCandidate
    from triortc.protocol.sdp.description import SessionDescription
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
    from triortc.signaling.memory import MemorySignaling, open_memory_signaling
    from triortc.signaling.negotiate import negotiate
    from triortc.signaling.serve import serve_peers
    from triortc.signaling.websocket import WebSocketSignaling, open_websocket_signaling
    from triortc.web.broadcast import Broadcast, serve_broadcast

__version__ = "0.1.0"

__all__ = [
    "H264",
    "VP8",
    "Broadcast",
    "Camera",
    "Certificate",
    "CloseReason",
    "ConnectionState",
    "IceCandidate",
    "IceFailed",
    "IceGatheringState",
    "IceServer",
    "InvalidStateError",
    "LocalProtocolError",
    "LocalTrack",
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
    "RemoteProtocolError",
    "SessionDescription",
    "SharedPort",
    "SignalingState",
    "TestPattern",
    "Transceiver",
    "WebSocketSignaling",
    "WrongRunError",
    "__version__",
    "negotiate",
    "open_media",
    "open_memory_signaling",
    "open_peer",
    "open_shared_port",
    "open_websocket_signaling",
    "serve_broadcast",
    "serve_peers",
]

_HOMES = {
    "triortc.handles": ("WrongRunError",),
    "triortc.media.local_track": ("LocalTrack",),
    "triortc.media.open": ("Media", "open_media"),
    "triortc.media.source": (
        "Camera",
        "H264",
        "MediaError",
        "MediaFile",
        "Microphone",
        "Opus",
        "TestPattern",
        "VP8",
    ),
    "triortc.net.mux": ("SharedPort", "open_shared_port"),
    "triortc.peer.config": ("IceServer", "PeerConfig"),
    "triortc.peer.errors": ("IceFailed", "PeerClosed", "PeerFailed"),
    "triortc.peer.open": ("open_peer",),
    "triortc.peer.peer": ("Peer",),
    "triortc.peer.statistics": ("PeerStatistics",),
    "triortc.peer.transceiver": ("Transceiver",),
    "triortc.protocol.dtls.certificate": ("Certificate",),
    "triortc.protocol.ice.candidate": ("IceCandidate",),
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
    "triortc.signaling.memory": ("MemorySignaling", "open_memory_signaling"),
    "triortc.signaling.negotiate": ("negotiate",),
    "triortc.signaling.serve": ("serve_peers",),
    "triortc.signaling.websocket": ("WebSocketSignaling", "open_websocket_signaling"),
    "triortc.web.broadcast": ("Broadcast", "serve_broadcast"),
}

_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [*sorted(_HOME_OF), "__version__"]


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'triortc' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
