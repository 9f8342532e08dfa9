"""What the remote side sends, as the application takes it: frames, encoded frames or packets."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from typing import Any, Self, cast

import trio

from triortc.handles import RunBound
from triortc.media.audio_frames import AudioFrames, SampleFormat, open_audio_frames
from triortc.media.encodings import Kind
from triortc.media.subscription import AudioSubscription, Subscription, VideoSubscription
from triortc.media.video_frames import VideoFrames, open_video_frames
from triortc.protocol.rtp.frame import ReceivedFrame
from triortc.protocol.rtp.packet import RtpPacket
from triortc.protocol.rtp.playout import PlayoutStatistics
from triortc.protocol.session.receiving import Wanted
from triortc.protocol.session.stats_streams import DecoderFigures
from triortc.protocol.session.transceiver import Transceiver as Core
from triortc.protocol.wire.errors import LocalProtocolError

from .decoding import Decoding
from .driver import Driver
from .errors import PeerFailed

FRAME_CAPACITY = 64
"""Encoded frames that wait for one reader: two seconds of video at 30 frames a second."""

PACKET_CAPACITY = 512
"""RTP packets that wait for one reader."""


class RemoteTrack(RunBound):
    """One track of the remote side (W3C ``RTCRtpReceiver`` and its ``MediaStreamTrack``).

    It comes out of :attr:`triortc.Peer.tracks` and ends when the remote side removes it, stops
    its transceiver, or when the peer ends; a track that is added again is a new one.

    As long as nobody reads it, nothing is assembled, decoded or asked for again: its packets
    are counted. Any number of readers may read at once, each at its own pace.

    Attributes:
      kind: ``"audio"`` or ``"video"``.
      id: its name at the remote side (``a=msid``), or one of ours where it told none.
      stream_ids: the MediaStreams it belongs to: audio and video of one are to be in step.
      rids: the names of its encodings, where it is sent in several (simulcast).
    """

    def __init__(self, core: Core, driver: Driver) -> None:
        super().__init__()
        assert core.mid is not None
        self.kind = cast(Kind, core.kind)
        self.id: str = core.remote_track_id or f"{core.kind}-{core.mid}"
        self.stream_ids: tuple[str, ...] = core.remote_stream_ids
        self.rids: tuple[str, ...] = core.receive_rids
        self._core = core
        self._mid = core.mid
        self._driver = driver
        self._layers: dict[str | None, _Layer] = {}
        self._ended = trio.Event()
        self._failure: PeerFailed | None = None

    def __repr__(self) -> str:
        state = "ended" if self.ended else "live"
        return f"<RemoteTrack {self.kind} {state} mid={self._mid} {self.id}>"

    @property
    def mid(self) -> str:
        """The media section it comes in."""
        return self._mid

    @property
    def ended(self) -> bool:
        """Whether no more will come."""
        return self._ended.is_set()

    async def wait_ended(self) -> None:
        """Wait until no more will come."""
        self._check_run()
        await self._ended.wait()

    def request_keyframe(self, rid: str | None = None) -> None:
        """Ask the remote side for a keyframe (RTCP PLI), at most twice a second.

        Args:
          rid: of which encoding; by default the first one.
        """
        self._check_run()
        self._ask_keyframe(self._choose_rid(rid))

    @asynccontextmanager
    async def encoded_frames(self, rid: str | None = None) -> AsyncIterator[AsyncIterator[ReceivedFrame]]:
        """Read frames as they were encoded: complete and in order, video from a keyframe on.

        ``async with track.encoded_frames() as frames: async for frame in frames: ...``
        A reader that is 64 frames behind loses what waits, and a keyframe is asked for. The
        iteration ends with the track.

        Args:
          rid: which encoding of a simulcast; by default the first one.

        Raises:
          LocalProtocolError: if there is no such encoding.
          PeerFailed: out of the iteration, if the connection fails.
        """
        self._check_run()
        layer = self._layer(self._choose_rid(rid))
        await trio.lowlevel.checkpoint()
        with layer.subscribe() as subscription:
            yield _FrameStream(self, subscription)

    @asynccontextmanager
    async def frames(
        self, *, format: str | None = None, lossless: bool = False, rid: str | None = None
    ) -> AsyncIterator[AsyncIterator[Any]]:
        """Read decoded frames: ``av.VideoFrame`` or ``av.AudioFrame``. Decoding is done in workers.

        ``async with track.frames(format="rgb24") as frames: async for frame in frames: ...``
        A picture that the reader is too slow for gives way to a newer one. Sound comes at the
        pace of playing: packets that were lost are recovered or concealed. The iteration ends
        with the track.

        Args:
          format: as FFmpeg names it. Video: a pixel format such as ``"rgb24"`` or ``"gray"``;
            None leaves pictures as they were decoded. Audio: a sample format; None is ``"s16"``.
            Sound has 48,000 samples a second, in stereo.
          lossless: leave no frame out, and give sound without pacing it; the reader has to keep up within
            the 64 frames that :meth:`encoded_frames` keeps.
          rid: which encoding of a simulcast; by default the first one.

        Raises:
          LocalProtocolError: if there is no such format or encoding.
          MediaError: if FFmpeg has no decoder for it.
          PeerFailed: out of the iteration, if the connection fails.
        """
        async with self.encoded_frames(rid) as encoded:
            if self.kind == "video":
                ask = partial(self._ask_keyframe, self._choose_rid(rid))
                decoding: AbstractAsyncContextManager[VideoFrames | AudioFrames] = open_video_frames(
                    encoded, on_keyframe_needed=ask, format=format, lossless=lossless
                )
            else:
                decoding = open_audio_frames(
                    encoded, format=cast(SampleFormat, "s16" if format is None else format), lossless=lossless
                )
            async with decoding as frames:
                with self._layer(self._choose_rid(rid)).decoding.reading(frames):
                    yield frames

    @asynccontextmanager
    async def rtp_packets(self, rid: str | None = None) -> AsyncIterator[AsyncIterator[RtpPacket]]:
        """Read RTP packets as they come: authentic, decrypted, and otherwise untouched.

        They are not put in order, and lost ones are not asked for again. A reader that is 512
        packets behind misses what comes then; the iteration ends with the track.

        Args:
          rid: which encoding of a simulcast; by default the first one.

        Raises:
          LocalProtocolError: if there is no such encoding.
        """
        self._check_run()
        layer = self._layer(self._choose_rid(rid))
        await trio.lowlevel.checkpoint()
        with layer.tap() as packets:
            yield packets

    # For the peer

    def _read_decoders(self) -> dict[tuple[str, str | None], DecoderFigures]:
        layers = self._layers.items() if self.kind == "video" else ()
        return {(self._mid, rid): layer.decoding.read_pictures() for rid, layer in layers}

    def _read_playouts(self) -> dict[tuple[str, str | None], PlayoutStatistics]:
        layers = self._layers.items() if self.kind == "audio" else ()
        return {(self._mid, rid): layer.decoding.read_sound() for rid, layer in layers}

    def _read_queues(self) -> Iterator[tuple[str, int, int]]:
        """Yield name, depth and drops of all readers' queues together."""
        for rid, layer in self._layers.items():
            name = self._mid if rid is None else f"{self._mid} {rid}"
            for kind, depth, drops in layer.read_queues():
                yield f"{kind} {name}", depth, drops

    def _take_frame(self, rid: str | None, frame: ReceivedFrame) -> None:
        layer = self._layers.get(rid)
        if layer is not None:
            layer.publish(frame)

    def _take_packets(self, rid: str | None, packets: Sequence[RtpPacket]) -> None:
        layer = self._layers.get(rid)
        if layer is not None:
            layer.pass_on(packets)

    def _end(self, failure: PeerFailed | None = None) -> None:
        self._failure = failure
        self._ended.set()
        for layer in self._layers.values():
            layer.end()

    # Inside

    def _choose_rid(self, rid: str | None) -> str | None:
        if rid is None:
            return self.rids[0] if self.rids else None
        if rid not in self.rids:
            names = ", ".join(self.rids) or "none"
            raise LocalProtocolError(f"{self!r} has no encoding {rid!r}; it has {names}")
        return rid

    @property
    def _first_codec(self) -> str:
        """The codec that was agreed on first, in lower case."""
        codecs = self._core.codecs
        return codecs[0].capability.name.lower() if codecs else {"video": "vp8", "audio": "opus"}[self.kind]

    def _parameter_of(self, codec: str, name: str) -> str | None:
        """Return what was agreed on for a codec of this track, or None."""
        capabilities = (agreed.capability for agreed in self._core.codecs)
        return next((it.parameter(name) for it in capabilities if it.name.lower() == codec), None)

    def _layer(self, rid: str | None) -> "_Layer":
        layer = self._layers.get(rid)
        if layer is None:
            layer = self._layers[rid] = _Layer(self, rid)
        return layer

    def _ask_keyframe(self, rid: str | None) -> None:
        if self.kind == "video" and not self.ended:
            with self._driver.join_turn() as session:
                session.request_keyframe(self._mid, rid, trio.current_time())

    def _want(self, rid: str | None, wanted: Wanted) -> None:
        if not self.ended:
            with self._driver.join_turn() as session:
                session.set_wanted(self._mid, rid, wanted, trio.current_time())


