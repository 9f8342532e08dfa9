"""The sockets of an agent and the candidates they give (RFC 8445 §5.1)."""

import ipaddress
from dataclasses import replace

from triortc.protocol.wire.errors import LocalProtocolError
from triortc.protocol.wire.machine import Address

from .candidate import IceCandidate, local_candidate, parse_unicast, priority_of

MAX_REFLEXIVE = 8
"""Addresses that NATs may show for one socket; further ones are not remembered."""


class LocalBase:
    """One bound socket.

    Attributes:
      address: what it is bound to.
      candidate: its host candidate.
      check_priority: what its checks say in PRIORITY (RFC 8445 §7.1.1).
    """

    __slots__ = ("_ip", "_preference", "_reflexive", "_ufrag", "address", "candidate", "check_priority")

    def __init__(self, address: Address, preference: int, username_fragment: str) -> None:
        ip = parse_unicast(address[0])
        if ip is None or not 0 < address[1] <= 0xFFFF:
            raise LocalProtocolError(f"no candidate can be made of {address[0]} port {address[1]}")
        self.address: Address = address
        self.candidate: IceCandidate = local_candidate(
            "host", address, address, preference, username_fragment
        )
        self.check_priority: int = priority_of("prflx", preference)
        self._ip = ip
        self._preference = preference
        self._ufrag = username_fragment
        self._reflexive: dict[Address, IceCandidate] = {}

    @property
    def candidates(self) -> list[IceCandidate]:
        """The host candidate, and those that others see in its place."""
        return [self.candidate, *self._reflexive.values()]

    def has_family_of(self, remote: Address) -> bool:
        """Return whether a remote address is of the same IP version."""
        return self._ip.version == ipaddress.ip_address(remote[0]).version

    def may_reach(self, remote: Address) -> bool:
        """Return whether it makes sense to check *remote* from here: loopback with loopback alone."""
        return (
            self.has_family_of(remote) and self._ip.is_loopback == ipaddress.ip_address(remote[0]).is_loopback
        )

    def learn_reflection(self, mapped: Address, url: str) -> IceCandidate | None:
        """Return the server-reflexive candidate that a STUN server's answer gives, if it is a new one."""
        if mapped == self.address or mapped in self._reflexive or parse_unicast(mapped[0]) is None:
            return None
        return self.seen_as(mapped, "srflx", url)

    def seen_as(self, mapped: Address, kind: str, url: str = "") -> IceCandidate:
        """Return the candidate for the address under which another saw this socket."""
        if mapped == self.address:
            return self.candidate
        known = self._reflexive.get(mapped)
        if known is None:
            known = local_candidate(kind, mapped, self.address, self._preference, self._ufrag)
            known = replace(known, url=url or None)
            if len(self._reflexive) < MAX_REFLEXIVE:
                self._reflexive[mapped] = known
        return known
