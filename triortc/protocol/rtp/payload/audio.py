"""Sound in RTP: a packet of the codec is a payload (RFC 7587 §4.2, RFC 3551 §4.5)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from triortc.protocol.rtp.frame import MAX_PAYLOAD_SIZE
from triortc.protocol.wire.errors import LocalProtocolError, Malformed


@dataclass(frozen=True, slots=True)
class WholePackets:
    """The payload format of codecs whose packets are never cut.

    Attributes:
      name: the encoding name of ``a=rtpmap``.
    """

    name: str

    def new_packetizer(self) -> Callable[[bytes], list[bytes]]:
        """Return :meth:`packetize`: nothing is carried over from packet to packet."""
        return self.packetize

    def packetize(self, encoded: bytes, max_size: int = MAX_PAYLOAD_SIZE) -> list[bytes]:
        """Return the payload of one packet; an empty one makes none.

        Raises:
          LocalProtocolError: when it is too long. At 20 ms that takes more than 450 kbit/s.
        """
        if len(encoded) > max_size:
            size = len(encoded)
            raise LocalProtocolError(f"a packet of {self.name} of {size} bytes does not fit into {max_size}")
        return [encoded] if encoded else []

    def starts_frame_untrusted(self, payload: bytes) -> bool:
        """Return True: each payload is a whole packet."""
        return True

    def is_keyframe_untrusted(self, payloads: Sequence[bytes]) -> bool:
        """Return True: decoding can begin anywhere."""
        return True

    def join_untrusted(self, payloads: Sequence[bytes]) -> bytes:
        """Return the packet.

        Raises:
          Malformed: when it is not one payload, or empty.
        """
        if len(payloads) != 1 or not payloads[0]:
            raise Malformed(f"{len(payloads)} payloads of {self.name} at once, or an empty one")
        return payloads[0]


OPUS = WholePackets("opus")
PCMU = WholePackets("PCMU")
PCMA = WholePackets("PCMA")
G722 = WholePackets("G722")
