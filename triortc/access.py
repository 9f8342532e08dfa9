"""Who may ask: token, Host and Origin. Pure; every comparison that matters takes constant time."""

import ipaddress
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered: an HTTP status, and a sentence for its body."""

    status: int
    reason: str


@dataclass(frozen=True, slots=True, repr=False)
class Access:
    """The rules of one server.

    Attributes:
      token: the bearer token asked for, or None.
      hosts: values of the Host header that are answered, or None for all. A server on
        loopback answers to its own names alone, which stops DNS rebinding.
      origins: foreign origins that may use the server from a browser.
    """

    token: str | None
    hosts: frozenset[str] | None
    origins: frozenset[str]

    @classmethod
    def for_server(
        cls,
        addresses: Iterable[str],
        port: int,
        *,
        token: str | None = None,
        public: bool = False,
        allow_origin: Iterable[str] = (),
    ) -> Self:
        """Return the rules of a server that is bound to *addresses*.

        Args:
          token: the token to ask for; None makes one, unless all addresses are loopback.
          public: ask for no token anywhere.

        Raises:
          ValueError: an origin is none, or both a token and *public* are given.
        """
        if public and token is not None:
            raise ValueError("a public server asks for no token; give either of them")
        bound = [ipaddress.ip_address(address) for address in addresses]
        loopback = all(address.is_loopback for address in bound)
        if token is None and not loopback and not public:
            token = secrets.token_urlsafe(32)
        names = {"localhost", "127.0.0.1", "[::1]", *map(url_host, map(str, bound))}
        origins = frozenset(normal_origin(origin) for origin in allow_origin)
        return cls(token, frozenset(_authorities(names, port)) if loopback else None, origins)

    def refuse_host(self, host: str | None) -> Refusal | None:
        """Judge the Host header."""
        if self.hosts is None or (host is not None and host.lower() in self.hosts):
            return None
        return Refusal(403, f"This server answers to {min(self.hosts)} and its other local names only.")

    def allows_foreign(self, origin: str) -> bool:
        """Return whether *origin* is one of those that CORS lets in."""
        return origin.lower() in self.origins

    def refuse_origin(self, origin: str | None, host: str | None) -> Refusal | None:
        """Judge the Origin header: ours, an allowed one, or none (no browser, or no CORS)."""
        if origin is None or self.allows_foreign(origin):
            return None
        if host is not None and origin.lower().partition("://")[2] == host.lower():
            return None
        return Refusal(403, "Pages of this origin may not use this server; --allow-origin lets one in.")

    def refuse_token(self, authorization: str | None) -> Refusal | None:
        """Judge the Authorization header (RFC 6750 §2.1)."""
        if self.token is None:
            return None
        scheme, _, credentials = (authorization or "").partition(" ")
        given = credentials.strip().encode("utf-8", "surrogatepass")
        right = secrets.compare_digest(given, self.token.encode())
        if right and scheme.lower() == "bearer":
            return None
        return Refusal(401, "This server asks for a bearer token: open the whole URL that it printed.")


def url_host(address: str) -> str:
    """Return an address as it stands in a URL."""
    return f"[{address}]" if ":" in address else address


def normal_origin(origin: str) -> str:
    """Return an origin as browsers spell it (RFC 6454 §6.2).

    Raises:
      ValueError: it is not ``scheme://host`` with perhaps a port.
    """
    normal = origin.lower().removesuffix("/")
    if ORIGIN.fullmatch(normal) is None:
        raise ValueError(f"{origin!r} is no origin; write one as https://example.org")
    return normal


def _authorities(names: Iterable[str], port: int) -> Iterable[str]:
    for name in names:
        yield f"{name}:{port}"
        if port == 80:
            yield name
