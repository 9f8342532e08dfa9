"""A network and a loudspeaker in virtual time, around the playout machine."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from support.virtual_network import SeededEntropy

from triortc.protocol.rtp.frame import ReceivedFrame
from triortc.protocol.rtp.playout import Kind, Playout, Step
from triortc.protocol.wire.entropy import random_fraction

Delay = Callable[[int], float | None]
"""Seconds on the way of the packet with this number; None for a lost one."""

RATE = 48_000
TICKS = 960
PACKET = 0.020
WITH_FEC = b"\x48\x40" + bytes(40)
WITHOUT_FEC = b"\x48\x00" + bytes(40)
DTX = b"\x48"


def sound(number: int, payload: bytes = WITH_FEC, time: float = 0.0) -> ReceivedFrame:
    """Return the packet of 20 ms with this number."""
    return ReceivedFrame([payload], timestamp=number * TICKS, time=time, keyframe=True, codec="opus")


class Arrival(NamedTuple):
    """A packet that reaches the machine at a time."""

    time: float
    packet: ReceivedFrame


def sent(seconds: float, *, delay: Delay, payload: bytes = WITH_FEC, first: int = 1000) -> list[Arrival]:
    """Return what arrives of a steady stream, in the order of arrival."""
    arrivals = []
    for number in range(int(seconds / PACKET)):
        late = delay(number)
        if late is not None:
            arrivals.append(Arrival(number * PACKET + late, sound(first + number, payload)))
    return sorted(arrivals, key=lambda arrival: arrival.time)


def jitter(seed: int, *, loss: float = 0.0, base: float = 0.030, spread: float = 0.010) -> Delay:
    """Return delays that spread exponentially, and losses, from a seed."""
    entropy = SeededEntropy(seed)

    def delay(number: int) -> float | None:
        is_lost = random_fraction(entropy) < loss
        late = -spread * math.log(1 - random_fraction(entropy))
        return None if is_lost else base + late

    return delay


@dataclass
class Played:
    """What a loudspeaker played.

    Attributes:
      steps: each with the time when it began, and the ticks that it had.
    """

    steps: list[tuple[float, Step, int]] = field(default_factory=list)

    def kinds(self) -> list[Kind]:
        """Return what was played, in order."""
        return [step.kind for _, step, _ in self.steps]

    def delays(self, start: float, end: float = float("inf"), first: int = 1000) -> list[float]:
        """Return the seconds from sending to playing of what was decoded within a time."""
        return [
            time - (step.timestamp - first * TICKS) / RATE
            for time, step, _ in self.steps
            if step.kind is Kind.DECODE and start <= time < end
        ]


def stretched(step: Step) -> int:
    """Return how many ticks an able time-stretcher makes of a step: it moves by 2.5 to 10 ms."""
    least, most = RATE // 400, TICKS // 2
    if step.kind is not Kind.DECODE or abs(step.surplus) < least:
        return step.duration
    return step.duration - max(-most, min(step.surplus, most))


def play(
    arrivals: Iterable[Arrival], *, stretch: Callable[[Step], int] = stretched, tail: float = 0.0
) -> tuple[Playout, Played]:
    """Play a stream to its end."""
    playout, played = Playout(RATE), Played()
    coming = list(arrivals)
    end = coming[-1].time + tail
    time = coming[0].time
    while time <= end:
        while coming and coming[0].time <= time:
            arrival = coming.pop(0)
            playout.put(arrival.packet, arrival.time)
        assert playout.start_time is not None
        if time < playout.start_time:
            time = playout.start_time
            continue
        step = playout.take(time)
        ticks = stretch(step)
        playout.note_played(step, ticks)
        played.steps.append((time, step, ticks))
        time += ticks / RATE
    return playout, played
