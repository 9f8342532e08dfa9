"""SRTP and SRTCP (RFC 3711, RFC 7714) through libsrtp; the one door to pylibsrtp."""

from array import array
from collections.abc import Callable
from itertools import repeat
from typing import Any

from pylibsrtp import ERRORS, Error, Policy, Session
from pylibsrtp._binding import ffi, lib

from triortc.protocol.wire.errors import LocalProtocolError
from triortc.protocol.wire.srtp_profile import SrtpProfile

from .frame import MAX_SEGMENTS

REPLAY_WINDOW = 1024
"""How many packets back a late one is still accepted."""

MAX_SSRCS = 64
"""How many remote streams a receiver keeps state of; the least recently heard one is forgotten."""

MAX_PACKET_SIZE = 2048
"""A longer packet is not even looked at."""

_MAX_LAYOUTS = 8
_REPLAYED = (9, 10)  # srtp_err_status_replay_fail, srtp_err_status_replay_old
_UNSPECIFIED = 1  # srtp_err_status_fail
_unprotect = lib.srtp_unprotect  # looking it up in the binding takes as long as calling it
_SSRC_RTP = slice(8, 12)
_SSRC_RTCP = slice(4, 8)
_RTP_HEADER_LENGTH = 12
_RTCP_HEADER_LENGTH = 8
_SRTCP_INDEX_LENGTH = 4


class Scratch:
    """A pinned buffer in which SRTP protects packets in place.

    It belongs to whoever owns the socket and is lent to sessions for one turn; what is
    written into it is sent before the turn ends, then :meth:`clear` frees it all.

    Attributes:
      buffer: the bytes; a pinned bytearray cannot be resized.
      view: the same, to slice without copying.
      used: how many bytes are taken in this turn.
    """

    __slots__ = ("_base", "_layouts", "buffer", "length_pointers", "lengths", "used", "view")

    def __init__(self, size: int = MAX_SEGMENTS * 1500) -> None:
        self.buffer: bytearray = bytearray(size)
        self.view: memoryview[int] = memoryview(self.buffer)
        self.used: int = 0
        self._base = ffi.from_buffer("char[]", self.buffer, require_writable=True)
        self._layouts: dict[tuple[int, ...], tuple[list[Any], array[int]]] = {}
        self.lengths: array[int] = array("i", bytes(4 * MAX_SEGMENTS))
        first = ffi.from_buffer("int[]", self.lengths, require_writable=True)
        self.length_pointers: list[Any] = [first + index for index in range(MAX_SEGMENTS)]

    def clear(self) -> None:
        """Take back all that was lent."""
        self.used = 0

    def with_room(self, size: int) -> "Scratch":
        """Return a scratch that has *size* free bytes from its ``used`` on.

        This one, or a fresh one that lives as long as a view into it.
        """
        return self if self.used + size <= len(self.buffer) else Scratch(size)

    def layout(
        self, offset: int, stride: int, count: int, last: int, tag: int
    ) -> tuple[list[Any], "array[int]"]:
        """Return C pointers to *count* packets, the first at *offset*, and their lengths without tags.

        Viewers of one frame ask for the same ones in turn, so the last few are kept.
        """
        key = (offset, stride, count, last, tag)
        layout = self._layouts.get(key)
        if layout is None:
            if len(self._layouts) >= _MAX_LAYOUTS:
                self._layouts.clear()
            base = self._base
            pointers = [base + start for start in range(offset, offset + count * stride, stride)]
            layout = pointers, array("i", [stride - tag] * (count - 1) + [last - tag])
            self._layouts[key] = layout
        return layout


class SrtpSender:
    """Protects the packets of one direction; any number of SSRCs share its key.

    Args:
      key: master key and master salt.
      profile: the negotiated protection profile.

    Attributes:
      tag_length: how many bytes an RTP packet grows.
    """

    __slots__ = ("_context", "_session", "tag_length")

    def __init__(self, key: bytes, profile: SrtpProfile) -> None:
        self.tag_length: int = profile.tag_length
        self._session = _open_session(key, profile, Policy.SSRC_ANY_OUTBOUND)
        self._context = find_context(self._session)

    def protect_burst(self, scratch: Scratch, offset: int, stride: int, count: int, last: int) -> list[int]:
        """Protect up to 64 RTP packets where they lie, each followed by a gap for its tag.

        Args:
          scratch: holds the packets.
          offset: where the first one begins.
          stride: from one packet to the next, tag included.
          count: how many there are.
          last: length of the last one, tag included.

        Returns:
          Which packets failed, 0 being the first; normally none. A failed one may still
          be plain text and must not be sent.
        """
        if self._context is None:
            return self._protect_copies(scratch, offset, stride, count, last)
        pointers, lengths = scratch.layout(offset, stride, count, last, self.tag_length)
        scratch.lengths[:count] = lengths
        # C calls C here: map runs no Python bytecode per packet.
        statuses = list(
            map(lib.srtp_protect, repeat(self._context, count), pointers, scratch.length_pointers)
        )
        return [index for index, status in enumerate(statuses) if status] if any(statuses) else []

    def _protect_copies(self, scratch: Scratch, offset: int, stride: int, count: int, last: int) -> list[int]:
        failed: list[int] = []
        for index in range(count):
            start = offset + index * stride
            end = start + (last if index == count - 1 else stride)
            try:
                protected = self._session.protect(bytes(scratch.view[start : end - self.tag_length]))
            except Error:
                failed.append(index)
            else:
                scratch.view[start:end] = protected
        return failed

    def protect_rtcp(self, packet: bytes) -> bytes:
        """Return a compound RTCP packet protected.

        Raises:
          LocalProtocolError: when it is too long, or the key is worn out (2**31 packets).
        """
        try:
            return self._session.protect_rtcp(packet)
        except (Error, ValueError) as error:
            raise LocalProtocolError(f"RTCP of {len(packet)} bytes: {error}") from None


