"""What a peer tells of itself in figures: units, ids, counters, queues."""

from dataclasses import FrozenInstanceError, fields
from datetime import UTC, datetime

import pytest
import trio
from statistics_calls import calling
from support.peers import feed_frames, make_vp8_frame, negotiating, open_two_peers, open_video, session_of
from support.virtual_network import SeededEntropy, VirtualNetwork
from support.w3c_statistics import find_falling

import triortc
from triortc.protocol.session.stats import CandidatePairStats, InboundRtpStats, OutboundRtpStats, Stats
from triortc.protocol.wire.entropy import random_fraction


def of_type(peer: triortc.Peer, type: str, **values: object) -> list[dict[str, object]]:
    """Return the objects of a type that have these values."""
    return [
        stats
        for stats in peer.statistics().as_w3c().values()
        if stats["type"] == type and all(stats.get(name) == value for name, value in values.items())
    ]


@pytest.mark.parametrize("seed", range(3))
async def test_ids_stay_and_counters_only_grow_on_a_line_that_gets_worse(seed, autojump_clock):
    network = VirtualNetwork(seed=seed, delay=0.02, jitter=0.02)
    entropy = SeededEntropy(seed)
    async with calling(network) as peers:
        before = [peer.statistics() for peer in peers]
        for _ in range(25):
            network.loss = 0.2 * random_fraction(entropy) ** 2
            await trio.sleep(1.5 * random_fraction(entropy))
            after = [peer.statistics() for peer in peers]
            for old, new in zip(before, after, strict=True):
                assert list(find_falling(old.as_w3c(), new.as_w3c())) == []
                assert {stats.id for stats in old.stats} <= {stats.id for stats in new.stats}
                assert all(new.counters[name] >= count for name, count in old.counters.items())
            before = after


async def test_counters_survive_an_ice_restart(autojump_clock):
    async with calling(VirtualNetwork(delay=0.02)) as (alice, bob):
        await trio.sleep(3)
        before = [peer.statistics().as_w3c() for peer in (alice, bob)]
        (pair,) = of_type(alice, "candidate-pair", nominated=True)
        alice.restart_ice()
        await trio.sleep(8)
        (new,) = of_type(alice, "candidate-pair", nominated=True)
        assert new["id"] != pair["id"]
        (transport,) = of_type(alice, "transport")
        assert transport["selectedCandidatePairId"] == new["id"]
        assert transport["selectedCandidatePairChanges"] >= 2
        assert transport["bytesSent"] > new["bytesSent"] > 0
        for old, peer in zip(before, (alice, bob), strict=True):
            assert list(find_falling(old, peer.statistics().as_w3c())) == []


async def test_times_are_in_seconds_and_dates_in_milliseconds(autojump_clock):
    async with calling(VirtualNetwork(delay=0.05)) as (alice, _):
        began = datetime.now(UTC).timestamp() * 1000
        await trio.sleep(9)
        statistics = alice.statistics()
        assert statistics.timestamp == pytest.approx(began + 9000, abs=3000)
        (pair,) = of_type(alice, "candidate-pair", nominated=True)
        assert pair["currentRoundTripTime"] == pytest.approx(0.1, abs=0.005)
        assert pair["totalRoundTripTime"] / pair["responsesReceived"] == pytest.approx(0.1, abs=0.005)
        (told,) = of_type(alice, "remote-inbound-rtp", kind="video")
        assert told["roundTripTime"] == pytest.approx(0.1, abs=0.01)
        (report,) = of_type(alice, "remote-outbound-rtp", kind="video")
        assert report["timestamp"] - report["remoteTimestamp"] == pytest.approx(50, abs=40)
        (received,) = of_type(alice, "inbound-rtp", kind="video")
        assert 0 <= statistics.timestamp - received["lastPacketReceivedTimestamp"] <= 40
        assert 0 <= statistics.timestamp - pair["lastPacketReceivedTimestamp"] <= 40


async def test_both_ends_count_the_same(autojump_clock):
    async with calling(VirtualNetwork(delay=0.001)) as (alice, bob):
        await trio.sleep(5.011)
        (sent,), (received,) = (of_type(peer, "transport") for peer in (alice, bob))
        assert sent["packetsSent"] == received["packetsReceived"] > 400
        assert sent["bytesSent"] == received["bytesReceived"]
        (out,) = of_type(alice, "outbound-rtp", kind="video")
        (come,) = of_type(bob, "inbound-rtp", ssrc=out["ssrc"])
        assert (come["packetsReceived"], come["bytesReceived"], come["headerBytesReceived"]) == (
            out["packetsSent"],
            out["bytesSent"],
            out["headerBytesSent"],
        )
        assert come["trackIdentifier"] == alice.transceivers[0].track.id
        (source,) = of_type(alice, "media-source", kind="video")
        assert out["mediaSourceId"] == source["id"]
        assert source["framesPerSecond"] == pytest.approx(30, abs=1)


async def test_ciphers_and_certificates_are_named_alike_on_both_sides(autojump_clock):
    async with calling(VirtualNetwork(delay=0.001)) as (alice, bob):
        (ours,), (theirs,) = (of_type(peer, "transport") for peer in (alice, bob))
        assert ours["localCertificateId"] == theirs["remoteCertificateId"]
        assert ours["remoteCertificateId"] == theirs["localCertificateId"]
        assert {ours["dtlsRole"], theirs["dtlsRole"]} == {"client", "server"}
        assert {ours["iceRole"], theirs["iceRole"]} == {"controlling", "controlled"}
        for transport in (ours, theirs):
            assert transport["tlsVersion"] == "FEFD"
            assert transport["dtlsCipher"] == "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
            assert transport["srtpCipher"] == "SRTP_AEAD_AES_128_GCM"
        (mine,) = of_type(alice, "certificate", id=ours["localCertificateId"])
        (seen,) = of_type(bob, "certificate", id=ours["localCertificateId"])
        assert {name: mine[name] for name in mine if name != "timestamp"} == {
            name: seen[name] for name in seen if name != "timestamp"
        }


