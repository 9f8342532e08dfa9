"""STUN messages (RFC 8489): cheap looks at untrusted bytes, and the one door to aioice's codec.

The codec is imported by the first message, for importing aioice loads asyncio.
"""

import struct
from typing import TYPE_CHECKING, Any

from triortc.protocol.wire.errors import Malformed
from triortc.protocol.wire.machine import Address
from triortc.protocol.wire.reader import Reader

if TYPE_CHECKING:
    from aioice.stun import Message

MAX_DATAGRAM_SIZE = 2048
"""A longer datagram is no message of ours: it is dropped unread."""

ROLE_CONFLICT = 487
"""ERROR-CODE of a role conflict (RFC 8445 §7.3.1.1)."""

_HEADER_LENGTH = 20
_COOKIE = b"\x21\x12\xa4\x42"
_BINDING_REQUEST = b"\x00\x01"
_FINGERPRINT_HEADER = b"\x80\x28\x00\x04"
_USERNAME = 0x0006
_MESSAGE_INTEGRITY = 0x0008
_FINGERPRINT = 0x8028


def is_stun(data: bytes | memoryview) -> bool:
    """Return whether a datagram is STUN by its first byte and cookie (RFC 7983 §7)."""
    return len(data) >= _HEADER_LENGTH and data[0] < 4 and data[4:8] == _COOKIE


def message_is_request(data: bytes | memoryview) -> bool:
    """Return whether a STUN datagram says that it is a Binding request."""
    return data[:2] == _BINDING_REQUEST


def transaction_id(data: bytes | memoryview) -> bytes:
    """Return the 12 bytes of transaction id of a STUN datagram."""
    return bytes(data[8:_HEADER_LENGTH])


def peek_username_untrusted(data: bytes | memoryview) -> str | None:
    """Return whom a Binding request is for: the ufrag before the colon of its USERNAME.

    It costs no codec and proves nothing: a port that many peers share finds by it the one
    who can verify the message.

    Returns:
      None when the datagram is no Binding request or names nobody.
    """
    names = peek_usernames_untrusted(data)
    return None if names is None else names[0]


def peek_usernames_untrusted(data: bytes | memoryview) -> tuple[str, str] | None:
    """Return the ufrags of a Binding request, the receiver's and the sender's; they prove nothing."""
    if not is_stun(data) or not message_is_request(data):
        return None
    try:
        ours, colon, theirs = _find_attribute(Reader(data), _USERNAME).decode("ascii").partition(":")
    except (Malformed, UnicodeDecodeError):
        return None
    return (ours, theirs) if colon else None


def _find_attribute(reader: Reader, wanted: int) -> bytes:
    reader.skip(_HEADER_LENGTH)
    while True:
        kind, length = reader.u16(), reader.u16()
        if kind == wanted:
            return reader.take(length)
        reader.skip(length + -length % 4)


class StunMessage:
    """A Binding message that is well-formed; whether it is authentic, :meth:`is_authentic` says."""

    __slots__ = ("_attributes", "_message", "is_error", "is_request", "is_success", "transaction_id")

    def __init__(self, message: "Message") -> None:
        self._message = message
        self._attributes: dict[str, Any] = message.attributes
        self.transaction_id: bytes = message.transaction_id
        kind = int(message.message_class)
        self.is_request: bool = kind == 0x000
        self.is_success: bool = kind == 0x100
        self.is_error: bool = kind == 0x110

    def is_authentic(self, key: bytes) -> bool:
        """Return whether MESSAGE-INTEGRITY is there and was made with *key*; takes constant time."""
        return self._message.check_message_integrity(key)

    @property
    def has_fingerprint(self) -> bool:
        """Whether the message has a FINGERPRINT; a wrong one would have been malformed."""
        return "FINGERPRINT" in self._attributes

    @property
    def username(self) -> str | None:
        """USERNAME: for a check, the receiver's ufrag, a colon, the sender's ufrag."""
        return self._attributes.get("USERNAME")

    @property
    def priority(self) -> int | None:
        """PRIORITY that the sender's address has as a peer-reflexive candidate."""
        return self._attributes.get("PRIORITY")

    @property
    def nominates(self) -> bool:
        """Whether USE-CANDIDATE is there."""
        return "USE-CANDIDATE" in self._attributes

    @property
    def controlling(self) -> int | None:
        """ICE-CONTROLLING: the tie-breaker of a sender that is controlling."""
        return self._attributes.get("ICE-CONTROLLING")

    @property
    def controlled(self) -> int | None:
        """ICE-CONTROLLED: the tie-breaker of a sender that is controlled."""
        return self._attributes.get("ICE-CONTROLLED")

    @property
    def mapped_address(self) -> Address | None:
        """The sender's address as the other side sees it."""
        return self._attributes.get("XOR-MAPPED-ADDRESS") or self._attributes.get("MAPPED-ADDRESS")

    @property
    def error_code(self) -> int | None:
        """The number in ERROR-CODE."""
        return self._message.error_code


