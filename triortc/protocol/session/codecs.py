"""Which codecs a session can name in a description, and how two names are found to agree."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from triortc.protocol.sdp.description import Codec

from .h264 import answer_profile_level, parse_profile_level_untrusted

Parameters: TypeAlias = tuple[tuple[str, str | None], ...]
Identity: TypeAlias = tuple[str | int | None, ...]
"""What makes two names mean one codec: its name, rate, channels, and the parameters that matter."""

VIDEO_FEEDBACK = ("nack", "nack pli", "ccm fir")


@dataclass(frozen=True, slots=True)
class CodecCapability:
    """A codec as this side can send or receive it (W3C ``RTCRtpCodecCapability``).

    Attributes:
      kind: ``"audio"`` or ``"video"``.
      name: the encoding name of its ``a=rtpmap``.
      clock_rate: RTP timestamp units per second.
      channels: audio channels, or None.
      parameters: its ``a=fmtp``, in order.
      feedback: its ``a=rtcp-fb`` values.
      retransmission: whether RTX (RFC 4588) goes with it.
      payload_type: its static RTP payload type (RFC 3551 §6), or None.
    """

    kind: str
    name: str
    clock_rate: int
    channels: int | None = None
    parameters: Parameters = ()
    feedback: tuple[str, ...] = ()
    retransmission: bool = False
    payload_type: int | None = None

    def parameter(self, name: str) -> str | None:
        """Return the value of a format parameter, or None."""
        return find_parameter(self.parameters, name)

    @property
    def identity(self) -> Identity:
        """What makes it this codec and no other, whatever else its parameters wish."""
        return _identify(self.name, self.clock_rate, self.channels, self.parameter)


def find_parameter(parameters: Parameters, name: str) -> str | None:
    """Return the value of a format parameter, or None; names have no case (RFC 4855 §3)."""
    return next((value for key, value in parameters if key.lower() == name), None)


def _identify(
    name: str, clock_rate: int, channels: int | None, parameter: Callable[[str], str | None]
) -> Identity:
    return (name.lower(), clock_rate, channels or 1, *_identify_format(name.lower(), parameter))


def _identify_format(name: str, parameter: Callable[[str], str | None]) -> Identity:
    if name == "h264":
        said = parse_profile_level_untrusted(parameter("profile-level-id"))
        profile = None if said is None else said.profile
        return (parameter("packetization-mode") or "0", profile)
    if name == "vp9":  # RFC 9628 §6
        return (parameter("profile-id") or "0",)
    if name == "av1":  # AV1 RTP payload format §7.2.3
        return (parameter("profile") or "0",)
    return ()


def _video(name: str, *parameters: tuple[str, str]) -> CodecCapability:
    return CodecCapability(
        "video", name, 90_000, parameters=parameters, feedback=VIDEO_FEEDBACK, retransmission=True
    )


def h264(profile_level_id: str) -> CodecCapability:
    """Return H264 with a profile and level."""
    return _video(
        "H264",
        ("level-asymmetry-allowed", "1"),
        ("packetization-mode", "1"),
        ("profile-level-id", profile_level_id),
    )


VP8 = _video("VP8")
H264 = h264("42e01f")
VP9 = _video("VP9", ("profile-id", "0"))
AV1 = _video("AV1", ("level-idx", "5"), ("profile", "0"), ("tier", "0"))
OPUS = CodecCapability(
    "audio", "opus", 48_000, channels=2, parameters=(("minptime", "10"), ("useinbandfec", "1"))
)
# G722's RTP clock runs at half its sampling rate, by an old mistake (RFC 3551 §4.5.2).
G722 = CodecCapability("audio", "G722", 8_000, payload_type=9)
PCMU = CodecCapability("audio", "PCMU", 8_000, payload_type=0)
PCMA = CodecCapability("audio", "PCMA", 8_000, payload_type=8)

CAPABILITIES = {
    capability.name.lower(): capability for capability in (VP8, H264, VP9, AV1, OPUS, G722, PCMU, PCMA)
}

_H264_PROFILES = (H264, *map(h264, ("42001f", "640c1f", "64001f", "4d001f")))
_DEFAULTS = {
    "video": (VP8, *_H264_PROFILES, VP9, AV1),
    "audio": (OPUS, G722, PCMU, PCMA),
}


def default_capabilities(kind: str) -> tuple[CodecCapability, ...]:
    """Return the codecs of one kind, the preferred ones first."""
    return _DEFAULTS.get(kind, ())


@dataclass(frozen=True, slots=True)
class ReceivedCodec:
    """What a payload type means in what this side receives.

    Attributes:
      name: the encoding name in lower case; ``"rtx"`` for retransmissions.
      clock_rate: RTP timestamp units per second.
      channels: audio channels, or None.
      apt: the payload type that is retransmitted under this one (RFC 4588 §8.1), or None.
    """

    name: str
    clock_rate: int
    channels: int | None = None
    apt: int | None = None


@dataclass(frozen=True, slots=True)
class NegotiatedCodec:
    """A codec that both sides know.

    Attributes:
      capability: what this side calls it.
      payload_type: the RTP payload type to send under.
      rtx_payload_type: that of its retransmissions, or None.
      parameters: the remote's ``a=fmtp``: how it wishes to be sent to.
      feedback: the ``a=rtcp-fb`` values both sides know.
      local_parameters: this side's ``a=fmtp``.
      received_as: the two payload types it is received under, when they are not those to send under
        (RFC 3264 §5.1 lets each side number what it receives).
    """

    capability: CodecCapability
    payload_type: int
    rtx_payload_type: int | None
    parameters: Parameters
    feedback: tuple[str, ...]
    local_parameters: Parameters = ()
    received_as: tuple[int, int | None] | None = None

    def parameter(self, name: str) -> str | None:
        """Return what the remote wishes of a format parameter, or None."""
        return find_parameter(self.parameters, name)

    @property
    def receive_payload_type(self) -> int:
        """The RTP payload type it is received under."""
        return self.payload_type if self.received_as is None else self.received_as[0]

    @property
    def receive_rtx_payload_type(self) -> int | None:
        """That of its retransmissions, or None."""
        return self.rtx_payload_type if self.received_as is None else self.received_as[1]

    def receive_types(self) -> dict[int, ReceivedCodec]:
        """Return what its payload types mean in what this side receives."""
        capability, number = self.capability, self.receive_payload_type
        types = {number: ReceivedCodec(capability.name.lower(), capability.clock_rate, capability.channels)}
        if self.receive_rtx_payload_type is not None:
            types[self.receive_rtx_payload_type] = ReceivedCodec("rtx", capability.clock_rate, apt=number)
        return types

    def describe(self) -> tuple[Codec, ...]:
        """Return its lines in this side's descriptions: the codec, and its RTX."""
        capability, number = self.capability, self.receive_payload_type
        codec = Codec(
            payload_type=number,
            name=capability.name,
            clock_rate=capability.clock_rate,
            channels=capability.channels,
            parameters=self.local_parameters,
            feedback=self.feedback,
        )
        if self.receive_rtx_payload_type is None:
            return (codec,)
        rtx = Codec(
            payload_type=self.receive_rtx_payload_type,
            name="rtx",
            clock_rate=capability.clock_rate,
            parameters=(("apt", str(number)),),
        )
        return (codec, rtx)


