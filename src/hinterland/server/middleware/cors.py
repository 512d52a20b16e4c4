"""Which other origins' pages may call (Fetch standard, CORS protocol), and a log line that says why one may not."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

from hinterland.contract.errors import Refusal
from hinterland.kit.asgi import AsgiMessage, AsgiReceive, AsgiScope, AsgiSend
from hinterland.kit.log_limit import LimitedLog
from hinterland.server.http import REFUSED, Headers, HttpAnswer, send_answer
from hinterland.server.middleware.boundary import LOG_LINES, Boundary
from hinterland.server.settings import LOOPBACK
from hinterland.server.websocket import SOCKET

log = logging.getLogger("hinterland.cors")
_LOOPBACK = re.compile(rb"https?://(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?")
_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_DEFAULT_PORTS = {b"http": b":80", b"https": b":443"}
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_UNLISTED = "pages of this origin may not call; add the origin to the setting cors_origins"
_EXPOSED = b"Content-Range, ETag, Link, Location, Retry-After, X-Request-Id, X-Total-Count, Idempotency-Replayed"
_EXPOSES = (b"access-control-expose-headers", _EXPOSED)


class Cors:
    """Answers preflights, marks the answers to allowed origins, and refuses writes from pages of all others: a browser
    hides an answer, yet sends a simple request without asking. `origins` is the setting `cors_origins`.
    """

    def __init__(self, app: Boundary, origins: Sequence[str]) -> None:
        self.app = app  # which answers what is refused here
        self._log = LimitedLog(log, LOG_LINES)  # anybody can be refused, as often as they like
        self.allows_loopback = LOOPBACK in origins
        self.allows_all = "*" in origins
        self.origins = frozenset(origin.encode() for origin in origins if origin not in (LOOPBACK, "*"))
        self._setting = sorted(_shown(origin.encode()) for origin in origins)

    async def __call__(self, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        """Serve one request."""
        origin = None
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"origin":
                    origin = value
                    break
        if origin is None:
            await self.app(scope, receive, send)
            return
        is_allowed = self.allows(origin)
        wanted = _header(scope, b"access-control-request-method")
        if scope["method"] == "OPTIONS" and wanted and REFUSED not in scope:
            await self._answer_preflight(scope, receive, send, origin, wanted)
            return
        if not is_allowed and not is_own(scope, origin):
            self._log_refused(scope, origin)
            if not _is_hidden(scope):
                scope.setdefault(REFUSED, Refusal("forbidden", _UNLISTED))
        await self.app(scope, receive, _WithHeaders(send, self.headers(origin)) if is_allowed else send)

    def knows(self, host: bytes) -> bool:
        """Every host: none is refused where there is no `Hosts` around this."""
        return True

    def allows(self, origin: bytes) -> bool:
        """Whether a page of `origin` may read answers; compared as a whole, never by prefix or suffix."""
        return self._is_named(origin) or (self.allows_all and origin != b"null")

    def _is_named(self, origin: bytes) -> bool:
        return origin in self.origins or (self.allows_loopback and _LOOPBACK.fullmatch(origin) is not None)

    def headers(self, origin: bytes) -> Headers:
        """What lets a page of an allowed `origin` read an answer; with credentials only where it is named itself."""
        if not self._is_named(origin):
            return [(b"access-control-allow-origin", b"*"), _EXPOSES]
        headers = [(b"access-control-allow-origin", origin), _EXPOSES]
        # `null` is any sandboxed frame's origin, so it vouches for nobody.
        return headers if origin == b"null" else [*headers, (b"access-control-allow-credentials", b"true")]

    async def _answer_preflight(
        self, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend, origin: bytes, method: bytes
    ) -> None:
        if not self.allows(origin):
            self._log_refused(scope, origin)
            scope[REFUSED] = Refusal("forbidden", _UNLISTED)
        elif method not in _METHODS.split(b", "):
            self._log.warning(
                "refused a preflight of %s: the method %s is not one of %s", *map(_shown, (origin, method, _METHODS))
            )
            scope[REFUSED] = Refusal("forbidden", f"pages may not use this method; allowed: {_METHODS.decode()}")
        else:
            await send_answer(scope, send, self._preflight(scope, origin))
            return
        await self.app(scope, receive, send)

    def _preflight(self, scope: AsgiScope, origin: bytes) -> HttpAnswer:
        asked = _header(scope, b"access-control-request-headers")
        headers = [
            *self.headers(origin),
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", asked or b"Authorization, Content-Type"),
            (b"access-control-max-age", b"600"),
            (b"vary", b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"),
        ]
        return HttpAnswer(204, headers, b"")

    def _log_refused(self, scope: AsgiScope, origin: bytes) -> None:
        self._log.warning(
            "%s %s %.200r from a page of the origin %s: it is not in the setting cors_origins (%s). "
            "To allow it, set HINTERLAND_CORS_ORIGINS=%s or add it to cors_origins in the app file",
            "hid the answer of" if _is_hidden(scope) else "refused",
            scope["method"],
            scope["path"],
            _shown(origin),
            ", ".join(self._setting) or "empty",
            ",".join([*self._setting, _shown(origin)]),
        )


class _WithHeaders:
    """ASGI's `send` that adds headers to the answer."""

    __slots__ = ("headers", "send")

    def __init__(self, send: AsgiSend, headers: Headers) -> None:
        self.send = send
        self.headers = headers

    async def __call__(self, message: AsgiMessage) -> None:
        if "headers" in message:
            message["headers"] = [*message["headers"], *self.headers]
        await self.send(message)


def is_own(scope: AsgiScope, origin: bytes) -> bool:
    """Whether the page is of this server's own origin: its browser says so, or it is the host that the request names.

    With https that host is the page's own too behind a proxy that ends TLS and asks by http.
    """
    if _header(scope, b"sec-fetch-site") == b"same-origin":
        return True
    host = _header(scope, b"host").lower()
    scheme = scope.get("scheme", "http").encode()
    return bool(host) and origin in (
        b"%b://%b" % (scheme, host.removesuffix(_DEFAULT_PORTS.get(scheme, b""))),
        b"https://" + host.removesuffix(b":443"),
    )


def _is_hidden(scope: AsgiScope) -> bool:
    """Whether all that a request has is an answer that the page's browser hides, which it does not do with a
    WebSocket's messages."""
    return scope["method"] in _SAFE and SOCKET not in scope


def _header(scope: AsgiScope, name: bytes) -> bytes:
    return next((value for key, value in scope["headers"] if key == name), b"")


def _shown(value: bytes) -> str:
    return "".join(char if char.isprintable() else "?" for char in value.decode("latin-1"))[:200]
