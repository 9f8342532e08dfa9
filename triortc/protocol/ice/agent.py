"""A full ICE agent for one component (RFC 8445), with trickle (RFC 8838) and consent (RFC 7675)."""

import enum
from collections import deque
from math import inf

from triortc.protocol.wire.entropy import Entropy
from triortc.protocol.wire.errors import LocalProtocolError, Malformed
from triortc.protocol.wire.machine import Address, Transmit
from triortc.protocol.wire.timers import Timers, earliest

from . import stun
from .candidate import IceCandidate
from .checklist import CandidatePair, PairState
from .consent import INTERVAL, Consent, ConsentTimer
from .credentials import Credentials
from .events import (
    AddressChecked,
    GatheringDone,
    IceCounters,
    IceEvent,
    IceParameters,
    IceRole,
    IceState,
    IceStateChanged,
    LocalCandidate,
    PairLost,
    PairSelected,
)
from .local import LocalBase
from .pairing import Pairing
from .requests import Check, Requests
from .roles import Roles
from .selection import Selection
from .transaction import Transaction

__all__ = [
    "AddressChecked",
    "CandidatePair",
    "GatheringDone",
    "IceAgent",
    "IceCounters",
    "IceEvent",
    "IceParameters",
    "IceRole",
    "IceState",
    "IceStateChanged",
    "LocalCandidate",
    "PairLost",
    "PairSelected",
]

PACE = 0.05
"""Seconds between new transactions, Ta (RFC 8445 §14.2)."""

CONNECT_TIMEOUT = 30.0
"""Seconds from the start of checks to failure."""

FAILURE_GRACE = 5.0
"""Seconds that a remote has to show up as peer-reflexive when all its candidates failed."""

_ENDED = frozenset({IceState.FAILED, IceState.CLOSED})


class _Timer(enum.Enum):
    PACE = enum.auto()
    CONNECT = enum.auto()
    GRACE = enum.auto()


