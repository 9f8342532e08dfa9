"""What a remote track looks like: pictures, the latest one or all of them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Self

import trio

from triortc.handles import RunBound
from triortc.nursery import open_bare_nursery
from triortc.protocol.rtp.frame import ReceivedFrame

from .meters import RateMeter
from .video_statistics import VideoStatistics
from .workers import codec_limiter, opened_in_worker, run_in_worker

if TYPE_CHECKING:
    from av import VideoFrame

    from .video_decoder import VideoDecoder

CAPACITY = 2
"""Pictures that wait for the reader."""


class VideoFrames(RunBound):
    """The decoded pictures of a track: an asynchronous iterator of :class:`av.VideoFrame`.

    Attributes:
      statistics: what has been decoded and dropped so far.
    """

    def __init__(self, decoder: "VideoDecoder", *, lossless: bool) -> None:
        super().__init__()
        self.statistics: VideoStatistics = decoder.statistics
        self._decoder = decoder
        self._lossless = lossless
        # decode → track.frames(): 2, LATEST (DROP_OLDEST with room for two); lossless: BLOCK.
        self._send, self._receive = trio.open_memory_channel["VideoFrame"](CAPACITY)
        self._failure: trio.BrokenResourceError | None = None
        self._rate = RateMeter()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> "VideoFrame":
        """Return the next picture.

        Raises:
          StopAsyncIteration: when the track has ended.
          PeerFailed: when the connection has failed.
          trio.ClosedResourceError: after the block, or :meth:`aclose`.
          WrongRunError: in another run than its own.
        """
        self._check_run()
        try:
            return await self._receive.receive()
        except trio.EndOfChannel:
            raise (self._failure or StopAsyncIteration) from None

    async def aclose(self) -> None:
        """Give no more pictures."""
        self._receive.close()
        await trio.lowlevel.checkpoint()

    @property
    def depth(self) -> int:
        """How many pictures wait for the reader."""
        return self._receive.statistics().current_buffer_used

    @property
    def frames_per_second(self) -> float:
        """Pictures that were decoded within the last second."""
        return self._rate.per_second(trio.current_time())

    async def _decode(
        self, encoded: AsyncIterator[ReceivedFrame], on_keyframe_needed: Callable[[], None]
    ) -> None:
        """Decode for as long as there are frames."""
        decoder, limiter = self._decoder, codec_limiter()
        with self._send:
            try:
                async for frame in encoded:
                    pictures = await run_in_worker(partial(decoder.decode, frame), limiter)
                    if decoder.needs_keyframe:
                        on_keyframe_needed()
                    for picture in pictures:
                        self._rate.note(trio.current_time())
                        await self._offer(picture)
            except trio.BrokenResourceError as failure:  # raised to the reader, rather than here
                self._failure = failure

    async def _offer(self, picture: "VideoFrame") -> None:
        if self._lossless:
            await self._send.send(picture)
            return
        try:
            self._send.send_nowait(picture)
        except trio.WouldBlock:
            self._receive.receive_nowait()
            self.statistics.frames_dropped += 1
            self.statistics.pictures_dropped += 1
            self._send.send_nowait(picture)


@asynccontextmanager
async def open_video_frames(
    encoded: AsyncIterator[ReceivedFrame],
    *,
    on_keyframe_needed: Callable[[], None],
    format: str | None = None,
    lossless: bool = False,
) -> AsyncIterator[VideoFrames]:
    """Decode the frames of a track, in worker threads, for as long as the block lasts.

    A reader that is slower than the sender misses pictures, and always has one of the latest
    two. With *lossless* it misses none, as long as *encoded* keeps them for it.

    Args:
      encoded: complete frames.
      on_keyframe_needed: called where decoding can only go on at a keyframe; asks for one.
      format: FFmpeg's name of the pixel format that the pictures should have, such as
        ``"rgb24"``, ``"bgr24"``, ``"gray"`` or ``"yuv420p"``; None leaves them as they are.
      lossless: leave nothing out.

    Raises:
      LocalProtocolError: when there is no such pixel format.
      MediaError: out of the block, when FFmpeg has no decoder.
    """
    async with (
        opened_in_worker(partial(_open_decoder, format), codec_limiter()) as decoder,
        open_bare_nursery() as nursery,
    ):
        frames = VideoFrames(decoder, lossless=lossless)
        nursery.start_soon(frames._decode, encoded, on_keyframe_needed, name="decode")
        try:
            yield frames
        finally:
            frames._receive.close()
            nursery.cancel_scope.cancel()


def _open_decoder(format: str | None) -> "VideoDecoder":
    from .video_decoder import VideoDecoder  # FFmpeg is loaded in the worker, by the first viewer

    return VideoDecoder(format=format)
