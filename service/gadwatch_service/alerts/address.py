"""Which network addresses an alert may be sent to. Pure.

``ipaddress.is_private`` alone lets shared, multicast and translated addresses pass, so whatever
is not plainly public is refused, and so are IPv6 forms that carry an IPv4 address inside.
"""

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final
from urllib.parse import urlsplit

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

_REFUSED: Final = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_PUBLIC_V6: Final = IPv6Network("2000::/3")
_REFUSED_V6: Final = tuple(
    IPv6Network(text)
    # Protocol assignments with Teredo and ORCHID, documentation (two blocks), 6to4, SRv6 ids.
    for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16")
)


class RefusedAddressError(Exception):
    """An alert endpoint's host leads to an address that alerts must not be sent to."""


def refuses(text: str, allowed: Iterable[Network] = ()) -> bool:
    """Whether an address, in the form a resolver gives, is not to be connected to.

    ``allowed`` are the networks that the operator has opened.
    """
    address = _plain(text)
    if any(address in network for network in allowed):
        return False
    if isinstance(address, IPv4Address):
        return any(address in network for network in _REFUSED) or not address.is_global
    return address not in _PUBLIC_V6 or any(address in network for network in _REFUSED_V6)


def check_addresses(host: str, addresses: Iterable[str], allowed: Iterable[Network] = ()) -> None:
    """Raise :class:`RefusedAddressError` when any address of a host is refused.

    One bad address is enough: which one a later connection would take is not ours to choose.
    """
    networks = tuple(allowed)
    for address in addresses:
        if refuses(address, networks):
            raise RefusedAddressError(
                f"{host} leads to {address}, which is not a public address; an operator may "
                f"open its network with GADWATCH_ALERT_ALLOW_PRIVATE"
            )


def check_literal(host: str, allowed: Iterable[Network] = ()) -> None:
    """Raise :class:`RefusedAddressError` when a host is itself an address that is refused.

    Of a name only the look-up at each sending tells.
    """
    try:
        ip_address(host)
    except ValueError:
        return
    check_addresses(host, [host], allowed)


def check_url(url: str) -> str:
    """The host of an endpoint's URL.

    Raises ``ValueError`` for whatever is not a plain http(s) URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        raise ValueError("the URL must begin with https:// or http://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("the URL must not carry a user name or password")
    if not parts.hostname or not url.isascii() or any(ord(sign) <= 32 for sign in url):
        raise ValueError("the URL needs a host and may hold neither blanks nor non-ASCII signs")
    if parts.port == 0:
        raise ValueError("the URL's port is out of range")
    return parts.hostname


def _plain(text: str) -> Address:
    """The address without a zone; an IPv4 address inside an IPv6 one counts as itself."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
