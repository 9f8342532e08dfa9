"""STUN transactions that we began: what was asked, of whom, and when to ask again (RFC 8489 §6.2.1)."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from triortc.protocol.wire.machine import Address, Transmit

SubjectT = TypeVar("SubjectT")

LONGEST_INTERVAL = 2.0
"""Seconds between two sends of one request, at most; a longer first interval stays as it is."""

ANSWER_PATIENCE = 3.0
"""Seconds that a request which is sent no more may still be answered."""


@dataclass(slots=True, eq=False)
class Transaction(Generic[SubjectT]):
    """One request, sent until it is answered or its sends are used up.

    Attributes:
      id: 12 random bytes; with the address they say which answer is ours.
      request: the datagram.
      local: the socket to send from.
      remote: whom it asks.
      subject: what the answer is about.
      interval: seconds to wait after the next send; doubled by each.
      limit: how often it may be sent in all.
      sends: how often it has been sent.
      sent_at: when it was last sent.
      deadline: when to send it again or to give it up.
    """

    id: bytes
    request: bytes
    local: Address
    remote: Address
    subject: SubjectT
    interval: float
    limit: int
    sends: int = 0
    sent_at: float = 0.0
    deadline: float = 0.0

    def send(self, now: float) -> Transmit:
        """Return the datagram, and note that it was sent."""
        self.sends += 1
        self.sent_at = now
        self.deadline = now + self.interval
        self.interval = max(self.interval, min(self.interval * 2, LONGEST_INTERVAL))
        return Transmit(self.request, self.local, self.remote)

    def stop_sending(self) -> None:
        """Send it no more; an answer is still welcome, however long the way is."""
        self.limit = self.sends
        self.deadline = max(self.deadline, self.sent_at + ANSWER_PATIENCE)

    def round_trip(self, now: float) -> float | None:
        """Return the seconds an answer took; None when it may answer any of several sends."""
        return now - self.sent_at if self.sends == 1 else None


class Transactions(Generic[SubjectT]):
    """The requests that wait for an answer."""

    __slots__ = ("_pending",)

    def __init__(self) -> None:
        self._pending: dict[bytes, Transaction[SubjectT]] = {}

    def send(self, transaction: Transaction[SubjectT], now: float) -> Transmit:
        """Send a transaction, new or pending."""
        self._pending[transaction.id] = transaction
        return transaction.send(now)

    def find(self, transaction_id: bytes, local: Address, remote: Address) -> Transaction[SubjectT] | None:
        """Return the transaction that an answer with this id from this address is for."""
        transaction = self._pending.get(transaction_id)
        if transaction is None or (transaction.local, transaction.remote) != (local, remote):
            return None
        return transaction

    def finish(self, transaction: Transaction[SubjectT]) -> None:
        """Forget a transaction that was answered."""
        self._pending.pop(transaction.id, None)

    def clear(self) -> None:
        """Forget all of them."""
        self._pending.clear()

    def next_deadline(self) -> float | None:
        """Return when one is to be sent again or given up."""
        return min((transaction.deadline for transaction in self._pending.values()), default=None)

    def expired(self, now: float) -> list[Transaction[SubjectT]]:
        """Return those whose deadline has come; one with no sends left is forgotten."""
        due = [transaction for transaction in self._pending.values() if transaction.deadline <= now]
        for transaction in due:
            if transaction.sends >= transaction.limit:
                del self._pending[transaction.id]
        return due