class _Layer:
    """One encoding of a track and who reads it (a :class:`.subscription.Publisher`)."""

    def __init__(self, track: RemoteTrack, rid: str | None) -> None:
        self._track = track
        self._rid = rid
        self._subscriptions: dict[Subscription, None] = {}
        self._taps: dict[trio.MemorySendChannel[RtpPacket], None] = {}
        self._frames_dropped = self._packets_dropped = 0
        self.decoding = Decoding()

    def subscribe(self) -> Subscription:
        """Return a subscription, to be used in a ``with`` block."""
        # session → track.encoded_frames(): 64, DROP_TO_KEYFRAME; sound: 64, DROP_OLDEST.
        if self._track.kind == "video":
            return VideoSubscription(self, capacity=FRAME_CAPACITY)
        return AudioSubscription(self, capacity=FRAME_CAPACITY)

    @contextmanager
    def tap(self) -> Iterator["trio.MemoryReceiveChannel[RtpPacket]"]:
        """Let packets be read for as long as the block lasts."""
        # session → track.rtp_packets(): 512, DROP_NEWEST, counted.
        sender, receiver = trio.open_memory_channel[RtpPacket](PACKET_CAPACITY)
        with sender, receiver:
            if self._track.ended:
                sender.close()
            self._taps[sender] = None
            self._update_wanted()
            try:
                yield receiver
            finally:
                del self._taps[sender]
                self._update_wanted()

    def add(self, subscription: Subscription) -> None:
        """Begin to offer frames to *subscription*."""
        self._subscriptions[subscription] = None
        self._update_wanted()
        if self._track.ended:
            subscription.end()

    def remove(self, subscription: Subscription) -> None:
        """Offer no more frames to *subscription*."""
        if subscription in self._subscriptions:
            del self._subscriptions[subscription]
            self._frames_dropped += subscription.frames_dropped
        self._update_wanted()

    def request_keyframe(self) -> None:
        """Ask the remote side, which coalesces."""
        self._track._ask_keyframe(self._rid)

    def publish(self, frame: ReceivedFrame) -> None:
        """Offer a frame to all readers."""
        for subscription in self._subscriptions:
            subscription.offer(frame)

    def pass_on(self, packets: Sequence[RtpPacket]) -> None:
        """Hand packets to all who tap them."""
        for sender in self._taps:
            for packet in packets:
                try:
                    sender.send_nowait(packet)
                except trio.WouldBlock:
                    self._packets_dropped += 1

    def end(self) -> None:
        """Tell all readers that no more will come."""
        for subscription in self._subscriptions:
            subscription.end()
        for sender in self._taps:
            sender.close()

    def read_queues(self) -> Iterator[tuple[str, int, int]]:
        """Yield name, depth and drops of each kind of queue, all readers together."""
        waiting = sum(subscription.depth for subscription in self._subscriptions)
        dropped = sum(subscription.frames_dropped for subscription in self._subscriptions)
        yield "encoded_frames", waiting, self._frames_dropped + dropped
        yield "frames", self.decoding.waiting, self.decoding.dropped
        packets = sum(tap.statistics().current_buffer_used for tap in self._taps)
        yield "rtp_packets", packets, self._packets_dropped

    def _update_wanted(self) -> None:
        wanted = Wanted.NOTHING
        if self._subscriptions:
            wanted |= Wanted.FRAMES
        if self._taps:
            wanted |= Wanted.PACKETS
        self._track._want(self._rid, wanted)


class _FrameStream:
    """The frames of one subscription, as an iterator that ends with its track."""

    def __init__(self, track: RemoteTrack, subscription: Subscription) -> None:
        self._track = track
        self._subscription = subscription

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ReceivedFrame:
        try:
            return cast(ReceivedFrame, await self._subscription.receive())
        except trio.EndOfChannel:
            failure = self._track._failure
            if failure is not None:
                raise failure from None
            raise StopAsyncIteration from None
