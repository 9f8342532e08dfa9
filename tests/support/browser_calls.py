"""Calls between a real browser (tests/browser/caller.html) and a triortc peer of the test's own process."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import trio
import trio_websocket
from support.browser import BROWSER_TESTS, Browser, Page
from support.numbered_pictures import Flow, Seen, Watcher

import triortc
from triortc.nursery import open_bare_nursery

HEADER = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n"


class Caller:
    """The page, and the peer connection in it."""

    def __init__(self, page: Page, origin: str) -> None:
        self.origin = origin
        self._page = page
        self._turn = trio.Lock()

    async def call(self, name: str, argument: Any = None) -> Any:
        """Call a method of the page's `window.caller`."""
        async with self._turn:
            script = f"(argument) => caller.{name}(argument)"
            return await trio.to_thread.run_sync(self._page.evaluate, script, argument)

    async def add(self, kind: str, name: str = "", **rest: Any) -> None:
        """Send a drawn picture or a tone in a transceiver to be known by *name*."""
        await self.call("add", {"kind": kind, "name": name or kind, **rest})

    async def drain(self) -> Flow:
        """Return the pictures that the page has seen since the last time."""
        return Flow([Seen(**seen) for seen in await self.call("drain")])

    async def wait_seen(self, *, seconds: float = 10) -> None:
        """Wait until the page sees a numbered picture; it is counted as drained."""
        with trio.fail_after(seconds):
            while not (await self.drain()).numbers:  # noqa: ASYNC110  (the page is asked)
                await trio.sleep(0.05)

    async def stats(self, type: str, kind: str) -> list[dict[str, Any]]:
        """Return the browser's statistics of one type."""
        return [each for each in await self.call("stats", type) if each["kind"] == kind]

    async def directions(self) -> list[str | None]:
        """Return each transceiver's current direction."""
        return [each["currentDirection"] for each in await self.call("transceivers")]

    async def screenshot(self, path: Path) -> None:
        """Save what the page looks like."""
        async with self._turn:
            await trio.to_thread.run_sync(self._page.screenshot, path)


@dataclass(frozen=True)
class Exchange:
    """What both sides have got of each other for some time.

    Attributes:
      published: the browser's pictures, as triortc saw them.
      played: triortc's pictures, as the browser saw them.
      hertz, amplitude: the browser's tone, as triortc heard it.
      heard: triortc's tone, as the browser heard it; None where it cannot listen.
      inbound: the browser's statistics of what came, by kind.
      outbound: the browser's statistics of what went out, by kind.
    """

    published: Flow
    played: Flow
    hertz: float
    amplitude: float
    heard: dict[str, float] | None
    inbound: dict[str, dict[str, Any]]
    outbound: dict[str, dict[str, Any]]

    def __str__(self) -> str:
        tones = f"{self.hertz:.0f} Hz at {self.amplitude:.2f}"
        if self.heard is not None:
            tones += f" and {self.heard['frequency']:.0f} Hz at {self.heard['level']:.0f} dB"
        return f"published {self.published}; played {self.played}; heard {tones}"

    def check(self, pictures: float) -> None:
        """Check that so many pictures came in either direction, in order, and the tones."""
        for flow in (self.published, self.played):
            assert flow.in_order
            assert len(flow.numbers) >= pictures
        # Firefox hums at another pitch, and hears nothing without a loudspeaker.
        assert abs(self.hertz - (1000 if self.heard is None else 660)) < 10
        assert self.amplitude > 0.05
        if self.heard is None:
            assert self.inbound["audio"]["totalAudioEnergy"] > 0
        else:
            assert abs(self.heard["frequency"] - 880) < 12
            assert self.heard["level"] > -60


