"""WHEP: one POST to watch (draft-ietf-wish-whep, with the conventions of RFC 9725)."""

from contextlib import aclosing

import trio
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from triortc.peer.errors import PeerClosed, PeerFailed
from triortc.protocol.wire.errors import LocalProtocolError, Malformed, NoCommonCodec, RemoteProtocolError

from .fragment import Fragment, parse_fragment_untrusted
from .viewers import RETRY_AFTER, TooManyViewers, Viewer, Viewers

BODY_LIMIT = 256 * 1024
"""Bytes of a request's body."""

MAX_CHUNKS = 1000
"""Pieces that a body may come in: each costs some 30 µs, even with a single byte in it."""

BODY_TIMEOUT = 10.0
"""Seconds for a request's body to arrive."""

OFFER_TYPE = "application/sdp"
FRAGMENT_TYPE = "application/trickle-ice-sdpfrag"


class Whep:
    """The endpoint ``/whep``, and a resource below it for each viewer.

    Errors are plain text, one sentence: 400 for what cannot be parsed or breaks the protocol,
    406 for an offer that asks for nothing we send, 422 for an ICE restart, which is not served.
    """

    def __init__(self, viewers: Viewers) -> None:
        self._viewers = viewers

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/whep", self.serve_endpoint, methods=["POST", "OPTIONS"]),
            Route("/whep/{viewer_id}", self.serve_viewer, methods=["PATCH", "DELETE", "OPTIONS"]),
        ]

    async def serve_endpoint(self, request: Request) -> Response:
        """Answer an offer, or say what the endpoint takes."""
        if request.method == "OPTIONS":
            return Response(None, 204, {"Allow": "POST, OPTIONS", "Accept-Post": OFFER_TYPE})
        viewer = await self._answer(await read_body(request, OFFER_TYPE))
        return Response(
            viewer.answer,
            201,
            {"Location": f"/whep/{viewer.id}", "ETag": viewer.etag, "Accept-Patch": FRAGMENT_TYPE},
            OFFER_TYPE,
        )

    async def serve_viewer(self, request: Request) -> Response:
        """Take candidates of a viewer, or let it go."""
        if request.method == "OPTIONS":
            headers = {"Allow": "PATCH, DELETE, OPTIONS", "Accept-Patch": FRAGMENT_TYPE}
            return Response(None, 204, headers)
        viewer = self._viewers.find(request.path_params["viewer_id"])
        if viewer is None:
            raise HTTPException(404, "This viewer is not there, or not any more.")
        if request.method == "DELETE":
            self._viewers.end(viewer)
            return Response(None, 200)
        return await self._patch(viewer, request)

    async def _answer(self, offer: str) -> Viewer:
        try:
            return await self._viewers.answer(offer)
        except TooManyViewers:
            reason = f"All {self._viewers.limit} places are taken; try again later."
            raise HTTPException(503, reason, {"Retry-After": str(RETRY_AFTER)}) from None
        except NoCommonCodec as error:
            raise HTTPException(406, f"Nothing in this offer can be served: {error}.") from None
        except (Malformed, RemoteProtocolError) as error:
            raise HTTPException(400, f"This offer cannot be answered: {error}.") from None

    async def _patch(self, viewer: Viewer, request: Request) -> Response:
        _check_etag(viewer, request.headers.get("if-match"))
        body = await read_body(request, FRAGMENT_TYPE)
        try:
            fragment = parse_fragment_untrusted(body)
            if not fragment.ufrags <= viewer.ufrags:
                raise HTTPException(422, "ICE restarts are not served; make a new POST.")
            await _add_candidates(viewer, fragment)
        except (Malformed, LocalProtocolError, RemoteProtocolError) as error:
            raise HTTPException(400, f"This fragment cannot be used: {error}.") from None
        except (PeerClosed, PeerFailed, trio.ClosedResourceError):
            raise HTTPException(404, "This viewer is not there any more.") from None
        return Response(None, 204)


async def read_body(request: Request, content_type: str) -> str:
    """Return a request's body as text.

    Raises:
      HTTPException: 408, 413, 415, or 400 when it is no UTF-8.
    """
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != content_type:
        raise HTTPException(415, f"The body's Content-Type must be {content_type}.")
    with trio.move_on_after(BODY_TIMEOUT):
        try:
            return (await _read_stream(request)).decode()
        except UnicodeDecodeError:
            raise HTTPException(400, "The body is no UTF-8.") from None
        except ClientDisconnect:
            raise HTTPException(400, "The client left before the body's end.") from None
    raise HTTPException(408, f"The body did not arrive within {BODY_TIMEOUT:.0f} seconds.")


async def _read_stream(request: Request) -> bytes:
    body: list[bytes] = []
    size = 0
    async with aclosing(request.stream()) as chunks:
        async for chunk in chunks:
            body.append(chunk)
            size += len(chunk)
            if size > BODY_LIMIT:
                raise HTTPException(413, f"The body is larger than {BODY_LIMIT // 1024} KiB.")
            if len(body) > MAX_CHUNKS:
                raise HTTPException(413, f"The body comes in more than {MAX_CHUNKS} pieces.")
    return b"".join(body)


async def _add_candidates(viewer: Viewer, fragment: Fragment) -> None:
    for candidate in fragment.candidates:
        await viewer.peer.add_ice_candidate(candidate)
    if fragment.end_of_candidates:
        await viewer.peer.add_ice_candidate(None)


def _check_etag(viewer: Viewer, if_match: str | None) -> None:
    if if_match is None:
        raise HTTPException(428, "If-Match must name the ETag of the answer.")
    if if_match.strip() == "*":
        raise HTTPException(422, "ICE restarts are not served; make a new POST.")
    if viewer.etag not in (tag.strip() for tag in if_match.split(",")):
        raise HTTPException(412, "If-Match names another ICE session than the present one.")
