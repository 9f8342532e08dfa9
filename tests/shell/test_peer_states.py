"""Which call raises what in which state: the table of W3C webrtc §4.4 and RFC 9429 §3.2, in our words.

W3C's InvalidStateError of a closed connection is trio's: ``ClosedResourceError`` at the side that closed,
``PeerClosed`` or ``PeerFailed`` at a side that lost its connection.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import trio
from support.peers import negotiating, open_two_peers, open_video
from support.virtual_network import VirtualNetwork

import triortc
from triortc.media.local_track import LocalTrack
from triortc.protocol.session.events import SignalingState

Description = triortc.SessionDescription
INVALID = triortc.InvalidStateError


@dataclass
class Case:
    """Alice in some state, and what bob says that would fit it if anything did."""

    alice: triortc.Peer
    bob: triortc.Peer
    transceiver: triortc.Transceiver
    sent: LocalTrack
    unsent: LocalTrack
    offer: str = ""
    answer: str = ""


async def offer(peer: triortc.Peer) -> str:
    await peer.set_local_description()
    return peer.local_description.sdp


async def let_alice_offer(case: Case) -> None:
    await case.bob.set_remote_description(Description("offer", await offer(case.alice)))
    case.answer = case.bob.create_answer().sdp


async def let_bob_offer(case: Case) -> None:
    await case.alice.set_remote_description(Description("offer", await offer(case.bob)))


async def stay(case: Case) -> None:
    pass


async def answer_for_now(case: Case) -> None:
    await let_bob_offer(case)
    await case.alice.set_local_description(Description("pranswer", case.alice.create_answer().sdp))


async def be_answered_for_now(case: Case) -> None:
    await let_alice_offer(case)
    await case.alice.set_remote_description(Description("pranswer", case.answer))


async def close(case: Case) -> None:
    case.alice.close()


async def be_closed(case: Case) -> None:
    async with negotiating(case.alice, case.bob):
        await case.bob.wait_connected()
        await case.alice.wait_connected()
        case.bob.close()
        await case.alice.wait_closed()


async def fail(case: Case) -> None:
    await let_alice_offer(case)
    await case.bob.set_local_description()
    head, _, rest = case.answer.partition("sha-256 ")
    forged = f"{head}sha-256 {':'.join(['AB'] * 32)}{rest[95:]}"
    await case.alice.set_remote_description(Description("answer", forged))
    while (candidate := await case.bob.candidates.receive()) is not None:
        await case.alice.add_ice_candidate(candidate)
    await case.alice.wait_closed()


STATES: dict[str, tuple[Callable[[Case], Awaitable[None]], SignalingState]] = {
    "stable": (stay, SignalingState.STABLE),
    "local offer": (let_alice_offer, SignalingState.HAVE_LOCAL_OFFER),
    "remote offer": (let_bob_offer, SignalingState.HAVE_REMOTE_OFFER),
    "local pranswer": (answer_for_now, SignalingState.HAVE_LOCAL_PRANSWER),
    "remote pranswer": (be_answered_for_now, SignalingState.HAVE_REMOTE_PRANSWER),
    "closed": (close, SignalingState.CLOSED),
    "closed by bob": (be_closed, SignalingState.CLOSED),
    "failed": (fail, SignalingState.CLOSED),
}
ENDS = {
    "closed": trio.ClosedResourceError,
    "closed by bob": triortc.PeerClosed,
    "failed": triortc.PeerFailed,
}


async def set_local(case: Case, kind: str) -> None:
    create = case.alice.create_offer if kind == "offer" else case.alice.create_answer
    sdp = create().sdp if kind != "rollback" else ""
    await case.alice.set_local_description(Description(kind, sdp))


async def set_remote(case: Case, kind: str) -> None:
    sdp = {"offer": case.offer, "rollback": ""}.get(kind, case.answer or case.offer)
    await case.alice.set_remote_description(Description(kind, sdp))


def sync(call: Callable[[Case], object]) -> Callable[[Case], Awaitable[None]]:
    async def run(case: Case) -> None:
        call(case)

    return run


ANY = {"stable", "local offer", "remote offer", "local pranswer", "remote pranswer"}
CALLS: dict[str, tuple[Callable[[Case], Awaitable[None]], set[str]]] = {
    "create_offer": (sync(lambda case: case.alice.create_offer()), {"stable", "local offer"}),
    "create_answer": (sync(lambda case: case.alice.create_answer()), {"remote offer", "local pranswer"}),
    "set_local_description()": (
        lambda case: case.alice.set_local_description(),
        ANY - {"remote pranswer"},  # an offer would be created
    ),
    "local offer": (lambda case: set_local(case, "offer"), {"stable", "local offer"}),
    "local answer": (lambda case: set_local(case, "answer"), {"remote offer", "local pranswer"}),
    "local pranswer": (lambda case: set_local(case, "pranswer"), {"remote offer", "local pranswer"}),
    "local rollback": (lambda case: set_local(case, "rollback"), {"local offer", "remote offer"}),
    # In have-local-offer it takes that one back.
    "remote offer": (lambda case: set_remote(case, "offer"), {"stable", "local offer", "remote offer"}),
    "remote answer": (lambda case: set_remote(case, "answer"), {"local offer", "remote pranswer"}),
    "remote pranswer": (lambda case: set_remote(case, "pranswer"), {"local offer", "remote pranswer"}),
    "remote rollback": (lambda case: set_remote(case, "rollback"), {"local offer", "remote offer"}),
    "add_ice_candidate": (
        lambda case: case.alice.add_ice_candidate(None),
        ANY - {"stable", "local offer"},  # it wants a remote description
    ),
    "add_track": (sync(lambda case: case.alice.add_track(case.unsent)), ANY),
    "add_transceiver": (sync(lambda case: case.alice.add_transceiver("audio")), ANY),
    "remove_track": (sync(lambda case: case.alice.remove_track(case.sent)), ANY),
    "restart_ice": (sync(lambda case: case.alice.restart_ice()), ANY),
    "set_configuration": (sync(lambda case: case.alice.set_configuration(triortc.PeerConfig())), ANY),
    "direction": (sync(lambda case: setattr(case.transceiver, "direction", "recvonly")), ANY),
    "replace_track": (sync(lambda case: case.transceiver.replace_track(None)), ANY),
    "set_codec_preferences": (sync(lambda case: case.transceiver.set_codec_preferences([])), ANY),
    "set_streams": (sync(lambda case: case.transceiver.set_streams("one")), ANY),
    "set_parameters": (
        sync(lambda case: case.transceiver.set_parameters(case.transceiver.get_parameters())),
        ANY,
    ),
    # W3C: what was stopped, or ended with its connection, is stopped already.
    "stop": (sync(lambda case: case.transceiver.stop()), ANY | ENDS.keys()),
    "get_configuration": (sync(lambda case: case.alice.get_configuration()), ANY | ENDS.keys()),
    "statistics": (sync(lambda case: case.alice.statistics()), ANY | ENDS.keys()),
    "aclose": (lambda case: case.alice.aclose(), ANY | ENDS.keys()),
}


@asynccontextmanager
async def in_state(name: str) -> AsyncIterator[Case]:
    async with open_two_peers(VirtualNetwork(delay=0.01)) as (alice, bob), open_two_peers() as (_, third):
        with open_video() as (sent, _), open_video() as (unsent, _):
            bob.add_transceiver("video")
            third.add_transceiver("video")
            case = Case(alice, bob, alice.add_track(sent), sent, unsent, offer=await offer(third))
            reach, state = STATES[name]
            await reach(case)
            assert alice.signaling_state is state
            yield case


def look(peer: triortc.Peer) -> object:
    """What a call that is refused must leave as it was."""
    return (
        peer.signaling_state,
        peer.pending_local_description,
        peer.current_local_description,
        peer.pending_remote_description,
        peer.current_remote_description,
        [(it, it.mid, it.direction, it.current_direction, it.track) for it in peer.transceivers],
    )


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("state", STATES)
async def test_each_call_is_possible_in_its_states_alone(autojump_clock, state, call):
    perform, possible = CALLS[call]
    async with in_state(state) as case:
        if state in possible:
            await perform(case)
            return
        before = look(case.alice)
        with pytest.raises(ENDS.get(state, INVALID)):
            await perform(case)
        assert look(case.alice) == before
