"""Handshake flights, kept so that they can be sent again without OpenSSL's timer.

OpenSSL retransmits by the wall clock and cannot be asked to do so; a memory BIO has
no datagram borders. So its output is decoded to handshake messages here, and whatever
is in clear text leaves in records of our own making (RFC 6347 §4.2.3, §4.2.4).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from .records import (
    FRAGMENT_HEADER_SIZE,
    RECORD_HEADER_SIZE,
    ContentType,
    Fragment,
    Record,
    parse_fragments_untrusted,
)

MAX_DATAGRAM = 1200
"""Most bytes in a datagram that we send."""

MIN_INTERVAL = 0.1
DEFAULT_INTERVAL = 0.2
MAX_INTERVAL = 1.0
"""Seconds between retransmissions: at first, and when doubling ends.

RFC 6347 §4.2.4.1 wants one second at first and sixty in the end. WebRTC begins lower,
since ICE has shown that the path works and how long it is. It also ends lower: a flight
is one or two datagrams, so one a second burdens nobody, and of 5,000 simulated
handshakes at 30 % loss none takes 15 s (with two seconds five do, the longest 23 s).
"""

_SMALLEST_PIECE = 64


@dataclass(slots=True)
class HandshakeMessage:
    """A handshake message in clear text, put together from its fragments."""

    version: int
    type: int
    sequence: int
    body: bytearray

    def put(self, fragment: Fragment) -> None:
        """Take over the bytes of one of the message's fragments."""
        self.body[fragment.offset : fragment.offset + len(fragment.body)] = fragment.body


FlightItem: TypeAlias = HandshakeMessage | Record
"""A clear handshake message, a ChangeCipherSpec, or a record that must stay as it is."""


def decode_flight(records: Iterable[Record]) -> list[FlightItem]:
    """Return what OpenSSL's records say, in its order, with messages made whole."""
    items: list[FlightItem] = []
    messages: dict[int, HandshakeMessage] = {}
    for record in records:
        if record.epoch or record.content_type != ContentType.HANDSHAKE:
            items.append(record)
            continue
        for fragment in parse_fragments_untrusted(record.payload):
            message = messages.get(fragment.sequence)
            if message is None:
                body = bytearray(fragment.length)
                message = HandshakeMessage(record.version, fragment.type, fragment.sequence, body)
                messages[fragment.sequence] = message
                items.append(message)
            message.put(fragment)
    return items


class _Packer:
    """Fills datagrams with records."""

    __slots__ = ("_datagram", "datagrams")

    def __init__(self) -> None:
        self.datagrams: list[bytes] = []
        self._datagram = bytearray()

    @property
    def room(self) -> int:
        """How many bytes the present datagram can still take."""
        return MAX_DATAGRAM - len(self._datagram)

    def add(self, record: bytes) -> None:
        """Append a record, in a new datagram if need be."""
        if len(record) > self.room:
            self.flush()
        self._datagram += record

    def flush(self) -> None:
        """End the present datagram."""
        if self._datagram:
            self.datagrams.append(bytes(self._datagram))
            self._datagram.clear()


class FlightEncoder:
    """Writes flights into datagrams, numbering the records of epoch 0.

    All records of epoch 0 must leave through one encoder, since a record number must
    not be used twice.
    """

    __slots__ = ("_next_sequence",)

    def __init__(self) -> None:
        self._next_sequence = 0

    def encode(self, items: Sequence[FlightItem]) -> list[bytes]:
        """Return datagrams of at most :data:`MAX_DATAGRAM` bytes.

        Each call numbers the clear records anew, so that the peer's replay window
        lets them in; encrypted records are what they were.
        """
        packer = _Packer()
        for item in items:
            if isinstance(item, HandshakeMessage):
                self._pack_message(packer, item)
            elif item.epoch:
                packer.add(item.encode())
            else:
                packer.add(self._numbered(item.content_type, item.version, item.payload))
        packer.flush()
        return packer.datagrams

    def _pack_message(self, packer: _Packer, message: HandshakeMessage) -> None:
        length, offset = len(message.body), 0
        while True:
            room = packer.room - RECORD_HEADER_SIZE - FRAGMENT_HEADER_SIZE
            if room < min(length - offset, _SMALLEST_PIECE):
                packer.flush()
                continue
            piece = bytes(message.body[offset : offset + max(room, 0)])
            fragment = Fragment(message.type, length, message.sequence, offset, piece)
            packer.add(self._numbered(ContentType.HANDSHAKE, message.version, fragment.encode()))
            offset += len(piece)
            if offset == length:
                return

    def _numbered(self, content_type: int, version: int, payload: bytes) -> bytes:
        sequence = self._next_sequence
        self._next_sequence += 1
        return Record(content_type, version, 0, sequence, payload).encode()


class Flight:
    """The flight that was sent last, and when to send it again.

    Attributes:
      deadline: when the flight is due again, or None: it is kept without a timer, or
        there is none.
    """

    __slots__ = ("_encoder", "_first_interval", "_highest_sequence", "_interval", "_items", "deadline")

    def __init__(self) -> None:
        self.deadline: float | None = None
        self._encoder = FlightEncoder()
        self._items: list[FlightItem] = []
        self._highest_sequence = -1
        self._first_interval = self._interval = DEFAULT_INTERVAL

    def set_round_trip(self, rtt: float | None) -> None:
        """Choose the first interval by the path's round-trip time, in seconds."""
        if rtt is not None:
            self._first_interval = min(max(1.5 * rtt, MIN_INTERVAL), MAX_INTERVAL)

    def adopt(self, records: Sequence[Record], now: float) -> list[bytes]:
        """Make OpenSSL's *records* the flight, and return its datagrams.

        A flight that holds a message for the first time starts the timer anew. One
        that says the same again, as OpenSSL's own retransmission does, replaces the
        old one, because its Finished has a record number that the peer has not seen.
        """
        self._items = decode_flight(records)
        highest = max(
            (item.sequence for item in self._items if isinstance(item, HandshakeMessage)), default=-1
        )
        if highest > self._highest_sequence:
            self._highest_sequence = highest
            self._interval = self._first_interval
            self.deadline = now + self._interval
        return self.encode()

    def encode(self) -> list[bytes]:
        """Return the flight's datagrams, in fresh records."""
        return self._encoder.encode(self._items)

    def encode_record(self, record: Record) -> list[bytes]:
        """Return the datagram of one clear record that belongs to no flight: an alert."""
        return self._encoder.encode([record])

    def back_off(self, now: float) -> None:
        """Set the next deadline, after twice the time, at most :data:`MAX_INTERVAL`."""
        self._interval = min(2 * self._interval, MAX_INTERVAL)
        self.deadline = now + self._interval

    def keep_without_timer(self) -> None:
        """Stop the timer; the flight stays, for a peer that asks for it again."""
        self.deadline = None

    def forget(self) -> None:
        """Drop the flight: the peer has shown that it arrived."""
        self.deadline = None
        self._items = []
