"""What every protocol machine says to the outside, and in which words."""

from typing import NamedTuple, TypeAlias

Address: TypeAlias = tuple[str, int]
"""An IP address in its canonical text form, and a port."""


class Transmit(NamedTuple):
    """One buffer to hand to a socket: a datagram, or a run of equal ones.

    Attributes:
      data: the bytes. A memoryview is lent: it is valid until the end of the turn.
      local: the address of the socket to send from.
      remote: where to.
      segment_size: when not None, ``data`` is several datagrams of this size, the last
        one perhaps shorter (Linux ``UDP_SEGMENT``).
    """

    data: bytes | memoryview
    local: Address
    remote: Address
    segment_size: int | None = None
