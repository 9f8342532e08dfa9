"""One port for many peers, over a virtual network: who gets which datagram."""

import pytest
import trio
import trio.testing
from support.virtual_network import VirtualEndpoint, VirtualNetwork

from triortc.handles import WrongRunError
from triortc.net.endpoint import using_network
from triortc.net.mux import MAX_ROUTES, MAX_TRANSACTIONS, MAX_UFRAGS, SharedPort, open_shared_port
from triortc.protocol.ice.stun import binding_success, connectivity_check
from triortc.protocol.wire.errors import LocalProtocolError
from triortc.protocol.wire.machine import Address, Transmit

SERVER, VIEWER = "10.0.0.1", "10.0.0.2"
REMOTE: Address = (VIEWER, 1234)
MEDIA = b"\x80\xc9 an SRTCP packet"


class RecordingSink:
    def __init__(self) -> None:
        self.bursts: list[tuple[Address, list[tuple[bytes, Address]]]] = []

    def deliver(self, local: Address, burst: list[tuple[bytes, Address]]) -> None:
        self.bursts.append((local, burst))

    def take(self) -> list[bytes]:
        taken = [data for _, burst in self.bursts for data, _ in burst]
        self.bursts.clear()
        return taken


def check(ufrag: str, transaction: bytes = bytes(12)) -> bytes:
    return connectivity_check(
        transaction,
        username=f"{ufrag}:them",
        key=b"key",
        priority=1,
        controlling=True,
        tie_breaker=1,
        nominate=False,
    )


def response(transaction: bytes) -> bytes:
    return binding_success(transaction, REMOTE, b"key")


def make_port() -> tuple[SharedPort, Address]:
    endpoint = VirtualNetwork().host(SERVER).open_endpoint(SERVER)
    return SharedPort([endpoint]), endpoint.local


def sort(port: SharedPort, local: Address, *datagrams: bytes, remote: Address = REMOTE) -> None:
    port.sort_untrusted(local, [(data, remote) for data in datagrams])


async def test_requests_go_to_whom_they_name() -> None:
    port, local = make_port()
    alice, bob = RecordingSink(), RecordingSink()
    port.attach("alice", alice)
    port.attach("bob", bob)
    first, second = check("alice"), check("bob")
    sort(port, local, first, second, first)
    assert alice.bursts == [(local, [(first, REMOTE), (first, REMOTE)])]
    assert bob.bursts == [(local, [(second, REMOTE)])]


async def test_a_restart_adds_a_name() -> None:
    port, local = make_port()
    sink = RecordingSink()
    port.attach("before", sink).add_ufrag("after")
    sort(port, local, check("after"), check("before"))
    assert len(sink.take()) == 2


async def test_a_name_belongs_to_one_member() -> None:
    port, _ = make_port()
    port.attach("alice", RecordingSink())
    with pytest.raises(LocalProtocolError):
        port.attach("alice", RecordingSink())


async def test_requests_without_a_known_name_reach_nobody() -> None:
    port, local = make_port()
    sink = RecordingSink()
    port.attach("alice", sink)
    cookie = b"\x21\x12\xa4\x42"
    sort(
        port,
        local,
        check("mallory"),
        check("alic"),
        b"\x00\x01\x00\x00" + cookie + bytes(12),
        b"\x00",
        b"\x01junk",
    )
    assert sink.take() == []
    assert (port.statistics.unknown_ufrag, port.statistics.malformed) == (2, 3)


async def test_a_response_goes_to_the_member_that_asked_and_once() -> None:
    port, local = make_port()
    alice, bob = RecordingSink(), RecordingSink()
    asking = port.attach("alice", alice).endpoints[0]
    port.attach("bob", bob)
    asking.send_nowait(Transmit(check("them", b"transaction1"), local, REMOTE))
    sort(port, local, response(b"transaction2"), response(b"transaction1"), response(b"transaction1"))
    assert alice.take() == [response(b"transaction1")]
    assert bob.take() == []
    assert port.statistics.unknown_transaction == 2


async def test_only_the_latest_requests_of_a_member_are_remembered() -> None:
    port, local = make_port()
    busy, calm = RecordingSink(), RecordingSink()
    member = port.attach("busy", busy)
    port.attach("calm", calm).note_transaction(b"of the calm!")
    for number in range(MAX_TRANSACTIONS + 1):
        member.note_transaction(b"%012d" % number)
    sort(port, local, response(b"%012d" % 0), response(b"%012d" % 1), response(b"of the calm!"))
    assert busy.take() == [response(b"%012d" % 1)]
    assert len(calm.take()) == 1


async def test_media_follows_the_checked_address() -> None:
    port, local = make_port()
    sink = RecordingSink()
    member = port.attach("alice", sink)
    sort(port, local, MEDIA)
    member.route(local, REMOTE)
    sort(port, local, MEDIA)
    sort(port, local, MEDIA, remote=(VIEWER, 1235))
    assert sink.take() == [MEDIA]
    assert port.statistics.unrouted == 2


async def test_a_browser_that_comes_back_from_the_same_port_is_the_newer_member() -> None:
    port, local = make_port()
    old, new = RecordingSink(), RecordingSink()
    older, newer = port.attach("old", old), port.attach("new", new)
    older.route(local, REMOTE)
    newer.route(local, REMOTE)
    older.route(local, REMOTE)
    sort(port, local, MEDIA)
    assert (old.take(), new.take()) == ([], [MEDIA])
    older.detach()
    sort(port, local, MEDIA)
    assert new.take() == [MEDIA]
    assert port.statistics.routes_taken == 1


