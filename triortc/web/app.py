"""The web face as one ASGI application: page, WHEP, statistics, behind one guard."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import trio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from triortc.access import Access
from triortc.isolation import Isolation

from .assets import PAGE_PATHS, page_routes
from .guard import Guard
from .stats import LoopLag, Stats
from .viewers import Viewers
from .whep import Whep

if TYPE_CHECKING:
    from triortc.media.local_track import LocalTrack

logger: Final = logging.getLogger(__name__)


def make_app(viewers: Viewers, tracks: Sequence["LocalTrack"], lag: LoopLag, access: Access) -> Guard:
    """Return the application that serves *tracks* to *viewers*."""
    routes = [*page_routes(), *Whep(viewers).routes(), *Stats(viewers, tracks, lag).routes()]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _tell_error})
    app.router.redirect_slashes = False
    return Guard(app, access, PAGE_PATHS, Isolation(logger, "an HTTP request", trio.current_time))


async def _tell_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return PlainTextResponse(f"{error.detail}\n", error.status_code, error.headers)
