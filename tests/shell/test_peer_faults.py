"""Faults stay where they belong: a bug ends one peer, a foreign run gets an error, a flood is shed."""

import threading

import pytest
import trio
from support.peers import (
    HOSTS,
    feed_frames,
    negotiating,
    open_two_peers,
    open_video,
    receive_media,
    session_of,
)
from support.virtual_network import VirtualNetwork

import triortc
from triortc.net.endpoint import using_network
from triortc.protocol.ice import stun

OFFER = triortc.SessionDescription("offer", "")


def strike(monkeypatch: pytest.MonkeyPatch, peer: triortc.Peer) -> None:
    broken = session_of(peer)
    receive = type(broken).receive_datagram

    def fail(self: object, *args: object) -> None:
        if self is broken:
            raise RuntimeError("a bug")
        receive(self, *args)

    monkeypatch.setattr(type(broken), "receive_datagram", fail)


async def test_a_bug_in_a_turn_leaves_open_peer_as_it_is(autojump_clock, monkeypatch):
    network = VirtualNetwork(delay=0.01)
    with pytest.raises(RuntimeError, match="a bug"):  # noqa: PT012
        async with open_two_peers(network) as (sender, viewer):
            with open_video() as (track, _):
                sender.add_track(track)
                receive_media(viewer, "video")
                async with negotiating(sender, viewer):
                    await viewer.wait_connected()
                    strike(monkeypatch, viewer)
                    await trio.sleep(60)
    assert all(not host.endpoints for host in network.hosts)


async def test_after_a_bug_every_later_turn_raises_it(autojump_clock):
    with pytest.raises(RuntimeError, match="a bug"):  # noqa: PT012
        async with open_two_peers() as (peer, _):
            with pytest.raises(RuntimeError, match="a bug"), peer._driver.turn():
                raise RuntimeError("a bug")
            with open_video() as (track, _feed), pytest.raises(RuntimeError, match="a bug"):
                peer.add_track(track)
            with pytest.raises(RuntimeError, match="a bug"):
                await peer.set_local_description(triortc.SessionDescription("rollback"))
            await trio.sleep_forever()


async def test_misuse_breaks_nothing(autojump_clock):
    async with open_two_peers() as (peer, _):
        with pytest.raises(triortc.RemoteProtocolError):
            await peer.set_remote_description(OFFER)
        with pytest.raises(triortc.InvalidStateError):
            await peer.add_ice_candidate(None)
        with pytest.raises(triortc.LocalProtocolError):
            await peer.set_local_description(triortc.SessionDescription("offer", "v=0"))
        with open_video() as (track, _feed):
            peer.add_track(track)
        peer.create_offer()


def strike_sending(_: pytest.MonkeyPatch, peer: triortc.Peer) -> None:
    class Broken:
        def send_nowait(self, transmit: object) -> bool:
            raise RuntimeError("a bug")

    peer._driver.endpoints = dict.fromkeys(peer._driver.endpoints, Broken())


@pytest.mark.parametrize("strike", [strike, strike_sending])
async def test_on_a_shared_port_a_bug_ends_its_own_peer_alone(autojump_clock, monkeypatch, strike):
    network = VirtualNetwork(delay=0.01)
    failures = []
    ready = trio.Event()

    async def serve(port: triortc.SharedPort, host: str, *, doomed: bool) -> None:
        try:
            async with triortc.open_peer(port=port) as sender:
                with using_network(network.host(host)):
                    async with triortc.open_peer() as viewer:
                        await run(sender, viewer, doomed=doomed)
        except RuntimeError as error:
            failures.append((doomed, str(error)))

    async def run(sender: triortc.Peer, viewer: triortc.Peer, *, doomed: bool) -> None:
        with open_video() as (track, feed):
            sender.add_track(track)
            receive_media(viewer, "video")
            async with negotiating(sender, viewer), trio.open_nursery() as nursery:
                nursery.start_soon(feed_frames, feed)
                await sender.wait_connected()
                if doomed:
                    ready.set()
                    strike(monkeypatch, sender)
                    await trio.sleep_forever()
                await ready.wait()
                await trio.sleep(60)
                assert sender.connection_state is triortc.ConnectionState.CONNECTED
                nursery.cancel_scope.cancel()

    with using_network(network.host(HOSTS[0])):
        async with triortc.open_shared_port() as port, trio.open_nursery() as nursery:
            nursery.start_soon(lambda: serve(port, "10.0.0.3", doomed=True))
            nursery.start_soon(lambda: serve(port, "10.0.0.4", doomed=False))
    assert failures == [(True, "a bug")]


