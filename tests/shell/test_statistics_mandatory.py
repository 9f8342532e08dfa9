"""What the W3C demands of ``getStats()`` is there, in its types (webrtc §8.6, web-platform-tests)."""

import json

import trio
from statistics_calls import calling
from support.virtual_network import VirtualNetwork
from support.w3c_statistics import find_dangling, find_missing, find_wrong_types

IN_PICTURES_ALONE = {"RTCVideoSourceStats.width", "RTCVideoSourceStats.height"}
"""What frames that come encoded do not tell; ``test_statistics_of_codecs`` has it."""


async def test_every_mandatory_member_is_there(autojump_clock):
    async with calling(VirtualNetwork(seed=1, delay=0.02)) as (alice, bob):
        await trio.sleep(8)
        reports = [peer.statistics().as_w3c() for peer in (alice, bob)]
        assert find_missing(reports[0]) == IN_PICTURES_ALONE
        assert find_missing(reports[1]) == IN_PICTURES_ALONE | {"RTCIceCandidateStats.url"}


async def test_no_member_has_another_name_or_type_than_w3cs(autojump_clock):
    async with calling(VirtualNetwork(seed=2, delay=0.02, loss=0.05)) as peers:
        for _ in range(8):
            for peer in peers:
                report = peer.statistics().as_w3c()
                assert find_wrong_types(report) == []
                assert find_dangling(report) == []
                assert json.loads(json.dumps(report)) == report
            await trio.sleep(1)


async def test_every_kind_of_object_is_there(autojump_clock):
    async with calling(VirtualNetwork(seed=3, delay=0.02)) as (alice, _):
        await trio.sleep(8)
        report = alice.statistics().as_w3c()
        types = [stats["type"] for stats in report.values()]
        for once in ("peer-connection", "transport"):
            assert types.count(once) == 1
        for twice in ("certificate", "media-source", "outbound-rtp", "inbound-rtp"):
            assert types.count(twice) == 2
        for remote in ("remote-inbound-rtp", "remote-outbound-rtp"):
            assert types.count(remote) == 2
        assert types.count("codec") == 4, "each is described as it is sent and as it is received"
        assert {"local-candidate", "remote-candidate", "candidate-pair"} <= set(types)
