"""How a track is encoded: frozen descriptions, bound to no run and no thread.

An encoding of one's own is a frozen dataclass with what :class:`Encoding` names; see
``docs/encoders.md``.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, Self, TypeAlias, get_args, runtime_checkable

if TYPE_CHECKING:
    from .encoder import Encoder

Kind: TypeAlias = Literal["video", "audio"]
"""The kind of a track, as W3C spells it."""

Parameters: TypeAlias = tuple[tuple[str, str | None], ...]
"""What an ``a=fmtp`` says, in order."""


@runtime_checkable
class Encoding(Protocol):
    """How a track is encoded. Equal encodings of one track share one encoder."""

    @property
    def name(self) -> str:
        """The encoding name of ``a=rtpmap``."""
        ...

    @property
    def kind(self) -> Kind:
        """Video or audio."""
        ...

    @property
    def clock_rate(self) -> int:
        """RTP timestamp units per second."""
        ...

    @property
    def channels(self) -> int | None:
        """Audio channels as ``a=rtpmap`` names them, or None."""
        ...

    @property
    def fmtp(self) -> Parameters:
        """What its ``a=fmtp`` says."""
        ...

    @property
    def bitrate(self) -> int:
        """Target, in bits per second; a viewer's limits can only lower it."""
        ...

    def open_encoder(self, framerate: float) -> "Encoder":
        """Open an encoder; called in a worker thread, and may block.

        Raises:
          MediaError: when there is none, in one line that says why.
        """
        ...


LOWEST_BITRATE = 6_000
"""Bits per second: Opus goes no lower (RFC 7587 §6.1), and no picture is worth less."""

HIGHEST_BITRATE = MappingProxyType[Kind, int]({"audio": 510_000, "video": 1_000_000_000})


def _check_bitrate(encoding: "VideoEncoding | Opus") -> None:
    """Refuse what no encoder takes: it would fail only once somebody watches.

    What is never encoded may say anything, such as 0 for a file that does not tell.
    """
    from .source import MediaError

    highest = HIGHEST_BITRATE[encoding.kind]
    if not LOWEST_BITRATE <= encoding.bitrate <= highest:
        allowed = f"it takes {LOWEST_BITRATE:,} to {highest:,} bits per second"
        raise MediaError(f"cannot encode {encoding.name} at {encoding.bitrate:,}: {allowed}")


@dataclass(frozen=True, slots=True)
class VP8:
    """VP8 video (RFC 7741).

    Attributes:
      bitrate: target, in bits per second.
      encoder: FFmpeg's name of the encoder.
    """

    bitrate: int = 2_000_000
    encoder: Literal["libvpx", "vp8_v4l2m2m"] = "libvpx"

    name: ClassVar[str] = "VP8"
    kind: ClassVar[Kind] = "video"
    clock_rate: ClassVar[int] = 90_000
    channels: ClassVar[int | None] = None
    fmtp: ClassVar[Parameters] = ()

    def open_encoder(self, framerate: float) -> "Encoder":
        """Open an encoder; called in a worker thread."""
        from .video_encoder import VideoEncoder

        _check_bitrate(self)
        return VideoEncoder(self, framerate)


@dataclass(frozen=True, slots=True)
class VP9:
    """VP9 video, profile 0, one layer (RFC 9628).

    Attributes:
      bitrate: target, in bits per second.
      encoder: FFmpeg's name of the encoder.
    """

    bitrate: int = 2_000_000
    encoder: Literal["libvpx-vp9", "vp9_qsv"] = "libvpx-vp9"

    name: ClassVar[str] = "VP9"
    kind: ClassVar[Kind] = "video"
    clock_rate: ClassVar[int] = 90_000
    channels: ClassVar[int | None] = None
    fmtp: ClassVar[Parameters] = (("profile-id", "0"),)

    def open_encoder(self, framerate: float) -> "Encoder":
        """Open an encoder; called in a worker thread."""
        from .video_encoder import VideoEncoder

        _check_bitrate(self)
        return VideoEncoder(self, framerate)


H264Profile: TypeAlias = Literal["baseline", "main", "high"]

H264_PROFILES: Mapping[H264Profile, str] = MappingProxyType(
    {"baseline": "42e0", "main": "4d00", "high": "6400"}
)


