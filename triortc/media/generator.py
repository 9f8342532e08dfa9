"""Sources from async generator functions."""

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, ParamSpec, TypeAlias

import trio

from .capture import Delivery
from .encodings import Encoding, Kind
from .reader import Captured, RawFrame
from .timeline import SoundTimeline
from .workers import run_in_worker

if TYPE_CHECKING:
    import numpy as np
    from av import AudioFrame, VideoFrame
    from numpy.typing import NDArray

P = ParamSpec("P")

AHEAD: Final = 0.1
"""Seconds of sound that a generator may give in advance; it is held up then."""

Pictures: TypeAlias = "AsyncGenerator[VideoFrame, None] | AsyncGenerator[NDArray[np.uint8], None] | AsyncGenerator[VideoFrame | NDArray[np.uint8], None]"  # noqa: E501
Sounds: TypeAlias = "AsyncGenerator[AudioFrame, None]"


def video_source(function: "Callable[P, Pictures]") -> "SourceFactory[P]":
    """Make an async generator function of pictures a source.

    Calling it gives a description, which may be used any number of times and anywhere; the
    generator runs within ``open_media``, in a task of its own::

        @triortc.video_source
        async def noise(framerate: int = 30):
            while True:
                yield numpy.random.randint(0, 256, (360, 640, 3), numpy.uint8)
                await trio.sleep(1 / framerate)

        async with triortc.open_media(noise(15)) as media: ...

    It yields :class:`av.VideoFrame`\\ s of any format, or arrays of uint8, height x width x 3
    (red, green, blue). A picture was captured when it was yielded. ``yield`` is a checkpoint:
    when the block ends the generator is cancelled there, and its ``finally`` blocks run. What
    it raises leaves ``open_media`` as it is, and where it ends the track ends.

    Raises:
      TypeError: when *function* is no async generator function; at a ``yield``, when what was
        yielded is no picture.
      ValueError: at a ``yield``, when there is no such picture.
    """
    return SourceFactory(function, "video")


def audio_source(function: "Callable[P, Sounds]") -> "SourceFactory[P]":
    """Make an async generator function of sound a source.

    As :func:`video_source`, but it yields :class:`av.AudioFrame`\\ s, of any rate and layout.
    Pieces of sound are laid end to end. A generator that gives more than it has time for is
    held up, so it need not sleep.

    Raises:
      TypeError: when *function* is no async generator function; at a ``yield``, when what was
        yielded is no sound.
      ValueError: at a ``yield``, when it is empty.
    """
    return SourceFactory(function, "audio")


class SourceFactory(Generic[P]):
    """What :func:`video_source` and :func:`audio_source` make of a function: call it for a source."""

    def __init__(self, function: "Callable[P, Pictures | Sounds]", kind: Kind) -> None:
        if not inspect.isasyncgenfunction(function):
            raise TypeError(f"{function!r} is no async generator function")
        self._function: Callable[..., AsyncGenerator[Any, None]] = function
        self._kind: Kind = kind
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> "GeneratorSource":
        """Return a description of the source; nothing runs yet.

        Raises:
          TypeError: when the function takes no such arguments.
        """
        inspect.signature(self._function).bind(*args, **kwargs)
        return GeneratorSource(self, args, tuple(kwargs.items()))

    def __reduce__(self) -> str:
        return self._function.__qualname__


@dataclass(frozen=True, slots=True, repr=False)
class GeneratorSource:
    """A source that an async generator function describes; made by calling it."""

    factory: SourceFactory[...]
    arguments: tuple[object, ...]
    keywords: tuple[tuple[str, object], ...]

    def __repr__(self) -> str:
        given = [repr(value) for value in self.arguments]
        given += [f"{name}={value!r}" for name, value in self.keywords]
        return f"{self.factory._function.__name__}({', '.join(given)})"

    @property
    def kind(self) -> Kind:
        """Whether it gives pictures or sound."""
        return self.factory._kind

    def generate(self) -> AsyncGenerator[Any, None]:
        """Return a new generator."""
        return self.factory._function(*self.arguments, **dict(self.keywords))


class Generating:
    """A generator at work, in the task that calls :meth:`run`."""

    live = True
    framerate: float = 30.0
    encodings: Mapping[Kind, Encoding] = {}

    def __init__(self, source: GeneratorSource) -> None:
        self._source = source
        self._limiter = trio.CapacityLimiter(1)
        self._sound = SoundTimeline()
        self.kinds: tuple[Kind, ...] = (source.kind,)

    async def run(self, delivery: Delivery) -> None:
        """Run the generator to its end, then end its tracks.

        Delivering is done *inside* the ``yield``, as it were: whatever stops it is raised there.
        So the generator may hold cancel scopes and nurseries open around its ``yield``, and
        learns at the very line that what it has given is no frame.
        """
        async with aclosing(self._source.generate()) as generator:
            step = anext(generator)
            while True:
                try:
                    given = await step
                except StopAsyncIteration:
                    break
                try:
                    await self._deliver(given, delivery)
                except (trio.Cancelled, TypeError, ValueError) as error:
                    step = generator.athrow(error)
                else:
                    step = anext(generator)
        delivery.finish()

    async def _deliver(self, given: object, delivery: Delivery) -> None:
        kind, now = self._source.kind, trio.current_time()
        wanted = kind in delivery.wanted
        frame, duration = await run_in_worker(
            functools.partial(_prepare, given, kind, repr(self._source), wanted), self._limiter
        )
        seconds = self._sound.place(duration, now) if duration else now
        await delivery.deliver_now(Captured(kind, frame, seconds))
        if seconds > now + AHEAD:
            await trio.sleep_until(seconds - AHEAD)


def _prepare(given: object, kind: Kind, giver: str, wanted: bool) -> "tuple[RawFrame | None, float]":
    from .own_frames import prepare  # FFmpeg is loaded in the worker

    return prepare(given, kind, giver, wanted)
