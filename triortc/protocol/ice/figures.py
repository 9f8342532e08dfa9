"""What a candidate pair has carried and been checked by, as W3C webrtc-stats counts it."""

from dataclasses import dataclass


@dataclass(slots=True)
class PairFigures:
    """Running totals of one candidate pair (W3C ``RTCIceCandidatePairStats``).

    Attributes:
      packets_sent, bytes_sent, packets_received, bytes_received: datagrams and their bytes, checks
        not counted; who sends and receives them counts them here.
      received_at: when the last of them came, seconds; None before the first.
      requests_sent: checks, each once, but for consent checks.
      requests_received: authentic checks of the remote, each time it came.
      responses_sent, responses_received: answers to either.
      consent_requests_sent: consent checks.
      round_trip_time: the latest one measured, seconds; None before the first.
      total_round_trip_time: the sum over all responses received, seconds.
    """

    packets_sent: int = 0
    bytes_sent: int = 0
    packets_received: int = 0
    bytes_received: int = 0
    received_at: float | None = None
    requests_sent: int = 0
    requests_received: int = 0
    responses_sent: int = 0
    responses_received: int = 0
    consent_requests_sent: int = 0
    round_trip_time: float | None = None
    total_round_trip_time: float = 0.0

    def note_request(self) -> None:
        """Count a check that came, and its answer."""
        self.requests_received += 1
        self.responses_sent += 1

    def note_response(self, round_trip: float | None) -> None:
        """Count an answer; one to a check that was sent twice took as long as the one before."""
        self.responses_received += 1
        if round_trip is not None:
            self.round_trip_time = round_trip
        self.total_round_trip_time += self.round_trip_time or 0.0
