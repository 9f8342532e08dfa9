"""One DTLS 1.2 association for SRTP keys and data (RFC 6347, RFC 5764), around OpenSSL."""

import enum
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from OpenSSL import SSL, crypto

from triortc.protocol.wire.errors import (
    InvalidStateError,
    LocalProtocolError,
    Malformed,
    RemoteProtocolError,
)
from triortc.protocol.wire.srtp_profile import SrtpProfile
from triortc.protocol.wire.timers import earliest

from .certificate import Certificate, HashAlgorithm, fingerprint, strongest_fingerprints
from .ciphers import CIPHERS
from .flight import MAX_DATAGRAM, Flight
from .records import (
    DTLS_1_2,
    ContentType,
    Record,
    parse_alert_untrusted,
    parse_fragments_untrusted,
    parse_records_untrusted,
)

HANDSHAKE_LIMIT = 30.0
"""Seconds from :meth:`DtlsTransport.start` after which a handshake has failed."""

MAX_HANDSHAKE_DATAGRAMS = 64
"""Datagrams with handshake records that one handshake listens to."""

MAX_EARLY_RECORDS = 16
"""Encrypted records that may wait in OpenSSL for the keys."""

RESEND_INTERVAL = 0.05
"""Least seconds between two sendings of the last flight to a peer that asks for it."""

SRTP_EXPORTER = b"EXTRACTOR-dtls_srtp"

_AEAD_OVERHEAD = 37
_CBC_OVERHEAD = 65
_READ_SIZE = 1 << 14


class DtlsRole(enum.Enum):
    """Who speaks first: the client does (``a=setup:active``)."""

    CLIENT = "client"
    SERVER = "server"


class DtlsState(enum.Enum):
    """How far the association is (W3C ``RTCDtlsTransportState``)."""

    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    CLOSED = "closed"
    FAILED = "failed"


_PEER_MESSAGES = {
    # ClientHello, Certificate, CertificateVerify, ClientKeyExchange
    DtlsRole.SERVER: frozenset((1, 11, 15, 16)),
    # ServerHello, HelloVerifyRequest, NewSessionTicket, Certificate, ServerKeyExchange,
    # CertificateRequest, ServerHelloDone, CertificateStatus
    DtlsRole.CLIENT: frozenset((2, 3, 4, 11, 12, 13, 14, 22)),
}
"""The handshake messages that a peer of each role may send us in clear text."""


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """Master key and salt, joined, for each direction; a ``repr`` never shows them."""

    local: bytes = field(repr=False)
    remote: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class DtlsStateChanged:
    """The association entered *state*.

    Attributes:
      reason: a sentence when it failed, or when the peer closed it; else None.
    """

    state: DtlsState
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class DtlsApplicationData:
    """The plain text of one record from the peer."""

    data: bytes


DtlsEvent: TypeAlias = DtlsStateChanged | DtlsApplicationData


@dataclass(slots=True)
class DtlsCounters:
    """What came in and what was thrown away.

    Attributes:
      datagrams_received: all datagrams that were handed in.
      malformed: datagrams that are no row of DTLS records.
      unexpected: datagrams outside a handshake or association, and clear records that
        this side does not listen to.
      clear_alerts: alerts in clear text, which anyone could have sent.
      over_limit: datagrams beyond :data:`MAX_HANDSHAKE_DATAGRAMS`, and records beyond
        :data:`MAX_EARLY_RECORDS`.
      retransmissions: flights sent again by the timer.
      last_flight_resends: last flights sent again because the peer asked.
    """

    datagrams_received: int = 0
    malformed: int = 0
    unexpected: int = 0
    clear_alerts: int = 0
    over_limit: int = 0
    retransmissions: int = 0
    last_flight_resends: int = 0


class _PeerVerifier:
    """Believes the one certificate that a remote description vouches for."""

    __slots__ = ("_algorithm", "_values", "accepted", "mismatch")

    def __init__(self, algorithm: HashAlgorithm, values: frozenset[str]) -> None:
        self._algorithm = algorithm
        self._values = values
        self.accepted: bytes | None = None
        self.mismatch = False

    def check(self, der: bytes) -> bool:
        """Tell whether *der* is that certificate, and remember the answer."""
        if fingerprint(der, self._algorithm) in self._values:
            self.accepted = der
            return True
        self.mismatch = True
        return False


