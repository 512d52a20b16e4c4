"""The session's access token goes with each request to the session's server, and to no other (RFC 6750 §2.1)."""

from __future__ import annotations

from typing import Protocol

import msgspec

from hinterland.client.answers import is_own
from hinterland.client.errors import Unauthorized
from hinterland.client.exchange import Layer, Request, Response, Send, origin_of

MOST_RENEWALS = 2


class BearerToken(msgspec.Struct, frozen=True):
    """An access token: `value`, the `user` whose it is, and whether the server gave it on this very question."""

    value: str
    user: str | int
    is_fresh: bool = False

    def __repr__(self) -> str:
        return f"BearerToken(user={self.user!r}, is_fresh={self.is_fresh})"


class TokenSource(Protocol):
    """Where access tokens come from."""

    async def current(self) -> BearerToken | None:
        """The token to use, renewed if it is about to end; None: signed out."""
        ...

    async def renewed(self, used: BearerToken) -> BearerToken | None:
        """Another token of the same user after the server refused `used`; None: there is none."""
        ...

    async def refused(self, token: BearerToken) -> None:
        """The server refused a token that it had just given: the session is over."""
        ...


def bearer(source: TokenSource, origin: str) -> Layer:
    """Adds the token; the server's 401 renews it and sends the request again, and a second one ends the session.

    A 401 that is not the server's own, such as a gateway's, says nothing of the token. A token that another call had
    renewed meanwhile may have aged too, so that two renewals are made at most.
    """

    async def layer(request: Request, send: Send) -> Response:
        if not request.has_auth or origin_of(request.url) != origin:
            return await send(request)
        token = await source.current()
        check_user(request, "" if token is None else token.user)
        if token is None:
            return await send(request)
        response = await send(_with(request, token))
        for _ in range(MOST_RENEWALS):
            if not _is_refused(response) or not request.can_be_sent:
                break
            renewed = await source.renewed(token)
            if renewed is None:
                break
            token = renewed
            response = await send(_with(request, token))
            if _is_refused(response) and token.is_fresh:
                await source.refused(token)
                break
        return response

    return layer


def _is_refused(response: Response) -> bool:
    return response.status == 401 and is_own(response)


def check_user(request: Request, user: str | int) -> None:
    """A call that began for one person is never tried again in the name of another."""
    journal = request.journal
    if journal.user is None:
        journal.user = user
    elif journal.user != user:
        raise Unauthorized("Somebody else signed in meanwhile.", sent=journal.sent)


def _with(request: Request, token: BearerToken) -> Request:
    return request.with_headers({"authorization": f"Bearer {token.value}"})
