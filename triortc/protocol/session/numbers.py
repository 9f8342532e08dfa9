"""The numbers of a session: payload types and header extension ids, which never change their meaning.

A remote description may claim so many that none is left: then a codec or extension is left out.
"""

from collections.abc import Container, Iterable
from dataclasses import replace

from triortc.protocol.rtp.extensions import MID_URI, REPAIRED_RID_URI, RID_URI
from triortc.protocol.sdp.description import HeaderExtension, MediaDescription, ParsedDescription

from .codecs import CodecCapability, Identity, NegotiatedCodec

# Dynamic payload types (RFC 3551 §6), then the range that RFC 5761 §4 leaves besides.
_PAYLOAD_TYPES = (*range(96, 128), *range(35, 64))

# What the one-byte form can carry (RFC 8285 §4.2).
_EXTENSION_IDS = range(1, 15)

# Ids that Chromium uses for the same, or not at all. It does not forget the others in an offer that it
# takes back when two meet: its next one would have two meanings for one id, which it refuses to set.
_PREFERRED_IDS = {MID_URI: 9, RID_URI: 10, REPAIRED_RID_URI: 11}

MAX_EXTENSION_ID = 255
"""What the two-byte form can carry; a higher one in an offer is for the answer to change (RFC 8285 §6)."""

KNOWN_EXTENSIONS = (MID_URI, RID_URI, REPAIRED_RID_URI)


class PayloadTypes:
    """The payload types under which a session receives.

    A number keeps its meaning in its media section for good (RFC 3264 §8.3.2); a codec has one
    number in all sections, as far as the remote side lets it (RFC 9143 §10.1.2).
    """

    def __init__(self) -> None:
        self._numbers: dict[Identity, int] = {}
        self._meanings: dict[str, dict[int, Identity]] = {}
        self._taken: set[int] = set()

    def copy(self) -> "PayloadTypes":
        """Return an equal one, to try something out on."""
        other = PayloadTypes()
        other._numbers = self._numbers.copy()
        other._meanings = {mid: meanings.copy() for mid, meanings in self._meanings.items()}
        other._taken = self._taken.copy()
        return other

    def reserve(self, parsed: ParsedDescription) -> None:
        """Leave the numbers of a remote description, known codecs or not, to their codecs."""
        for media in parsed.media:
            self._taken.update(codec.payload_type for codec in media.codecs)

    def forget_all_but(self, mids: Container[str]) -> None:
        """Forget media sections that are no more: another one stands in their place."""
        self._meanings = {mid: meanings for mid, meanings in self._meanings.items() if mid in mids}

    def offer(self, mid: str, capabilities: Iterable[CodecCapability]) -> tuple[NegotiatedCodec, ...]:
        """Return *capabilities* under their numbers in a media section, new ones where they have none."""
        distinct = {capability.identity: capability for capability in reversed(tuple(capabilities))}
        offered = (self._offer(mid, capability) for capability in reversed(distinct.values()))
        return tuple(codec for codec in offered if codec is not None)

    def _offer(self, mid: str, capability: CodecCapability) -> NegotiatedCodec | None:
        identity = capability.identity
        number = self._number(mid, identity, capability.payload_type)
        if number is None:
            return None
        return NegotiatedCodec(
            capability=capability,
            payload_type=number,
            rtx_payload_type=self._number(mid, (*identity, "rtx")) if capability.retransmission else None,
            parameters=capability.parameters,
            feedback=capability.feedback,
            local_parameters=capability.parameters,
        )

    def answer(self, mid: str, codecs: Iterable[NegotiatedCodec]) -> tuple[NegotiatedCodec, ...]:
        """Return the codecs of an offer under the numbers to receive them under.

        They are the offer's (RFC 3264 §6.1), unless they meant something else in this section before.
        """
        answered = (self._answer(mid, codec) for codec in codecs)
        return tuple(codec for codec in answered if codec is not None)

    def _answer(self, mid: str, codec: NegotiatedCodec) -> NegotiatedCodec | None:
        identity = codec.capability.identity
        number = self._adopt(mid, identity, codec.payload_type)
        if number is None:
            return None
        retransmission = codec.rtx_payload_type
        if retransmission is not None:
            retransmission = self._adopt(mid, (*identity, "rtx"), retransmission)
        if (number, retransmission) == (codec.payload_type, codec.rtx_payload_type):
            return codec
        return replace(codec, received_as=(number, retransmission))

    def _adopt(self, mid: str, identity: Identity, offered: int) -> int | None:
        meanings = self._meanings.setdefault(mid, {})
        if meanings.get(offered, identity) != identity:
            return self._number(mid, identity)
        # Last, so that this is the number it goes by from now on.
        meanings.pop(offered, None)
        meanings[offered] = identity
        self._numbers.setdefault(identity, offered)
        self._taken.add(offered)
        return offered

    def _number(self, mid: str, identity: Identity, static: int | None = None) -> int | None:
        meanings = self._meanings.setdefault(mid, {})
        known = next((number for number, it in reversed(meanings.items()) if it == identity), None)
        if known is not None:
            return known
        wanted = self._numbers.get(identity, static)
        free = (number for number in _PAYLOAD_TYPES if number not in self._taken)
        number = next(free, None) if wanted is None or wanted in meanings else wanted
        if number is not None:
            self._numbers.setdefault(identity, number)
            self._taken.add(number)
            meanings[number] = identity
        return number


class ExtensionIds:
    """The header extensions' ids: one means one thing in the whole bundle (RFC 9143 §9.1)."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self._taken: set[int] = set()

    def copy(self) -> "ExtensionIds":
        """Return an equal one, to try something out on."""
        other = ExtensionIds()
        other._ids = self._ids.copy()
        other._taken = self._taken.copy()
        return other

    def reserve(self, parsed: ParsedDescription) -> None:
        """Take over the ids of a remote description, and leave those of unknown extensions alone."""
        for media in parsed.media:
            for extension in media.extensions:
                self._taken.add(extension.id)
                if extension.uri in KNOWN_EXTENSIONS and extension.id <= MAX_EXTENSION_ID:
                    self._ids.setdefault(extension.uri, extension.id)

    def offer(self, uris: Iterable[str]) -> tuple[HeaderExtension, ...]:
        """Return extensions to offer, under their ids, new ones where they have none."""
        offered = ((uri, self._number(uri)) for uri in uris)
        return tuple(HeaderExtension(number, uri) for uri, number in offered if number is not None)

    def _number(self, uri: str) -> int | None:
        if uri not in self._ids:
            wanted = (_PREFERRED_IDS.get(uri, 1), *_EXTENSION_IDS)
            number = next((free for free in wanted if free not in self._taken), None)
            if number is None:
                return None
            self._ids[uri] = number
            self._taken.add(number)
        return self._ids[uri]


def find_extensions(media: MediaDescription, uris: Container[str]) -> tuple[HeaderExtension, ...]:
    """Return those of *uris* that a description has, under its ids (RFC 8285 §6)."""
    found = {extension.uri: extension.id for extension in reversed(media.extensions)}
    return tuple(
        HeaderExtension(found[uri], uri)
        for uri in KNOWN_EXTENSIONS
        if uri in uris and found.get(uri, MAX_EXTENSION_ID + 1) <= MAX_EXTENSION_ID
    )


def extension_id(extensions: Iterable[HeaderExtension], uri: str) -> int | None:
    """Return the id of a header extension, or None."""
    return next((extension.id for extension in extensions if extension.uri == uri), None)
