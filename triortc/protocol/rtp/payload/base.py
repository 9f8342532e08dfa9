"""What all payload formats share: cutting into equal pieces."""


def split_equally(data: bytes, max_size: int) -> list[bytes]:
    """Cut *data* into as few pieces as *max_size* allows, all equal but for a shorter last one.

    Equal packets leave in one GSO ``sendmsg``, and no tiny one is left over.
    """
    if not data:
        return []
    count = -(-len(data) // max_size)
    size = -(-len(data) // count)
    return [data[start : start + size] for start in range(0, len(data), size)]
