"""A request and a response as HTTP's codecs see them: a thin reading of ASGI's scope, without a framework's objects.

Codecs are `async (backend, request) -> HttpAnswer`; they raise `Refusal` for everything else.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing
from time import monotonic
from typing import Any, NamedTuple, Protocol
from urllib.parse import parse_qsl

import msgspec

from hinterland.contract.errors import Problem, Refusal
from hinterland.contract.identity import SIGNED_OUT, Principal
from hinterland.kit import strict_json
from hinterland.kit.asgi import AsgiReceive, AsgiScope, AsgiSend
from hinterland.kit.body import Body, OnceBody
from hinterland.kit.strict_json import MAX_DEPTH
from hinterland.server.backend import Backend

Headers = list[tuple[bytes, bytes]]

WHOLE = "hinterland.response"  # ASGI extension: start and body of an answer in one message
# ASGI extension: the message's `use` is called with a function that sends a piece of a body that has begun at once, and
# returns what is to be awaited before the next piece, if anything.
PIECES = "hinterland.pieces"
REFUSED = "hinterland.refused"  # in a scope: the Refusal that answers the request, whatever it asks
LIMIT = "hinterland.limit"  # in a scope: the TimeLimiter of the request
CHALLENGE = (b"www-authenticate", b"Bearer")  # every 401 has one (RFC 9110 §15.5.2)
REST = "hinterland.rest"  # in a scope: what is to be awaited for the response of a request that has begun
JSON = (b"content-type", b"application/json; charset=utf-8")
PROBLEM = (b"content-type", b"application/problem+json; charset=utf-8")
NO_STORE = (b"cache-control", b"no-store")
REVALIDATED = (b"cache-control", b"private, max-age=0")
_HTML = re.compile(r"(?:^|,)\s*text/html\s*(?:;(?!\s*q=0(?:\.0*)?\s*(?:,|$))[^,]*)?(?:,|$)", re.IGNORECASE)
_MAX_FIELDS = 100
SLOW_SECONDS = 1.0  # for a body to arrive; after a longer time its caller is looked at again
_SINGLE = frozenset({b"authorization", b"content-type", b"content-length", b"idempotency-key", b"last-event-id"})
_LARGE = 128 * 1024  # bytes; to check as many takes milliseconds
_JSON_TYPES = frozenset({None, b"application/json", b"application/json; charset=utf-8"})  # as most send it
_encode = msgspec.json.Encoder().encode


class BodyPart(NamedTuple):
    """A body that is sent piece by piece, from `start` to before `stop`."""

    body: Body
    start: int = 0
    stop: int | None = None


class HttpAnswer(NamedTuple):
    """Status, headers and body; without content-length, except that of a part."""

    status: int
    headers: Headers
    body: bytes | BodyPart


class TimeLimiter(Protocol):
    """The time limit of one request: `due` is when it ends, by the loop's clock."""

    due: float
    is_over: bool

    def renew(self) -> None:
        """Begin the time anew."""

    def lift(self) -> None:
        """End the limit."""


