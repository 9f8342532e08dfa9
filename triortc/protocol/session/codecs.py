"""Which codecs a session can name in a description, and how two names are found to agree."""

from collections.abc import Sequence
from dataclasses import dataclass

from triortc.protocol.sdp.description import Codec

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
    """

    kind: str
    name: str
    clock_rate: int
    channels: int | None = None
    parameters: tuple[tuple[str, str | None], ...] = ()
    feedback: tuple[str, ...] = ()
    retransmission: bool = False


VP8 = CodecCapability("video", "VP8", 90_000, feedback=VIDEO_FEEDBACK, retransmission=True)
H264 = CodecCapability(
    "video",
    "H264",
    90_000,
    parameters=(
        ("level-asymmetry-allowed", "1"),
        ("packetization-mode", "1"),
        ("profile-level-id", "42e01f"),
    ),
    feedback=VIDEO_FEEDBACK,
    retransmission=True,
)
OPUS = CodecCapability(
    "audio",
    "opus",
    48_000,
    channels=2,
    parameters=(("minptime", "10"), ("useinbandfec", "1")),
)

CAPABILITIES = {capability.name.lower(): capability for capability in (VP8, H264, OPUS)}


def default_capabilities(kind: str) -> tuple[CodecCapability, ...]:
    """Return the codecs of one kind, the preferred ones first."""
    return tuple(capability for capability in CAPABILITIES.values() if capability.kind == kind)


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
    """A codec that both sides know, under the payload types they agreed on.

    Attributes:
      capability: what this side calls it.
      payload_type: the RTP payload type to send under.
      rtx_payload_type: that of its retransmissions, or None.
      parameters: its ``a=fmtp`` as negotiated: what the remote wishes to be sent.
      feedback: the ``a=rtcp-fb`` values both sides know.
    """

    capability: CodecCapability
    payload_type: int
    rtx_payload_type: int | None
    parameters: tuple[tuple[str, str | None], ...]
    feedback: tuple[str, ...]

    @property
    def receive_payload_type(self) -> int:
        """The RTP payload type it is received under."""
        return self.payload_type

    @property
    def receive_rtx_payload_type(self) -> int | None:
        """That of its retransmissions, or None."""
        return self.rtx_payload_type

    def receive_types(self) -> dict[int, ReceivedCodec]:
        """Return what its payload types mean in what this side receives."""
        capability, number = self.capability, self.receive_payload_type
        types = {number: ReceivedCodec(capability.name.lower(), capability.clock_rate, capability.channels)}
        if self.receive_rtx_payload_type is not None:
            types[self.receive_rtx_payload_type] = ReceivedCodec("rtx", capability.clock_rate, apt=number)
        return types

    def describe(self) -> tuple[Codec, ...]:
        """Return its lines in a description: the codec, and its RTX."""
        capability = self.capability
        codec = Codec(
            payload_type=self.payload_type,
            name=capability.name,
            clock_rate=capability.clock_rate,
            channels=capability.channels,
            parameters=self.parameters,
            feedback=self.feedback,
        )
        if self.rtx_payload_type is None:
            return (codec,)
        rtx = Codec(
            payload_type=self.rtx_payload_type,
            name="rtx",
            clock_rate=capability.clock_rate,
            channels=None,
            parameters=(("apt", str(self.payload_type)),),
            feedback=(),
        )
        return (codec, rtx)


def _is_constrained_baseline(profile_level_id: str) -> bool:
    """Whether a decoder of this profile takes constrained baseline (RFC 6184 §8.1, table 5)."""
    if len(profile_level_id) != 6 or not all(digit in "0123456789abcdef" for digit in profile_level_id):
        return False
    return profile_level_id.startswith("42")


def _agrees(capability: CodecCapability, remote: Codec) -> bool:
    if remote.name.lower() != capability.name.lower() or remote.clock_rate != capability.clock_rate:
        return False
    if (remote.channels or 1) != (capability.channels or 1):
        return False
    if capability is H264:
        profile = (remote.parameter("profile-level-id") or "42000a").lower()
        return remote.parameter("packetization-mode") == "1" and _is_constrained_baseline(profile)
    return True


def _rtx_payload_type(codecs: Sequence[Codec], payload_type: int) -> int | None:
    for codec in codecs:
        if codec.name.lower() == "rtx" and codec.parameter("apt") == str(payload_type):
            return codec.payload_type
    return None


def match_codecs(
    capabilities: Sequence[CodecCapability], remote: Sequence[Codec]
) -> tuple[NegotiatedCodec, ...]:
    """Return the codecs both sides know, in this side's order, under the remote's payload types.

    The remote's numbers and format parameters are kept, as RFC 3264 §6.1 asks of an answerer.
    """
    matched: list[NegotiatedCodec] = []
    for capability in capabilities:
        codec = next((codec for codec in remote if _agrees(capability, codec)), None)
        if codec is None:
            continue
        rtx = _rtx_payload_type(remote, codec.payload_type) if capability.retransmission else None
        matched.append(
            NegotiatedCodec(
                capability=capability,
                payload_type=codec.payload_type,
                rtx_payload_type=rtx,
                parameters=codec.parameters if capability is H264 else capability.parameters,
                feedback=tuple(value for value in capability.feedback if value in codec.feedback),
            )
        )
    return tuple(matched)


class PayloadTypes:
    """The payload types of one session: a codec keeps its number for the session's life.

    RFC 3264 §8.3.2 forbids a number to change its meaning.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def adopt(self, codecs: Sequence[NegotiatedCodec]) -> None:
        """Remember the numbers that the remote side chose."""
        for codec in codecs:
            self._numbers[codec.capability.name] = codec.payload_type
            if codec.rtx_payload_type is not None:
                self._numbers[codec.capability.name + "/rtx"] = codec.rtx_payload_type

    def offer(self, capabilities: Sequence[CodecCapability]) -> tuple[NegotiatedCodec, ...]:
        """Return *capabilities* under their numbers, new ones from the dynamic range."""
        return tuple(
            NegotiatedCodec(
                capability=capability,
                payload_type=self._number(capability.name),
                rtx_payload_type=self._number(capability.name + "/rtx")
                if capability.retransmission
                else None,
                parameters=capability.parameters,
                feedback=capability.feedback,
            )
            for capability in capabilities
        )

    def _number(self, name: str) -> int:
        number = self._numbers.get(name)
        if number is None:
            taken = set(self._numbers.values())
            # Dynamic payload types (RFC 3551 §6).
            number = next(number for number in range(96, 128) if number not in taken)
            self._numbers[name] = number
        return number
