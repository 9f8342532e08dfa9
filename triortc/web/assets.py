"""The page's files, read once when the server starts."""

import hashlib
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

MEDIA_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}

PAGE_FILES = {name: name.strip("/") or "index.html" for name in ("/", "/player.js", "/whep.js", "/style.css")}
"""What is served, by path."""

PAGE_PATHS = frozenset(PAGE_FILES)


class Asset:
    """One file of the page; a browser asks each time whether it has changed."""

    def __init__(self, name: str) -> None:
        self._content = (files(__package__) / "page" / name).read_bytes()
        self._media_type = MEDIA_TYPES[name[name.rindex(".") :]]
        etag = hashlib.sha256(self._content).hexdigest()[:16]
        self._headers = {"ETag": f'"{etag}"', "Cache-Control": "no-cache"}

    async def serve(self, request: Request) -> Response:
        """Return the file, or 304 when the browser has it."""
        if request.headers.get("if-none-match") == self._headers["ETag"]:
            return Response(None, 304, self._headers)
        return Response(self._content, 200, self._headers, self._media_type)


def page_routes() -> list[Route]:
    """Return the routes of the page."""
    return [Route(path, Asset(name).serve, methods=["GET"]) for path, name in PAGE_FILES.items()]
