"""The requests of an agent: checks, consent checks, and questions to STUN servers."""

from collections import deque
from typing import NamedTuple

from triortc.protocol.wire.entropy import Entropy
from triortc.protocol.wire.machine import Address, Transmit

from . import stun
from .checklist import CandidatePair
from .consent import INTERVAL
from .credentials import Credentials
from .events import IceCounters
from .transaction import Transaction, Transactions

MAX_CHECKS = 7
"""Sends to a pair without an answer; an authentic check from there lets the count begin anew."""

CHECK_INTERVAL = 0.25
"""Seconds before a check is sent again for the first time, at least."""

GATHER_SENDS = 5
"""Sends to a STUN server: it is given up after 5.75 s."""


class Check(NamedTuple):
    """What a connectivity check says (RFC 8445 §7.1), and of which pair."""

    pair: CandidatePair
    priority: int
    tie_breaker: int
    controlling: bool
    nominates: bool


class Requests:
    """Sends requests, again where needed, and knows those that wait for an answer.

    The subject of a transaction is its check, or None for a question to a STUN server.

    Attributes:
      urls: of the STUN servers, by address; empty where they were not told.
    """

    __slots__ = (
        "_asked",
        "_counters",
        "_credentials",
        "_entropy",
        "_to_ask",
        "_transactions",
        "_transmits",
        "urls",
    )

    def __init__(
        self, credentials: Credentials, transmits: deque[Transmit], counters: IceCounters, entropy: Entropy
    ) -> None:
        self._credentials = credentials
        self._transmits = transmits
        self._counters = counters
        self._entropy = entropy
        self._transactions: Transactions[Check | None] = Transactions()
        self._to_ask: deque[tuple[Address, Address]] = deque()
        self._asked = 0
        self.urls: dict[Address, str] = {}

    @property
    def gathering(self) -> bool:
        """Whether a STUN server has still to be asked, or to answer."""
        return bool(self._to_ask) or self._asked > 0

    @property
    def has_questions(self) -> bool:
        """Whether a STUN server has still to be asked."""
        return bool(self._to_ask)

    def plan_gather(self, base: Address, server: Address, url: str) -> None:
        """Note that a server is to be asked."""
        self.urls[server] = url
        self._to_ask.append((base, server))

    def gather(self, now: float) -> bool:
        """Ask the next server; return False when there is none."""
        if not self._to_ask:
            return False
        base, server = self._to_ask.popleft()
        identity = self._entropy.token_bytes(12)
        request = stun.binding_request(identity)
        self._asked += 1
        self._send(Transaction(identity, request, base, server, None, CHECK_INTERVAL, GATHER_SENDS), now)
        return True

    def check(self, check: Check, now: float, *, interval: float) -> None:
        """Check a pair; an earlier check of it is not sent again, but its answer is welcome.

        Args:
          check: what to say.
          now: the time in seconds.
          interval: seconds before it is sent again, if that is more than ``CHECK_INTERVAL``.
        """
        pair = check.pair
        earlier = self._transactions.find(pair.check_id, pair.local_base, pair.remote)
        if earlier is not None:
            earlier.stop_sending()
        limit = MAX_CHECKS - pair.sends
        pair.check_id = self._send_check(check, now, interval=max(CHECK_INTERVAL, interval), limit=limit)
        pair.sends += 1
        pair.figures.requests_sent += 1

    def check_consent(self, check: Check, now: float) -> None:
        """Check the selected pair once; consent checks are not sent again (RFC 7675 §5.1)."""
        self._counters.consent_requests_sent += 1
        check.pair.figures.consent_requests_sent += 1
        self._send_check(check, now, interval=INTERVAL, limit=1)

    def _send_check(self, check: Check, now: float, *, interval: float, limit: int) -> bytes:
        identity = self._entropy.token_bytes(12)
        request = stun.connectivity_check(
            identity,
            username=self._credentials.username(),
            key=self._credentials.remote_key,
            priority=check.priority,
            controlling=check.controlling,
            tie_breaker=check.tie_breaker,
            nominate=check.nominates,
        )
        pair = check.pair
        self._send(Transaction(identity, request, pair.local_base, pair.remote, check, interval, limit), now)
        return identity

    def _send(self, transaction: Transaction[Check | None], now: float) -> None:
        if transaction.subject is not None:
            self._counters.requests_sent += 1
        self._transmits.append(self._transactions.send(transaction, now))

    def find(self, identity: bytes, local: Address, remote: Address) -> Transaction[Check | None] | None:
        """Return the transaction that an answer is for."""
        return self._transactions.find(identity, local, remote)

    def finish(self, transaction: Transaction[Check | None]) -> None:
        """Forget a transaction that is answered."""
        self._transactions.finish(transaction)
        self._note_end(transaction)

    def _note_end(self, transaction: Transaction[Check | None]) -> None:
        if transaction.subject is None:
            self._asked -= 1

    def clear(self) -> None:
        """Forget all."""
        self._transactions.clear()
        self._to_ask.clear()
        self._asked = 0

    def next_deadline(self) -> float | None:
        """Return when :meth:`handle_timeout` is to be called, or None."""
        return self._transactions.next_deadline()

    def handle_timeout(self, now: float) -> list[Transaction[Check | None]]:
        """Send again what is due, and return what is given up."""
        given_up = []
        for transaction in self._transactions.expired(now):
            if transaction.sends < transaction.limit:
                self._send(transaction, now)
                if transaction.subject is not None:
                    transaction.subject.pair.sends += 1
            else:
                self._note_end(transaction)
                given_up.append(transaction)
        return given_up