def _verify(connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, ok: int) -> bool:
    # The fingerprint is the whole of trust: names, dates and issuers say nothing
    # (RFC 8122 §6.2). A function and not a method, so that no cycle holds the SSL objects.
    if depth:
        return True
    verifier: _PeerVerifier = connection.get_app_data()
    return verifier.check(crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate))


def _make_context(certificate: Certificate, profiles: Sequence[SrtpProfile]) -> SSL.Context:
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_min_proto_version(DTLS_1_2)
    context.set_max_proto_version(DTLS_1_2)
    context.set_options(SSL.OP_NO_QUERY_MTU | SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_cipher_list(":".join(CIPHERS).encode())
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _verify)
    x509, private_key = certificate.load()
    context.use_certificate(x509)
    context.use_privatekey(private_key)
    if profiles:
        context.set_tlsext_use_srtp(":".join(profile.openssl_name for profile in profiles).encode())
    return context


class DtlsIdentity:
    """A certificate made ready for OpenSSL, which takes 0.4 ms: for many peers that show the same.

    It keeps nothing of an association: each connection brings its own verifier, and sessions are
    neither cached nor resumed. It belongs to one thread.

    Attributes:
      certificate: what it shows.
    """

    def __init__(self, certificate: Certificate) -> None:
        self.certificate = certificate
        self._contexts: dict[tuple[SrtpProfile, ...], SSL.Context] = {}

    @cached_property
    def fingerprints(self) -> tuple[tuple[str, str], ...]:
        """Hash algorithm and ``AA:BB:…`` of each ``a=fingerprint`` to offer."""
        return self.certificate.fingerprints

    def new_connection(self, profiles: tuple[SrtpProfile, ...]) -> SSL.Connection:
        """Return a connection between memory buffers."""
        context = self._contexts.get(profiles)
        if context is None:
            context = self._contexts[profiles] = _make_context(self.certificate, profiles)
        return SSL.Connection(context, None)


def _is_handshake(record: Record) -> bool:
    return record.content_type in (ContentType.HANDSHAKE, ContentType.CHANGE_CIPHER_SPEC)


def _outcome(call: Callable[[], object]) -> SSL.Error | None:
    try:
        call()
    except SSL.Error as error:
        return error
    return None


def _explain(error: SSL.Error) -> str:
    queue = error.args[0] if error.args else ()
    if isinstance(queue, list):
        queue = "; ".join(str(entry[-1]) for entry in queue)
    return f"OpenSSL ended the session: {queue or type(error).__name__}"


def _record_overhead(connection: SSL.Connection) -> int:
    name = connection.get_cipher_name() or ""
    return _AEAD_OVERHEAD if "GCM" in name or "POLY1305" in name else _CBC_OVERHEAD