async def test_a_member_with_too_many_routes_loses_its_oldest() -> None:
    port, local = make_port()
    sink = RecordingSink()
    member = port.attach("alice", sink)
    for number in range(MAX_ROUTES + 1):
        member.route(local, (VIEWER, 2000 + number))
    sort(port, local, MEDIA, remote=(VIEWER, 2000))
    assert sink.take() == []
    sort(port, local, MEDIA, remote=(VIEWER, 2001))
    assert sink.take() == [MEDIA]


async def test_a_member_that_left_hears_and_says_nothing() -> None:
    port, local = make_port()
    sink = RecordingSink()
    member = port.attach("alice", sink)
    member.route(local, REMOTE)
    member.note_transaction(b"transaction1")
    member.detach()
    member.detach()
    member.route(local, REMOTE)
    sort(port, local, check("alice"), response(b"transaction1"), MEDIA)
    assert sink.take() == []
    assert not member.endpoints[0].send_nowait(Transmit(MEDIA, local, REMOTE))
    assert port.endpoints[0].statistics.datagrams_sent == 0
    with pytest.raises(trio.ClosedResourceError):
        member.add_ufrag("restarted")
    port.attach("alice", sink)


async def test_a_member_that_leaves_during_a_burst_gets_no_more_of_it() -> None:
    port, local = make_port()
    second = RecordingSink()

    class Closing(RecordingSink):
        def deliver(self, local: Address, burst: list[tuple[bytes, Address]]) -> None:
            member.detach()

    port.attach("first", Closing())
    member = port.attach("second", second)
    sort(port, local, check("first"), check("second"))
    assert second.bursts == []


async def test_each_member_has_counters_of_its_own() -> None:
    port, local = make_port()
    alice, bob = (port.attach(name, RecordingSink()) for name in ("alice", "bob"))
    assert alice.endpoints[0].send_nowait(Transmit(b"aabbc", local, REMOTE, 2))
    alice.route(local, REMOTE)
    sort(port, local, MEDIA)
    statistics = alice.endpoints[0].statistics
    assert (statistics.datagrams_sent, statistics.bytes_sent) == (3, 5)
    assert (statistics.datagrams_received, statistics.bytes_received) == (1, len(MEDIA))
    assert bob.endpoints[0].statistics.datagrams_received == 0
    with pytest.raises(RuntimeError):
        await alice.endpoints[0].wait_readable()
    assert alice.endpoints[0].receive_burst() == []
    alice.endpoints[0].close()


async def test_an_open_port_receives_on_every_address(autojump_clock: trio.testing.MockClock) -> None:
    network = VirtualNetwork(delay=0.01)
    server, viewer = network.host(SERVER, "fd00::1"), network.host(VIEWER, "fd00::2")
    sink = RecordingSink()
    with using_network(server):
        async with open_shared_port() as port:
            assert [endpoint.local for endpoint in port.endpoints] == [
                (SERVER, port.port),
                ("fd00::1", port.port),
            ]
            port.attach("alice", sink)
            clients = [viewer.open_endpoint(host) for host in (VIEWER, "fd00::2")]
            for client, to in zip(clients, port.endpoints, strict=True):
                client.send_nowait(Transmit(check("alice"), client.local, to.local))
            await trio.sleep(1)
            locals_seen = {local for local, _ in sink.bursts}
            assert locals_seen == {endpoint.local for endpoint in port.endpoints}
    assert server.endpoints == {}


async def test_the_number_is_free_on_every_address_or_another_is_taken() -> None:
    host = VirtualNetwork().host(SERVER, "fd00::1")
    taken = host.open_endpoint("fd00::1", 50_000)
    with using_network(host):
        async with open_shared_port() as port:
            assert port.port == 50_001
            with pytest.raises(OSError, match="in use"):
                async with open_shared_port(50_001):
                    pass
        with pytest.raises(OSError, match="in use"):
            async with open_shared_port(50_000):
                pass
    assert list(host.endpoints.values()) == [taken]


async def test_an_address_that_went_away_is_left_out() -> None:
    with using_network(VirtualNetwork().host(SERVER)):
        async with open_shared_port(addresses=["10.9.9.9", SERVER]) as port:
            assert [endpoint.local[0] for endpoint in port.endpoints] == [SERVER]
        with pytest.raises(OSError):
            async with open_shared_port(addresses=["10.9.9.9"]):
                pass


async def test_an_error_in_the_block_leaves_it_bare() -> None:
    host = VirtualNetwork().host(SERVER)
    opened: list[VirtualEndpoint] = []

    async def fail() -> None:
        async with open_shared_port():
            opened.extend(host.endpoints.values())
            raise KeyError("mine") from ValueError("cause")

    with using_network(host), pytest.raises(KeyError) as caught:
        await fail()
    assert isinstance(caught.value.__cause__, ValueError)
    assert [endpoint.closed for endpoint in opened] == [True]


async def test_a_cancelled_block_leaves_nothing() -> None:
    host = VirtualNetwork().host(SERVER)
    with using_network(host), trio.CancelScope() as scope:
        async with open_shared_port():
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert host.endpoints == {}


def test_a_port_belongs_to_its_own_run() -> None:
    async def make() -> SharedPort:
        return make_port()[0]

    port = trio.run(make)
    with pytest.raises(WrongRunError):
        port.attach("alice", RecordingSink())


async def test_of_a_members_names_only_the_newest_are_kept() -> None:
    port, local = make_port()
    sink = RecordingSink()
    member = port.attach("first", sink)
    for number in range(MAX_UFRAGS):
        member.add_ufrag(f"restart{number}")
    sort(port, local, check("first"))
    assert sink.bursts == []
    sort(port, local, check("restart0"))
    assert len(sink.bursts) == 1
