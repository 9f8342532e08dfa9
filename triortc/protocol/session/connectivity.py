"""ICE over its restarts: one agent for each generation of credentials (RFC 8445 §9, RFC 9429 §5.2.1).

Data flows over the old generation until the new one has a pair. Seen from a session it is
one agent whose pair changes.
"""

from collections import deque
from itertools import chain

from triortc.protocol.ice.agent import (
    CandidatePair,
    GatheringDone,
    IceAgent,
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
from triortc.protocol.ice.candidate import IceCandidate
from triortc.protocol.wire.entropy import Entropy
from triortc.protocol.wire.errors import InvalidStateError
from triortc.protocol.wire.machine import Address, Transmit
from triortc.protocol.wire.timers import earliest

LINGER = 5.0
"""Seconds that a superseded generation goes on to answer: the remote may find the new path later."""


class Connectivity:
    """The way to the remote peer: an :class:`IceAgent` that can be restarted.

    It holds one agent, and two or three around a restart:

    - the one *in use*, whose pair data is sent to;
    - the one that both sides have *agreed* on and that is searching;
    - the one that a description has *proposed*, the newest, until :meth:`set_remote_parameters`
      makes it the agreed one or :meth:`roll_back_restart` drops it;
    - or the *superseded* one, which for :data:`LINGER` seconds answers and asks no more.

    The newest is meant by everything that descriptions speak of: parameters, candidates, gathering.

    Attributes:
      state: of all generations together, as W3C webrtc §5.6.4 has it: a restart leads from
        ``completed`` to ``connected`` and from ``disconnected`` to ``checking``, and is in vain
        without a word when the new generation fails while the old one works.
      transmits: datagrams to send.
      events: what has happened.
      counters: of all generations together.
    """

    def __init__(self, *, role: IceRole, entropy: Entropy) -> None:
        self.state: IceState = IceState.NEW
        self.transmits: deque[Transmit] = deque()
        self.events: deque[IceEvent] = deque()
        self.counters: IceCounters = IceCounters()
        self._entropy = entropy
        self._in_use = IceAgent(role=role, entropy=entropy, counters=self.counters)
        # Oldest first; what stands before the one in use is superseded.
        self._agents = [self._in_use]
        self._linger_until: float | None = None
        self._bases: dict[Address, None] = {}

    def __repr__(self) -> str:
        restarting = " restarting" if self.restarting else ""
        return f"<Connectivity{restarting} {self._in_use!r}>"

    # What the newest generation is

    @property
    def _newest(self) -> IceAgent:
        return self._agents[-1]

    @property
    def local_parameters(self) -> IceParameters:
        """The credentials to tell the remote."""
        return self._newest.local_parameters

    @property
    def remote_parameters(self) -> IceParameters | None:
        """The remote's credentials, or None before :meth:`set_remote_parameters`."""
        return self._newest.remote_parameters

    @property
    def role(self) -> IceRole:
        """Controlling or controlled; a role conflict may change it."""
        return self._newest.role

    @property
    def gathering(self) -> bool:
        """Whether a STUN server is still being asked."""
        return self._newest.gathering

    # What is in use

    @property
    def selected_pair(self) -> CandidatePair | None:
        """The pair to send to, or None."""
        return self._in_use.selected_pair

    @property
    def candidate_pairs(self) -> tuple[CandidatePair, ...]:
        """The pairs in use and those of newer generations."""
        return tuple(chain.from_iterable(agent.candidate_pairs for agent in self._living))

    @property
    def _living(self) -> list[IceAgent]:
        return self._agents[self._agents.index(self._in_use) :]

    @property
    def generations(self) -> tuple[IceAgent, ...]:
        """The agent in use and newer ones, for statistics."""
        return tuple(self._living)

    def find_checked(self, local: Address, remote: Address) -> CandidatePair | None:
        """Return the pair of these addresses if *remote* has proven to be the peer."""
        pair = self._in_use.find_checked(local, remote)
        if pair is None and len(self._agents) > 1:
            found = (agent.find_checked(local, remote) for agent in self._agents)
            pair = next((other for other in found if other is not None), None)
        return pair

    def is_checked(self, local: Address, remote: Address) -> bool:
        """Return whether *remote* has proven to be the peer, as seen from the socket *local*."""
        return self.find_checked(local, remote) is not None

    def note_received(self, now: float) -> None:
        """Note authenticated media, as often as it comes; it is cheap."""
        self._in_use.note_received(now)

    # Restarting

    @property
    def restarting(self) -> bool:
        """Whether a newer generation than the one in use was proposed, or is searching."""
        newest = self._newest
        return newest is not self._in_use and newest.state is not IceState.FAILED

    def restart(self, parameters: IceParameters | None = None) -> IceParameters:
        """Propose a new generation; one that was only proposed is dropped.

        It has no sockets: add them again, so that their candidates are told anew. It keeps the
        role (RFC 8445 §6.1.1).

        Args:
          parameters: its credentials, which a description holds already; fresh ones by default.

        Returns:
          its credentials.

        Raises:
          InvalidStateError: after :meth:`close`.
        """
        if self.state is IceState.CLOSED:
            raise InvalidStateError("ICE is closed")
        self.roll_back_restart()
        self._forget_superseded()
        self._agents.append(self._succeed(parameters))
        return self.local_parameters

    def roll_back_restart(self) -> None:
        """Drop the proposed generation, if there is one; an agreed one stays."""
        if len(self._agents) > 1 and self._newest.remote_parameters is None:
            self._agents.pop()

    def _succeed(self, parameters: IceParameters | None) -> IceAgent:
        return IceAgent(role=self.role, entropy=self._entropy, parameters=parameters, counters=self.counters)

    def set_role(self, role: IceRole) -> None:
        """Take a role before the first checks; who offers is controlling (RFC 8445 §6.1.1).

        Afterwards roles change by conflict alone, whoever offers, restarts or not.
        """
        if len(self._agents) == 1 and self._newest.remote_parameters is None:
            self._newest.set_role(role)

    def set_remote_parameters(self, parameters: IceParameters, *, lite: bool, now: float) -> None:
        """Agree on the newest generation: it begins to check.

        Parameters that differ from known ones, without a restart of ours (an answer after a
        provisional one from elsewhere, RFC 9429 §3.8.1), begin a generation with our credentials
        as they are.

        Args:
          parameters: the remote's credentials.
          lite: the remote is an ICE-lite peer, so that we are controlling (RFC 8445 §6.1.1).
          now: the time in seconds.
        """
        if self.state is IceState.CLOSED or parameters == self.remote_parameters:
            return
        if self.remote_parameters is not None:
            self._follow_remote(now)
        self._newest.set_remote_parameters(parameters, lite=lite, now=now)
        useful = self._in_use if self._in_use.selected_pair is not None else self._newest
        self._agents = [agent for agent in self._agents if agent in (useful, self._newest)]
        self._in_use, self._linger_until = useful, None
        self._after(now)

    def _follow_remote(self, now: float) -> None:
        agent = self._succeed(self.local_parameters)
        for base in self._bases:
            agent.add_host_candidate(base, now)
        agent.events.clear()  # the remote knows these candidates
        self._agents.append(agent)

    # What descriptions and sockets bring

    def add_host_candidate(self, base: Address, now: float) -> IceCandidate:
        """Use a bound socket in the newest generation; the ones added first are preferred.

        Raises:
          LocalProtocolError: *base* is not the address of one host.
        """
        candidate = self._newest.add_host_candidate(base, now)
        self._bases[base] = None
        self._after(now)
        return candidate

    def gather_server_reflexive(self, base: Address, server: Address, now: float, url: str = "") -> None:
        """Ask a STUN server, of that URL, how *base* looks from outside, for the newest generation.

        Raises:
          LocalProtocolError: *base* was not added to it.
        """
        self._newest.gather_server_reflexive(base, server, now, url)
        self._after(now)

    def add_remote_candidate(self, candidate: IceCandidate, now: float) -> None:
        """Pair a candidate of the remote with our sockets.

        Its user name fragment tells the generation; without one it is the newest. What belongs
        to none, or cannot be used, is counted.
        """
        agents = {a.remote_parameters.ufrag: a for a in self._agents if a.remote_parameters is not None}
        agents.get(candidate.username_fragment or "", self._newest).add_remote_candidate(candidate, now)
        self._after(now)

    def end_of_remote_candidates(self, now: float) -> None:
        """Note that the remote has told all candidates of the newest generation."""
        self._newest.end_of_remote_candidates(now)
        self._after(now)

    # Datagrams and time

    def receive_stun(self, data: bytes | memoryview, local: Address, remote: Address, now: float) -> None:
        """Take a datagram that looks like STUN; nothing that it holds raises."""
        agent = self._in_use
        if len(self._agents) > 1:
            expecting = (a for a in reversed(self._agents) if a.expects_untrusted(data, local, remote))
            agent = next(expecting, agent)
        agent.receive_stun(data, local, remote, now)
        self._after(now)

    def next_deadline(self) -> float | None:
        """Return when :meth:`handle_timeout` is to be called, or None."""
        if len(self._agents) == 1:
            return self._in_use.next_deadline()
        return earliest(self._linger_until, *(agent.next_deadline() for agent in self._living))

    def handle_timeout(self, now: float) -> None:
        """Do what is due at *now*."""
        for agent in self._living:
            agent.handle_timeout(now)
        if self._linger_until is not None and now >= self._linger_until:
            self._forget_superseded()
        self._after(now)

    def close(self) -> None:
        """End: nothing is sent any more."""
        for agent in self._agents:
            agent.close()
        self._forget_superseded()
        self._after(0.0)

    # What the agents have to say

    def _after(self, now: float) -> None:
        for agent in self._agents:
            self.transmits.extend(agent.transmits)
            agent.transmits.clear()
        for agent in self._agents.copy():
            while agent.events:
                self._take(agent, agent.events.popleft(), now)
        self._give_up_what_is_lost()
        self._tell()

    def _take(self, agent: IceAgent, event: IceEvent, now: float) -> None:
        match event:
            case PairSelected():
                if agent not in self._living:
                    return
                self._use(agent, now)
            case LocalCandidate() | GatheringDone():
                if agent is not self._newest:
                    return
            case IceStateChanged():
                return
        self.events.append(event)

    def _use(self, agent: IceAgent, now: float) -> None:
        """Send to *agent*'s pair from now on; the remote may still send to the old one."""
        if agent is self._in_use:
            return
        newer = self._agents[self._agents.index(agent) :]
        self._agents = [self._in_use, *newer]
        self._in_use, self._linger_until = agent, now + LINGER

    def _forget_superseded(self) -> None:
        self._agents, self._linger_until = self._living, None

    def _give_up_what_is_lost(self) -> None:
        """Stake all on the generation that is searching when the one in use has failed."""
        if self._in_use.state is not IceState.FAILED:
            return
        heir = next((agent for agent in self._living if agent.state is IceState.CHECKING), None)
        if heir is not None:
            self._in_use = heir
            self._forget_superseded()
            self.events.append(PairLost())

    def _tell(self) -> None:
        state = self._in_use.state
        if any(agent.state is IceState.CHECKING for agent in self._living):
            state = _STATE_WHILE_SEARCHING.get(state, state)
        if state is not self.state:
            self.state = state
            self.events.append(IceStateChanged(state))


_STATE_WHILE_SEARCHING = {
    IceState.COMPLETED: IceState.CONNECTED,
    IceState.DISCONNECTED: IceState.CHECKING,
}
