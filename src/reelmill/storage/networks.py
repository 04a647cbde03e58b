"""Which addresses inputs may be fetched from: what is allowed is listed, and the rest is refused. Pure.

Source: IANA's IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890 and later), and the addresses at which clouds
answer their own machines.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network

_GLOBAL_IPV6 = IPv6Network("2000::/3")  # the only block that IANA hands out
# fmt: off
_RESERVED_IPV6 = tuple(map(IPv6Network, (
    "2001::/23",       # protocol assignments: Teredo, AMT, ORCHID, benchmarks
    "2001:db8::/32",   # documentation
    "2002::/16",       # 6to4: leads to an IPv4 address of anybody's choice
    "2620:4f:8000::/48",  # AS112
    "3ffe::/16",       # 6bone, given back
    "3fff::/20",       # documentation
)))
_RESERVED_IPV4 = tuple(map(IPv4Network, (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24",    # protocol assignments; Oracle's clouds answer at 192.0.0.192
    "192.0.2.0/24",
    "192.31.196.0/24", "192.52.193.0/24", "192.175.48.0/24",  # AS112, AMT
    "192.88.99.0/24",  # 6to4 relays
    "192.168.0.0/16",
    "168.63.129.16/32",  # Azure's clouds answer their machines here
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
    "224.0.0.0/4", "240.0.0.0/4",
)))
# fmt: on
_NAT64 = IPv6Network("64:ff9b::/96")  # an IPv4 address stands in the last 32 bits (RFC 6052)
_ISATAP = (bytes.fromhex("00005efe"), bytes.fromhex("02005efe"))  # begin interface identifiers (RFC 5214)


def may_connect(address: str, allowed: Sequence[Network]) -> bool:
    """Whether an IP address, a zone included or not, is one of the public internet's or of a network in `allowed`.

    Raises ValueError for what is no IP address.
    """
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        ip = _meant(ip)
    return any(ip.version == network.version and ip in network for network in allowed) or _is_public(ip)


def _meant(ip: IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that the kernel, or a translator on the way, connects to instead."""
    if ip.ipv4_mapped:
        return ip.ipv4_mapped
    return IPv4Address(ip.packed[-4:]) if ip in _NAT64 else ip


def _is_public(ip: IPv4Address | IPv6Address) -> bool:
    if isinstance(ip, IPv4Address):
        return not any(ip in network for network in _RESERVED_IPV4)
    if ip not in _GLOBAL_IPV6 or ip.packed[8:12] in _ISATAP:
        return False
    return not any(ip in network for network in _RESERVED_IPV6)