def renewing(limiter: TimeLimiter, pass_on: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """`receive` or `send`, each of whose messages begins the request's time anew."""

    async def passed(*message: Any) -> Any:
        result = await pass_on(*message)
        limiter.renew()
        return result

    return passed


class DirectPath(Protocol):
    """Carries out requests without ASGI, for a web server that can."""

    finish: Callable[[AsgiScope, AsgiReceive, AsgiSend], Awaitable[None]]
    """The application that awaits `REST` and sends the response."""

    def begin(self, scope: AsgiScope, receive: AsgiReceive) -> tuple[Coroutine[Any, Any, HttpAnswer], bool] | None:
        """What carries out a request, whose body is received whole, and whether it only reads; None where it goes the
        ordinary way. It changes nothing before it first waits, and where it raises something before, the request goes
        the ordinary way from its beginning."""

    def limit(self, cancel: Callable[[], object]) -> TimeLimiter:
        """Limits the time of a request that waits: `cancel` is called at its end."""

    def headers(self, answer: HttpAnswer) -> Headers:
        """All headers of a response."""


class HttpRequest:
    """One request. `segments` are what the path's placeholders matched; `caller` is who asks. `identify` finds the
    caller again after a body that took long: the session may have ended meanwhile."""

    __slots__ = (
        "caller", "headers", "identify", "is_alias", "method", "path", "receive", "scope", "segments", "view",
    )  # fmt: skip

    def __init__(self, scope: AsgiScope, receive: AsgiReceive) -> None:
        self.scope = scope
        self.receive = receive
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        if len(self.headers) != len(scope["headers"]):
            self.headers = _joined(scope["headers"])
        self.segments: dict[str, str] = scope.get("path_params") or {}
        self.caller: Principal = SIGNED_OUT
        self.identify: Callable[[], Awaitable[Principal]] | None = None
        self.is_alias = False
        self.view = ""

    def header(self, name: bytes) -> str:
        """A header's value by its lower-case name; "" where it is missing."""
        return self.headers.get(name, b"").decode("latin-1")

    def query(self, most: int = _MAX_FIELDS) -> list[tuple[str, str]]:
        """The query string's pairs, at most `most`. Raises `invalid_query`."""
        raw = self.scope.get("query_string", b"")
        if not raw:
            return []
        if b"%" not in raw and b"+" not in raw and raw.isascii() and raw.count(b"&") < most:
            return [(name, value) for name, _, value in map(_halves, filter(None, raw.decode().split("&")))]
        try:
            return parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=most)
        except (ValueError, UnicodeError):
            raise Refusal(
                "invalid_query",
                f"the query string is not UTF-8, or has over {most:,} parameters; percent-encode it, and send fewer",
            ) from None

    async def body(self, limit: int, setting: str = "max_body_bytes") -> bytes:
        """The whole body. Raises `too_large` beyond `limit` bytes, `invalid_body` for less than its Content-Length.

        `setting` is what sets the limit; "" where nothing does.
        """
        declared = self.headers.get(b"content-length", b"0")
        length = int(declared[:20]) if declared.isdigit() else limit + 1
        if length > limit:
            raise _too_large(limit, setting)
        chunks: list[bytes] = []
        size = 0
        asked = monotonic()
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > limit:
                raise _too_large(limit, setting)
            chunks.append(chunk)
            if not message.get("more_body", False):
                if size < int(declared):
                    raise Refusal(
                        "invalid_body", f"the body has {size:,} bytes, but Content-Length is {int(declared):,}"
                    )
                if self.identify is not None and monotonic() - asked > SLOW_SECONDS:
                    self.caller = await self.identify()
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def arriving(self, limit: int, setting: str = "max_body_bytes") -> OnceBody:
        """The body as it arrives. Raises `too_large` beyond `limit` bytes, at once or while it is read."""
        declared = self.headers.get(b"content-length", b"")
        length = int(declared[:20]) if declared.isdigit() else None
        if length is not None and length > limit:
            raise _too_large(limit, setting)
        if length is None and b"transfer-encoding" not in self.headers:
            length = 0
        return OnceBody(self._pieces(limit, setting), length)

    async def _pieces(self, limit: int, setting: str) -> AsyncGenerator[bytes, None]:
        size, asked, has_more = 0, monotonic(), True
        while has_more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            piece, has_more = message.get("body", b""), message.get("more_body", False)
            size += len(piece)
            if size > limit:
                raise _too_large(limit, setting)
            if not has_more and self.identify is not None and monotonic() - asked > SLOW_SECONDS:
                self.caller = await self.identify()  # before the last piece: a session that ended completes nothing
            if piece:
                yield piece

    async def discard(self, limit: int) -> None:
        """Read the body, up to `limit` bytes, and drop it: a caller that still sends may never see the response.
        One that is not sent yet (RFC 9110 §10.1.1), or is too large in any case, is not waited for."""
        declared = self.headers.get(b"content-length", b"0")
        if b"expect" in self.headers or not declared.isdigit() or int(declared[:20]) > limit:
            return
        size = 0
        while size <= limit:
            message = await self.receive()
            size += len(message.get("body", b""))
            if not message.get("more_body", False):
                return

    async def json_object(
        self, limit: int, *, may_be_empty: bool = False, setting: str = "max_body_bytes", max_depth: int = MAX_DEPTH
    ) -> tuple[dict[str, Any], bytes]:
        """The body as a JSON object, and its bytes. Raises `invalid_body`, `unsupported_media_type`, `too_large`."""
        value, data = await self.json_value(limit, may_be_empty=may_be_empty, setting=setting, max_depth=max_depth)
        if not isinstance(value, dict):
            raise Refusal("invalid_body", "the body must be a JSON object")
        return value, data

    async def json_value(
        self, limit: int, *, may_be_empty: bool = False, setting: str = "max_body_bytes", max_depth: int = MAX_DEPTH
    ) -> tuple[Any, bytes]:
        """The body as a JSON value, an object where it is empty, and its bytes."""
        data = await self.body(limit, setting)
        if not data.strip() and may_be_empty:
            return {}, data
        self.check_json()
        if not data.strip():
            raise Refusal("invalid_body", "the body is empty; send JSON")
        try:
            value = await _decoded(data, max_depth)
        except strict_json.StrictJsonError as error:
            raise Refusal("invalid_body", f"request body: {error}") from None
        return value, data

    def check_json(self) -> None:
        """Raises `unsupported_media_type` for what is not JSON in UTF-8 without a content coding."""
        given = self.headers.get(b"content-type")
        if given not in _JSON_TYPES or (given is None and b"origin" in self.headers):
            self._check_other_type((given or b"").lower())
        self.check_coding()

    def check_coding(self) -> None:
        """Raises `unsupported_media_type` for a content coding."""
        if self.headers.get(b"content-encoding", b"identity").lower() != b"identity":
            message = "unsupported content coding; send the body without Content-Encoding"
            raise Refusal("unsupported_media_type", message, headers=(("Accept-Encoding", "identity"),))

    def _check_other_type(self, given: bytes) -> None:
        # A page may send a body without a type to any server, without asking first.
        name, *parameters = [part.strip() for part in given.split(b";")]
        if name != b"application/json" and not name.endswith(b"+json"):
            shown = name.decode("latin-1")[:80] or "a body without a type"
            raise Refusal("unsupported_media_type", f"send Content-Type: application/json, not {shown}")
        for parameter in parameters:
            key, _, value = parameter.partition(b"=")
            if key.strip() == b"charset" and value.strip(b'" ') not in (b"utf-8", b"utf8", b"us-ascii"):
                shown = value.decode("latin-1")[:40]
                raise Refusal("unsupported_media_type", f"unsupported charset {shown!a}; send JSON in UTF-8")


