"""This machine's network, which loses media at random: for calls with foreign peers, in real time."""

from support.virtual_network import SeededEntropy

from triortc.net.endpoint import MAX_BURST, Endpoint, EndpointStatistics
from triortc.net.udp import SystemNetwork
from triortc.protocol.wire.entropy import random_fraction
from triortc.protocol.wire.machine import Address, Transmit


class LossyNetwork:
    """Loses RTP and RTCP alike, in both directions; ICE and DTLS come through.

    Attributes:
      loss: the share of datagrams that are lost, 0…1; it may be changed at any time.
      lost: how many were lost.
    """

    def __init__(self, seed: int, *, loss: float = 0.0) -> None:
        self.loss = loss
        self.lost = 0
        self._entropy = SeededEntropy(seed)
        self._system = SystemNetwork()

    def addresses(self) -> list[str]:
        return self._system.addresses()

    def open_endpoint(self, host: str, port: int = 0) -> Endpoint:
        return _LossyEndpoint(self, self._system.open_endpoint(host, port))

    async def resolve(self, host: str, port: int) -> list[Address]:
        return await self._system.resolve(host, port)

    def loses(self, data: bytes | memoryview) -> bool:
        is_media = 128 <= data[0] < 192  # RFC 7983
        if not is_media or random_fraction(self._entropy) >= self.loss:
            return False
        self.lost += 1
        return True


class _LossyEndpoint:
    def __init__(self, network: LossyNetwork, endpoint: Endpoint) -> None:
        self._network = network
        self._endpoint = endpoint

    @property
    def local(self) -> Address:
        return self._endpoint.local

    @property
    def statistics(self) -> EndpointStatistics:
        return self._endpoint.statistics

    async def wait_readable(self) -> None:
        await self._endpoint.wait_readable()

    def receive_burst(self, limit: int = MAX_BURST) -> list[tuple[bytes, Address]]:
        burst = self._endpoint.receive_burst(limit)
        return [(data, source) for data, source in burst if not self._network.loses(data)]

    def send_nowait(self, transmit: Transmit) -> bool:
        data, size = memoryview(transmit.data), transmit.segment_size or len(transmit.data)
        complete = True
        for start in range(0, len(data), size):
            segment = data[start : start + size]
            if not self._network.loses(segment):
                complete &= self._endpoint.send_nowait(Transmit(segment, transmit.local, transmit.remote))
        return complete

    def close(self) -> None:
        self._endpoint.close()
