"""Sound over a link that loses, delays and reorders: from the receiver's order to what is played."""

from collections import deque
from collections.abc import Callable, Iterable

import pytest
from support.playout_traces import RATE, TICKS, Arrival, jitter, play, sent

from triortc.protocol.rtp.frame import ReceivedFrame
from triortc.protocol.rtp.ordering import AudioOrder
from triortc.protocol.rtp.receive_stream import ReceiveStream
from triortc.protocol.rtp.router import PayloadType
from triortc.protocol.rtp.timeline import Timeline


def ordered(arrivals: Iterable[Arrival]) -> list[Arrival]:
    """Return when the receiver hands the packets on."""
    frames: deque[ReceivedFrame] = deque()
    order = AudioOrder(ReceiveStream(1, RATE), {111: PayloadType("opus", RATE)}, Timeline(), frames)
    handed_on = []
    for time, packet in arrivals:
        while order.deadline <= time:
            deadline = order.deadline
            order.handle_timeout(deadline)
            handed_on += [Arrival(deadline, frame) for frame in frames]
            frames.clear()
        order.put(packet.timestamp // TICKS, packet.timestamp, False, 111, packet.payloads, time)
        handed_on += [Arrival(time, frame) for frame in frames]
        frames.clear()
    return handed_on


@pytest.mark.parametrize("loss", [0.02, 0.05, 0.1])
def test_little_of_the_sound_is_made_up(loss: float, measured: Callable[[str], None]) -> None:
    parts, latencies = [], []
    for seed in range(10):
        playout, played = play(ordered(sent(60, delay=jitter(seed, loss=loss, spread=0.005))))
        statistics = playout.statistics
        parts.append(statistics.concealed_samples / statistics.total_samples_received)
        latencies += played.delays(5)
    mean = sum(parts) / len(parts)
    latency = (sum(latencies) / len(latencies) - 0.030) * 1000
    measured(
        f"concealed {mean:.2%} (worst seed {max(parts):.2%}), delay of order and playout {latency:.0f} ms"
    )
    assert mean <= 0.02
