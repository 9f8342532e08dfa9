"""From the encodings that applications write to the capabilities that sessions negotiate."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from triortc.media.encodings import Encoding
from triortc.media.local_track import LocalTrack
from triortc.protocol.session.codecs import CAPABILITIES, CodecCapability, default_capabilities
from triortc.protocol.wire.errors import LocalProtocolError


def capability_of(encoding: Encoding) -> CodecCapability:
    """Return what *encoding* is called in a description.

    Raises:
      LocalProtocolError: for a codec that descriptions have no form for.
    """
    capability = CAPABILITIES.get(encoding.name.lower())
    if capability is None or capability.kind != encoding.kind:
        raise LocalProtocolError(f"{encoding.name} cannot be negotiated")
    return replace(capability, parameters=encoding.fmtp)


def capabilities_of(encodings: Iterable[Encoding]) -> tuple[CodecCapability, ...]:
    """Return the capabilities of *encodings*, in their order, each once."""
    return tuple(dict.fromkeys(map(capability_of, encodings)))


def preferred_capabilities(
    kind: str, preferences: Sequence[Encoding], track: LocalTrack | None
) -> tuple[CodecCapability, ...]:
    """Return the capabilities to negotiate for a transceiver of *kind*.

    Args:
      kind: ``"audio"`` or ``"video"``.
      preferences: what the application prefers; nothing stands for what *track* comes in, or
        without a track for every codec.
      track: what is sent, or None.

    Raises:
      LocalProtocolError: if a preference is of the other kind, or *track* comes in none of them.
    """
    if not preferences:
        return default_capabilities(kind) if track is None else capabilities_of(track.encodings)
    if any(encoding.kind != kind for encoding in preferences):
        raise LocalProtocolError(f"not all of these are {kind} codecs")
    capabilities = capabilities_of(preferences)
    if track is not None:
        names = {capability.name for capability in capabilities}
        if not any(encoding.name in names for encoding in track.encodings):
            raise LocalProtocolError(f"{track!r} comes in none of {', '.join(sorted(names))}")
    return capabilities
