"""``/stats``: how the server fares, as JSON."""

import json
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields as fields_of
from typing import TYPE_CHECKING, Any, NoReturn

import trio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from triortc.lag import installed_loop_watch

from .viewers import Viewer, Viewers

if TYPE_CHECKING:
    from triortc.media.local_track import LocalTrack

LAG_INTERVAL = 0.1
"""Seconds between two looks at how late the loop is."""

LAG_WINDOW = 100
"""Looks that the worst lag is taken from."""

LATE = 0.005
"""Seconds of lag from which a look counts as late."""


class LoopLag:
    """How late the event loop wakes a task that asked for a time.

    Attributes:
      late: how often it was over 5 ms.
    """

    def __init__(self) -> None:
        self.late: int = 0
        self._lags: deque[float] = deque([0.0], maxlen=LAG_WINDOW)

    async def watch(self) -> NoReturn:
        """Measure for ever."""
        while True:
            due = trio.current_time() + LAG_INTERVAL
            await trio.sleep_until(due)
            self._note(trio.current_time() - due)

    def _note(self, lag: float) -> None:
        self._lags.append(lag)
        self.late += lag > LATE

    def report(self) -> dict[str, float]:
        """Return the last lag and the worst of the last 10 s, in seconds, and how often it was late."""
        return {"lag": self._lags[-1], "worstLag": max(self._lags), "late": self.late}


class Stats:
    """The resource ``/stats``.

    Names are in camel case, and sizes and times in bytes and seconds, as in W3C statistics. Of the
    loop it tells how late it is, and which tasks held it if a :class:`triortc.LoopWatch` is
    installed: a watch costs a microsecond for each step of each viewer's tasks, so none is by itself.
    """

    def __init__(self, viewers: Viewers, tracks: Sequence["LocalTrack"], lag: LoopLag) -> None:
        self._viewers = viewers
        self._tracks = tuple(tracks)
        self._lag = lag
        self._started = trio.current_time()

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [Route("/stats", self.serve, methods=["GET", "OPTIONS"])]

    async def serve(self, request: Request) -> Response:
        """Return the statistics."""
        if request.method == "OPTIONS":
            return Response(None, 204, {"Allow": "GET, HEAD, OPTIONS"})
        return Response(await self._render(), 200, media_type="application/json")

    async def _render(self) -> str:
        # With many viewers this takes longer than one step of the loop may: a step for each.
        viewers = []
        for viewer in self._viewers:
            viewers.append(json.dumps(_describe_viewer(viewer)))
            await trio.lowlevel.checkpoint()
        head = json.dumps(self._describe_server())
        return f'{head[:-1]}, "viewers": [{", ".join(viewers)}]}}'

    def _describe_server(self) -> dict[str, Any]:
        renditions = list(describe_renditions(self._tracks))
        return {
            "uptime": trio.current_time() - self._started,
            "encoders": sum(1 for rendition in renditions if rendition["encoderRunning"]),
            "renditions": renditions,
            "totals": {
                "viewers": len(self._viewers),
                "viewersServed": self._viewers.served,
                "viewersCrashed": self._viewers.isolation.failures,
            },
            "loop": {**self._lag.report(), **describe_watch()},
        }


def describe_watch() -> dict[str, Any]:
    """Return what the instrument of this run has seen; nothing if there is none."""
    watch = installed_loop_watch()
    if watch is None:
        return {}
    seen, now = watch.statistics(), trio.current_time()
    worst = [
        {"task": step.task, "seconds": step.seconds, "where": step.where, "age": now - step.time}
        for step in seen.worst
    ]
    return {
        "steps": seen.steps,
        "busy": seen.busy,
        "slowSteps": seen.slow_steps,
        "heldSteps": seen.held_steps,
        "worst": worst,
    }


def describe_renditions(tracks: Iterable["LocalTrack"]) -> Iterator[dict[str, Any]]:
    """Yield what each rendition of each track has encoded and dropped."""
    for track in tracks:
        for rendition in track.statistics().renditions:
            fields = {_camel(field.name): getattr(rendition, field.name) for field in fields_of(rendition)}
            encoding, limits = fields.pop("encoding"), fields.pop("limits")
            fields |= {_camel(field.name): getattr(limits, field.name) for field in fields_of(limits)}
            yield {"kind": track.kind, "codec": encoding.name, **fields}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


def _describe_viewer(viewer: Viewer) -> dict[str, Any]:
    statistics = viewer.peer.statistics()
    return {
        "number": viewer.number,
        "state": viewer.peer.connection_state.value,
        "age": trio.current_time() - viewer.since,
        "stats": statistics.as_w3c(),
        "queues": {queue.name: {"depth": queue.depth, "drops": queue.drops} for queue in statistics.queues},
        "counters": dict(statistics.counters),
    }