@dataclass(frozen=True, slots=True)
class H264:
    """H.264 video in packetization mode 1 (RFC 6184).

    Attributes:
      bitrate: target, in bits per second.
      profile: ``"baseline"`` is Constrained Baseline, which every browser takes.
      level: such as ``"3.1"``; a picture size, frame rate or bitrate beyond it is an error.
        None takes what the pictures need, and says 3.1 in descriptions, as browsers do.
      encoder: FFmpeg's name of the encoder; :func:`probe_encoders` finds out which ones work.
    """

    bitrate: int = 2_000_000
    profile: H264Profile = "baseline"
    level: str | None = None
    encoder: Literal["libx264", "h264_nvenc", "h264_qsv", "h264_v4l2m2m", "h264_amf"] = "libx264"

    name: ClassVar[str] = "H264"
    kind: ClassVar[Kind] = "video"
    clock_rate: ClassVar[int] = 90_000
    channels: ClassVar[int | None] = None

    def __post_init__(self) -> None:
        from .h264_levels import LEVELS

        if self.profile not in H264_PROFILES:
            raise ValueError(f"{self.profile!r} is no profile; write {', '.join(H264_PROFILES)}")
        if self.level is not None and self.level not in LEVELS:
            raise ValueError(f"{self.level!r} is no level of H.264; write one such as '3.1'")

    @classmethod
    def of_stream(cls, profile_level_id: str, bitrate: int) -> Self:
        """Return how a stream is encoded that says *profile_level_id* of itself.

        Raises:
          ValueError: for a profile or a level that is not known here.
        """
        from .h264_levels import LEVELS

        level = int(profile_level_id[4:], 16)
        names = [name for name, limits in LEVELS.items() if limits.number == level]
        profiles: dict[str, H264Profile] = {"42": "baseline", "4d": "main", "64": "high"}
        profile = profiles.get(profile_level_id[:2].lower())
        if profile is None or not names:
            raise ValueError(f"{profile_level_id} is no profile and level known here")
        return cls(bitrate, profile, names[0])

    @property
    def profile_level_id(self) -> str:
        """What the stream conforms to (RFC 6184 §8.1)."""
        from .h264_levels import LEVELS

        return f"{H264_PROFILES[self.profile]}{LEVELS[self.level or '3.1'].number:02x}"

    @property
    def fmtp(self) -> Parameters:
        """What its ``a=fmtp`` says."""
        return (
            ("level-asymmetry-allowed", "1"),
            ("packetization-mode", "1"),
            ("profile-level-id", self.profile_level_id),
        )

    def open_encoder(self, framerate: float) -> "Encoder":
        """Open an encoder; called in a worker thread."""
        from .video_encoder import VideoEncoder

        _check_bitrate(self)
        return VideoEncoder(self, framerate)


@dataclass(frozen=True, slots=True)
class AV1:
    """AV1 video, main profile, one layer (AOMedia's RTP payload format for AV1).

    Attributes:
      bitrate: target, in bits per second.
      encoder: FFmpeg's name of the encoder.
    """

    bitrate: int = 1_500_000
    encoder: Literal["libsvtav1", "av1_nvenc", "av1_qsv", "av1_amf"] = "libsvtav1"

    name: ClassVar[str] = "AV1"
    kind: ClassVar[Kind] = "video"
    clock_rate: ClassVar[int] = 90_000
    channels: ClassVar[int | None] = None
    fmtp: ClassVar[Parameters] = (("level-idx", "5"), ("profile", "0"), ("tier", "0"))

    def open_encoder(self, framerate: float) -> "Encoder":
        """Open an encoder; called in a worker thread."""
        from .video_encoder import VideoEncoder

        _check_bitrate(self)
        return VideoEncoder(self, framerate)


OpusApplication: TypeAlias = Literal["voip", "audio", "lowdelay"]


@dataclass(frozen=True, slots=True)
class Opus:
    """Opus audio in packets of 20 ms, by libopus (RFC 7587).

    Attributes:
      bitrate: target, in bits per second, 6,000 to 510,000.
      stereo: whether two channels are encoded; the RTP format says two in any case.
      fec: whether each packet carries a poor copy of the one before, against loss.
      dtx: whether silence, below -50 dB, is not sent.
      application: what the encoder is tuned for: ``"voip"`` for speech, ``"audio"`` for all
        sound, ``"lowdelay"`` to save 4 ms, which does without ``fec``.
    """

    bitrate: int = 64_000
    stereo: bool = True
    fec: bool = True
    dtx: bool = False
    application: OpusApplication = "audio"

    name: ClassVar[str] = "opus"
    kind: ClassVar[Kind] = "audio"
    clock_rate: ClassVar[int] = 48_000
    channels: ClassVar[int | None] = 2
    encoder: ClassVar[str] = "libopus"

    def __post_init__(self) -> None:
        if self.application not in get_args(OpusApplication):
            names = ", ".join(get_args(OpusApplication))
            raise ValueError(f"{self.application!r} is no application of Opus; write {names}")

    @property
    def fmtp(self) -> Parameters:
        """What its ``a=fmtp`` says (RFC 7587 §6.1)."""
        flags = {"useinbandfec": self.fec, "stereo": self.stereo, "sprop-stereo": self.stereo}
        flags["usedtx"] = self.dtx
        return (("minptime", "10"), *((name, "1") for name, value in flags.items() if value))

    def open_encoder(self, framerate: float) -> "Encoder":
        """Open an encoder; called in a worker thread."""
        from .audio_encoder import OPUS_RATE, AudioEncoder, SilenceGate

        _check_bitrate(self)
        options = {
            "application": self.application,
            "frame_duration": "20",
            "fec": str(int(self.fec)),
            "packet_loss": "10" if self.fec else "0",
        }
        layout = "stereo" if self.stereo else "mono"
        gate = SilenceGate() if self.dtx else None
        return AudioEncoder(self, rate=OPUS_RATE, layout=layout, options=options, gate=gate)


