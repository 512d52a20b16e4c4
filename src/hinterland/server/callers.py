"""Who calls, and from where: the one way from a bearer token to a principal, and the address by which limits and shares
count, for every protocol."""

from __future__ import annotations

import ipaddress
import re
from functools import partial
from hmac import compare_digest

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import SIGNED_OUT, Principal
from hinterland.contract.operations import AuthMode
from hinterland.server.backend import Backend
from hinterland.server.http import HttpRequest

_WITH_PORT = re.compile(r"([\d.]+):\d+|\[([^\[\]]*)\](?::\d+)?")  # RFC 7239 §6 writes IPv6 in brackets
CALLER = "hinterland.caller"  # in a scope: finds who calls, where the request came as a message of a socket
LOCAL_ADMINISTRATOR = Principal(id="admin/local", is_admin=True)
"""A command on this machine: who could read the control token owns the data."""


async def authenticate(backend: Backend, request: HttpRequest, auth: AuthMode) -> None:
    """Set the request's caller from its bearer token (RFC 6750 §2.1), as an operation's `auth` asks.

    Raises `unauthorized`, and `forbidden` for what is an administrator's only.
    """
    if auth == "ignored":
        return
    given = request.headers.get(b"authorization")
    if CALLER in request.scope:
        request.identify = request.scope[CALLER]
        request.caller = await request.scope[CALLER]()
    elif given is not None:
        request.identify = partial(caller_of, backend, given, is_alias=request.is_alias)
        request.caller = await request.identify()
    check_caller(request.caller, auth)


def check_caller(caller: Principal, auth: AuthMode) -> None:
    """Raises `unauthorized` and `forbidden` for a caller that an operation's `auth` does not let in."""
    if auth in ("required", "admin") and caller is SIGNED_OUT:
        raise Refusal("unauthorized", "sign in first")
    if auth == "admin" and not caller.is_admin:
        raise Refusal("forbidden", "this is for administrators only; log in at /v1/admin/login")


async def caller_of(backend: Backend, given: bytes, *, is_alias: bool = False) -> Principal:
    """Who is behind an Authorization header. Raises `unauthorized`."""
    token = bearer(given, is_alias=is_alias)
    return backend.accounts.tokens.cached(token) or await _verified(backend, token)


async def _verified(backend: Backend, token: bytes) -> Principal:
    if compare_digest(token, backend.control):
        return LOCAL_ADMINISTRATOR
    try:
        return await backend.tokens.verify(token)
    except Refusal as error:
        error.headers = (("WWW-Authenticate", 'Bearer error="invalid_token"'),)
        raise


def bearer(given: bytes, *, is_alias: bool) -> bytes:
    """The token of an Authorization header; a tutorial path takes one without the word Bearer too."""
    scheme, _, token = given.partition(b" ")
    if scheme.lower() == b"bearer" and token:
        return token.strip()
    if is_alias and not token:
        return scheme
    raise Refusal(
        "unauthorized",
        "the Authorization header must be: Bearer, a space, the access token",
        headers=(("WWW-Authenticate", 'Bearer error="invalid_token"'),),
    )


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
