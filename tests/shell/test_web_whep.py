from collections.abc import AsyncIterator

import pytest
import trio
from web_fakes import ANSWER, BASE, FRAGMENT, OFFER, SDP, open_web, watch

from triortc.web.whep import BODY_LIMIT, BODY_TIMEOUT, MAX_CHUNKS

TRICKLE = {"Content-Type": "application/trickle-ice-sdpfrag"}


async def test_an_offer_is_answered_with_a_resource_of_its_own(autojump_clock: trio.abc.Clock) -> None:
    async with open_web() as web, web.client() as client:
        one, two = await watch(client), await watch(client)
        assert one.status_code == 201
        assert one.headers["content-type"] == "application/sdp"
        assert one.text == ANSWER
        assert one.headers["location"].startswith("/whep/")
        assert len(one.headers["location"]) >= len("/whep/") + 43
        assert one.headers["etag"].startswith('"')
        assert one.headers["cache-control"] == "no-store"
        assert one.headers["location"] != two.headers["location"]
        assert web.peers[0].remote_offer == OFFER
        assert len(web.viewers) == web.viewers.served == 2


async def test_gathering_delays_an_answer_by_half_a_second_at_most(
    autojump_clock: trio.abc.Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_self: object) -> None:
        await trio.sleep_forever()

    monkeypatch.setattr("web_fakes.FakePeer.wait_ice_gathering_complete", never)
    async with open_web() as web, web.client() as client:
        started = trio.current_time()
        assert (await watch(client)).status_code == 201
        assert trio.current_time() - started == pytest.approx(0.5)


async def test_candidates_trickle_in_under_the_etag(autojump_clock: trio.abc.Clock) -> None:
    async with open_web() as web, web.client() as client:
        answer = await watch(client)
        url, etag = answer.headers["location"], answer.headers["etag"]

        async def patch(body: str, **headers: str) -> int:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return (await client.patch(url, content=body, headers={**TRICKLE, **named})).status_code

        assert await patch(FRAGMENT, If_Match=etag) == 204
        first, second, end = web.peers[0].candidates
        assert first is not None
        assert (first.address, first.port, first.sdp_mid) == ("127.0.0.1", 50000, "0")
        assert second is not None
        assert end is None
        assert await patch(FRAGMENT) == 428
        assert await patch(FRAGMENT, If_Match='"another"') == 412
        assert await patch(FRAGMENT, If_Match="*") == 422
        assert await patch(FRAGMENT.replace("abcd", "efgh"), If_Match=etag) == 422
        assert await patch("nonsense", If_Match=etag) == 400
        assert await patch("", If_Match=etag) == 400
        assert await patch(FRAGMENT, If_Match=etag, Content_Type="application/sdp") == 415
        assert len(web.peers[0].candidates) == 3


async def test_delete_ends_the_viewer_and_its_resource(autojump_clock: trio.abc.Clock) -> None:
    async with open_web() as web, web.client() as client:
        url = (await watch(client)).headers["location"]
        assert (await client.delete(url)).status_code == 200
        await trio.testing.wait_all_tasks_blocked()
        assert web.peers[0].left
        assert len(web.viewers) == 0
        assert (await client.delete(url)).status_code == 404
        assert (await client.patch(url, content=FRAGMENT, headers=TRICKLE)).status_code == 404


@pytest.mark.parametrize(
    ("offer", "status"),
    [("", 400), ("hello", 400), ("broken", 400), (OFFER + "a=broken\r\n", 400), ("\x00", 400)],
)
async def test_a_bad_offer_gets_400_and_a_sentence(
    autojump_clock: trio.abc.Clock, offer: str, status: int
) -> None:
    async with open_web() as web, web.client() as client:
        response = await watch(client, offer)
        assert response.status_code == status
        assert response.text.startswith("This offer cannot be answered: ")
        assert response.text.endswith(".\n")
        assert len(web.viewers) == 0
        assert web.viewers.isolation.failures == 0


async def test_bytes_that_are_no_text_get_400(autojump_clock: trio.abc.Clock) -> None:
    async with open_web() as web, web.client() as client:
        response = await client.post("/whep", content=b"\xff\xfe", headers=SDP)
        assert response.status_code == 400


async def test_an_offer_that_we_have_nothing_for_gets_406(autojump_clock: trio.abc.Clock) -> None:
    async with open_web() as web, web.client() as client:
        web.answer = ANSWER.replace("m=video 9", "m=video 0")
        assert (await watch(client)).status_code == 406
        web.answer = ANSWER.replace("sendonly", "inactive")
        assert (await watch(client)).status_code == 406
        assert all(peer.left for peer in web.peers)


async def test_other_types_and_methods_are_refused(autojump_clock: trio.abc.Clock) -> None:
    async with open_web() as web, web.client() as client:
        json = {"Content-Type": "application/json"}
        assert (await client.post("/whep", content=OFFER, headers=json)).status_code == 415
        assert (await client.post("/whep", content=OFFER)).status_code == 415
        for method in "GET", "HEAD", "PUT", "DELETE", "PATCH":
            response = await client.request(method, "/whep")
            assert response.status_code == 405
            assert "POST" in response.headers["allow"]
        options = await client.options("/whep")
        assert options.status_code == 204
        assert options.headers["accept-post"] == "application/sdp"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # httpx leaves its own
async def test_a_body_has_a_size_and_a_time(autojump_clock: trio.abc.Clock) -> None:
    async def trickle() -> AsyncIterator[bytes]:
        yield b"v=0\r\n"
        await trio.sleep(BODY_TIMEOUT * 2)

    async def crumbs() -> AsyncIterator[bytes]:
        for _ in range(2 * MAX_CHUNKS):
            yield b"x"

    async with open_web() as web, web.client() as client:
        assert (await watch(client, "x" * (BODY_LIMIT + 1))).status_code == 413
        assert (await client.post("/whep", content=trickle(), headers=SDP)).status_code == 408
        assert (await client.post("/whep", content=crumbs(), headers=SDP)).status_code == 413


async def test_a_full_server_says_when_to_come_again(autojump_clock: trio.abc.Clock) -> None:
    async with open_web(limit=2) as web, web.client() as client:
        statuses: list[int] = []

        async def try_to_watch() -> None:
            statuses.append((await watch(client)).status_code)

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(try_to_watch)
        assert sorted(statuses) == [201, 201, 503, 503, 503]
        refused = await watch(client)
        assert int(refused.headers["retry-after"]) > 0
        web.peers[0].end()
        await trio.testing.wait_all_tasks_blocked()
        assert (await watch(client)).status_code == 201
        assert BASE not in refused.text
