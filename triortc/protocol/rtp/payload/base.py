"""What payload formats share: cutting into equal pieces, and numbering frames."""

from collections.abc import Callable
from itertools import count


def split_equally(data: bytes, max_size: int) -> list[bytes]:
    """Cut *data* into as few pieces as *max_size* allows, all equal but for a shorter last one.

    Equal packets leave in one GSO ``sendmsg``, and no tiny one is left over.
    """
    if not data:
        return []
    pieces = -(-len(data) // max_size)
    size = -(-len(data) // pieces)
    return [data[start : start + size] for start in range(0, len(data), size)]


def number_frames(packetize: Callable[[bytes, int], list[bytes]]) -> Callable[[bytes], list[bytes]]:
    """Return a packetizer that gives each frame its number, from 1 on."""
    numbers = count(1)
    return lambda encoded: packetize(encoded, next(numbers))
