"""All the renditions of one track."""

from collections.abc import Iterator, Sequence

import trio

from .encodings import UNLIMITED, Encoding, Limits
from .meters import SourceMeter
from .rendition import Rendition
from .subscription import Subscription


class Renditions:
    """A rendition for each of a track's encodings, and for each of its viewers' limits.

    The unlimited ones stay; the others come and go with their viewers. Those of frames that
    come encoded, with no nursery, know no limits.
    """

    def __init__(
        self,
        encodings: Sequence[Encoding],
        *,
        nursery: trio.Nursery | None,
        live: bool,
        framerate: float,
        source: SourceMeter,
    ) -> None:
        self._source = source
        self._nursery = nursery
        self._live = live
        self._framerate = framerate
        self._clock_rate = encodings[0].clock_rate
        self._ended = False
        self._all: dict[tuple[Encoding, Limits], Rendition] = {
            (encoding, UNLIMITED): self._new(encoding, UNLIMITED) for encoding in encodings
        }

    def __iter__(self) -> Iterator[Rendition]:
        """Iterate over the unlimited ones, in the order of the encodings, and then the others."""
        return iter(sorted(self._all.values(), key=lambda rendition: rendition.limits != UNLIMITED))

    def __contains__(self, encoding: object) -> bool:
        return (encoding, UNLIMITED) in self._all

    def get(self, encoding: Encoding, limits: Limits = UNLIMITED) -> Rendition:
        """Return the rendition for viewers with *limits*; it gets frames once it has a viewer.

        Raises:
          KeyError: when the track has no such encoding.
        """
        unlimited = self._all[encoding, UNLIMITED]
        binding = UNLIMITED if self._nursery is None else limits.binding(encoding, self._framerate)
        if binding == UNLIMITED:
            return unlimited
        return self._all.get((encoding, binding)) or self._new(encoding, binding)

    def settle(self, rendition: Rendition) -> Rendition:
        """Return the rendition of the same encoding and limits that gets frames: perhaps this one."""
        settled = self._all.setdefault((rendition.encoding, rendition.limits), rendition)
        if self._ended:
            settled.finish()
        return settled

    def retire(self, rendition: Rendition) -> None:
        """Give *rendition* no more frames, unless it is one that stays."""
        key = rendition.encoding, rendition.limits
        if rendition.limits != UNLIMITED and self._all.get(key) is rendition:
            del self._all[key]

    def set_limits(self, subscription: Subscription, limits: Limits) -> None:
        """Give a viewer another rendition, or its own one another bitrate if nobody else minds."""
        old = subscription.publisher
        assert isinstance(old, Rendition)
        new = self.get(old.encoding, limits)
        if new is old:
            return
        alone = old.subscribers == 1 and not new.subscribers
        if alone and old.limits.differs_in_bitrate_alone(new.limits):
            self._rename(old, new)
        else:
            subscription.move_to(new)

    def finish(self) -> None:
        """Let all viewers have what is queued, and then the end of the channel."""
        self._ended = True
        for rendition in self:
            rendition.finish()

    def end(self) -> None:
        """Tell all viewers that no more frames will come."""
        self._ended = True
        for rendition in self:
            rendition.end()

    def _rename(self, old: Rendition, new: Rendition) -> None:
        """Let *old* go on under the limits of *new*, which has no viewers."""
        encoding = old.encoding
        if old.limits == UNLIMITED:
            self._all[encoding, UNLIMITED] = self._new(encoding, UNLIMITED)
        else:
            self.retire(old)
        old.limits = new.limits
        old.set_bitrate(new.limits.max_bitrate or encoding.bitrate)
        self._all[encoding, new.limits] = old

    def _new(self, encoding: Encoding, limits: Limits) -> Rendition:
        return Rendition(
            encoding,
            home=self,
            nursery=self._nursery,
            live=self._live,
            framerate=self._framerate,
            clock_rate=self._clock_rate,
            limits=limits,
            source=self._source,
        )
