"""One WebRTC session: the machine that composes ICE, DTLS, RTP and their descriptions.

It is the only one that knows all protocols, and it has no clock, no socket and no task: bytes
and ``now`` go in, :attr:`Session.transmits` and :attr:`Session.events` come out.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from triortc.protocol.dtls.certificate import Certificate
from triortc.protocol.dtls.transport import (
    DtlsIdentity,
    DtlsRole,
    DtlsState,
    DtlsStateChanged,
    DtlsTransport,
)
from triortc.protocol.ice import agent as ice
from triortc.protocol.ice.consent import HURRIED_INTERVAL
from triortc.protocol.rtp.frame import EncodedFrame
from triortc.protocol.rtp.srtp import Scratch
from triortc.protocol.wire.clock import ClockAnchor
from triortc.protocol.wire.entropy import Entropy
from triortc.protocol.wire.machine import Address, Transmit
from triortc.protocol.wire.timers import earliest

from .demux import DatagramKind, classify_untrusted
from .events import (
    AddressChecked,
    CloseReason,
    ConnectionState,
    ConnectionStateChanged,
    SendersChanged,
    SessionEnded,
    SignalingState,
    SignalingStateChanged,
)
from .media import MediaTransport
from .receiving import Wanted
from .signaling import Signaling

MAX_HELD_DATAGRAMS = 4
MAX_HELD_BYTES = 8192


@dataclass(slots=True)
class Traffic:
    """What went over all candidate pairs together, ICE's own datagrams not counted."""

    packets_sent: int = 0
    bytes_sent: int = 0
    packets_received: int = 0
    bytes_received: int = 0


