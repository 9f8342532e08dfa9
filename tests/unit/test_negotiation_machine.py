"""Two sessions negotiate in any order, with any glare; what holds whatever happens."""

from collections import deque

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from support.session_pair import make_session

from triortc.protocol.sdp.description import Direction, ParsedDescription, SessionDescription
from triortc.protocol.session.codecs import H264, OPUS, PCMU, VP8, VP9, default_capabilities
from triortc.protocol.session.events import (
    IceRestarted,
    IceRestartRolledBack,
    RemoteTrackAdded,
    RemoteTrackRemoved,
    SignalingState,
    TransceiverAdded,
    TransceiverRemoved,
    TransceiverStopped,
)
from triortc.protocol.session.transceiver import Transceiver
from triortc.protocol.wire.errors import NoCommonCodec

STABLE = SignalingState.STABLE
ROLLBACK = SessionDescription("rollback")
SIDES = st.integers(0, 1)
DIRECTIONS = st.sampled_from(list(Direction))
CODECS = {"audio": (OPUS, PCMU), "video": (VP8, H264, VP9)}


class Side:
    """One session, and what an application makes of its events."""

    def __init__(self, seed: int) -> None:
        self.session = make_session(seed)
        self.inbox: deque[SessionDescription] = deque()
        self.known: list[Transceiver] = []
        self.tracks: set[Transceiver] = set()
        self.ufrags = {self.session.ice.local_parameters.ufrag}
        self.meanings: dict[tuple[str, int], object] = {}
        self.sections: tuple[str, ...] = ()

    @property
    def state(self) -> SignalingState:
        return self.session.signaling_state

    def drain(self) -> None:
        while self.session.events:
            match self.session.events.popleft():
                case TransceiverAdded(transceiver):
                    assert transceiver not in self.known
                    self.known.append(transceiver)
                case TransceiverRemoved(transceiver) | TransceiverStopped(transceiver):
                    assert transceiver not in self.tracks
                    self.known.remove(transceiver)
                case RemoteTrackAdded(transceiver):
                    assert transceiver not in self.tracks
                    self.tracks.add(transceiver)
                case RemoteTrackRemoved(transceiver):
                    self.tracks.remove(transceiver)
                case IceRestarted(ufrag):
                    assert ufrag not in self.ufrags
                    self.ufrags.add(ufrag)
                case IceRestartRolledBack(ufrag):
                    self.ufrags.remove(ufrag)
        self.session.transmits.clear()
        assert [each for each in self.session.transceivers if not each.stopped] == self.known

    def remember_numbers(self, parsed: ParsedDescription) -> None:
        for media in parsed.media:
            for codec in media.codecs:
                meaning = codec.name, codec.clock_rate, codec.parameter("apt")
                assert self.meanings.setdefault((media.mid, codec.payload_type), meaning) == meaning


