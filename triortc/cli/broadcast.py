"""``triortc broadcast``: from options to a running server, and to its end."""

import signal
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import trio

from triortc.media.encodings import AV1, H264, VP8, VP9, Opus, VideoEncoding
from triortc.media.open import Media, open_media
from triortc.media.source import Camera, MediaError, MediaFile, Microphone, Source, TestPattern
from triortc.nursery import open_bare_nursery
from triortc.web.broadcast import serve_broadcast

from .figures import print_invitation, show_figures
from .main import EXIT_MISUSE, complain

EXIT_FAILED = 1

CODECS: Mapping[str, type[VideoEncoding]] = MappingProxyType(
    {"vp8": VP8, "vp9": VP9, "h264": H264, "av1": AV1}
)


@dataclass(frozen=True, slots=True)
class Options:
    """The command's options, under their own names."""

    source: str
    host: str
    port: int
    codec: str
    bitrate: int | None
    size: tuple[int, int] | None
    fps: int | None
    no_audio: bool
    udp_port: int
    public: bool
    allow_origin: tuple[str, ...]
    max_viewers: int


class Misuse(Exception):
    """The command cannot do what it is told."""


def run(options: Options) -> int:
    """Broadcast until a signal or the end of the source; return the exit status."""
    try:
        trio.run(_run, options, restrict_keyboard_interrupt_to_checkpoints=True)
    except Misuse as error:
        complain(str(error))
        return EXIT_MISUSE
    except OSError as error:
        complain(error.strerror or str(error))
        return EXIT_FAILED
    return 0


def choose_sources(options: Options) -> list[Source]:
    """Return what the SOURCE argument names; nothing is opened yet.

    Raises:
      ValueError: the options do not fit the source.
    """
    shape: dict[str, Any] = {"size": options.size, "framerate": options.fps}
    shape = {name: value for name, value in shape.items() if value is not None}
    if options.source == "test":
        return [TestPattern(**shape)]
    if options.source == "camera" or options.source.startswith("/dev/"):
        camera = Camera(None if options.source == "camera" else options.source, **shape)
        return [camera] if options.no_audio else [camera, Microphone()]
    if shape:
        raise ValueError("--size and --fps are for cameras and the test card; a file keeps its own")
    if not any(mark in options.source for mark in "./\\:") and not Path(options.source).exists():
        raise ValueError(f"{options.source} is neither test nor camera, and no device, file or URL")
    return [MediaFile(options.source, loop="://" not in options.source)]


async def _run(options: Options) -> None:
    async with open_bare_nursery() as nursery:
        await nursery.start(_cancel_on_signal, nursery.cancel_scope)
        await _broadcast(options)
        nursery.cancel_scope.cancel()


async def _cancel_on_signal(
    scope: trio.CancelScope, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        await anext(signals)
        scope.cancel()


async def _broadcast(options: Options) -> None:
    async with AsyncExitStack() as stack:
        with _misuse():
            media = await _open_media(stack, options)
            nursery = await stack.enter_async_context(open_bare_nursery())
            serve = partial(
                serve_broadcast,
                media,
                options.host,
                options.port,
                public=options.public,
                allow_origin=options.allow_origin,
                udp_port=options.udp_port,
                max_viewers=options.max_viewers,
            )
            broadcast = await nursery.start(serve)
        print_invitation(broadcast, options.source)
        nursery.start_soon(show_figures, broadcast)
        await media.wait_ended()
        nursery.cancel_scope.cancel()


async def _open_media(stack: AsyncExitStack, options: Options) -> Media:
    codec = CODECS[options.codec]
    opener = partial(
        open_media,
        video=codec() if options.bitrate is None else codec(bitrate=options.bitrate),
        audio=None if options.no_audio else Opus(),
    )
    video, *audio = choose_sources(options)
    try:
        return await stack.enter_async_context(opener(video, *audio))
    except MediaError as error:
        if not audio:
            raise
        silent = await stack.enter_async_context(opener(video))
        complain(f"no sound: {error}")
        return silent


@contextmanager
def _misuse() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise Misuse(getattr(error, "strerror", None) or str(error)) from error
