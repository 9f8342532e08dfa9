"""The operations chain of W3C webrtc §4.4.1.2: in call order, one after another, and ended by the end."""

import pytest
import trio
import trio.testing
from support.peers import negotiating, open_two_peers, open_video, receive_media, session_of

import triortc

ROLLBACK = triortc.SessionDescription("rollback")


async def test_descriptions_and_candidates_of_several_tasks_take_effect_in_call_order(autojump_clock):
    taken: list[str] = []
    async with open_two_peers() as (alice, bob):
        alice.add_transceiver("video")
        await alice.set_local_description()
        offer = alice.local_description
        names = ("set_remote_description", "set_local_description", "add_remote_candidate")
        note_calls(session_of(bob), names, taken)
        calls = [
            lambda: bob.set_remote_description(offer),
            lambda: bob.add_ice_candidate(None),
            lambda: bob.set_local_description(ROLLBACK),
            lambda: bob.set_remote_description(offer),
            lambda: bob.set_local_description(),
            lambda: bob.add_ice_candidate(None),
        ]
        async with trio.open_nursery() as nursery:
            for call in calls:
                nursery.start_soon(call)
                # As far as its first wait: a task's first step comes in no order.
                await trio.lowlevel.cancel_shielded_checkpoint()
    assert taken == [
        "set_remote_description",
        "add_remote_candidate",
        "set_local_description",
        "set_remote_description",
        "set_local_description",
        "add_remote_candidate",
    ]


def note_calls(session, names, taken):
    """Note what is asked of a session, but not what that asks of it in turn."""
    asked = False

    def noted(name, perform):
        def call(*arguments):
            nonlocal asked
            if asked:
                return perform(*arguments)
            asked = True
            taken.append(name)
            try:
                return perform(*arguments)
            finally:
                asked = False

        return call

    for name in names:
        setattr(session, name, noted(name, getattr(session, name)))


CALLS = {
    "set_local_description": lambda peer, _: peer.set_local_description(),
    "rollback": lambda peer, _: peer.set_local_description(ROLLBACK),
    "set_remote_description": lambda peer, offer: peer.set_remote_description(offer),
    "add_ice_candidate": lambda peer, _: peer.add_ice_candidate(None),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("by", ["close", "remote", "cancel"])
async def test_calls_that_wait_for_their_turn_end_with_the_peer(autojump_clock, call, by):
    ended: list[BaseException] = []

    async def wait() -> None:
        try:
            await CALLS[call](bob, offer)
        except (triortc.PeerClosed, trio.Cancelled) as error:
            ended.append(error)
            if isinstance(error, trio.Cancelled):
                raise

    async with open_two_peers() as (alice, bob), trio.open_nursery() as nursery:
        with open_video() as (video, _):
            alice.add_track(video)
            receive_media(bob, "video")
            async with negotiating(alice, bob):
                await alice.wait_connected()
                await bob.wait_connected()
            offer = alice.create_offer()
            async with bob._operations:  # somebody's description is being applied
                nursery.start_soon(wait)
                nursery.start_soon(wait)
                await trio.testing.wait_all_tasks_blocked(0.001)
                if by == "cancel":
                    nursery.cancel_scope.cancel()
                elif by == "close":
                    bob.close()
                else:
                    alice.close()
                    await bob.wait_closed()
            await trio.testing.wait_all_tasks_blocked()
            kind = trio.Cancelled if by == "cancel" else triortc.PeerClosed
            assert [type(error) for error in ended] == [kind, kind]


async def test_a_description_that_is_refused_lets_the_next_one_pass(autojump_clock):
    async with open_two_peers() as (alice, bob):
        alice.add_transceiver("video")
        await alice.set_local_description()
        refused: list[Exception] = []

        async def break_it() -> None:
            with pytest.raises(triortc.RemoteProtocolError) as caught:
                await bob.set_remote_description(triortc.SessionDescription("offer", "nonsense"))
            refused.append(caught.value)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(break_it)
            nursery.start_soon(bob.set_remote_description, alice.local_description)
        assert len(refused) == 1
        await bob.set_local_description()
        assert bob.signaling_state.value == "stable"


async def test_a_call_that_is_cancelled_while_it_waits_changes_nothing(autojump_clock):
    async with open_two_peers() as (alice, _):
        alice.add_transceiver("video")
        with trio.CancelScope() as scope:
            scope.cancel()
            await alice.set_local_description()
        assert alice.signaling_state.value == "stable"
        assert alice.local_description is None


async def test_what_is_needed_no_more_is_not_waited_for_in_a_circle(autojump_clock):
    async with open_two_peers() as (alice, bob), negotiating(alice, bob):
        alice.add_transceiver("audio")
        alice.transceivers[0].stop()
        assert not alice.negotiation_needed
        with trio.move_on_after(1) as scope:
            await alice.wait_negotiation_needed()
        assert scope.cancelled_caught
        alice.add_transceiver("audio")
        with trio.fail_after(1):
            await alice.wait_connected()