class Negotiating(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.sides = Side(1), Side(2)
        self.hopeless = False

    # What applications do

    @rule(
        side=SIDES,
        kind=st.sampled_from(["audio", "video"]),
        direction=DIRECTIONS,
        by_track=st.booleans(),
        streams=st.sampled_from([(), ("a",), ("a", "b")]),
        chosen=st.integers(0, 3),
    )
    def add(self, side, kind, direction, by_track, streams, chosen):
        it = self.sides[side]
        if len(it.known) < 6:
            capabilities = CODECS[kind][:chosen] or default_capabilities(kind)
            transceiver = it.session.add_transceiver(
                kind, direction, capabilities, stream_ids=streams, created_by_add_track=by_track
            )
            it.known.append(transceiver)
            it.drain()

    @rule(side=SIDES, index=st.integers(0, 5), direction=DIRECTIONS)
    def turn(self, side, index, direction):
        it = self.sides[side]
        if index < len(it.known):
            it.known[index].direction = direction
            it.session.note_change()
            it.drain()

    @rule(side=SIDES, index=st.integers(0, 5))
    def stop(self, side, index):
        it = self.sides[side]
        if index < len(it.known):
            it.session.stop_transceiver(it.known[index])
            it.drain()

    @rule(side=SIDES, index=st.integers(0, 5))
    def reuse(self, side, index):
        it = self.sides[side]
        if index < len(it.known):
            transceiver = it.known[index]
            transceiver.reused_by_add_track = True
            transceiver.direction = Direction.of(True, transceiver.direction.receives)
            it.session.note_change()
            it.drain()

    @precondition(lambda self: self.quiet)
    @rule(side=SIDES, ice_restart=st.booleans())
    def exchange(self, side, ice_restart):
        self.offer(side, ice_restart)
        self.deliver(1 - side)
        self.answer(1 - side)
        self.deliver(side)

    @rule(side=SIDES)
    def restart_ice(self, side):
        self.sides[side].session.restart_ice()
        self.sides[side].drain()

    # What signaling does

    @rule(side=SIDES, ice_restart=st.booleans())
    def offer(self, side, ice_restart):
        it, other = self.sides[side], self.sides[1 - side]
        replaced = it.state is SignalingState.HAVE_LOCAL_OFFER and (
            other.state is SignalingState.HAVE_REMOTE_OFFER
            or any(each.type == "offer" for each in other.inbox)
        )
        if (it.state is STABLE or replaced) and self.has_something_to_offer(side):
            self.send(side, it.session.create_offer(ice_restart=ice_restart))
            if other.state is SignalingState.HAVE_REMOTE_OFFER:
                self.deliver(1 - side)  # before it answers the offer that was replaced

    def has_something_to_offer(self, side):
        session = self.sides[side].session
        agreed = session.current_local_description is not None
        return agreed or any(not each.stopping for each in session.transceivers)

    @rule(side=SIDES, provisional=st.booleans())
    def answer(self, side, provisional=False):
        it = self.sides[side]
        if it.state not in (SignalingState.HAVE_REMOTE_OFFER, SignalingState.HAVE_LOCAL_PRANSWER):
            return
        try:
            created = it.session.create_answer()
        except NoCommonCodec:
            self.hopeless = True
            self.roll_back(side)
            return
        self.send(side, SessionDescription("pranswer" if provisional else "answer", created.sdp))

    def send(self, side, description):
        it, other = self.sides[side], self.sides[1 - side]
        it.session.set_local_description(description, 0.0)
        it.drain()
        if description.type == "offer":
            # An offer in place of the one before it; that one is forgotten, wherever it is.
            other.inbox = deque(each for each in other.inbox if each.type != "offer")
        other.inbox.append(description)

    def roll_back(self, side):
        """Take back the remote offer, which ends both sides' exchange."""
        other = self.sides[1 - side]
        for it in (self.sides[side], other):
            if it.state in (SignalingState.HAVE_REMOTE_OFFER, SignalingState.HAVE_LOCAL_OFFER):
                it.session.set_remote_description(ROLLBACK, 0.0)
                it.drain()
            it.inbox.clear()

    @rule(side=SIDES)
    def take_back(self, side):
        it, other = self.sides[side], self.sides[1 - side]
        if it.state is not SignalingState.HAVE_LOCAL_OFFER or other.state is it.state:
            return
        unheard = any(each.type == "offer" for each in other.inbox)
        if unheard or other.state is SignalingState.HAVE_REMOTE_OFFER:
            it.session.set_local_description(ROLLBACK, 0.0)
            it.drain()
            if unheard:
                other.inbox = deque(each for each in other.inbox if each.type != "offer")
            else:
                other.session.set_local_description(ROLLBACK, 0.0)
                other.drain()

    @rule(side=SIDES)
    def deliver(self, side):
        it = self.sides[side]
        if not it.inbox:
            return
        description = it.inbox.popleft()
        if description.type == "offer":
            self.take_offer(side, description)
        elif it.state in (SignalingState.HAVE_LOCAL_OFFER, SignalingState.HAVE_REMOTE_PRANSWER):
            it.session.set_remote_description(description, 0.0)
            it.drain()

    def take_offer(self, side, description):
        """Perfect negotiation: side 0 gives way."""
        it = self.sides[side]
        if it.state in (STABLE, SignalingState.HAVE_REMOTE_OFFER):
            it.session.set_remote_description(description, 0.0)
        elif it.state is SignalingState.HAVE_LOCAL_OFFER and side == 0:
            self.sides[1].inbox.clear()
            it.session.set_remote_description(description, 0.0)
        it.drain()

    # What always holds

    @invariant()
    def the_names_of_sections_are_distinct(self):
        for it in self.sides:
            mids = [each.mid for each in it.session.transceivers if each.mid is not None]
            assert len(set(mids)) == len(mids)

    @invariant()
    def only_what_was_agreed_is_sent_and_received(self):
        for it in self.sides:
            for each in it.session.transceivers:
                assert not (each.stopping and (each.sends or each.receives))
                assert not each.sends or each.codecs
                assert not each.receives or each.mid is not None

    @invariant()
    def sections_keep_their_order_and_numbers_their_meaning(self):
        for it in self.sides:
            standing = it.session.negotiation.standing
            if standing.state is STABLE and standing.current_local is not None:
                parsed = standing.current_local.parsed
                it.remember_numbers(parsed)
                mids = tuple(media.mid for media in parsed.media)
                for before, after in zip(it.sections, mids, strict=False):
                    assert before == after or not any(each.mid == before for each in it.known)
                assert len(mids) >= len(it.sections)
                it.sections = mids

    @precondition(lambda self: self.quiet)
    @invariant()
    def both_sides_agree(self):
        one, other = (it.session.negotiation.standing.sections for it in self.sides)
        assert [plan.mid for plan in one] == [plan.mid for plan in other]
        for ours, theirs in zip(one, other, strict=True):
            assert ours.accepted is theirs.accepted
            if ours.accepted:
                assert ours.direction is theirs.direction.reversed()
                assert {codec.payload_type for codec in ours.codecs} == {
                    codec.receive_payload_type for codec in theirs.codecs
                }

    @property
    def quiet(self) -> bool:
        return not any(it.inbox or it.state is not STABLE for it in self.sides)

    def teardown(self):
        """Go on until nothing is needed any more: it must not take long."""
        for _ in range(12):
            for side in (0, 1, 0, 1):
                while self.sides[side].inbox:
                    self.deliver(side)
                self.answer(side)
            needing = [side for side in (0, 1) if self.sides[side].session.negotiation.needed]
            if self.quiet and needing:
                self.offer(needing[0], False)
        assert self.quiet
        assert self.hopeless or not needing
        self.both_sides_agree()


TestNegotiating = Negotiating.TestCase
TestNegotiating.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