class PageSource(Protocol):
    """A web page beside the API: what has the addresses that the API has not."""

    async def answer(self, request: HttpRequest) -> HttpAnswer | None:
        """The response to a request for a part of the page; None where it has no such address."""

    def is_start(self, request: HttpRequest) -> bool:
        """Whether `GET /` asks for the page, and not for the API's own start."""


Codec = Callable[[Backend, HttpRequest], Awaitable[HttpAnswer]]
"""Reads an operation's input from a request, carries it out, and makes its output a response."""


def _joined(headers: Headers) -> dict[bytes, bytes]:
    """Headers some of which appear several times: as one list each (RFC 9110 §5.3). Raises `invalid_query` for those
    that can't be lists."""
    values: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        values.setdefault(name, []).append(value)
    for name in _SINGLE & values.keys():
        if len(values[name]) > 1:
            raise Refusal("invalid_query", f"the header {name.decode()} appears twice; send it once")
    return {name: b", ".join(given) for name, given in values.items()}


async def _decoded(data: bytes, max_depth: int) -> Any:
    """The value of a body; a large one is checked in a thread, since everybody uses the loop."""
    if len(data) > _LARGE:
        return await asyncio.to_thread(strict_json.decode, data, max_depth=max_depth)
    return strict_json.decode(data, max_depth=max_depth)


