"""Which addresses may be connected to: a server must not lead into the user's own network."""

from __future__ import annotations

import ipaddress
import socket

from ..errors import DownloadBroken
from ..naming import shown

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""RFC 6052: the last 32 bits are an IPv4 address."""


def require_allowed(host: str, peer: str, private: bool) -> bool:
    """Whether a connected peer is public; raises ``DownloadBroken`` where it is not allowed.

    ``private`` allows addresses of this machine and its networks; link-local ones, which serve
    the credentials of cloud machines, and multicast are never allowed.
    """
    address = _address(peer)
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        says = f"{shown(host)} leads to the address {address}, where no model is published"
        raise DownloadBroken(says, "Nothing was sent to it.")
    if address.is_global or private:
        return address.is_global
    raise DownloadBroken(
        f"{shown(host)} leads to the private address {address}",
        "Nothing was sent to it. Only a server that you name or configure yourself may be in a "
        "private network.",
    )


def is_private(host: str, port: int) -> bool:
    """Whether a host's name leads to this machine or its networks alone."""
    try:
        found = {str(each[4][0]) for each in socket.getaddrinfo(host, port)}
        return all(not _address(each.partition("%")[0]).is_global for each in found)
    except (OSError, ValueError):
        return False


def _address(peer: str) -> _Address:
    """The address, taken out of the IPv6 forms that wrap an IPv4 one."""
    address = ipaddress.ip_address(peer)
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
