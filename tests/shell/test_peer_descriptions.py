"""Descriptions as W3C tells them: current and pending, provisional, implicit and taken back."""

import pytest
from support.peers import open_two_peers

import triortc
from triortc.protocol.session.events import SignalingState

ROLLBACK = triortc.SessionDescription("rollback")


def descriptions(peer: triortc.Peer) -> tuple[str | None, ...]:
    found = (
        peer.current_local_description,
        peer.pending_local_description,
        peer.current_remote_description,
        peer.pending_remote_description,
    )
    return tuple(None if it is None else it.type for it in found)


async def test_descriptions_are_pending_until_the_answer_and_current_after_it(autojump_clock):
    async with open_two_peers() as (alice, bob):
        alice.add_transceiver("audio")
        await alice.set_local_description()
        await bob.set_remote_description(alice.local_description)
        assert descriptions(alice) == (None, "offer", None, None)
        assert descriptions(bob) == (None, None, None, "offer")
        await bob.set_local_description()
        await alice.set_remote_description(bob.local_description)
        assert descriptions(alice) == ("offer", None, "answer", None)
        assert descriptions(bob) == ("answer", None, "offer", None)


async def test_a_provisional_answer_is_followed_by_the_answer(autojump_clock):
    async with open_two_peers() as (alice, bob):
        alice.add_transceiver("audio")
        await alice.set_local_description()
        await bob.set_remote_description(alice.local_description)
        answer = bob.create_answer()
        await bob.set_local_description(triortc.SessionDescription("pranswer", answer.sdp))
        assert bob.signaling_state is SignalingState.HAVE_LOCAL_PRANSWER
        await alice.set_remote_description(bob.local_description)
        assert alice.signaling_state is SignalingState.HAVE_REMOTE_PRANSWER
        assert descriptions(alice) == (None, "offer", None, "pranswer")
        await bob.set_local_description()
        await alice.set_remote_description(bob.local_description)
        assert alice.signaling_state is bob.signaling_state is SignalingState.STABLE
        await alice.wait_connected()


@pytest.mark.parametrize("side", ["local", "remote"])
async def test_an_offer_is_taken_back_on_either_side(autojump_clock, side):
    async with open_two_peers() as (alice, bob):
        alice.add_transceiver("audio")
        await alice.set_local_description()
        if side == "local":
            await alice.set_local_description(ROLLBACK)
            assert alice.transceivers[0].mid is None
            assert alice.negotiation_needed
            return
        await bob.set_remote_description(alice.local_description)
        track = await bob.tracks.receive()
        assert len(bob.transceivers) == 1
        await bob.set_remote_description(ROLLBACK)
        assert bob.transceivers == ()
        assert track.ended
        assert bob.signaling_state is SignalingState.STABLE


async def test_a_failed_description_changes_nothing(autojump_clock):
    async with open_two_peers() as (alice, bob):
        alice.add_transceiver("audio")
        await alice.set_local_description()
        offer = alice.local_description
        broken = triortc.SessionDescription("offer", offer.sdp.replace("a=fingerprint", "a=fingerfood"))
        with pytest.raises(triortc.RemoteProtocolError):
            await bob.set_remote_description(broken)
        assert bob.signaling_state is SignalingState.STABLE
        assert (bob.transceivers, descriptions(bob)) == ((), (None,) * 4)
        await bob.set_remote_description(offer)