class SrtpReceiver:
    """Authenticates and decrypts the packets of one direction.

    Args:
      key: master key and master salt.
      profile: the negotiated protection profile.

    Attributes:
      unauthenticated: packets refused as forged or broken.
      replayed: packets refused as seen before or too late.
    """

    __slots__ = (
        "_buffer",
        "_context",
        "_latest",
        "_length",
        "_pointer",
        "_session",
        "_ssrcs",
        "_tag_length",
        "replayed",
        "unauthenticated",
    )

    def __init__(self, key: bytes, profile: SrtpProfile) -> None:
        self.unauthenticated: int = 0
        self.replayed: int = 0
        self._tag_length = profile.tag_length
        self._session = _open_session(key, profile, Policy.SSRC_ANY_INBOUND)
        self._context = find_context(self._session)
        self._pointer = ffi.new("char[]", MAX_PACKET_SIZE)
        self._buffer = ffi.buffer(self._pointer)
        self._length = ffi.new("int *")
        self._ssrcs: dict[bytes, None] = {}
        self._latest = b""

    def unprotect(self, packet: bytes) -> bytes | None:
        """Return the RTP packet in an SRTP packet, or None; then it was counted."""
        size = len(packet)
        if not _RTP_HEADER_LENGTH + self._tag_length <= size <= MAX_PACKET_SIZE:
            return self._refused(_UNSPECIFIED)
        if self._context is None:
            return self._open_copy(packet, _SSRC_RTP, self._session.unprotect)
        buffer, length = self._buffer, self._length
        buffer[0:size] = packet
        length[0] = size
        status = _unprotect(self._context, self._pointer, length)
        if status:
            return self._refused(status)
        ssrc = packet[8:12]
        if ssrc != self._latest:
            self._remember(ssrc)
        plain: bytes = buffer[0 : length[0]]
        return plain

    def unprotect_rtcp(self, packet: bytes) -> bytes | None:
        """Return the compound RTCP packet in an SRTCP packet, or None; then it was counted."""
        size = len(packet)
        if not _RTCP_HEADER_LENGTH + _SRTCP_INDEX_LENGTH + self._tag_length <= size <= MAX_PACKET_SIZE:
            return self._refused(_UNSPECIFIED)
        if self._context is None:
            return self._open_copy(packet, _SSRC_RTCP, self._session.unprotect_rtcp)
        self._buffer[0:size] = packet
        self._length[0] = size
        status = lib.srtp_unprotect_rtcp(self._context, self._pointer, self._length)
        if status:
            return self._refused(status)
        self._remember(packet[_SSRC_RTCP])
        plain: bytes = self._buffer[0 : self._length[0]]
        return plain

    def _open_copy(self, packet: bytes, ssrc: slice, copying: Callable[[bytes], bytes]) -> bytes | None:
        try:
            plain = copying(packet)
        except Error as error:
            return self._refused(ERRORS.index(error.args[0]))
        except ValueError:
            return self._refused(_UNSPECIFIED)
        self._remember(packet[ssrc])
        return plain

    def _refused(self, status: int) -> bytes | None:
        if status in _REPLAYED:
            self.replayed += 1
        else:
            self.unauthenticated += 1
        return None

    def _remember(self, ssrc: bytes) -> None:
        """Keep streams in the order in which they were last heard, and not too many of them.

        libsrtp makes a context with a replay window for each SSRC that authenticates.
        """
        ssrcs = self._ssrcs
        self._latest = ssrc
        ssrcs.pop(ssrc, None)
        ssrcs[ssrc] = None
        if len(ssrcs) > MAX_SSRCS:
            oldest = next(iter(ssrcs))
            del ssrcs[oldest]
            self._session.remove_stream(int.from_bytes(oldest, "big"))


def find_context(session: Session) -> Any:
    """Return libsrtp's context in a pylibsrtp session, or None where it is hidden.

    It is a private attribute, borrowed to protect packets in place; without it every
    packet is copied into pylibsrtp's own buffer and back.
    """
    handle = getattr(session, "_srtp", None)
    return None if handle is None else handle[0]


def _open_session(key: bytes, profile: SrtpProfile, direction: int) -> Session:
    policy = Policy(key=key, ssrc_type=direction, srtp_profile=_PROFILES[profile])
    policy.window_size = REPLAY_WINDOW
    return Session(policy)


_PROFILES = {
    SrtpProfile.AEAD_AES_128_GCM: Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    SrtpProfile.AES_CM_128_HMAC_SHA1_80: Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
}