async def test_an_overloaded_peer_sheds_media_but_answers_checks(autojump_clock):
    async with open_two_peers() as (sender, viewer):
        with open_video() as (track, _):
            sender.add_track(track)
            receive_media(viewer, "video")
            async with negotiating(sender, viewer):
                await sender.wait_connected()
                await viewer.wait_connected()
            session, driver = session_of(sender), sender._driver
            (endpoint,) = sender._gatherer._sockets
            answered, counted = session.ice.counters.requests_received, session.ice.counters.responses_sent
            check = stun.connectivity_check(
                bytes(12),
                username=":".join(session_of(peer).ice.local_parameters.ufrag for peer in (sender, viewer)),
                key=session.ice.local_parameters.pwd.encode(),
                priority=1,
                controlling=False,
                tie_breaker=1,
                nominate=False,
            )
            remote = session.ice.selected_pair.remote
            for _ in range(20):
                burst = [(b"\x80\x60" + bytes(60), remote)] * 64 + [(check, remote)]
                driver._take(endpoint.local, burst)
            assert session.ice.counters.requests_received == answered + 20
            assert session.ice.counters.responses_sent == counted + 20
            # One burst is in the hands of the task that waited for it.
            (queue, *_) = sender.statistics().queues
            assert (queue.depth, queue.drops) == (16, 3 * 64)
            await trio.testing.wait_all_tasks_blocked()
            assert driver.queued_bursts == 0
            assert session.media.receiver.unauthenticated == 17 * 64


CALLS = {
    "add_track": lambda peer: peer.add_track(None),
    "add_transceiver": lambda peer: peer.add_transceiver("video"),
    "remove_track": lambda peer: peer.remove_track(None),
    "restart_ice": lambda peer: peer.restart_ice(),
    "create_offer": lambda peer: peer.create_offer(),
    "create_answer": lambda peer: peer.create_answer(),
    "set_local_description": lambda peer: peer.set_local_description(OFFER).send(None),
    "set_remote_description": lambda peer: peer.set_remote_description(OFFER).send(None),
    "add_ice_candidate": lambda peer: peer.add_ice_candidate(None).send(None),
    "wait_negotiation_needed": lambda peer: peer.wait_negotiation_needed().send(None),
    "wait_connected": lambda peer: peer.wait_connected().send(None),
    "wait_ice_gathering_complete": lambda peer: peer.wait_ice_gathering_complete().send(None),
    "wait_closed": lambda peer: peer.wait_closed().send(None),
    "watch_connection_state": lambda peer: peer.watch_connection_state(),
    "aclose": lambda peer: peer.aclose().send(None),
    "close": lambda peer: peer.close(),
    "statistics": lambda peer: peer.statistics(),
    "get_configuration": lambda peer: peer.get_configuration(),
    "set_configuration": lambda peer: peer.set_configuration(triortc.PeerConfig()),
}


def test_every_public_method_of_a_peer_is_in_the_table_of_calls():
    public = {name for name in dir(triortc.Peer) if callable(getattr(triortc.Peer, name)) and name[0] != "_"}
    assert public == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
async def test_a_peer_refuses_another_run_and_no_run_at_all(autojump_clock, name):
    errors = []

    def call(peer: triortc.Peer) -> None:
        with pytest.raises(triortc.WrongRunError, match="this Peer belongs") as caught:
            CALLS[name](peer)
        errors.append(str(caught.value))

    async def call_in_run(peer: triortc.Peer) -> None:
        call(peer)

    async with open_two_peers() as (peer, _):
        for target in (lambda: call(peer), lambda: trio.run(call_in_run, peer)):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()
        assert peer.connection_state is triortc.ConnectionState.NEW
    assert ["another trio.run" in error for error in errors] == [False, True]
