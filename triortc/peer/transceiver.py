"""A media section as the application sees it, and the task that feeds it."""

from contextlib import suppress

import trio

from triortc.handles import RunBound
from triortc.media.local_track import LocalTrack
from triortc.media.subscription import Subscription
from triortc.protocol.session.codecs import CodecCapability
from triortc.protocol.session.transceiver import Transceiver as Core

from .driver import Driver


class Transceiver(RunBound):
    """A media section that sends one track (W3C ``RTCRtpTransceiver``).

    Returned by :meth:`triortc.Peer.add_track`; there is no public constructor.
    """

    def __init__(self, core: Core, track: LocalTrack, driver: Driver) -> None:
        super().__init__()
        self._core = core
        self._track = track
        self._driver = driver
        self._capability: CodecCapability | None = None
        self._subscription: Subscription | None = None
        self._sending: trio.CancelScope | None = None

    @property
    def mid(self) -> str | None:
        """The media section's name, None until a description names it."""
        return self._core.mid

    @property
    def kind(self) -> str:
        """``"audio"`` or ``"video"``."""
        return self._core.kind

    @property
    def direction(self) -> str:
        """What this side wants: ``"sendonly"``."""
        return self._core.direction.value

    @property
    def current_direction(self) -> str | None:
        """What was agreed, None before the first answer."""
        direction = self._core.current_direction
        return None if direction is None else direction.value

    @property
    def track(self) -> LocalTrack:
        """The track that is sent."""
        return self._track

    @property
    def codec(self) -> str | None:
        """The name of the codec that was agreed on, or None."""
        return self._core.codecs[0].capability.name if self._core.codecs else None

    @property
    def queued_frames(self) -> int:
        """How many encoded frames wait for this peer."""
        return 0 if self._subscription is None else self._subscription.depth

    @property
    def dropped_frames(self) -> int:
        """How many encoded frames were dropped because this peer did not take them in time."""
        return 0 if self._subscription is None else self._subscription.frames_dropped

    def __repr__(self) -> str:
        return f"<Transceiver {self.mid} {self.kind} {self.current_direction or self.direction} {self.codec}>"

    def request_keyframe(self) -> None:
        """Pass a viewer's wish for a keyframe on to the encoder, which coalesces them."""
        self._check_run()
        if self._subscription is not None:
            self._subscription.request_keyframe()

    def update(self, nursery: trio.Nursery, *, connected: bool) -> None:
        """Start, restart or end the sender task, as was agreed; synchronous."""
        wanted = self._core.codecs[0].capability if connected and self._core.sends else None
        if wanted is self._capability:
            return
        if self._sending is not None:
            self._sending.cancel()
        self._capability = wanted
        self._sending = None
        if wanted is not None:
            self._sending = trio.CancelScope()
            nursery.start_soon(self._send, wanted, self._sending, name=f"rtp.send {self.mid}")

    async def _send(self, capability: CodecCapability, scope: trio.CancelScope) -> None:
        name = capability.name.lower()
        encoding = next(encoding for encoding in self._track.encodings if encoding.name.lower() == name)
        with scope:
            try:
                subscription = self._track.subscribe(encoding)
            except trio.ClosedResourceError:
                return  # the track's block has ended, which is not the peer's end
            mid, send_frame = self._core.mid, self._driver.send_frame
            assert mid is not None
            # One wake-up, one turn and one or two transmits per frame, until the track ends.
            with subscription as self._subscription, suppress(trio.EndOfChannel):
                while True:
                    send_frame(mid, await subscription.next_frame())
