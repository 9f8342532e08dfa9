"""Where randomness comes from."""

import secrets
from typing import Protocol

ICE_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


class Entropy(Protocol):
    """A source of random bytes; simulations pass a seeded one of their own."""

    def token_bytes(self, count: int) -> bytes:
        """Return *count* random bytes."""
        ...


class SystemEntropy:
    """The operating system's cryptographic random numbers."""

    def token_bytes(self, count: int) -> bytes:
        """Return *count* random bytes."""
        return secrets.token_bytes(count)


def random_uint(entropy: Entropy, bits: int) -> int:
    """Return an unsigned integer of at most *bits* bits, a multiple of 8."""
    return int.from_bytes(entropy.token_bytes(bits // 8), "big")


def random_fraction(entropy: Entropy) -> float:
    """Return a number in 0 ≤ x < 1."""
    return random_uint(entropy, 32) / (1 << 32)


def random_ice_string(entropy: Entropy, length: int) -> str:
    """Return *length* ice-chars (RFC 8839 §5.4), six bits of entropy each."""
    return "".join(ICE_CHARACTERS[byte & 0x3F] for byte in entropy.token_bytes(length))
