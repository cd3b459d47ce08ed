"""Which addresses are public. Pure.

The registries of special addresses (https://www.iana.org/assignments/iana-ipv4-special-registry)
are written out: what ``ipaddress`` takes for global differs between versions of Python.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

NOT_PUBLIC_4 = tuple(
    IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24"),
        *("192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15"),
        *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
        # Amazon's resolver, Azure's and Alibaba's metadata: some are outside of the ranges above.
        *("168.63.129.16/32", "100.100.100.200/32"),
    )
)

PUBLIC_6 = IPv6Network("2000::/3")
"""All that is given out. Outside of it are private, local and multicast addresses, and IPv4
addresses in disguise, of which one kind is let through (`TRANSLATED`)."""

NOT_PUBLIC_6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocols, tunnels (Teredo) and benchmarks
        "2001:db8::/32",
        "2002::/16",  # 6to4: any IPv4 address
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)

TRANSLATED = IPv6Network("64:ff9b::/96")
"""IPv4 addresses as a network with IPv6 only reaches them (NAT64, RFC 6052)."""


def is_public(text: str) -> bool:
    """Whether an address, as ``getaddrinfo`` writes it, is one of the public internet."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        return _is_public_4(address)
    if address.scope_id is not None:
        return False
    if address in TRANSLATED:
        return _is_public_4(IPv4Address(int(address) & 0xFFFF_FFFF))
    return _is_public_6(address)


def _is_public_4(address: IPv4Address) -> bool:
    return not any(address in network for network in NOT_PUBLIC_4)


def _is_public_6(address: IPv6Address) -> bool:
    return address in PUBLIC_6 and not any(address in network for network in NOT_PUBLIC_6)
