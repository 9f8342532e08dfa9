"""RTP packets from the corpus' capture files, for tests."""

import struct
from collections.abc import Iterator

from rtp_streams import corpus_file

from triortc.protocol.rtp.packet import RtpPacket, parse_rtp_untrusted
from triortc.protocol.wire.errors import Malformed

_IP_AND_UDP = 20 + 8
_ETHERNET = 14


def capture(name: str) -> list[RtpPacket]:
    """Return the packets of a capture, or skip the test."""
    data = corpus_file(f"media/{name}")
    datagrams = read_rtpdump(data) if name.endswith(".rtpdump") else read_pcap(data)
    packets: list[RtpPacket] = []
    for datagram in datagrams:
        try:
            packets.append(parse_rtp_untrusted(datagram))
        except Malformed:
            pass
    assert packets
    return packets


def read_pcap(data: bytes) -> Iterator[bytes]:
    """Yield the UDP payloads of a little-endian pcap file of Ethernet frames."""
    position = 24
    while position < len(data):
        (length,) = struct.unpack_from("<I", data, position + 8)
        position += 16
        yield data[position + _ETHERNET + _IP_AND_UDP : position + length]
        position += length


def read_rtpdump(data: bytes) -> Iterator[bytes]:
    """Yield the RTP packets of an rtpdump file."""
    position = data.index(b"\n") + 1 + 16
    while position < len(data):
        length, plain_length = struct.unpack_from("!HH", data, position)
        if plain_length:
            yield data[position + 8 : position + length]
        position += length
