"""Addresses from which requests come, told apart as far as it means anything."""

from __future__ import annotations

import ipaddress

MAX_LENGTH = 64
"""Characters of what is no address: the path of a socket, for example."""


def network(address: str) -> str:
    """The address; of IPv6 the /64, since a host that has one address there has all of them."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:MAX_LENGTH]
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
