import logging
import time

import pytest
import trio
from web_fakes import open_web, watch

from triortc.lag import open_loop_watch


async def test_a_crashed_viewer_is_counted_and_the_others_never_notice(
    autojump_clock: trio.abc.Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_web() as web, web.client() as client:
        for _ in range(4):
            await watch(client)
        for peer in web.peers[:3]:
            peer.end(RuntimeError("a bug"))
        await trio.testing.wait_all_tasks_blocked()
        assert len(web.viewers) == 1
        assert not web.peers[3].left
        assert web.viewers.isolation.failures == 3
        assert [record.levelno for record in caplog.records] == [logging.ERROR]
        stats = (await client.get("/stats")).json()
        assert stats["totals"]["viewersCrashed"] == 3


async def test_a_crash_before_the_answer_is_that_request_s_500(
    autojump_clock: trio.abc.Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(_self: object) -> None:
        raise RuntimeError("a bug")

    async with open_web() as web, web.client() as client:
        await watch(client)
        monkeypatch.setattr("web_fakes.FakePeer.create_answer", crash)
        assert (await watch(client)).status_code == 500
        assert web.peers[1].left
        assert not web.peers[0].left
        assert len(web.viewers) == 1
        assert "an HTTP request failed" in caplog.text


async def test_stats_tell_of_each_viewer_and_forget_who_has_gone(autojump_clock: trio.abc.Clock) -> None:
    async with open_web() as web, web.client() as client:
        location = (await watch(client)).headers["location"]
        await trio.sleep(3)
        await watch(client)
        response = await client.get("/stats")
        stats = response.json()
        assert response.headers["cache-control"] == "no-store"
        assert stats["encoders"] == 0
        assert stats["renditions"] == []
        assert stats["totals"] == {"viewers": 2, "viewersServed": 2, "viewersCrashed": 0}
        assert set(stats["loop"]) == {"lag", "worstLag", "late"}
        first = stats["viewers"][0]
        assert first["number"] == 1
        assert first["state"] == "connecting"
        assert first["age"] == pytest.approx(3.1)
        assert first["stats"]["T"]["bytesSent"] == 7
        assert first["queues"] == {"dtls-srtp": {"depth": 1, "drops": 2}}
        assert first["counters"] == {"unknown": 3}
        assert location.removeprefix("/whep/") not in response.text
        web.peers[0].end()
        await trio.testing.wait_all_tasks_blocked()
        stats = (await client.get("/stats")).json()
        assert [viewer["number"] for viewer in stats["viewers"]] == [2]


async def test_stats_name_the_tasks_that_held_the_loop_where_a_watch_is_installed(
    autojump_clock: trio.abc.Clock,
) -> None:
    async with open_web() as web, web.client() as client, open_loop_watch():
        time.sleep(0.01)  # noqa: ASYNC251  (that is the point)
        await trio.lowlevel.checkpoint()
        loop = (await client.get("/stats")).json()["loop"]
        assert loop["steps"] > 0
        assert loop["slowSteps"] >= 1
        assert loop["worst"][0]["seconds"] >= 0.01
        assert set(loop["worst"][0]) == {"task", "seconds", "where", "age"}


async def test_cancelling_the_server_ends_every_viewer(autojump_clock: trio.abc.Clock) -> None:
    async with open_web() as web, web.client() as client:
        for _ in range(3):
            await watch(client)
    assert all(peer.left for peer in web.peers)
    assert len(web.viewers) == 0