class IceAgent:
    """Finds an address of the remote peer that answers, and watches that it goes on answering.

    The owner drains ``transmits`` and ``events`` after each call. After ``failed`` or ``closed``
    nothing is sent and nothing is answered.

    It serves one generation of credentials: for an ICE restart another agent is made.

    Args:
      role: who nominates.
      entropy: the source of randomness.
      parameters: the credentials to tell the remote; fresh ones by default.
      counters: what to count in; new counters by default.

    Attributes:
      state: see :class:`IceState`. ``connected`` says that data may be sent, nominated or not
        (RFC 8445 §12.1).
      transmits: datagrams to send.
      events: what has happened.
      counters: see :class:`IceCounters`.
      pairing: the candidates of both sides, to be looked at.
    """

    def __init__(
        self,
        *,
        role: IceRole,
        entropy: Entropy,
        parameters: IceParameters | None = None,
        counters: IceCounters | None = None,
    ) -> None:
        self.state: IceState = IceState.NEW
        self.transmits: deque[Transmit] = deque()
        self.events: deque[IceEvent] = deque()
        self.counters: IceCounters = IceCounters() if counters is None else counters
        self._credentials = Credentials(parameters or IceParameters.draw(entropy))
        self.pairing: Pairing = Pairing(controlling=role is IceRole.CONTROLLING)
        self._checklist = self.pairing.checklist
        self._remote_is_complete = False
        self._requests = Requests(self._credentials, self.transmits, self.counters, entropy)
        self._consent = Consent(entropy)
        self._selection = Selection(self.pairing, self._consent)
        self._roles = Roles(self.pairing, self._selection, self.counters, entropy)
        self._announced: CandidatePair | None = None
        self._timers: Timers[_Timer] = Timers()
        self._paced_until = -inf

    def __repr__(self) -> str:
        return f"<IceAgent {self.role.value} {self.state.value} {self.selected_pair or 'no pair'}>"

    @property
    def local_parameters(self) -> IceParameters:
        """The credentials to tell the remote."""
        return self._credentials.local

    @property
    def remote_parameters(self) -> IceParameters | None:
        """The remote's credentials, or None before :meth:`set_remote_parameters`."""
        return self._credentials.remote

    @property
    def role(self) -> IceRole:
        """Controlling or controlled; a role conflict may change it."""
        return self._roles.current

    @property
    def selected_pair(self) -> CandidatePair | None:
        """The pair to send to, or None."""
        return self._checklist.selected

    @property
    def candidate_pairs(self) -> tuple[CandidatePair, ...]:
        """All pairs, for statistics and for saying what was tried."""
        return tuple(self._checklist)

    @property
    def gathering(self) -> bool:
        """Whether a STUN server is still being asked."""
        return self._requests.gathering

    def find_checked(self, local: Address, remote: Address) -> CandidatePair | None:
        """Return the pair if *remote* has proven to be the peer: it sent or answered an authentic check."""
        pair = self._checklist.get(local, remote)
        return pair if pair is not None and pair.is_checked else None

    def is_checked(self, local: Address, remote: Address) -> bool:
        """Return whether there is a pair of these addresses whose remote has proven to be the peer."""
        return self.find_checked(local, remote) is not None

    def set_role(self, role: IceRole) -> None:
        """Take a role; who offers is controlling (RFC 8445 §6.1.1)."""
        self._roles.take(role)

    def set_remote_parameters(self, parameters: IceParameters, *, lite: bool, now: float) -> None:
        """Begin to check: the remote's credentials are known.

        Checks that came before were answered; ours in return are sent now.

        Args:
          parameters: the remote's credentials.
          lite: the remote is an ICE-lite peer, so that we are controlling (RFC 8445 §6.1.1).
          now: the time in seconds.

        Raises:
          LocalProtocolError: other ones are set already.
        """
        if self.remote_parameters not in (None, parameters):
            raise LocalProtocolError("an ICE agent serves one generation of remote parameters")
        if self.state in _ENDED or self.remote_parameters is not None:
            return
        self._credentials.set_remote(parameters)
        if lite:
            self.set_role(IceRole.CONTROLLING)
        self._timers.set(_Timer.CONNECT, now + CONNECT_TIMEOUT)
        self._set_state(IceState.CHECKING)
        self._settle(now)

    def add_host_candidate(self, base: Address, now: float) -> IceCandidate:
        """Use a bound socket; the ones added first are preferred.

        Raises:
          LocalProtocolError: *base* is a wildcard, a link-local IPv6 address or otherwise not
            the address of one host.
        """
        known = self.pairing.bases.get(base)
        if known is not None:
            return known.candidate
        candidate = self.pairing.add_base(base, self.local_parameters.ufrag).candidate
        self.events.append(LocalCandidate(candidate, base))
        self._settle(now)
        return candidate

    def gather_server_reflexive(self, base: Address, server: Address, now: float, url: str = "") -> None:
        """Ask a STUN server how *base* looks from outside; not one of the other IP version.

        A candidate comes as :class:`LocalCandidate`; a silent server is given up after 5.75 s.

        Raises:
          LocalProtocolError: *base* was not added.
        """
        local = self.pairing.bases.get(base)
        if local is None:
            raise LocalProtocolError(f"{base[0]} port {base[1]} is no base of this agent")
        if local.has_family_of(server) and self.state not in _ENDED:
            self._requests.plan_gather(base, server, url)
            self._settle(now)

    def add_remote_candidate(self, candidate: IceCandidate, now: float) -> None:
        """Pair a candidate of the remote with our sockets; one that cannot be used is counted."""
        address = candidate.socket_address
        fragment, remote = candidate.username_fragment, self.remote_parameters
        stale = fragment is not None and remote is not None and fragment != remote.ufrag
        if address is None or stale or not self.pairing.add_remote(address, candidate):
            self.counters.ignored_candidates += 1
        self._settle(now)

    def end_of_remote_candidates(self, now: float) -> None:
        """Note that the remote has told all its candidates."""
        self._remote_is_complete = True
        self._settle(now)

    def note_received(self, now: float) -> None:
        """Note authenticated media from the selected pair, as often as it comes; it is cheap.

        A pair that received media and is then silent for 500 ms is checked every 500 ms.
        """
        if self.selected_pair is not None:
            self._consent.note_received(now)

    def close(self) -> None:
        """End: nothing is sent any more."""
        if self.state is not IceState.CLOSED:
            self._end(IceState.CLOSED)

    def expects_untrusted(self, data: bytes | memoryview, local: Address, remote: Address) -> bool:
        """Return whether a STUN datagram says that it is for this agent; it proves nothing."""
        if stun.message_is_request(data):
            return self._credentials.are_named_by(stun.peek_usernames_untrusted(data))
        return self._requests.find(stun.transaction_id(data), local, remote) is not None

    def receive_stun(self, data: bytes | memoryview, local: Address, remote: Address, now: float) -> None:
        """Take a datagram that looks like STUN; nothing that it holds raises."""
        base = self.pairing.bases.get(local)
        if base is None or self.state in _ENDED:
            self.counters.unknown_base += 1
            return
        try:
            message = stun.parse_stun_untrusted(data)
        except Malformed:
            self.counters.malformed += 1
            return
        if message.is_request:
            self._receive_request(message, base, remote, now)
        elif message.is_success or message.is_error:
            self._receive_response(message, base, remote, now)
        else:
            self.counters.indications += 1
        self._settle(now)

    def _receive_request(
        self, message: stun.StunMessage, base: LocalBase, remote: Address, now: float
    ) -> None:
        if not self._credentials.prove_request(message):
            self.counters.unauthenticated += 1
            return
        self.counters.requests_received += 1
        self.counters.responses_sent += 1
        agreed = self._roles.settle(message)
        identity, key = message.transaction_id, self._credentials.local_key
        answer = stun.binding_success(identity, remote, key) if agreed else stun.role_conflict(identity, key)
        self.transmits.append(Transmit(answer, base.address, remote))
        pair = self.pairing.meet(base, remote, message.priority) if agreed else None
        if pair is not None:
            pair.figures.note_request()
            self._hear(pair, nominated=message.nominates and not self.pairing.controlling, now=now)

    def _hear(self, pair: CandidatePair, *, nominated: bool, now: float) -> None:
        """Act on an authentic check of the remote (RFC 8445 §7.3.1.4, §7.3.1.5)."""
        self._note_checked(pair)
        pair.heard_at = now
        if nominated:
            pair.nominated_at = now
            if pair is not self.selected_pair:
                pair.doubt(answered_before=now - INTERVAL)
        if pair.is_valid and pair.state is PairState.SUCCEEDED:
            self._selection.enter(pair, now)
        else:
            self._checklist.trigger(pair)

    def _receive_response(
        self, message: stun.StunMessage, base: LocalBase, remote: Address, now: float
    ) -> None:
        transaction = self._requests.find(message.transaction_id, base.address, remote)
        if transaction is None:
            self.counters.unknown_transaction += 1
            return
        check = transaction.subject
        if check is None:
            self._requests.finish(transaction)
            self._learn_reflection(message, base, self._requests.urls[remote])
        elif not self._credentials.prove_response(message):
            self.counters.unauthenticated += 1
        else:
            self._requests.finish(transaction)
            if check.pair in self._checklist:
                self._take_answer(message, check, now, transaction.round_trip(now))

    def _learn_reflection(self, message: stun.StunMessage, base: LocalBase, url: str) -> None:
        mapped = message.mapped_address if message.is_success else None
        candidate = mapped and base.learn_reflection(mapped, url)
        if candidate is not None:
            self.events.append(LocalCandidate(candidate, base.address))
        self._note_gathered()

    def _note_gathered(self) -> None:
        if not self.gathering:
            self.events.append(GatheringDone())

    def _take_answer(self, message: stun.StunMessage, check: Check, now: float, rtt: float | None) -> None:
        """Act on an authentic answer to a check (RFC 8445 §7.2.5)."""
        pair = check.pair
        if message.is_success:
            self.counters.responses_received += 1
            if message.mapped_address is not None:
                base = self.pairing.bases[pair.local_base]
                pair.local_candidate = base.seen_as(message.mapped_address, "prflx")
            self._checklist.succeed(pair, now, rtt)
            self._note_checked(pair)
            self._selection.note_answer(pair, now, nominated=check.nominates)
        elif message.error_code == stun.ROLE_CONFLICT:
            self._roles.give_way(controlling=check.controlling)
            self._checklist.trigger(pair)
        else:
            self.counters.refused += 1
            if pair.check_id == message.transaction_id:
                self._selection.note_failure(pair)

    def _note_checked(self, pair: CandidatePair) -> None:
        if not pair.is_checked:
            pair.is_checked = True
            self.events.append(AddressChecked(pair.local_base, pair.remote))

    def _settle(self, now: float) -> None:
        """After any input: nominate, pace what is to be checked, give up, say what has changed."""
        if self.state in _ENDED:
            return
        self._selection.nominate(now)
        known = self.remote_parameters is not None
        to_check = known and self._checklist.has_work(above=self._selection.floor)
        if to_check or self._requests.has_questions:
            self._timers.set_earlier(_Timer.PACE, max(now, self._paced_until))
        if self._is_hopeless() and self._timers.deadline(_Timer.GRACE) is None:
            self._timers.set(_Timer.GRACE, now + FAILURE_GRACE)
        self._tell()

    def _is_hopeless(self) -> bool:
        if self.selected_pair is not None or self.gathering or not self._remote_is_complete:
            return False
        return self._checklist.has_failed()

    def _tell(self) -> None:
        pair = self.selected_pair
        if pair is None:
            return
        if pair is not self._announced:
            self._announced = pair
            self._timers.stop(_Timer.CONNECT)
            self._timers.stop(_Timer.GRACE)
            self.events.append(PairSelected(pair))
        if self._consent.is_disconnected:
            self._set_state(IceState.DISCONNECTED)
        elif pair.nominated_at is not None and self._remote_is_complete and not self.gathering:
            self._set_state(IceState.COMPLETED)
        else:
            self._set_state(IceState.CONNECTED)

    def _set_state(self, state: IceState) -> None:
        if state is not self.state:
            self.state = state
            self.events.append(IceStateChanged(state))

    def _end(self, state: IceState) -> None:
        self._checklist.selected = None
        for pair in self._checklist:
            pair.is_checked = False
        self.transmits.clear()
        self._requests.clear()
        self._timers.clear()
        self._consent.stop()
        self._set_state(state)

    def next_deadline(self) -> float | None:
        """Return when :meth:`handle_timeout` is to be called, or None."""
        if self.state in _ENDED:
            return None
        return earliest(
            self._timers.next_deadline(),
            self._requests.next_deadline(),
            self._consent.next_deadline(),
            self._selection.patience_ends,
        )

    def handle_timeout(self, now: float) -> None:
        """Do what is due at *now*."""
        if self.state in _ENDED:
            return
        for transaction in self._requests.handle_timeout(now):
            self._give_up(transaction)
        for timer in self._timers.expired(now):
            self._ring(timer, now)
        self._keep_consent(now)
        self._settle(now)

    def _give_up(self, transaction: Transaction[Check | None]) -> None:
        check = transaction.subject
        if check is None:
            self._note_gathered()
        elif check.pair.check_id == transaction.id and check.pair.state is PairState.IN_PROGRESS:
            self._selection.note_failure(check.pair)

    def _ring(self, timer: _Timer, now: float) -> None:
        if self.state in _ENDED:
            return
        if timer is _Timer.PACE:
            if self._requests.gather(now) or self._check_next(now):
                self._paced_until = now + PACE
        elif timer is _Timer.CONNECT or self._is_hopeless():
            self._end(IceState.FAILED)

    def _check_next(self, now: float) -> bool:
        """Begin the next check (RFC 8445 §6.1.4.2); return whether there was one to begin."""
        if self.remote_parameters is None:
            return False
        pair = self._checklist.next_check(above=self._selection.floor)
        if pair is None:
            return False
        pair.state = PairState.IN_PROGRESS
        self._requests.check(self._plan_check(pair), now, interval=PACE * self._checklist.count_under_way())
        return True

    def _keep_consent(self, now: float) -> None:
        due, pair = self._consent.expired(now), self.selected_pair
        if pair is None:
            return
        if ConsentTimer.EXPIRE in due:
            self._end(IceState.FAILED)
        elif ConsentTimer.CHECK in due:
            self._consent.sent(now)
            self._requests.check_consent(self._plan_check(pair), now)
        if ConsentTimer.SEARCH in due and self._consent.unanswered_since is not None:
            self._checklist.start_again(answered_before=self._consent.unanswered_since)

    def _plan_check(self, pair: CandidatePair) -> Check:
        return Check(
            pair,
            priority=self.pairing.bases[pair.local_base].check_priority,
            tie_breaker=self._roles.tie_breaker,
            controlling=self.pairing.controlling,
            nominates=self._selection.nominates(pair),
        )
