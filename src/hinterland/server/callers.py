"""Who calls: the one way from a bearer token to a principal, for every protocol."""

from __future__ import annotations

from functools import partial
from hmac import compare_digest

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import SIGNED_OUT, Principal
from hinterland.contract.operations import Auth
from hinterland.server.backend import Backend
from hinterland.server.http import HttpRequest

LOCAL_ADMINISTRATOR = Principal(id="admin/local", is_admin=True)
"""A command on this machine: who could read the control token owns the data."""


async def authenticate(backend: Backend, request: HttpRequest, auth: Auth) -> None:
    """Set the request's caller from its bearer token (RFC 6750 §2.1), as an operation's `auth` asks.

    Raises `unauthorized`, and `forbidden` for what is an administrator's only.
    """
    if auth == "ignored":
        return
    given = request.headers.get(b"authorization")
    if given is not None:
        request.identify = partial(caller_of, backend, given, is_alias=request.is_alias)
        request.caller = await request.identify()
    if auth in ("required", "admin") and request.caller is SIGNED_OUT:
        raise Refusal("unauthorized", "sign in first")
    if auth == "admin" and not request.caller.is_admin:
        raise Refusal("forbidden", "this is for administrators only; log in at /v1/admin/login")


async def caller_of(backend: Backend, given: bytes, *, is_alias: bool = False) -> Principal:
    """Who is behind an Authorization header. Raises `unauthorized`."""
    token = bearer(given, is_alias=is_alias)
    return backend.tokens.cached(token) or await _verified(backend, token)


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