async def test_a_candidate_from_a_server_names_the_server(autojump_clock):
    async with calling(VirtualNetwork(delay=0.001)) as (alice, bob):
        await trio.sleep(1)
        (reflexive,) = of_type(alice, "local-candidate", candidateType="srflx")
        assert reflexive["url"] == "stun:stun.example:3478"
        assert (reflexive["address"], reflexive["relatedAddress"]) == ("203.0.113.7", "10.0.0.1")
        (told,) = of_type(bob, "remote-candidate", candidateType="srflx")
        assert "url" not in told
        assert told["usernameFragment"] == reflexive["usernameFragment"]


async def test_an_encoder_counts_for_a_viewer_from_when_it_came(autojump_clock):
    with open_video() as (video, feed):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(feed_frames, feed)
            await trio.sleep(10)
            async with open_two_peers() as (alice, bob):
                alice.add_track(video)
                async with negotiating(alice, bob):
                    await alice.wait_connected()
                    await trio.sleep(2)
                    (out,) = of_type(alice, "outbound-rtp")
                    (source,) = of_type(alice, "media-source")
            nursery.cancel_scope.cancel()
    assert source["frames"] >= 360
    assert 50 <= out["framesSent"] <= out["framesEncoded"] <= 62


async def test_the_queues_of_slow_readers_tell_depth_and_drops_and_keep_them(autojump_clock):
    def queue(peer: triortc.Peer, name: str) -> tuple[int, int]:
        return next((it.depth, it.drops) for it in peer.statistics().queues if it.name == name)

    async with calling(VirtualNetwork(delay=0.01)) as (_, bob):
        track = next(each.remote_track for each in bob.transceivers if each.kind == "video")
        assert queue(bob, "tracks") == (2, 0)
        async with track.encoded_frames(), track.rtp_packets():
            await trio.sleep(1)
            assert 20 <= queue(bob, f"encoded_frames {track.mid}")[0] <= 32
            assert 60 <= queue(bob, f"rtp_packets {track.mid}")[0] <= 96
            await trio.sleep(20)
            dropped = [queue(bob, f"{kind} {track.mid}")[1] for kind in ("encoded_frames", "rtp_packets")]
            assert dropped[0] >= 64
            assert dropped[1] >= 1000
        assert [queue(bob, f"{kind} {track.mid}") for kind in ("encoded_frames", "rtp_packets")] == [
            (0, pytest.approx(dropped[0], abs=1)),
            (0, dropped[1]),
        ]


async def test_all_queues_of_a_peer_are_there(autojump_clock):
    async with calling(VirtualNetwork(delay=0.01)) as (_, bob):
        await trio.sleep(1)
        video, audio = (each.mid for each in bob.transceivers)
        async with bob.transceivers[0].remote_track.encoded_frames():
            await trio.sleep(1)
            statistics = bob.statistics()
        names = {queue.name for queue in statistics.queues}
        assert names == {
            "dtls-srtp",
            "tracks",
            "candidates",
            *(f"{kind} {mid}" for kind in ("rtp.send", "jitter") for mid in (video, audio)),
            *(f"{kind} {video}" for kind in ("encoded_frames", "frames", "rtp_packets")),
        }
        kinds = {name.partition("_")[0] for name in statistics.counters}
        assert {"media", "ice", "dtls", "srtp", "socket", "unknown", "unroutable"} <= kinds


async def test_the_queue_before_a_peer_tells_its_drops(autojump_clock):
    async with open_two_peers() as (alice, bob):
        with open_video() as (video, feed):
            alice.add_track(video)
            async with negotiating(alice, bob):
                await alice.wait_connected()
                await trio.testing.wait_all_tasks_blocked()
                for number in range(30):
                    feed.publish(make_vp8_frame(number))
                (queue,) = [it for it in alice.statistics().queues if it.name == "rtp.send 0"]
                assert queue.drops > 0
                assert queue.depth <= 8


async def test_reports_are_frozen_and_typed(autojump_clock):
    async with calling(VirtualNetwork(delay=0.01)) as (alice, _):
        await trio.sleep(1)
        statistics = alice.statistics()
        (pair,) = [it for it in statistics.stats if isinstance(it, CandidatePairStats) and it.nominated]
        with pytest.raises(FrozenInstanceError):
            pair.nominated = False
        assert {type(it) for it in statistics.stats} >= {InboundRtpStats, OutboundRtpStats}
        assert all(isinstance(it, Stats) and fields(it) for it in statistics.stats)


async def test_what_was_counted_can_be_read_after_the_end(autojump_clock):
    async with calling(VirtualNetwork(delay=0.01)) as (alice, bob):
        await trio.sleep(3)
        before = bob.statistics().as_w3c()
        await alice.aclose()
        await bob.wait_closed()
        report = bob.statistics().as_w3c()
        assert report["T01"]["bytesReceived"] >= before["T01"]["bytesReceived"]
        assert report["T01"]["dtlsState"] == "closed"
        assert session_of(bob).ended is not None