class Session(Signaling):
    """A peer connection without its I/O.

    Whoever drives it drains :attr:`transmits` before the turn ends, because their buffers are
    lent, and calls :meth:`handle_timeout` when :meth:`next_deadline` has come.

    Attributes:
      traffic: how much was sent and received.
      selected_pair_changes: how often another candidate pair was selected.
    """

    def __init__(
        self,
        *,
        certificate: Certificate | DtlsIdentity,
        anchor: ClockAnchor,
        entropy: Entropy,
        scratch: Scratch,
    ) -> None:
        super().__init__(fingerprints=certificate.fingerprints, entropy=entropy)
        self.transmits: deque[Transmit] = deque()
        self.anchor = anchor
        self.connection_state: ConnectionState = ConnectionState.NEW
        self.ended: SessionEnded | None = None
        self.dtls: DtlsTransport | None = None
        self.media: MediaTransport = MediaTransport(
            anchor=anchor, entropy=entropy, cname=self.negotiation.cname, scratch=scratch
        )
        self.certificate = certificate
        self.traffic: Traffic = Traffic()
        self.selected_pair_changes: int = 0
        self._held: list[bytes] = []
        # The selected pair: all but STUN is sent there, and nowhere else.
        self._path: ice.CandidatePair | None = None
        # Kept, because asking ICE for its deadline costs as much as taking a packet.
        self._ice_deadline: float | None = None
        self._dtls_deadline: float | None = None
        self.deadline_is_stale: bool = True

    # Datagrams and time

    def receive_burst(self, burst: Sequence[tuple[bytes, Address]], local: Address, now: float) -> None:
        """Take datagrams that came to the socket at *local*; never raises for what they hold."""
        run: list[bytes] = []  # of RTP that came from one address
        source: Address | None = None
        for data, remote in burst:
            if classify_untrusted(data) is not DatagramKind.RTP:
                self._receive_rtp(run, local, source, now)
                run = []
                self.receive_datagram(data, local, remote, now)
                continue
            if remote != source:
                self._receive_rtp(run, local, source, now)
                run, source = [], remote
            run.append(data)
        self._receive_rtp(run, local, source, now)

    def receive_datagram(self, data: bytes, local: Address, remote: Address, now: float) -> None:
        """Take one datagram; never raises for what it holds."""
        kind = classify_untrusted(data)
        if self.ended is not None:
            self.counters.after_end += 1
        elif kind is DatagramKind.UNKNOWN:
            self.counters.unknown += 1
        elif kind is DatagramKind.STUN:
            self.ice.receive_stun(data, local, remote, now)
            self._after_ice(now)
        elif kind is DatagramKind.RTP:
            self._receive_rtp([data], local, remote, now)
        elif (pair := self.ice.find_checked(local, remote)) is None:
            self.counters.unchecked += 1
        else:
            self._count_received(pair, 1, len(data), now)
            if kind is DatagramKind.DTLS:
                self._receive_dtls(data, now)
            else:
                self.media.receive_rtcp(data, now)
                self._after_media()

    def _receive_rtp(self, run: Sequence[bytes], local: Address, remote: Address | None, now: float) -> None:
        """Take packets that came from one address: what is common to them is done once."""
        if not run or remote is None:
            return
        if self.ended is not None:
            self.counters.after_end += len(run)
        elif (pair := self.ice.find_checked(local, remote)) is None:
            self.counters.unchecked += len(run)
        else:
            self._count_received(pair, len(run), sum(map(len, run)), now)
            if self.media.receive_rtp(run, now):
                # Reports alone make no receiving pair: they are seconds apart.
                self.ice.note_received(now)
                if self._ice_deadline is None or self._ice_deadline > now + HURRIED_INTERVAL:
                    self._ice_deadline = self.ice.next_deadline()
            self._after_media()

    def _count_received(self, pair: ice.CandidatePair, packets: int, size: int, now: float) -> None:
        traffic, figures = self.traffic, pair.figures
        traffic.packets_received += packets
        traffic.bytes_received += size
        figures.packets_received += packets
        figures.bytes_received += size
        figures.received_at = now

    def _receive_dtls(self, data: bytes, now: float) -> None:
        if self.dtls is not None:
            self.dtls.receive_datagram(data, now)
            self._after_dtls(now)
        elif len(self._held) < MAX_HELD_DATAGRAMS and sum(map(len, self._held)) + len(data) <= MAX_HELD_BYTES:
            # A browser's ClientHello comes a millisecond after our first STUN response.
            self._held.append(data)
        else:
            self.counters.not_held += 1

    def next_deadline(self) -> float | None:
        """Return when :meth:`handle_timeout` wants to be called, or None.

        It may have changed since the last call only if :attr:`deadline_is_stale`.
        """
        self.deadline_is_stale = False
        if self.ended is not None:
            return None
        return earliest(self._ice_deadline, self._dtls_deadline, self.media.next_deadline())

    def handle_timeout(self, now: float) -> None:
        """Do what is due at *now*."""
        self.deadline_is_stale = True
        if self.ended is None and _is_due(self._ice_deadline, now):
            self.ice.handle_timeout(now)
            self._after_ice(now)
        if self.ended is None and self.dtls is not None and _is_due(self._dtls_deadline, now):
            self.dtls.handle_timeout(now)
            self._after_dtls(now)
        if self.ended is None and _is_due(self.media.next_deadline(), now):
            self.media.handle_timeout(now)
            self._after_media()

    # Media

    def _configure(self) -> None:
        self.media.configure(self.negotiation.transceivers)

    def change_source(self, mid: str, rid: str | None) -> None:
        """Let what is sent go on with the frames of another source, on one RTP timeline."""
        self.media.change_source(mid, rid)

    def send_frame(self, mid: str, frame: EncodedFrame, rid: str | None = None) -> None:
        """Protect a frame's packets for this peer and queue them as few, large transmits."""
        if self._path is None:
            self.counters.frames_before_connected += 1
        else:
            self._transmit(self._path, self.media.write_frame(mid, rid, frame))

    def _transmit(
        self, path: ice.CandidatePair, pieces: Iterable[tuple[bytes | memoryview, int | None]]
    ) -> None:
        """Queue datagrams, some of them joined, and count them."""
        local, remote = path.local_base, path.remote
        traffic, figures = self.traffic, path.figures
        for data, segment_size in pieces:
            self.transmits.append(Transmit(data, local, remote, segment_size))
            size = len(data)
            packets = 1 if segment_size is None else (size + segment_size - 1) // segment_size
            traffic.bytes_sent += size
            traffic.packets_sent += packets
            figures.bytes_sent += size
            figures.packets_sent += packets

    def set_wanted(self, mid: str, rid: str | None, wanted: Wanted, now: float) -> None:
        """Say what is read of a track: of what is not read packets are counted, and no more."""
        self.media.set_wanted(mid, rid, wanted, now)
        self._after_media()

    def request_keyframe(self, mid: str, rid: str | None, now: float) -> None:
        """Ask the remote side for a keyframe, at most twice a second."""
        self.media.request_keyframe(mid, rid, now)
        self._after_media()

    def _after_media(self) -> None:
        self.deadline_is_stale = True
        self.events.extend(self.media.events)
        self.media.events.clear()
        if self._path is not None and self.media.outgoing:
            self._transmit(self._path, self.media.outgoing)
        self.media.outgoing.clear()

    # What ICE and DTLS have to say

    def _after_ice(self, now: float) -> None:
        self.deadline_is_stale = True
        agent = self.ice
        self.transmits.extend(agent.transmits)
        agent.transmits.clear()
        while agent.events and self.ended is None:
            event = agent.events.popleft()
            if isinstance(event, ice.LocalCandidate):
                self.gathering.add(event.candidate)
            elif isinstance(event, ice.AddressChecked):
                self.events.append(AddressChecked(event.local, event.remote))
            elif isinstance(event, ice.PairSelected):
                self._path = event.pair
                self.selected_pair_changes += 1
                self._start_dtls(event.pair.rtt, now)
            elif isinstance(event, ice.PairLost):
                self._path = None
            elif isinstance(event, ice.IceStateChanged):
                self._ice_state_changed(event.state, now)
        if self.ended is None:
            self.gathering.check_complete()
        self._ice_deadline = agent.next_deadline()
        if agent.selected_pair is not None and agent.selected_pair.rtt is not None:
            self.media.set_round_trip_time(agent.selected_pair.rtt)

    def _ice_state_changed(self, state: ice.IceState, now: float) -> None:
        if state is ice.IceState.FAILED:
            was_connected = self.dtls is not None and self.dtls.state is DtlsState.CONNECTED
            self._end(CloseReason.CONSENT_LOST if was_connected else CloseReason.ICE_FAILED, "", now)
        else:
            self._update_connection_state()

    def _start_dtls(self, rtt: float | None, now: float) -> None:
        if self.dtls is not None or self._agreement is None:
            return
        self.dtls = DtlsTransport(
            certificate=self.certificate,
            role=DtlsRole.CLIENT if self._agreement.dtls_client else DtlsRole.SERVER,
            remote_fingerprints=[
                (fingerprint.algorithm, fingerprint.value)
                for fingerprint in self._agreement.transport.fingerprints
            ],
        )
        self.dtls.start(now, rtt=rtt)
        for data in self._held:
            self.dtls.receive_datagram(data, now)
        self._held.clear()
        self._after_dtls(now)

    def _after_dtls(self, now: float) -> None:
        self.deadline_is_stale = True
        assert self.dtls is not None
        self._flush_dtls(self.dtls)
        while self.dtls.events:
            event = self.dtls.events.popleft()
            if isinstance(event, DtlsStateChanged):
                self._dtls_state_changed(self.dtls, event, now)
        self._dtls_deadline = self.dtls.next_deadline()

    def _flush_dtls(self, dtls: DtlsTransport) -> None:
        if self._path is not None:
            self._transmit(self._path, [(data, None) for data in dtls.datagrams])
        dtls.datagrams.clear()

    def _dtls_state_changed(self, dtls: DtlsTransport, event: DtlsStateChanged, now: float) -> None:
        if event.state is DtlsState.CONNECTED:
            assert dtls.srtp_profile is not None
            self.media.start(dtls.srtp_profile, dtls.export_srtp_keys(), now)
            self._update_connection_state()
            self.events.append(SendersChanged())
        elif event.state is DtlsState.FAILED:
            self._end(CloseReason.DTLS_FAILED, event.reason or "", now)
        elif event.state is DtlsState.CLOSED:
            self._end(CloseReason.REMOTE, "", now)
        else:
            self._update_connection_state()

    def _update_connection_state(self) -> None:
        """Put ICE and DTLS into one word (W3C "RTCPeerConnectionState")."""
        dtls_state = DtlsState.NEW if self.dtls is None else self.dtls.state
        if self.ice.state is ice.IceState.DISCONNECTED:
            state = ConnectionState.DISCONNECTED
        elif self.ice.state is ice.IceState.NEW:
            state = ConnectionState.NEW
        elif self.ice.state is ice.IceState.CHECKING or dtls_state is not DtlsState.CONNECTED:
            state = ConnectionState.CONNECTING
        else:
            state = ConnectionState.CONNECTED
        self._set_connection_state(state)

    def _set_connection_state(self, state: ConnectionState) -> None:
        if state is not self.connection_state:
            self.connection_state = state
            self.events.append(ConnectionStateChanged(state))

    # The end

    def close(self, now: float) -> None:
        """End the session: RTCP BYE and a DTLS close_notify are queued, and nothing after."""
        self._end(CloseReason.LOCAL, "", now)

    def _end(self, reason: CloseReason, detail: str, now: float) -> None:
        if self.ended is not None:
            return
        if reason in (CloseReason.LOCAL, CloseReason.DTLS_FAILED):
            self.media.close(now)
            self._after_media()
            if self.dtls is not None:
                self.dtls.close(now)
        # Without consent nothing more may be sent (RFC 7675 §5.1).
        if self.dtls is not None and reason not in (CloseReason.ICE_FAILED, CloseReason.CONSENT_LOST):
            self._flush_dtls(self.dtls)
        self.ended = SessionEnded(reason, detail)
        self._path = None
        self.ice.close()
        self.negotiation.close()
        self.deadline_is_stale = True
        self._set_connection_state(ConnectionState.FAILED if reason.is_failure else ConnectionState.CLOSED)
        self.events.append(SignalingStateChanged(SignalingState.CLOSED))
        self.events.append(self.ended)


def _is_due(deadline: float | None, now: float) -> bool:
    return deadline is not None and deadline <= now