class DtlsTransport:
    """One end of a DTLS association, with the peer named by its fingerprint.

    The owner hands in datagrams and the time, and drains :attr:`datagrams` and
    :attr:`events`. Nothing that comes from the network raises: it is counted, or ends
    in the state ``FAILED`` with a reason.

    Attributes:
      datagrams: to be sent, in order, each at most 1,200 bytes.
      events: state changes and the peer's data, in order.
      counters: what was received, dropped and sent again.
      state: the present :class:`DtlsState`.
      srtp_profile: the profile that was agreed on; None before ``CONNECTED``, and when
        none was asked for.
      max_application_data: most bytes that :meth:`send_application_data` takes, so that
        the datagram is within its 1,200; known when ``CONNECTED``.
    """

    def __init__(
        self,
        *,
        certificate: Certificate | DtlsIdentity,
        role: DtlsRole,
        remote_fingerprints: Sequence[tuple[str, str]],
        srtp_profiles: Sequence[SrtpProfile] = (
            SrtpProfile.AEAD_AES_128_GCM,
            SrtpProfile.AES_CM_128_HMAC_SHA1_80,
        ),
    ) -> None:
        """Prepare an association; nothing is sent before :meth:`start`.

        Args:
          certificate: our own; an identity where several associations show the same one. A
            server with an ECDSA certificate cannot serve a client that knows RSA alone.
          role: who speaks first.
          remote_fingerprints: hash algorithm and ``AA:BB:…`` of each ``a=fingerprint``
            of the peer.
          srtp_profiles: those to offer or to take, the preferred one first. A peer that
            knows none of them fails the handshake; with none here, SRTP is not spoken of.

        Raises:
          RemoteProtocolError: there is no sha-256, sha-384 or sha-512 fingerprint.
          LocalProtocolError: *certificate* is not one.
        """
        trusted = strongest_fingerprints(remote_fingerprints)
        if trusted is None:
            raise RemoteProtocolError("the description has no sha-256, sha-384 or sha-512 fingerprint")
        self.datagrams: deque[bytes] = deque()
        self.events: deque[DtlsEvent] = deque()
        self.counters: DtlsCounters = DtlsCounters()
        self.state: DtlsState = DtlsState.NEW
        self.srtp_profile: SrtpProfile | None = None
        self.max_application_data: int = 0
        self._role = role
        self._profiles = tuple(srtp_profiles)
        self._flight = Flight()
        self._verifier = _PeerVerifier(*trusted)
        self._srtp_keys: SrtpKeys | None = None
        self._limit: float | None = None
        self._handshake_datagrams = 0
        self._early_records = 0
        self._clear_alert: int | None = None
        self._flight_sent_at = 0.0
        identity = certificate if isinstance(certificate, DtlsIdentity) else DtlsIdentity(certificate)
        self._connection = identity.new_connection(self._profiles)
        self._connection.set_app_data(self._verifier)
        self._connection.set_ciphertext_mtu(MAX_DATAGRAM)

    @property
    def role(self) -> DtlsRole:
        """Who we are in the handshake."""
        return self._role

    @property
    def cipher(self) -> str | None:
        """The cipher suite that was agreed on, by its IANA name; None before ``CONNECTED``."""
        return CIPHERS.get(self._connection.get_cipher_name() or "")

    @property
    def remote_certificate_der(self) -> bytes | None:
        """The peer's certificate once it has been verified, in DER form."""
        return self._verifier.accepted

    def start(self, now: float, *, rtt: float | None = None) -> None:
        """Begin the handshake: the client sends its ClientHello, the server awaits one.

        Args:
          now: seconds.
          rtt: the path's round-trip time in seconds, if known; it sets the first
            retransmission interval.

        Raises:
          InvalidStateError: it was started or closed before.
        """
        if self.state is not DtlsState.NEW:
            raise InvalidStateError(f"DTLS is {self.state.value}: it starts once")
        self._flight.set_round_trip(rtt)
        self._limit = now + HANDSHAKE_LIMIT
        self._set_state(DtlsState.CONNECTING)
        if self._role is DtlsRole.SERVER:
            self._connection.set_accept_state()
        else:
            self._connection.set_connect_state()
            self._advance_handshake(now)

    def receive_datagram(self, data: bytes, now: float) -> None:
        """Take in a datagram from the peer's address. It never raises."""
        self.counters.datagrams_received += 1
        if self.state not in (DtlsState.CONNECTING, DtlsState.CONNECTED):
            self.counters.unexpected += 1
            return
        try:
            records = parse_records_untrusted(data)
            admitted = [record for record in records if self._admit_untrusted(record)]
        except Malformed:
            self.counters.malformed += 1
            return
        if self._is_over_limit(admitted):
            self.counters.over_limit += 1
            return
        for record in admitted:
            self._feed(record, now)
        if any(record.epoch == 0 and record.content_type == ContentType.HANDSHAKE for record in admitted):
            self._resend_last_flight(now)

    def send_application_data(self, data: bytes, now: float) -> None:
        """Queue one record with *data*, of at most :attr:`max_application_data` bytes.

        Raises:
          InvalidStateError: the state is not ``CONNECTED``.
          LocalProtocolError: *data* is empty or too long for one datagram.
        """
        if self.state is not DtlsState.CONNECTED:
            raise InvalidStateError(f"DTLS is {self.state.value}, not connected")
        if not 0 < len(data) <= self.max_application_data:
            raise LocalProtocolError(f"{len(data)} bytes: a record takes 1 to {self.max_application_data}")
        self._connection.send(data)
        self.datagrams.append(self._read_output())

    def export_srtp_keys(self) -> SrtpKeys:
        """Return the SRTP master keys and salts (RFC 5764 §4.2).

        Raises:
          InvalidStateError: the association has not come to ``CONNECTED``, or no
            profile was asked for.
        """
        if self._srtp_keys is None:
            raise InvalidStateError(f"DTLS is {self.state.value}: no SRTP keys were agreed on")
        return self._srtp_keys

    def next_deadline(self) -> float | None:
        """Return when :meth:`handle_timeout` wants to be called, or None."""
        return earliest(self._limit, self._flight.deadline)

    def handle_timeout(self, now: float) -> None:
        """Do what is due at *now*: give the handshake up, or send our flight again."""
        if self._limit is not None and now >= self._limit:
            self._fail(self._timeout_reason())
        elif self._flight.deadline is not None and now >= self._flight.deadline:
            self._retransmit(now)

    def close(self, now: float) -> None:
        """End the association; a connected peer is told by a close_notify."""
        if self.state in (DtlsState.CLOSED, DtlsState.FAILED):
            return
        if self.state is DtlsState.CONNECTED:
            self._shut_down(DtlsState.CLOSED, None, now)
        else:
            self._end(DtlsState.CLOSED, None)

    def _admit_untrusted(self, record: Record) -> bool:
        if record.epoch:
            return self._admit_encrypted(record)
        if record.content_type == ContentType.ALERT:
            # One forged alert would end the handshake: OpenSSL must not see it.
            self.counters.clear_alerts += 1
            self._clear_alert = parse_alert_untrusted(record.payload)
            return False
        if record.content_type == ContentType.HANDSHAKE:
            fragments = parse_fragments_untrusted(record.payload)
            wanted = all(fragment.type in _PEER_MESSAGES[self._role] for fragment in fragments)
        else:
            wanted = record.content_type == ContentType.CHANGE_CIPHER_SPEC and record.payload == b"\x01"
        self.counters.unexpected += not wanted
        return wanted

    def _admit_encrypted(self, record: Record) -> bool:
        # Data may overtake the last flight; OpenSSL keeps it until it has the keys.
        if self.state is DtlsState.CONNECTED or record.content_type == ContentType.HANDSHAKE:
            return True
        self._early_records += 1
        self.counters.over_limit += self._early_records > MAX_EARLY_RECORDS
        return self._early_records <= MAX_EARLY_RECORDS

    def _is_over_limit(self, records: Sequence[Record]) -> bool:
        if self.state is DtlsState.CONNECTED or not any(map(_is_handshake, records)):
            return False
        self._handshake_datagrams += 1
        return self._handshake_datagrams > MAX_HANDSHAKE_DATAGRAMS

    def _feed(self, record: Record, now: float) -> None:
        # One record at a time: when OpenSSL drops a ChangeCipherSpec that came too
        # early, it also stops reading, and would leave what follows to the next datagram.
        if self.state is DtlsState.CONNECTING:
            self._connection.bio_write(record.encode())
            self._advance_handshake(now)
        elif self.state is DtlsState.CONNECTED and record.epoch:
            self._connection.bio_write(record.encode())
            self._read_application_data(now)

    def _advance_handshake(self, now: float) -> None:
        error = _outcome(self._connection.do_handshake)
        self._flush(now)
        if error is None:
            self._complete(now)
        elif not isinstance(error, SSL.WantReadError):
            self._fail(self._failure_reason(error))

    def _read_application_data(self, now: float) -> None:
        error = _outcome(self._read_until_empty)
        self._flush(now)
        if isinstance(error, SSL.ZeroReturnError):
            self._shut_down(DtlsState.CLOSED, "the peer closed the DTLS session", now)
        elif error is not None and not isinstance(error, SSL.WantReadError):
            self._fail(_explain(error))

    def _read_until_empty(self) -> None:
        while True:
            self.events.append(DtlsApplicationData(self._connection.recv(_READ_SIZE)))

    def _read_output(self) -> bytes:
        output = b""
        while len(output) % _READ_SIZE == 0:
            try:
                output += self._connection.bio_read(_READ_SIZE)
            except SSL.WantReadError:
                break
        return output

    def _flush(self, now: float) -> None:
        output = self._read_output()
        if not output:
            return
        flight: list[Record] = []
        for record in parse_records_untrusted(output):
            if _is_handshake(record):
                flight.append(record)
            elif record.epoch:
                self.datagrams.append(record.encode())
            else:
                self.datagrams.extend(self._flight.encode_record(record))
        if flight:
            self._flight_sent_at = now
            self.datagrams.extend(self._flight.adopt(flight, now))

    def _retransmit(self, now: float) -> None:
        self.counters.retransmissions += 1
        self._flight.back_off(now)
        try:
            renewed = self._connection.DTLSv1_handle_timeout()
        except SSL.Error as error:
            self._fail(self._failure_reason(error))
            return
        if renewed:
            # OpenSSL's own timer, which runs by the wall clock, has fired: this flight
            # has a Finished with a new record number. An OpenSSL server whose last
            # flight was lost takes the old one for a replay, for ever.
            self._flush(now)
        else:
            self.datagrams.extend(self._flight.encode())

    def _resend_last_flight(self, now: float) -> None:
        # A peer that repeats itself has not got our Finished (RFC 6347 §4.2.4).
        if self.state is not DtlsState.CONNECTED or now < self._flight_sent_at + RESEND_INTERVAL:
            return
        datagrams = self._flight.encode()
        self.counters.last_flight_resends += bool(datagrams)
        self.datagrams.extend(datagrams)
        self._flight_sent_at = now

    def _complete(self, now: float) -> None:
        if self._verifier.accepted is None:
            self._fail("the peer showed no certificate")
            return
        if self._profiles and not self._agree_on_srtp():
            self._shut_down(DtlsState.FAILED, "the peer knows none of our SRTP profiles", now)
            return
        self.max_application_data = MAX_DATAGRAM - _record_overhead(self._connection)
        self._limit = None
        if self._role is DtlsRole.SERVER:
            self._flight.keep_without_timer()
        else:
            self._flight.forget()
        self._set_state(DtlsState.CONNECTED)
        self._read_application_data(now)

    def _agree_on_srtp(self) -> bool:
        name = self._connection.get_selected_srtp_profile().decode()
        self.srtp_profile = next((item for item in self._profiles if item.openssl_name == name), None)
        if self.srtp_profile is None:
            return False
        key, salt = self.srtp_profile.key_length, self.srtp_profile.salt_length
        material = self._connection.export_keying_material(SRTP_EXPORTER, 2 * (key + salt))
        client = material[:key] + material[2 * key : 2 * key + salt]
        server = material[key : 2 * key] + material[2 * key + salt :]
        is_client = self._role is DtlsRole.CLIENT
        self._srtp_keys = SrtpKeys(client, server) if is_client else SrtpKeys(server, client)
        return True

    def _set_state(self, state: DtlsState, reason: str | None = None) -> None:
        self.state = state
        self.events.append(DtlsStateChanged(state, reason))

    def _end(self, state: DtlsState, reason: str | None) -> None:
        self._limit = None
        self._flight.forget()
        self._set_state(state, reason)

    def _shut_down(self, state: DtlsState, reason: str | None, now: float) -> None:
        """Send close_notify, then end."""
        self._connection.shutdown()
        self._flush(now)
        self._end(state, reason)

    def _fail(self, reason: str) -> None:
        self._end(DtlsState.FAILED, reason)

    def _failure_reason(self, error: SSL.Error) -> str:
        if self._verifier.mismatch:
            return "the peer's certificate does not match its fingerprint"
        return _explain(error)

    def _timeout_reason(self) -> str:
        hint = "" if self._clear_alert is None else f"; the peer seems to have sent alert {self._clear_alert}"
        return f"the DTLS handshake was not done within {HANDSHAKE_LIMIT:.0f} s{hint}"
