"""The sending half of a media section: which encodings of a track go out, and the tasks that feed them."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import trio

from triortc.media.encodings import Encoding, Limits
from triortc.media.local_track import LocalTrack
from triortc.media.subscription import Subscription
from triortc.protocol.session.stats_streams import EncoderFigures
from triortc.protocol.session.transceiver import Transceiver as Core

from .capabilities import capability_of
from .driver import Driver
from .encoder_meter import EncoderMeter
from .parameters import EncodingParameters, SendParameters, check_change


@dataclass(frozen=True, slots=True)
class _Wish:
    """What one task sends; another wish needs another task."""

    track: LocalTrack
    encoding: Encoding


class _Stream:
    """One running ``rtp.send`` task."""

    def __init__(self, wish: _Wish, limits: Limits) -> None:
        self.wish = wish
        self.limits = limits
        self.scope = trio.CancelScope()
        self.subscription: Subscription | None = None


class Sender:
    """Sends one track in one or several encodings (W3C ``RTCRtpSender``).

    Attributes:
      track: the track, or None.
      parameters: how it is sent.
      has_sent: whether it was ever agreed that this section sends.
    """

    def __init__(
        self,
        core: Core,
        driver: Driver,
        nursery: trio.Nursery,
        track: LocalTrack | None,
        encodings: tuple[EncodingParameters, ...],
    ) -> None:
        self.track = track
        self.parameters: SendParameters = SendParameters(0, encodings)
        self._core = core
        self._driver = driver
        self._nursery = nursery
        self._connected = False
        self._streams: dict[str | None, _Stream] = {}
        self._dropped_before = 0
        self._meters: dict[str | None, EncoderMeter] = {}
        self.has_sent: bool = False

    def set_parameters(self, parameters: SendParameters) -> None:
        """Take new parameters, and send by them from the next frames on.

        Raises:
          InvalidStateError: they were read before the last change.
          LocalProtocolError: they change what may not change.
        """
        check_change(self.parameters, parameters)
        self.parameters = replace(parameters, transaction_id=parameters.transaction_id + 1)
        self._update()

    def set_track(self, track: LocalTrack | None) -> None:
        """Send another track, or none, from the next frames on; the RTP timeline goes on."""
        self.track = track
        self._update()

    def set_connected(self, connected: bool) -> None:
        """Send what was agreed on, or nothing; synchronous."""
        self._connected = connected
        direction = self._core.current_direction
        self.has_sent = self.has_sent or (direction is not None and direction.sends)
        self._update()

    def encoding_of(self, track: LocalTrack) -> Encoding | None:
        """Return the encoding in which *track* would go out, as was agreed; None if it cannot."""
        for codec in self._core.codecs:
            for encoding in track.encodings:
                if capability_of(encoding).identity == codec.capability.identity:
                    return encoding
        return None

    def request_keyframe(self, rid: str | None = None) -> None:
        """Pass a viewer's wish for a keyframe on to the encoder, which coalesces them."""
        stream = self._streams.get(rid)
        if stream is not None and stream.subscription is not None:
            stream.subscription.request_keyframe()

    @property
    def queued_frames(self) -> int:
        """How many encoded frames wait for this peer."""
        return sum(each.subscription.depth for each in self._streams.values() if each.subscription)

    @property
    def dropped_frames(self) -> int:
        """How many encoded frames were dropped because this peer did not take them in time."""
        running = (each.subscription.frames_dropped for each in self._streams.values() if each.subscription)
        return self._dropped_before + sum(running)

    def read_encoders(self) -> dict[str | None, EncoderFigures]:
        """Return what was encoded for this peer, by rid."""
        return {
            rid: meter.read(self.track, active=rid in self._streams) for rid, meter in self._meters.items()
        }

    def _wish(self) -> _Wish | None:
        if self.track is None or not self._connected or not self._core.sends:
            return None
        encoding = self.encoding_of(self.track)
        return None if encoding is None else _Wish(self.track, encoding)

    def _update(self) -> None:
        """Start, restart or end the tasks; synchronous."""
        wish = self._wish()
        wanted = {each.rid: _limits_of(each) for each in self._active_encodings()} if wish else {}
        for rid, stream in list(self._streams.items()):
            if rid not in wanted or stream.wish != wish:
                self._retire(rid, self._streams.pop(rid))
        for rid, limits in wanted.items():
            assert wish is not None
            if rid in self._streams:
                self._limit(rid, self._streams[rid], limits)
            else:
                stream = self._streams[rid] = _Stream(wish, limits)
                name = f"rtp.send {self._core.mid}" if rid is None else f"rtp.send {self._core.mid} {rid}"
                self._nursery.start_soon(self._send, stream, rid, name=name)

    def _active_encodings(self) -> Iterator[EncodingParameters]:
        """Yield what is to be sent; the remote side may have taken fewer encodings than were offered."""
        agreed = self._core.send_rids
        for each in self.parameters.encodings:
            if each.active and (each.rid in agreed if agreed else each.rid is None):
                yield each

    def _limit(self, rid: str | None, stream: _Stream, limits: Limits) -> None:
        if limits != stream.limits:
            stream.limits = limits
            if stream.subscription is not None:
                stream.wish.track.set_limits(stream.subscription, limits)
                self._meters[rid].follow(stream.subscription)

    def _retire(self, rid: str | None, stream: _Stream) -> None:
        stream.scope.cancel()
        if stream.subscription is not None:
            self._meters[rid].follow(None)
            self._dropped_before += stream.subscription.frames_dropped

    async def _send(self, stream: _Stream, rid: str | None) -> None:
        wish, mid, send_frame = stream.wish, self._core.mid, self._driver.send_frame
        assert mid is not None
        with self._driver.turn() as session:
            session.change_source(mid, rid)
        with stream.scope:
            try:
                subscription = wish.track.subscribe(wish.encoding, limits=stream.limits)
            except trio.ClosedResourceError:
                return  # the track's block has ended, which is not the peer's end
            # One wake-up, one turn and one or two transmits per frame, until the track ends.
            with subscription as stream.subscription, suppress(trio.EndOfChannel):
                self._meters.setdefault(rid, EncoderMeter()).follow(subscription)
                while True:
                    send_frame(mid, rid, await subscription.next_frame())


def _limits_of(parameters: EncodingParameters) -> Limits:
    return Limits(
        max_bitrate=parameters.max_bitrate,
        max_framerate=parameters.max_framerate,
        scale_resolution_down_by=parameters.scale_resolution_down_by,
    )
