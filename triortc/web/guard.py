"""What every request passes through: limits, access rules, CORS and security headers."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from triortc.access import Access, Refusal
from triortc.isolation import Isolation

from .server import HEADERS_LIMIT

PREFLIGHT_AGE = 600
"""Seconds that a browser may remember a CORS preflight."""

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "media-src 'self' blob:",
        "base-uri 'none'",
        "form-action 'none'",
    )
)

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class Guard:
    """ASGI middleware: refuses what the access rules refuse, and isolates each request.

    Args:
      app: what is guarded.
      access: the rules.
      open_paths: paths that need no token, since the page must load before it can send one.
      isolation: where a request's crash ends.
    """

    def __init__(
        self, app: ASGIApp, access: Access, open_paths: frozenset[str], isolation: Isolation
    ) -> None:
        self._app = app
        self._access = access
        self._open_paths = open_paths
        self._isolation = isolation
        ancestors = " ".join(("'self'", *sorted(access.origins)))
        self._policy = f"{CONTENT_SECURITY_POLICY}; frame-ancestors {ancestors}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] == "websocket":
            # hypercorn inflates permessage-deflate without a limit: no WebSocket is served here.
            await send({"type": "websocket.close"})
        elif scope["type"] == "http":
            headers = Headers(scope=scope)

            async def send_with_headers(message: Message) -> None:
                if message["type"] == "http.response.start":
                    self._add_headers(MutableHeaders(raw=message["headers"]), headers.get("origin"))
                await send(message)

            refusal = self._refuse(scope, headers)
            app = self._app if refusal is None else _response(refusal)
            with self._isolation:
                await app(scope, receive, send_with_headers)

    def _refuse(self, scope: Scope, headers: Headers) -> Refusal | None:
        if (
            len(scope["raw_path"]) + sum(len(name) + len(value) for name, value in headers.raw)
            > HEADERS_LIMIT
        ):
            return Refusal(431, "The request's headers are larger than 16 KiB.")
        host = headers.get("host")
        refusal = self._access.refuse_host(host) or self._access.refuse_origin(headers.get("origin"), host)
        # A preflight carries no credentials (Fetch §4.8), the page none before its script runs.
        if refusal is None and scope["method"] != "OPTIONS" and scope["path"] not in self._open_paths:
            refusal = self._access.refuse_token(headers.get("authorization"))
        return refusal

    def _add_headers(self, headers: MutableHeaders, origin: str | None) -> None:
        headers.update(SECURITY_HEADERS)
        headers["Content-Security-Policy"] = self._policy
        headers.setdefault("Cache-Control", "no-store")
        headers.add_vary_header("Origin")
        if origin is not None and self._access.allows_foreign(origin):
            headers["Access-Control-Allow-Origin"] = origin
            headers["Access-Control-Expose-Headers"] = "Location, ETag, Link"
            headers["Access-Control-Allow-Methods"] = "GET, POST, PATCH, DELETE, OPTIONS"
            headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, If-Match"
            headers["Access-Control-Max-Age"] = str(PREFLIGHT_AGE)


def _response(refusal: Refusal) -> PlainTextResponse:
    headers = {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else None
    return PlainTextResponse(refusal.reason + "\n", refusal.status, headers)
