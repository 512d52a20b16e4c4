"""Paths that other backends have, and where the same is here: for the error of a path that there is not."""

from __future__ import annotations

import re

_OURS = ("/v1/records/", "/v1/functions/")
_WEBSOCKET = "connect a WebSocket to /v1/socket"
_OTHERS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r"/(socket|engine)\.io(/.*)?", f"Socket.IO is not spoken here; {_WEBSOCKET}"),
        (r"/(.+/)?(graphql|gql|graphiql|playground|subscriptions|query)", "GraphQL is at /graphql"),
        (r"/(.+/)?(ws|wss|websocket|socket|cable|realtime)(/.*)?", f"{_WEBSOCKET}, or read events of /v1/events"),
        (r"/(.+/)?(sse|events|stream)", f"live events are at /v1/events; or {_WEBSOCKET}"),
        (r"/api/collections/users/auth-with-password", "log in by POST /v1/auth/login"),
        (r"/auth/v1/(token|signup|user)", "accounts are at /v1/auth/login, /v1/auth/signup and /v1/auth/me"),
        (r"/api/collections/([^/]+)/records(/[^/]+)?", r"records are at /v1/records/\1\2"),
        (r"/rest/v1/([^/]+)", r"records are at /v1/records/\1"),
    )
)


def place_here(path: str) -> str:
    """What an error says of a path that another backend has: where the same is here; "" for others."""
    if path.startswith(_OURS):
        return ""
    for pattern, text in _OTHERS:
        if (found := pattern.fullmatch(path)) is not None:
            return found.expand(text)
    return ""
