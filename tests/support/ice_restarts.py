"""Peers that restart ICE by offer and answer while media flows both ways, in virtual time."""

from support.ice_network import Datagram, IceNetwork, Peer

from triortc.protocol.ice.agent import IceParameters, IceRole, IceState, IceStateChanged
from triortc.protocol.ice.candidate import IceCandidate
from triortc.protocol.session.connectivity import Connectivity
from triortc.protocol.wire.machine import Address, Transmit

MEDIA = b"\x80 media"
MEDIA_INTERVAL = 0.02


class RestartNetwork(IceNetwork):
    """An :class:`IceNetwork` of restartable machines.

    Attributes:
      unchecked: media that came from addresses which its receiver does not believe.
      pathless: moments at which a peer had media to send and no pair.
      heard: when each peer last got media, by its number.
    """

    machine = Connectivity

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)
        self.unchecked = 0
        self.pathless = 0
        self.heard: dict[int, float] = {}

    def connect(self, *hosts: tuple[str, ...]) -> tuple[Peer, Peer]:
        """Add two peers; let them connect, and media flow."""
        here, there = hosts or (("10.0.0.1",), ("10.0.0.2",))
        alice, bob = self.add(IceRole.CONTROLLING, *here), self.add(IceRole.CONTROLLED, *there)
        self.introduce(alice, bob)
        self.introduce(bob, alice)
        assert self.run_until(lambda: alice.agent.selected_pair and bob.agent.selected_pair, 10)
        self.send_media()
        self.run(3)
        return alice, bob

    def send_media(self) -> None:
        for peer in self.peers:
            pair = peer.agent.selected_pair
            if pair is None:
                self.pathless += 1
            else:
                self._send(peer, Transmit(MEDIA, pair.local_base, pair.remote))
        self.at(self.now + MEDIA_INTERVAL, self.send_media)

    def _deliver(self, datagram: Datagram) -> None:
        if datagram.data != MEDIA:
            super()._deliver(datagram)
            return
        for number, peer in enumerate(self.peers):
            if datagram.destination in peer.bases:
                if peer.agent.is_checked(datagram.destination, datagram.source):
                    peer.agent.note_received(self.now)
                    self.heard[number] = self.now
                else:
                    self.unchecked += 1

    # Offer and answer

    def propose(self, peer: Peer, *bases: Address) -> tuple[IceParameters, list[IceCandidate]]:
        """Let *peer* begin a generation with its sockets; return what its description says."""
        peer.bases += tuple(base for base in bases if base not in peer.bases)
        parameters = peer.agent.restart()
        told = [peer.agent.add_host_candidate(base, self.now) for base in bases or peer.bases]
        self._drain()
        return parameters, told

    def agree(self, peer: Peer, described: tuple[IceParameters, list[IceCandidate]]) -> None:
        """Let *peer* apply the other side of an exchange."""
        parameters, candidates = described
        peer.agent.set_remote_parameters(parameters, lite=False, now=self.now)
        for candidate in candidates:
            peer.agent.add_remote_candidate(candidate, self.now)
        peer.agent.end_of_remote_candidates(self.now)
        self._drain()

    def restart(self, offerer: Peer, answerer: Peer, *, delay: float = 0.05) -> None:
        """Exchange offer and answer; each takes *delay* seconds."""
        offer = self.propose(offerer)
        self.run(delay)
        answer = self.propose(answerer)
        self.agree(answerer, offer)
        self.run(delay)
        self.agree(offerer, answer)


def states(peer: Peer) -> list[IceState]:
    return [event.state for _, event in peer.events if isinstance(event, IceStateChanged)]


def generation(peer: Peer) -> str:
    """The user name fragment of the generation in use, as its pair's candidate tells it."""
    pair = peer.agent.selected_pair
    assert pair is not None
    fragment = pair.local_candidate.username_fragment
    assert fragment is not None
    return fragment


def restarted(*peers: Peer) -> bool:
    """Whether all use their newest generation, nominated."""
    pairs = [peer.agent.selected_pair for peer in peers]
    done = all(pair is not None and pair.nominated_at is not None for pair in pairs)
    return done and all(generation(peer) == peer.agent.local_parameters.ufrag for peer in peers)