class Call:
    """Both sides of a call.

    Attributes:
      caller: the browser's side.
      peer: triortc's side.
      watchers: who decodes each track that came from the browser, in their order.
    """

    def __init__(self, caller: Caller, peer: triortc.Peer, nursery: trio.Nursery) -> None:
        self.caller = caller
        self.peer = peer
        self.watchers: list[Watcher] = []
        self._nursery = nursery

    async def take_tracks(self) -> None:
        """Decode every track that comes."""
        async for track in self.peer.tracks:
            self.watchers.append(Watcher(track))
            self._nursery.start_soon(self.watchers[-1].watch)

    def watcher(self, kind: str) -> Watcher:
        """Return who decodes the newest track of a kind."""
        return next(watcher for watcher in reversed(self.watchers) if watcher.track.kind == kind)

    async def exchange(self, seconds: float) -> Exchange:
        """Let both sides see and hear each other, from when they first do."""
        await until(lambda: len(self.watchers) == 2)
        video, audio = self.watcher("video"), self.watcher("audio")
        await until(lambda: video.seen and audio.hear()[1] > 0.05)
        await self.caller.wait_seen()
        video.drain()
        await trio.sleep(seconds)
        published, played = video.drain(), await self.caller.drain()
        inbound, outbound = [
            {kind: (await self.caller.stats(f"{way}-rtp", kind))[0] for kind in ("video", "audio")}
            for way in ("inbound", "outbound")
        ]
        heard = await self.caller.call("hear")
        return Exchange(published, played, *audio.hear(), heard, inbound, outbound)

    # Signaling by hand

    async def connect(
        self,
        tracks: Iterable[triortc.LocalTrack],
        *,
        offerer: str,
        codecs: Iterable[str | None] = (None, None),
    ) -> None:
        """Send *tracks* from here, and from the browser a picture and a tone.

        A browser that offers offers these *codecs* alone, of video and of audio.
        """
        for track in tracks:
            self.peer.add_track(track)
        for kind, codec in zip(("video", "audio"), codecs, strict=True):
            if offerer == "browser":
                await self.caller.add(kind, codec=codec)
            else:
                await self.caller.call("addTrack", {"kind": kind})
        await (self.browser_offers() if offerer == "browser" else self.triortc_offers())

    async def browser_offers(self) -> None:
        """Exchange an offer of the browser's and an answer."""
        peer = self.peer
        await peer.set_remote_description(triortc.SessionDescription(**await self.caller.call("offer")))
        await peer.set_local_description()
        await peer.wait_ice_gathering_complete()
        assert peer.local_description is not None
        await self.caller.call("take", peer.local_description.as_json())

    async def triortc_offers(self) -> None:
        """Exchange an offer of triortc's and an answer."""
        peer = self.peer
        await peer.set_local_description()
        await peer.wait_ice_gathering_complete()
        assert peer.local_description is not None
        answer = await self.caller.call("answer", peer.local_description.as_json())
        await peer.set_remote_description(triortc.SessionDescription(**answer))


async def until(condition: Callable[[], object], *, seconds: float = 10) -> None:
    """Wait until *condition* returns something true."""
    with trio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110  (there is nothing else to wait for)
            await trio.sleep(0.02)


@asynccontextmanager
async def open_caller(browser: Browser) -> AsyncIterator[Caller]:
    """Open the page."""
    html = (BROWSER_TESTS / "caller.html").read_bytes()

    async def show(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(HEADER.format(len(html)).encode() + html)

    async with open_bare_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, show, 0, host="127.0.0.1"))
        origin = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        page = await trio.to_thread.run_sync(browser.open, origin + "/")
        try:
            yield Caller(page, origin)
        finally:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(page.__exit__)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def open_call(caller: Caller) -> AsyncIterator[Call]:
    """Open a peer on either side, to be negotiated by hand."""
    async with open_bare_nursery() as nursery, triortc.open_peer() as peer:
        call = Call(caller, peer, nursery)
        nursery.start_soon(call.take_tracks)
        await caller.call("open")
        yield call
        await caller.call("leave")
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def open_negotiating_call(caller: Caller, *, polite: bool = False) -> AsyncIterator[Call]:
    """Open a peer on either side that negotiate by themselves; triortc's is the *polite* one, or not."""
    sender, receiver = trio.open_memory_channel[triortc.Peer](1)
    async with open_bare_nursery() as nursery:
        serve = _serve_politely if polite else partial(_serve_peers, allow_origin=[caller.origin])
        port = await nursery.start(serve, sender)
        await caller.call("open")
        await caller.call("negotiate", {"url": f"ws://127.0.0.1:{port}/", "polite": not polite})
        call = Call(caller, await receiver.receive(), nursery)
        nursery.start_soon(call.take_tracks)
        yield call
        await caller.call("leave")
        nursery.cancel_scope.cancel()


async def _serve_peers(
    peers: "trio.MemorySendChannel[triortc.Peer]",
    *,
    allow_origin: list[str],
    task_status: "trio.TaskStatus[int]",
) -> None:
    async def handle(peer: triortc.Peer) -> None:
        await peers.send(peer)
        await peer.wait_closed()

    await triortc.serve_peers(handle, port=0, allow_origin=allow_origin, task_status=task_status)


async def _serve_politely(
    peers: "trio.MemorySendChannel[triortc.Peer]", *, task_status: "trio.TaskStatus[int]"
) -> None:
    async def handle(request: trio_websocket.WebSocketRequest) -> None:
        channel = triortc.WebSocketSignaling(await request.accept())
        async with triortc.open_peer() as peer:
            await peers.send(peer)
            await triortc.negotiate(peer, channel, polite=True)

    async with open_bare_nursery() as nursery:
        serve = partial(trio_websocket.serve_websocket, handle, "127.0.0.1", 0, None)
        server = await nursery.start(serve)
        task_status.started(server.port)