def _halves(part: str) -> tuple[str, str, str]:
    return part.partition("=")


class Disconnected(Exception):
    """The caller went away before the request was read."""


def _too_large(limit: int, setting: str) -> Refusal:
    remedy = f"; send less, or raise the setting {setting}" if setting else ", the most that this path takes; send less"
    return Refusal("too_large", f"the body is larger than {limit:,} bytes{remedy}")


def accepts_html(request: HttpRequest) -> bool:
    """Whether the caller accepts HTML by name, as browsers do that ask for something to show."""
    return _HTML.search(request.header(b"accept")) is not None


def caching(request: HttpRequest) -> tuple[bytes, bytes]:
    """The Cache-Control of records: what a cache keeps is outdated at once, and of use while the server is away.

    A browser keeps nothing, since its Back button shows what is kept, outdated or not; browsers alone send
    Sec-Fetch-Mode.
    """
    return NO_STORE if b"sec-fetch-mode" in request.headers else REVALIDATED


def json_answer(
    value: Any, status: int = 200, headers: Sequence[tuple[bytes, bytes]] = (), cached: tuple[bytes, bytes] = NO_STORE
) -> HttpAnswer:
    """An answer with `value` (plain objects or structs) as JSON. `cached`: its Cache-Control."""
    return HttpAnswer(status, [JSON, cached, *headers], _encode(value))


def problem_answer(refusal: Refusal, request_id: str = "") -> HttpAnswer:
    """A refusal as problem+json (RFC 9457)."""
    problem: Problem = refusal.problem(request_id)
    headers: Headers = [PROBLEM, NO_STORE]
    if refusal.retry_after is not None:
        headers.append((b"retry-after", str(max(1, round(refusal.retry_after))).encode()))
    headers += [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in refusal.headers]
    if refusal.status == 401 and all(name != b"www-authenticate" for name, _ in headers):
        headers.append(CHALLENGE)
    return HttpAnswer(refusal.status, headers, _encode(problem))


async def send_answer(scope: AsgiScope, send: AsgiSend, answer: HttpAnswer, receive: AsgiReceive | None = None) -> None:
    """Send `answer`, without its body where HEAD asked: as one message to a server that takes `WHOLE`. A body that is
    sent piece by piece ends early where `receive` reports that the caller has gone."""
    headers, body = sized(answer), answer.body
    if type(body) is BodyPart:
        await _send_part(scope, send, answer, body, receive)
        return
    assert type(body) is bytes
    if scope["method"] == "HEAD":
        body = b""
    if WHOLE in scope.get("extensions", ()):
        await send({"type": WHOLE, "status": answer.status, "headers": headers, "body": body})
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def sized(answer: HttpAnswer) -> Headers:
    """The headers of a response, with the length of its body."""
    if type(answer.body) is BodyPart or answer.status in (204, 304):
        return answer.headers
    return [*answer.headers, (b"content-length", b"%d" % len(answer.body))]


async def _send_part(
    scope: AsgiScope, send: AsgiSend, answer: HttpAnswer, part: BodyPart, receive: AsgiReceive | None
) -> None:
    leaving = asyncio.ensure_future(_gone(receive)) if receive is not None else None
    try:
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        if scope["method"] != "HEAD":
            async with aclosing(part.body.open(part.start, part.stop)) as pieces:
                async for piece in pieces:
                    if leaving is not None and leaving.done():
                        raise Disconnected
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        if leaving is not None:
            leaving.cancel()
        await part.body.close()


async def _gone(receive: AsgiReceive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
