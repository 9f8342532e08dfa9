"""The figures of a session's one transport: certificates, candidates, pairs, and what they carried."""

from base64 import b64encode
from collections.abc import Iterator

from triortc.protocol.dtls.certificate import Certificate, fingerprint
from triortc.protocol.dtls.transport import DtlsIdentity
from triortc.protocol.ice.agent import CandidatePair, IceAgent
from triortc.protocol.ice.candidate import IceCandidate

from .session import Session
from .stats import CandidatePairStats, CandidateStats, CertificateStats, RemoteCandidateStats, TransportStats

TRANSPORT_ID = "T01"

DTLS_1_2 = "FEFD"

_Candidates = dict[str, tuple[IceCandidate, CandidateStats]]


class TransportGatherer:
    """Describes one session's transport; what never changes is described once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._local_certificate = _describe_own_certificate(session.certificate)
        self._remote_certificate: CertificateStats | None = None
        self._candidates: _Candidates = {}
        self._candidates_before: _Candidates = {}

    def gather_transport(self) -> TransportStats:
        """Return how the transport is, and what it carried."""
        session = self._session
        ice, dtls, media, traffic = session.ice, session.dtls, session.media, session.traffic
        pair, remote_certificate = ice.selected_pair, self._find_remote_certificate()
        return TransportStats(
            id=TRANSPORT_ID,
            packets_sent=traffic.packets_sent,
            packets_received=traffic.packets_received,
            bytes_sent=traffic.bytes_sent,
            bytes_received=traffic.bytes_received,
            ice_role=ice.role.value,
            ice_state=ice.state.value,
            ice_local_username_fragment=ice.local_parameters.ufrag,
            dtls_state="new" if dtls is None else dtls.state.value,
            dtls_role="unknown" if dtls is None else dtls.role.value,
            selected_candidate_pair_id=None if pair is None else _pair_id(ice.generations[0], pair),
            selected_candidate_pair_changes=session.selected_pair_changes,
            local_certificate_id=self._local_certificate.id,
            remote_certificate_id=None if remote_certificate is None else remote_certificate.id,
            tls_version=DTLS_1_2 if media.started else None,
            dtls_cipher=None if dtls is None or not media.started else dtls.cipher,
            srtp_cipher=None if media.profile is None else media.profile.iana_name,
        )

    def gather_certificates(self) -> Iterator[CertificateStats]:
        """Yield this side's certificate, and the remote's once it was shown."""
        yield self._local_certificate
        remote = self._find_remote_certificate()
        if remote is not None:
            yield remote

    def _find_remote_certificate(self) -> CertificateStats | None:
        dtls = self._session.dtls
        der = None if dtls is None else dtls.remote_certificate_der
        if self._remote_certificate is None and der is not None:
            value, text = fingerprint(der, "sha-256"), b64encode(der).decode()
            self._remote_certificate = _describe_certificate("sha-256", value, text)
        return self._remote_certificate

    def gather_connectivity(self) -> Iterator[CandidateStats | CandidatePairStats]:
        """Yield candidates and pairs: those in use, and those of an ICE restart under way."""
        self._candidates, self._candidates_before = {}, self._candidates
        generations = self._session.ice.generations
        for agent in generations:
            for base in agent.pairing.bases.values():
                for candidate in base.candidates:
                    self._take_local(agent, candidate)
            for candidate in agent.pairing.remotes.values():
                self._take_remote(agent, candidate)
        pairs = [
            self._describe_pair(agent, pair) for agent in generations for pair in agent.pairing.checklist
        ]
        for _, stats in self._candidates.values():
            yield stats
        yield from pairs

    def _take_local(self, agent: IceAgent, candidate: IceCandidate) -> str:
        fragment = agent.local_parameters.ufrag
        id = f"L{fragment}-{candidate.address}:{candidate.port}"
        return self._take(CandidateStats, id, candidate, fragment)

    def _take_remote(self, agent: IceAgent, candidate: IceCandidate) -> str:
        id = f"R{agent.local_parameters.ufrag}-{candidate.address}:{candidate.port}"
        parameters = agent.remote_parameters
        fragment = candidate.username_fragment if parameters is None else parameters.ufrag
        return self._take(RemoteCandidateStats, id, candidate, fragment)

    def _take(
        self, form: type[CandidateStats], id: str, candidate: IceCandidate, fragment: str | None
    ) -> str:
        known = self._candidates.get(id) or self._candidates_before.get(id)
        if known is None or known[0] is not candidate:
            known = candidate, _describe_candidate(form, id, candidate, fragment)
        self._candidates[id] = known
        return id

    def _describe_pair(self, agent: IceAgent, pair: CandidatePair) -> CandidatePairStats:
        figures = pair.figures
        unix_time, received_at = self._session.anchor.unix_time, figures.received_at
        return CandidatePairStats(
            id=_pair_id(agent, pair),
            transport_id=TRANSPORT_ID,
            local_candidate_id=self._take_local(agent, pair.local_candidate),
            remote_candidate_id=self._take_remote(agent, pair.remote_candidate),
            state=pair.state.value,
            nominated=pair.nominated_at is not None,
            packets_sent=figures.packets_sent,
            packets_received=figures.packets_received,
            bytes_sent=figures.bytes_sent,
            bytes_received=figures.bytes_received,
            last_packet_received_timestamp=None if received_at is None else unix_time(received_at) * 1000,
            total_round_trip_time=figures.total_round_trip_time,
            current_round_trip_time=figures.round_trip_time,
            requests_received=figures.requests_received,
            requests_sent=figures.requests_sent,
            responses_received=figures.responses_received,
            responses_sent=figures.responses_sent,
            consent_requests_sent=figures.consent_requests_sent,
        )


def _pair_id(agent: IceAgent, pair: CandidatePair) -> str:
    """Name a pair by its generation, its socket and its remote: its local candidate may change."""
    (host, port), (there, remote_port) = pair.local_base, pair.remote
    return f"CP{agent.local_parameters.ufrag}-{host}:{port}-{there}:{remote_port}"


def _describe_candidate(
    form: type[CandidateStats], id: str, candidate: IceCandidate, fragment: str | None
) -> CandidateStats:
    return form(
        id=id,
        transport_id=TRANSPORT_ID,
        address=candidate.address,
        port=candidate.port,
        protocol=candidate.transport,
        candidate_type=candidate.type,
        priority=candidate.priority,
        foundation=candidate.foundation,
        username_fragment=fragment,
        url=None if form is RemoteCandidateStats else candidate.url,  # the remote's server is its own affair
        related_address=candidate.related_address,
        related_port=candidate.related_port,
        tcp_type=candidate.tcp_type,
    )


def _describe_own_certificate(shown: Certificate | DtlsIdentity) -> CertificateStats:
    algorithm, value = shown.fingerprints[0]
    certificate = shown.certificate if isinstance(shown, DtlsIdentity) else shown
    # PEM is base64 between two lines.
    lines = certificate.certificate_pem.decode().strip().splitlines()[1:-1]
    return _describe_certificate(algorithm, value, "".join(lines))


def _describe_certificate(algorithm: str, value: str, text: str) -> CertificateStats:
    return CertificateStats(
        id=f"CF{value}", fingerprint=value, fingerprint_algorithm=algorithm, base64_certificate=text
    )