@dataclass(frozen=True, slots=True)
class PCMU:
    """G.711 audio in µ-law, packets of 20 ms (RFC 3551 §4.5.14)."""

    name: ClassVar[str] = "PCMU"
    kind: ClassVar[Kind] = "audio"
    clock_rate: ClassVar[int] = 8_000
    channels: ClassVar[int | None] = 1
    fmtp: ClassVar[Parameters] = ()
    bitrate: ClassVar[int] = 64_000
    encoder: ClassVar[str] = "pcm_mulaw"

    def open_encoder(self, framerate: float) -> "Encoder":
        """Open an encoder; called in a worker thread."""
        from .audio_encoder import AudioEncoder

        return AudioEncoder(self, rate=8_000)


@dataclass(frozen=True, slots=True)
class PCMA:
    """G.711 audio in A-law, packets of 20 ms (RFC 3551 §4.5.14)."""

    name: ClassVar[str] = "PCMA"
    kind: ClassVar[Kind] = "audio"
    clock_rate: ClassVar[int] = 8_000
    channels: ClassVar[int | None] = 1
    fmtp: ClassVar[Parameters] = ()
    bitrate: ClassVar[int] = 64_000
    encoder: ClassVar[str] = "pcm_alaw"

    def open_encoder(self, framerate: float) -> "Encoder":
        """Open an encoder; called in a worker thread."""
        from .audio_encoder import AudioEncoder

        return AudioEncoder(self, rate=8_000)


@dataclass(frozen=True, slots=True)
class G722:
    """G.722 audio at 64 kbit/s, packets of 20 ms.

    It is sampled at 16 kHz, but its RTP clock says 8 kHz (RFC 3551 §4.5.2).
    """

    name: ClassVar[str] = "G722"
    kind: ClassVar[Kind] = "audio"
    clock_rate: ClassVar[int] = 8_000
    channels: ClassVar[int | None] = 1
    fmtp: ClassVar[Parameters] = ()
    bitrate: ClassVar[int] = 64_000
    encoder: ClassVar[str] = "g722"

    def open_encoder(self, framerate: float) -> "Encoder":
        """Open an encoder; called in a worker thread."""
        from .audio_encoder import AudioEncoder

        return AudioEncoder(self, rate=16_000)


VideoEncoding: TypeAlias = VP8 | VP9 | H264 | AV1
AudioEncoding: TypeAlias = Opus | PCMU | PCMA | G722


@dataclass(frozen=True, slots=True)
class Limits:
    """What a viewer wants less of than an encoding gives (W3C ``RTCRtpEncodingParameters``).

    Attributes:
      max_bitrate: in bits per second, less than 6,000 counting as 6,000; None is what the encoding
        says.
      max_framerate: in frames per second; None is what the source gives.
      scale_resolution_down_by: what width and height are divided by, 1 or more.
    """

    max_bitrate: int | None = None
    max_framerate: float | None = None
    scale_resolution_down_by: float = 1.0

    def __post_init__(self) -> None:
        if self.max_bitrate is not None and self.max_bitrate <= 0:
            raise ValueError(f"a bitrate of at most {self.max_bitrate} is none")
        if self.max_framerate is not None and not 0 < self.max_framerate < math.inf:
            raise ValueError(f"a frame rate of at most {self.max_framerate} is none")
        if not 1 <= self.scale_resolution_down_by < math.inf:
            raise ValueError(f"scale_resolution_down_by is at least 1, not {self.scale_resolution_down_by}")

    def binding(self, encoding: Encoding, framerate: float) -> "Limits":
        """Return what of these limits makes a difference to *encoding* at *framerate*."""
        limits = self
        if limits.max_bitrate is not None and limits.max_bitrate >= encoding.bitrate:
            limits = replace(limits, max_bitrate=None)
        if encoding.kind == "audio":
            return Limits(limits.max_bitrate)
        if limits.max_framerate is not None and limits.max_framerate >= framerate:
            limits = replace(limits, max_framerate=None)
        return limits

    def differs_in_bitrate_alone(self, other: "Limits") -> bool:
        """Whether one encoder can do both, one after the other."""
        return replace(self, max_bitrate=other.max_bitrate) == other


UNLIMITED = Limits()
