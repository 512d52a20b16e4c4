"""Which other origins' pages may call (Fetch standard, CORS protocol), and a log line that says why one may not."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

from hinterland.contract.errors import Refusal
from hinterland.server.http import Headers, HttpAnswer, Message, Receive, Scope, Send, problem_answer, send_answer
from hinterland.server.middleware.boundary import App
from hinterland.server.settings import LOOPBACK

log = logging.getLogger("hinterland.cors")
_LOOPBACK = re.compile(rb"https?://(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?")
_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_EXPOSED = b"ETag, Link, Location, Retry-After, X-Request-Id, X-Total-Count, Idempotency-Replayed"


class Cors:
    """Answers preflights and marks the answers to listed origins; `origins` is the setting `cors_origins`."""

    def __init__(self, app: App, origins: Sequence[str]) -> None:
        self.app = app
        self.allows_loopback = LOOPBACK in origins
        self.allows_all = "*" in origins
        self.origins = frozenset(origin.encode() for origin in origins if origin not in (LOOPBACK, "*"))
        self._setting = sorted(_shown(origin.encode()) for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        origin = next((value for name, value in scope["headers"] if name == b"origin"), None)
        if origin is None:
            await self.app(scope, receive, send)
            return
        is_allowed = self.allows(origin)
        wanted = _header(scope, b"access-control-request-method")
        if scope["method"] == "OPTIONS" and wanted:
            await send_answer(scope, send, self._preflight(scope, origin, is_allowed, wanted))
            return
        if not is_allowed:
            self._tell(scope, origin)
        await self.app(scope, receive, _WithHeaders(send, self._headers(origin)) if is_allowed else send)

    def allows(self, origin: bytes) -> bool:
        """Whether a page of `origin` may read answers; compared as a whole, never by prefix or suffix."""
        if origin in self.origins or self.allows_all:
            return origin != b"null" or b"null" in self.origins
        return self.allows_loopback and _LOOPBACK.fullmatch(origin) is not None

    def _headers(self, origin: bytes) -> Headers:
        allowed = b"*" if self.allows_all else origin
        return [(b"access-control-allow-origin", allowed), (b"access-control-expose-headers", _EXPOSED)]

    def _preflight(self, scope: Scope, origin: bytes, is_allowed: bool, method: bytes) -> HttpAnswer:
        if not is_allowed:
            self._tell(scope, origin)
            return _refusal("this origin is not in the setting cors_origins")
        if method not in _METHODS.split(b", "):
            log.warning(
                "refused a preflight of %s: the method %s is not one of %s", *map(_shown, (origin, method, _METHODS))
            )
            return _refusal("this method is not allowed from a page")
        asked = _header(scope, b"access-control-request-headers")
        headers = [
            *self._headers(origin),
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", asked or b"Authorization, Content-Type"),
            (b"access-control-max-age", b"600"),
            (b"vary", b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"),
        ]
        return HttpAnswer(204, headers, b"")

    def _tell(self, scope: Scope, origin: bytes) -> None:
        log.warning(
            "refused %s %.200r from a page of the origin %s: it is not in the setting cors_origins (%s). "
            "To allow it, set HINTERLAND_CORS_ORIGINS=%s or add it to cors_origins in the app file",
            scope["method"],
            scope["path"],
            _shown(origin),
            ", ".join(self._setting) or "empty",
            ",".join([*self._setting, _shown(origin)]),
        )


class _WithHeaders:
    """ASGI's `send` that adds headers to the answer."""

    __slots__ = ("headers", "send")

    def __init__(self, send: Send, headers: Headers) -> None:
        self.send = send
        self.headers = headers

    async def __call__(self, message: Message) -> None:
        if "headers" in message:
            message["headers"] = [*message["headers"], *self.headers]
        await self.send(message)


def _refusal(message: str) -> HttpAnswer:
    return problem_answer(Refusal("forbidden", message, headers=(("Vary", "Origin"),)))


def _header(scope: Scope, name: bytes) -> bytes:
    return next((value for key, value in scope["headers"] if key == name), b"")


def _shown(value: bytes) -> str:
    return "".join(char if char.isprintable() else "?" for char in value.decode("latin-1"))[:200]
