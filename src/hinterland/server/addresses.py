"""The address that a request came from, as limits and shares by address count it."""

from __future__ import annotations

import ipaddress
import re

from hinterland.server.backend import Backend
from hinterland.server.http import HttpRequest

_WITH_PORT = re.compile(r"([\d.]+):\d+|\[([^\[\]]*)\](?::\d+)?")  # RFC 7239 §6 writes IPv6 in brackets


def caller_address(backend: Backend, request: HttpRequest) -> str:
    """The caller's address. X-Forwarded-For counts only from a trusted proxy, read from the right; an entry that is not
    an address counts as the address of the proxy that wrote it."""
    client = request.scope.get("client")
    peer: str = client[0] if client else ""
    if not backend.settings.trusted_proxies:
        return peer
    trusted = {address_in(proxy) or proxy for proxy in backend.settings.trusted_proxies}
    peer = address_in(peer) or peer
    hops = [hop for hop in request.header(b"x-forwarded-for").split(",") if hop.strip()]
    while peer in trusted and hops and (address := address_in(hops.pop())):
        peer = address
    return peer


def address_in(text: str) -> str:
    """The canonical address in `text`, which may have a port and brackets; "" where there is none."""
    text = text.strip()
    if match := _WITH_PORT.fullmatch(text):
        text = match[1] or match[2]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])  # a zone is the proxy's own business
    except ValueError:
        return ""
    return str(getattr(address, "ipv4_mapped", None) or address)