def parse_stun_untrusted(data: bytes | memoryview) -> StunMessage:
    """Parse one datagram: length and cookie, then FINGERPRINT if there is one, then the rest.

    Raises:
      Malformed: it is not a well-formed Binding message.
    """
    from aioice import stun

    if len(data) > MAX_DATAGRAM_SIZE or len(data) % 4 or not is_stun(data):
        raise Malformed("not a STUN message")
    try:
        message = stun.parse_message(bytes(data))
    except (struct.error, ValueError) as error:
        raise Malformed(f"STUN: {error}") from None
    if message.message_method is not stun.Method.BINDING:
        raise Malformed("STUN: not a Binding message")
    if message.attributes.get("FINGERPRINT") is not None and data[-8:-4] != _FINGERPRINT_HEADER:
        raise Malformed("STUN: FINGERPRINT is not the last attribute")
    return StunMessage(message)


def binding_request(transaction_id: bytes) -> bytes:
    """Return a Binding request without credentials, for a STUN server."""
    from aioice import stun

    return _seal(stun.Message(stun.Method.BINDING, stun.Class.REQUEST, transaction_id), None)


def connectivity_check(
    transaction_id: bytes,
    *,
    username: str,
    key: bytes,
    priority: int,
    controlling: bool,
    tie_breaker: int,
    nominate: bool,
) -> bytes:
    """Return a connectivity check (RFC 8445 §7.2.2)."""
    from aioice import stun

    attributes: dict[str, Any] = {
        "USERNAME": username,
        "PRIORITY": priority,
        "ICE-CONTROLLING" if controlling else "ICE-CONTROLLED": tie_breaker,
    }
    if nominate:
        attributes["USE-CANDIDATE"] = None
    return _seal(stun.Message(stun.Method.BINDING, stun.Class.REQUEST, transaction_id, attributes), key)


def binding_success(transaction_id: bytes, mapped: Address, key: bytes | None) -> bytes:
    """Return a success response that tells a sender its address."""
    from aioice import stun

    attributes = {"XOR-MAPPED-ADDRESS": mapped}
    return _seal(stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, transaction_id, attributes), key)


def role_conflict(transaction_id: bytes, key: bytes) -> bytes:
    """Return the 487 response of a peer that keeps its role (RFC 8445 §7.3.1.1)."""
    from aioice import stun

    attributes = {"ERROR-CODE": (ROLE_CONFLICT, "Role Conflict")}
    return _seal(stun.Message(stun.Method.BINDING, stun.Class.ERROR, transaction_id, attributes), key)


def _seal(message: "Message", key: bytes | None) -> bytes:
    # aioice's add_message_integrity does the same, but encodes every attribute three times.
    from aioice import stun

    data = bytes(message)
    if key is not None:
        data = _append(data, _MESSAGE_INTEGRITY, stun.message_integrity(data, key))
    return _append(data, _FINGERPRINT, stun.message_fingerprint(data).to_bytes(4, "big"))


def _append(data: bytes, kind: int, value: bytes) -> bytes:
    attribute = struct.pack("!HH", kind, len(value)) + value
    length = len(data) - _HEADER_LENGTH + len(attribute)
    return data[:2] + length.to_bytes(2, "big") + data[4:] + attribute
