"""One encoding of one track: encoded once, for as long as somebody watches."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol, cast

import trio

from triortc.protocol.rtp.frame import EncodedFrame

from .encodings import LOWEST_BITRATE, UNLIMITED, Encoding, Limits
from .framerate import Framerate
from .inbox import Inbox, Raw
from .meters import RateMeter, SourceMeter
from .subscription import AudioSubscription, Subscription, VideoSubscription
from .workers import codec_limiter, opened_in_worker, run_in_worker

if TYPE_CHECKING:
    from av import AudioFrame

    from .encoder import Stage

KEYFRAME_INTERVAL = 0.5
"""Seconds between forced keyframes, at least, for all viewers of a rendition together."""


@dataclass(frozen=True, slots=True)
class RenditionStatistics:
    """What one rendition did so far.

    Attributes:
      encoding: how it is encoded.
      limits: what its viewers want less of.
      bitrate: what the encoder is asked for, in bits per second.
      encoder_running: whether there is an encoder now.
      subscribers: how many viewers it has.
      frames: frames or packets that were offered to the viewers.
      keyframes: keyframes among them.
      keyframes_forced: keyframes that the encoder was told to make.
      bytes: RTP payload bytes.
      encode_seconds: time spent in encoder and packetizer.
      encoder: FFmpeg's name of the encoder; None where that is unknown.
      width: of the last picture that was encoded, pixels.
      height: likewise.
      frames_per_second: frames of the last second.
      queue_depth: raw frames that wait for the encoder.
      queue_drops: raw frames that the encoder was too slow for.
    """

    encoding: Encoding
    limits: Limits
    bitrate: int
    encoder_running: bool
    subscribers: int
    frames: int
    keyframes: int
    keyframes_forced: int
    bytes: int
    encode_seconds: float
    encoder: str | None
    width: int | None
    height: int | None
    frames_per_second: float
    queue_depth: int
    queue_drops: int


class Home(Protocol):
    """Who keeps the renditions of a track, and lets each one know of viewers in time."""

    def settle(self, rendition: "Rendition") -> "Rendition":
        """Return the rendition of the same encoding and limits that gets frames: perhaps this one."""
        ...

    def retire(self, rendition: "Rendition") -> None:
        """Give *rendition* no more frames, if it is one that comes and goes with its viewers."""
        ...


class Rendition:
    """One encoding of a track, its viewers, and its keyframe economy.

    Its encode task is born with the first viewer and ends with the last. Without a nursery
    there is none: frames come encoded, through :meth:`publish`.

    Attributes:
      encoding: how it is encoded.
      limits: what its viewers want less of.
    """

    def __init__(
        self,
        encoding: Encoding,
        *,
        home: Home,
        nursery: trio.Nursery | None,
        live: bool = True,
        framerate: float = 30.0,
        clock_rate: int | None = None,
        limits: Limits = UNLIMITED,
        source: SourceMeter | None = None,
    ) -> None:
        self.encoding = encoding
        self.limits = limits
        self._home = home
        self._nursery = nursery
        self._live = live
        self._framerate = min(framerate, limits.max_framerate or framerate)
        self._clock_rate = clock_rate or encoding.clock_rate
        self._thinning = None if limits.max_framerate is None else Framerate(limits.max_framerate)
        self.set_bitrate(limits.max_bitrate or encoding.bitrate)
        self._subscriptions: dict[Subscription, None] = {}
        self._inbox: Inbox | None = None
        self._scope = trio.CancelScope()
        self._ended = False
        self._keyframe_wanted = False
        self._last_keyframe = float("-inf")
        self._frames = self._keyframes = self._keyframes_forced = self._bytes = self._queue_drops = 0
        self._encode_seconds = 0.0
        self._source = source or SourceMeter()
        self._rate = RateMeter()
        self._size: tuple[int, int] | None = None

    @property
    def subscribers(self) -> int:
        """How many viewers it has."""
        return len(self._subscriptions)

    @property
    def encoder_wanted(self) -> bool:
        """Whether raw frames are of use."""
        return self._inbox is not None

    def new_subscription(self) -> Subscription:
        """Return a subscription; its ``with`` block will add it."""
        return VideoSubscription(self) if self.encoding.kind == "video" else AudioSubscription(self)

    def add(self, subscription: Subscription) -> None:
        """Begin to offer frames to *subscription*, and to encode if it is the first one."""
        settled = self._home.settle(self)
        if settled is not self:  # another viewer with the same limits was faster
            subscription.move_to(settled)
            return
        if self._ended:
            subscription.end()
            return
        self._subscriptions[subscription] = None
        if self._nursery is not None and self._inbox is None:
            self._inbox = Inbox(self.encoding.kind, live=self._live)
            self._scope = trio.CancelScope()
            self._nursery.start_soon(self._encode, self._inbox, self._scope, name=f"encode {self.encoding}")

    def remove(self, subscription: Subscription) -> None:
        """Offer no more frames to *subscription*, and encode no more if it was the last one."""
        self._subscriptions.pop(subscription, None)
        if self._subscriptions:
            return
        if self._inbox is not None:
            self._scope.cancel()
            self._inbox.close()
            self._queue_drops += self._inbox.drops
            self._inbox = None
        self._home.retire(self)

    def request_keyframe(self) -> None:
        """Make one of the next frames a keyframe; all requests of half a second are one."""
        self._keyframe_wanted = True

    def take_keyframe_request(self, now: float) -> bool:
        """Return whether to force a keyframe at *now*: one is wanted, and the last one is old."""
        if not self._keyframe_wanted or now - self._last_keyframe < KEYFRAME_INTERVAL:
            return False
        self._keyframe_wanted = False
        self._keyframes_forced += 1
        return True

    def set_bitrate(self, bitrate: int) -> None:
        """Change the target for all viewers, from the next frame that is encoded on.

        A target that no encoder takes would end the track for everybody.
        """
        self._bitrate = max(bitrate, min(LOWEST_BITRATE, self.encoding.bitrate))

    def publish(self, frame: EncodedFrame) -> None:
        """Offer *frame* to every viewer. A keyframe answers all requests made before it."""
        self._frames += 1
        self._rate.note(trio.current_time())
        self._bytes += frame.size
        if frame.keyframe:
            self._keyframes += 1
            self._keyframe_wanted = False
            self._last_keyframe = frame.time
        for subscription in self._subscriptions:
            subscription.offer(frame)

    async def put(self, raw: Raw) -> None:
        """Queue a raw frame, if there is an encoder, and it is not one too many."""
        if self._inbox is not None and (self._thinning is None or self._thinning.take(raw.time)):
            await self._inbox.put(raw)

    def finish(self) -> None:
        """Let the viewers have what is queued, and then the end of the channel."""
        self._ended = True
        if self._inbox is not None:
            self._inbox.finish()
        else:
            self.end()

    def end(self) -> None:
        """Tell the viewers that no more frames will come."""
        self._ended = True
        for subscription in self._subscriptions:
            subscription.end()

    def statistics(self) -> RenditionStatistics:
        """Return what happened so far."""
        inbox = self._inbox
        width, height = self._size or (None, None)
        return RenditionStatistics(
            encoding=self.encoding,
            limits=self.limits,
            bitrate=self._bitrate,
            encoder_running=inbox is not None,
            subscribers=len(self._subscriptions),
            frames=self._frames,
            keyframes=self._keyframes,
            keyframes_forced=self._keyframes_forced,
            bytes=self._bytes,
            encode_seconds=self._encode_seconds,
            encoder=getattr(self.encoding, "encoder", None),
            width=width,
            height=height,
            frames_per_second=self._rate.per_second(trio.current_time()),
            queue_depth=inbox.depth if inbox is not None else 0,
            queue_drops=self._queue_drops + (inbox.drops if inbox is not None else 0),
        )

    async def _encode(self, inbox: Inbox, scope: trio.CancelScope) -> None:
        limiter = codec_limiter()
        with scope:
            async with opened_in_worker(self._open_stage, limiter) as stage:
                async for raw in inbox.frames:
                    keyframe = self.take_keyframe_request(raw.time)
                    encode = partial(stage.encode, raw, keyframe=keyframe, bitrate=self._bitrate)
                    frames, seconds = await run_in_worker(encode, limiter)
                    self._encode_seconds += seconds
                    self._note(raw, stage)
                    if scope.cancel_called:  # a new encoder may be at work for new viewers
                        return
                    for frame in frames:
                        self.publish(frame)
            self.end()

    def _note(self, raw: Raw, stage: "Stage") -> None:
        """Take over what the worker has measured."""
        if self.encoding.kind == "video":
            self._size = stage.size
        else:
            sound = cast("AudioFrame", raw.frame)
            self._source.note_sound(raw.timestamp, stage.energy, sound.samples / sound.sample_rate)

    def _open_stage(self) -> "Stage":
        from .encoder import Stage  # FFmpeg is loaded in the worker, by the first viewer

        return Stage(
            self.encoding,
            framerate=self._framerate,
            clock_rate=self._clock_rate,
            scale=self.limits.scale_resolution_down_by,
        )
