import pytest
import trio
from web_fakes import BASE, OFFER, SDP, local_access, open_web, remote_access, watch

from triortc.access import Access, normal_origin

PAGE = "https://example.org"


async def test_loopback_answers_to_its_own_names_only(autojump_clock: trio.abc.Clock) -> None:
    async with open_web() as web, web.client() as client:
        for host in "127.0.0.1:8080", "localhost:8080", "LOCALHOST:8080", "[::1]:8080":
            assert (await client.get("/stats", headers={"Host": host})).status_code == 200
        for host in (
            "evil.example:8080",
            "localhost",
            "localhost:80",
            "127.0.0.1:8081",
            "",
            "localhost:8080.x",
        ):
            response = await client.get("/", headers={"Host": host})
            assert response.status_code == 403
            assert "127.0.0.1:8080" in response.text


async def test_another_site_s_page_may_not_watch(autojump_clock: trio.abc.Clock) -> None:
    async with open_web() as web, web.client() as client:
        assert (await watch(client, Origin=BASE)).status_code == 201
        for origin in PAGE, "null", "http://localhost:8080", "http://127.0.0.1:80", "http://[", "":
            response = await watch(client, Origin=origin)
            assert response.status_code == 403
            assert "access-control-allow-origin" not in response.headers
        assert len(web.peers) == 1


async def test_an_allowed_origin_may_watch_and_sees_the_headers(autojump_clock: trio.abc.Clock) -> None:
    async with open_web(local_access(allow_origin=[PAGE + "/"])) as web, web.client() as client:
        ask = {"Origin": PAGE, "Access-Control-Request-Method": "PATCH"}
        preflight = await client.options("/whep/x", headers=ask)
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-origin"] == PAGE
        assert "PATCH" in preflight.headers["access-control-allow-methods"]
        assert "If-Match" in preflight.headers["access-control-allow-headers"]
        answer = await watch(client, Origin=PAGE)
        assert answer.status_code == 201
        exposed = answer.headers["access-control-expose-headers"]
        assert {"Location", "ETag", "Link"} == set(exposed.split(", "))
        assert "Origin" in answer.headers["vary"]
        assert (await watch(client, Origin=PAGE + ".evil.example")).status_code == 403


async def test_a_server_beyond_loopback_asks_for_its_token(autojump_clock: trio.abc.Clock) -> None:
    access = remote_access()
    assert access.token is not None
    assert len(access.token) >= 43
    async with open_web(access) as web, web.client("http://192.0.2.1:8080") as client:
        for path in "/", "/player.js", "/style.css":
            assert (await client.get(path)).status_code == 200
        for wrong in "", "Bearer", "Bearer x", f"Basic {access.token}", f"Bearer {access.token}x", "Bearer é":
            response = await client.get("/stats", headers={"Authorization": wrong.encode()})
            assert response.status_code == 401
            assert response.headers["www-authenticate"] == "Bearer"
        assert (await client.get("/nothing")).status_code == 401
        assert (await watch(client)).status_code == 401
        assert (await watch(client, Authorization=f"Bearer {access.token}")).status_code == 201
        assert (await watch(client, Authorization=f"bearer {access.token}")).status_code == 201
        assert (await client.options("/whep")).status_code == 204


async def test_a_refused_request_still_tells_an_allowed_page_why(autojump_clock: trio.abc.Clock) -> None:
    async with open_web(remote_access(allow_origin=[PAGE])) as web, web.client() as client:
        response = await watch(client, Origin=PAGE)
        assert response.status_code == 401
        assert response.headers["access-control-allow-origin"] == PAGE


async def test_public_drops_the_token_and_keeps_the_rest(autojump_clock: trio.abc.Clock) -> None:
    async with open_web(remote_access(public=True)) as web, web.client("http://192.0.2.1:8080") as client:
        assert (await watch(client)).status_code == 201
        assert (await watch(client, Origin=PAGE)).status_code == 403
    assert local_access(public=True).hosts is not None


def test_a_chosen_token_is_asked_for_on_loopback_too() -> None:
    access = local_access(token="secret")
    assert access.refuse_token(None) is not None
    assert access.refuse_token("Bearer secret") is None
    assert "secret" not in repr(access)
    with pytest.raises(ValueError, match="either"):
        local_access(token="secret", public=True)


def test_the_default_port_may_be_left_out_of_host() -> None:
    access = Access.for_server(["::1"], 80)
    assert access.refuse_host("localhost") is None
    assert access.refuse_host("[::1]:80") is None
    assert access.refuse_host("evil.example") is not None


@pytest.mark.parametrize(
    "wrong", ["", "*", "null", "example.org", "ftp://x", "http://a/b", "http://a@b", "http://a?b"]
)
def test_what_is_no_origin_is_told(wrong: str) -> None:
    with pytest.raises(ValueError, match="no origin"):
        normal_origin(wrong)


async def test_headers_have_a_size(autojump_clock: trio.abc.Clock) -> None:
    async with open_web() as web, web.client() as client:
        assert (await client.get("/", headers={"X-Long": "x" * 16384})).status_code == 431
        assert (await client.get("/" + "x" * 16384)).status_code == 431


async def test_every_answer_carries_the_security_headers(autojump_clock: trio.abc.Clock) -> None:
    async with open_web() as web, web.client() as client:
        for response in (await client.get("/"), await client.get("/stats"), await client.get("/nothing")):
            assert response.headers["x-content-type-options"] == "nosniff"
            assert response.headers["referrer-policy"] == "no-referrer"
            assert "default-src 'none'" in response.headers["content-security-policy"]
            assert "unsafe" not in response.headers["content-security-policy"]
        assert (await client.post("/whep", content=OFFER, headers=SDP)).headers["cache-control"] == "no-store"
