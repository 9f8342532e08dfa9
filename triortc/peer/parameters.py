"""How a track is to be sent: frozen parameters with the meaning W3C webrtc §5.2 gives them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from triortc.protocol.wire.errors import InvalidStateError, LocalProtocolError

MAX_ENCODINGS = 8
MAX_RID_LENGTH = 16


@dataclass(frozen=True, slots=True)
class EncodingParameters:
    """One encoding of a track as it is sent (W3C ``RTCRtpEncodingParameters``).

    Viewers of one track that ask for the same share one encoder.

    Attributes:
      rid: its name, where a track is sent in several (RFC 8851); ASCII letters and digits.
      active: whether it is sent at all.
      max_bitrate: the most it may use, bits per second, as far as the codec goes down: less than 6,000
        count as 6,000. None leaves it to the track's encoding.
      max_framerate: the most frames per second; None sends all.
      scale_resolution_down_by: by what width and height are divided, 1 or more.

    Raises:
      LocalProtocolError: for values that mean nothing.
    """

    rid: str | None = None
    active: bool = True
    max_bitrate: int | None = None
    max_framerate: float | None = None
    scale_resolution_down_by: float = 1.0

    def __post_init__(self) -> None:
        if self.rid is not None and not _is_rid(self.rid):
            raise LocalProtocolError(f"not a rid: {self.rid!r}")
        if self.max_bitrate is not None and self.max_bitrate <= 0:
            raise LocalProtocolError("max_bitrate has to be positive")
        if self.max_framerate is not None and not 0 < self.max_framerate < math.inf:
            raise LocalProtocolError("max_framerate has to be positive; active=False sends nothing")
        if not 1 <= self.scale_resolution_down_by < math.inf:
            raise LocalProtocolError("scale_resolution_down_by has to be at least 1, and finite")


def _is_rid(text: str) -> bool:
    return text.isascii() and text.isalnum() and len(text) <= MAX_RID_LENGTH


@dataclass(frozen=True, slots=True)
class SendParameters:
    """How a transceiver sends its track (W3C ``RTCRtpSendParameters``).

    Change it by :func:`dataclasses.replace`, and hand it back to
    :meth:`triortc.Transceiver.set_parameters` before anything else has changed it.

    Attributes:
      transaction_id: which reading of the parameters this is.
      encodings: the encodings, in the order they were asked for.
    """

    transaction_id: int
    encodings: tuple[EncodingParameters, ...]


def check_encodings(encodings: Sequence[EncodingParameters]) -> tuple[EncodingParameters, ...]:
    """Return the encodings a transceiver begins with; a single one without a name by default.

    Several that name no scale are halved from one to the next, the last one being the largest
    (W3C webrtc §5.1, ``addTransceiver``).

    Raises:
      LocalProtocolError: too many, or several of which one has no name or the name of another.
    """
    if not encodings:
        return (EncodingParameters(),)
    if len(encodings) > MAX_ENCODINGS:
        raise LocalProtocolError(f"at most {MAX_ENCODINGS} encodings of one track")
    rids = [encoding.rid for encoding in encodings]
    if len(rids) > 1 and (None in rids or len(set(rids)) < len(rids)):
        raise LocalProtocolError("several encodings need a rid each, and no two the same")
    if any(encoding.scale_resolution_down_by != 1 for encoding in encodings):
        return tuple(encodings)
    last = len(encodings) - 1
    return tuple(
        replace(encoding, scale_resolution_down_by=float(2 ** (last - place)))
        for place, encoding in enumerate(encodings)
    )


def check_change(old: SendParameters, new: SendParameters) -> None:
    """Find out whether *new* may take the place of *old* (W3C ``setParameters``).

    Raises:
      InvalidStateError: *new* was read before the last change.
      LocalProtocolError: it adds, removes, reorders or renames encodings.
    """
    if new.transaction_id != old.transaction_id:
        raise InvalidStateError("the parameters have changed since these were read")
    if [encoding.rid for encoding in new.encodings] != [encoding.rid for encoding in old.encodings]:
        raise LocalProtocolError("encodings cannot be added, removed, reordered or renamed")
