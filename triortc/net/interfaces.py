"""The local addresses to gather candidates on."""

import ipaddress
from collections.abc import Iterable, Iterator

MAX_ADDRESSES = 16
"""Most addresses that one host gathers on, loopback included."""

_LOOPBACK = "127.0.0.1"
_LOOPBACK6 = "::1"


def local_addresses() -> list[str]:
    """Return this host's unicast addresses as :func:`select_addresses` orders them."""
    return select_addresses(_configured_addresses())


def select_addresses(configured: Iterable[str]) -> list[str]:
    """Choose what to gather on from the addresses of all interfaces.

    Left out are link-local IPv6 addresses, which need a scope that candidates cannot carry,
    and whatever is not unicast (RFC 8445 §5.1.1.1). 127.0.0.1 comes last and always: a page
    on this host reaches it when nothing else is up. ::1 helps only where there is no other
    address, because Firefox sends nothing to a lone 127.0.0.1.

    Args:
      configured: addresses in any order and notation, perhaps with an IPv6 scope.

    Returns:
      Canonical addresses, none twice, at most :data:`MAX_ADDRESSES`.
    """
    canonical = [ipaddress.ip_address(text.partition("%")[0]) for text in configured]
    routable = list(dict.fromkeys(str(address) for address in canonical if _is_routable(address)))
    if routable:
        return [*routable[: MAX_ADDRESSES - 1], _LOOPBACK]
    if ipaddress.ip_address(_LOOPBACK6) in canonical:
        return [_LOOPBACK, _LOOPBACK6]
    return [_LOOPBACK]


def _is_routable(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if address.is_loopback or address.is_multicast or address.is_unspecified:
        return False
    return address.version == 4 or not (address.is_link_local or address.ipv4_mapped)


def _configured_addresses() -> Iterator[str]:
    import ifaddr

    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            yield ip.ip if isinstance(ip.ip, str) else ip.ip[0]