def match_codecs(
    capabilities: Sequence[CodecCapability], remote: Sequence[Codec], *, in_remote_order: bool = False
) -> tuple[NegotiatedCodec, ...]:
    """Return the codecs both sides know, under the remote's payload types.

    Args:
      capabilities: this side's codecs.
      remote: the remote's.
      in_remote_order: whether the remote's order counts, or this side's.
    """
    pairs = _pair(capabilities, remote)
    if in_remote_order:
        pairs.sort(key=lambda pair: remote.index(pair[1]))
    return tuple(_agree(capability, codec, remote) for capability, codec in pairs)


def _pair(
    capabilities: Sequence[CodecCapability], remote: Sequence[Codec]
) -> list[tuple[CodecCapability, Codec]]:
    """Pair each capability with the remote's equal; what is left, with what is near enough."""
    free = {
        codec.payload_type: _identify(codec.name, codec.clock_rate, codec.channels, codec.parameter)
        for codec in remote
        if _is_well_formed(codec)
    }
    by_number = {codec.payload_type: codec for codec in reversed(remote)}
    found: dict[int, Codec] = {}
    for alike in (_is_same, _is_near):
        for index, capability in enumerate(capabilities):
            if index not in found:
                identity = capability.identity
                number = next((number for number, other in free.items() if alike(identity, other)), None)
                if number is not None:
                    found[index] = by_number[number]
                    del free[number]
    return [(capabilities[index], found[index]) for index in sorted(found)]


def _is_well_formed(codec: Codec) -> bool:
    """Whether an H264 has a profile that has a name, and packets that we can make and read."""
    if codec.name.lower() != "h264":
        return True
    said = parse_profile_level_untrusted(codec.parameter("profile-level-id"))
    usable = said is not None and said.profile is not None
    return usable and codec.parameter("packetization-mode") == "1"


def _is_same(one: Identity, other: Identity) -> bool:
    return one == other


_NEAR_PROFILES = (
    frozenset({"constrained baseline", "baseline"}),
    frozenset({"constrained high", "high"}),
)


def _is_near(one: Identity, other: Identity) -> bool:
    """Whether two are the same H264 but for constraints that no real-time encoder breaks."""
    if one[0] != "h264" or one[:-1] != other[:-1]:
        return False
    return any({one[-1], other[-1]} <= profiles for profiles in _NEAR_PROFILES)


def _agree(capability: CodecCapability, codec: Codec, remote: Sequence[Codec]) -> NegotiatedCodec:
    rtx = _rtx_payload_type(remote, codec.payload_type) if capability.retransmission else None
    return NegotiatedCodec(
        capability=capability,
        payload_type=codec.payload_type,
        rtx_payload_type=rtx,
        parameters=codec.parameters,
        feedback=tuple(value for value in capability.feedback if value in codec.feedback),
        local_parameters=_answer_parameters(capability, codec),
    )


def _rtx_payload_type(codecs: Sequence[Codec], payload_type: int) -> int | None:
    for codec in codecs:
        if codec.name.lower() == "rtx" and codec.parameter("apt") == str(payload_type):
            return codec.payload_type
    return None


def _answer_parameters(capability: CodecCapability, offered: Codec) -> Parameters:
    """Return this side's ``a=fmtp`` in an answer (RFC 6184 §8.2.2 for H264)."""
    if capability.name != "H264":
        return capability.parameters
    asymmetric = (
        "1" == offered.parameter("level-asymmetry-allowed") == capability.parameter("level-asymmetry-allowed")
    )
    profile_level_id = answer_profile_level(
        offered.parameter("profile-level-id"),
        capability.parameter("profile-level-id"),
        asymmetric=asymmetric,
    )
    said = {"level-asymmetry-allowed": str(int(asymmetric)), "profile-level-id": profile_level_id}
    return tuple((key, said.get(key.lower(), value)) for key, value in capability.parameters)
