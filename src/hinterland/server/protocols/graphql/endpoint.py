"""`/graphql`: GraphQL over HTTP, as its specification's draft has it, with GET and POST."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import SIGNED_OUT
from hinterland.kit import strict_json
from hinterland.kit.asgi import AsgiReceive, AsgiScope, AsgiSend
from hinterland.server.backend import Backend
from hinterland.server.callers import authenticate, caller_address
from hinterland.server.http import LIMIT, NO_STORE, Headers, HttpAnswer, HttpRequest, accepts_html, send_answer
from hinterland.server.idempotency import REPLAYED, checked_key, idempotency_key
from hinterland.server.middleware.direct import CarryOut
from hinterland.server.operations.call import Call
from hinterland.server.protocols.graphql.graphiql import page_answer
from hinterland.server.protocols.graphql.trusted import TrustedDocuments
from hinterland.server.websocket import SOCKET, Handshake, serve_socket

if TYPE_CHECKING:
    from hinterland.server.protocols.graphql.service import GraphQLOutcome

PATH = "/graphql"
RESPONSE = "application/graphql-response+json"
JSON = "application/json"
STREAM = "text/event-stream"
_FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip", b"via")
_PLAIN = (b"content-type", b"text/plain; charset=utf-8")
_ACCEPTED = re.compile(r"\s*([^;,\s]+)\s*((?:;[^,]*)?)(?:,|$)")
_FORMS = {RESPONSE: RESPONSE, JSON: JSON, "*/*": JSON, "application/*": JSON, STREAM: STREAM}
"""The form of a response by the media type that is accepted."""


class NotDirect(Exception):
    """A request that goes the ordinary way."""


class Parameters(NamedTuple):
    """What a request asks: the parameters of GraphQL over HTTP §5. `key`: the idempotency key of its mutations.
    `sees_schema`: it may ask for the schema, and messages suggest names of it."""

    query: str
    operation: str
    variables: dict[str, Any]
    extensions: dict[str, Any]
    document_id: str = ""
    key: str = ""
    sees_schema: bool = False


class GraphQLEndpoint:
    """The ASGI application at `/graphql`. `is_developed`: callers on this machine develop the app, so that browsers are
    shown GraphiQL. `trusted`: the documents that are carried out, if not all are."""

    def __init__(self, backend: Backend, *, is_developed: bool, trusted: TrustedDocuments | None = None) -> None:
        self.has_page = is_developed and trusted is None
        self._backend = backend
        self._is_developed = is_developed
        self._trusted = trusted
        self._service: Any = None
        self._connections: Any = None

    async def __call__(self, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        """Serve one request."""
        request = HttpRequest(scope, receive)
        if (handshake := scope.get(SOCKET)) is not None:
            await self._socket(request, handshake)
            return
        token = _token(request)
        if token or request.method == "PUT":
            await self._connected(request, token, send)
            return
        if STREAM in request.header(b"accept"):
            await self._stream(request, send)
            return
        if self.has_page and _is_shown(request):
            await send_answer(scope, send, self._page())
            return
        await send_answer(scope, send, await self._answered(request))

    def direct(self, method: str, path: str) -> tuple[CarryOut, bool] | None:
        """The direct route of documents that only read (`server/middleware/direct.py`), once one was carried out."""
        return (self._read, True) if path == PATH and method == "POST" and self._service is not None else None

    async def _read(self, request: HttpRequest) -> HttpAnswer:
        """The response to a document that only reads records. Raises `NotDirect` for everything else."""
        if STREAM in request.header(b"accept") or _token(request):
            raise NotDirect
        asked = await self._asked(request)
        if not self._service.only_reads(asked):
            raise NotDirect
        return await self._answered(request, asked)

    async def _answered(self, request: HttpRequest, asked: Parameters | None = None) -> HttpAnswer:
        """The response to a request, whose parameters may be known."""
        media = RESPONSE
        try:
            media = _media(request.header(b"accept"))
            return await self._answer(request, media, asked)
        except Refusal as refusal:
            return _refused(refusal, media)

    async def _socket(self, request: HttpRequest, handshake: Handshake) -> None:
        """Serve a WebSocket. Raises the refusal of its handshake."""
        await authenticate(self._backend, request, "optional")
        service = self._graphql()
        from hinterland.server.protocols.graphql.sockets import SUBPROTOCOLS, GraphQLSocket

        chosen = next((name for name in handshake.subprotocols if name in SUBPROTOCOLS), "")
        if not chosen:
            offered = ", ".join(handshake.subprotocols)[:64]
            wrong = f"the subprotocol is {offered!a}" if offered else "the handshake offers no subprotocol"
            raise Refusal("invalid_request", f"{wrong}; offer {' or '.join(SUBPROTOCOLS)}")
        settings = self._backend.settings
        if LIMIT in request.scope:
            request.scope[LIMIT].lift()
        silence = settings.keep_alive_seconds
        socket = await handshake.accept(chosen, most_bytes=settings.socket_message_bytes, silence=silence)
        address = caller_address(self._backend, request)
        sees_schema = self._sees_schema(request)
        conversation = GraphQLSocket(
            self._backend, service, socket, chosen, request.caller, address, sees_schema=sees_schema
        )
        await serve_socket(socket, conversation.run())

    async def _stream(self, request: HttpRequest, send: AsgiSend) -> None:
        """Answer with Server-sent events (GraphQL over SSE, distinct connections); what is no subscription in another
        form that the caller would rather have."""
        asked = await self._asked_by_caller(request)
        service = self._graphql()
        media = next((name for name in map(_FORMS.get, _accepted(request.header(b"accept"))) if name), STREAM)
        if media != STREAM:
            try:
                outcome = await self._outcome(request, asked)
            except Refusal as refusal:
                await send_answer(request.scope, send, _refused(refusal, media))
                return
            if not outcome.is_subscription:
                await send_answer(request.scope, send, _answer_of(outcome, asked, media))
                return
        from hinterland.server.protocols.graphql.streams import GraphQLStream

        stream = GraphQLStream(self._backend, service, request.caller, caller_address(self._backend, request))
        await stream.serve(asked, request, send)

    async def _connected(self, request: HttpRequest, token: str, send: AsgiSend) -> None:
        """Serve a request of GraphQL over SSE's single connection mode."""
        try:
            await authenticate(self._backend, request, "optional")
            connections = self._events()
            if request.method == "GET" and STREAM in request.header(b"accept"):
                await connections.serve(token, request, send)
                return
            if request.method == "PUT":
                made = connections.reserve(request.caller, caller_address(self._backend, request))
                answer = HttpAnswer(201, [_PLAIN, NO_STORE], made.encode())
            elif request.method == "DELETE":
                connections.stop(token, request)
                answer = HttpAnswer(200, [_PLAIN, NO_STORE], b"OK")
            else:
                asked = await self._asked(request)
                problem = await connections.begin(token, request.caller, asked, is_get=request.method != "POST")
                answer = HttpAnswer(202, [_PLAIN, NO_STORE], b"Accepted")
                if problem:
                    answer = HttpAnswer(400, [_content_type(JSON), NO_STORE], problem)
        except Refusal as refusal:
            answer = _refused(refusal, JSON)
        await send_answer(request.scope, send, answer)

    async def _answer(self, request: HttpRequest, media: str, asked: Parameters | None) -> HttpAnswer:
        if request.method not in ("GET", "HEAD", "POST"):
            raise Refusal("method_not_allowed", "GraphQL takes GET and POST", headers=(("Allow", "GET, HEAD, POST"),))
        asked = await self._asked_by_caller(request, asked)
        return _answer_of(await self._outcome(request, asked), asked, media)

    async def _outcome(self, request: HttpRequest, asked: Parameters) -> GraphQLOutcome:
        address, is_get = caller_address(self._backend, request), request.method != "POST"
        outcome: GraphQLOutcome = await self._graphql().respond(request.caller, address, asked, is_get=is_get)
        return outcome

    async def _asked_by_caller(self, request: HttpRequest, asked: Parameters | None = None) -> Parameters:
        """The parameters of a request, whose caller is found first. A token that is not valid, or no longer, is ignored
        where the document only signs in: clients send theirs with everything, and renew it when it has expired."""
        try:
            await authenticate(self._backend, request, "optional")
        except Refusal as refusal:
            if refusal.code != "unauthorized":
                raise
            asked = await self._asked(request) if asked is None else asked
            call = Call(caller=SIGNED_OUT, input=None, address=caller_address(self._backend, request))
            if not await self._graphql().only_signs_in(asked, call.asker):
                raise
        return await self._asked(request) if asked is None else asked

    async def _asked(self, request: HttpRequest) -> Parameters:
        asked = _from_query(request) if request.method != "POST" else await self._from_body(request)
        return asked._replace(sees_schema=self._sees_schema(request))

    def _sees_schema(self, request: HttpRequest) -> bool:
        setting = self._backend.settings.graphql_introspection
        return setting if setting is not None else self._is_developed and not _is_forwarded(request)

    async def _from_body(self, request: HttpRequest) -> Parameters:
        value, _ = await request.json_value(self._backend.settings.max_body_bytes)
        if not isinstance(value, dict):
            message = "the body must be one JSON object with a query; send several requests one by one, not as an array"
            raise Refusal("invalid_body", message)
        asked, key = asked_of(value), idempotency_key(request)
        if key and asked.key not in ("", key):
            raise Refusal(
                "invalid_query", "extensions.idempotencyKey differs from the Idempotency-Key; send one of them"
            )
        return asked._replace(key=key) if key else asked

    def _page(self) -> HttpAnswer:
        try:
            self._graphql()  # without which there is nothing to ask
        except Refusal as refusal:
            return _refused(refusal, JSON)
        return page_answer()

    def _events(self) -> Any:
        if self._connections is None:
            service = self._graphql()
            from hinterland.server.protocols.graphql.event_connections import EventConnections

            self._connections = EventConnections(self._backend, service)
        return self._connections

    def _graphql(self) -> Any:
        if self._service is None:
            try:
                from hinterland.server.protocols.graphql.service import GraphQL
            except ModuleNotFoundError as error:
                message = f"GraphQL needs {error.name}; install hinterland with the extra 'graphql'"
                raise Refusal("not_implemented", message) from error
            self._service = GraphQL(self._backend, self._trusted)
        return self._service


def _is_shown(request: HttpRequest) -> bool:
    """Whether a request is a browser's for the page, and of this machine."""
    return request.method in ("GET", "HEAD") and accepts_html(request) and not _is_forwarded(request)


def _is_forwarded(request: HttpRequest) -> bool:
    """Whether a proxy passed a request on, so that it may be of another machine."""
    return any(name in request.headers for name in _FORWARDED)


def _token(request: HttpRequest) -> str:
    """The token of the connection that a request is for; "" for one of its own."""
    token = request.header(b"x-graphql-event-stream-token")
    if token or b"token=" not in request.scope.get("query_string", b""):
        return token
    return next((value for name, value in request.query() if name == "token"), "")


@lru_cache(maxsize=64)
def _media(accept: str) -> str:
    """The media type of the response. Raises `not_acceptable`."""
    if not accept.strip():
        return JSON
    for name in _accepted(accept):
        if name in _FORMS and name != STREAM:
            return _FORMS[name]
    raise Refusal("not_acceptable", f"the response is {RESPONSE} or {JSON}; accept one of them")


def _accepted(accept: str) -> list[str]:
    """The media types that a caller takes, the best ones first."""
    offers: list[tuple[float, str]] = []
    for name, parameters in _ACCEPTED.findall(accept.lower()):
        quality = re.search(r";\s*q=([\d.]+)", parameters)
        offers.append((float(quality[1]) if quality else 1.0, name))
    return [name for weight, name in sorted(offers, key=lambda offer: -offer[0]) if weight > 0]


def _answer_of(outcome: GraphQLOutcome, asked: Parameters, media: str) -> HttpAnswer:
    status, headers = outcome.status, [_content_type(media), NO_STORE]
    if media == JSON and status == 400 and outcome.body.startswith(b'{"errors"') and asked.query:
        status = 200  # §7.3.1: what reads this media type may take another status for a proxy's
    return HttpAnswer(status, [*headers, REPLAYED] if outcome.is_replayed else headers, outcome.body)


def _content_type(media: str) -> tuple[bytes, bytes]:
    return (b"content-type", f"{media}; charset=utf-8".encode())


def _from_query(request: HttpRequest) -> Parameters:
    words: dict[str, Any] = {}
    for name, value in request.query():
        if name in words:
            raise Refusal("invalid_query", f"parameter {name} appears twice; send it once")
        words[name] = value
    for name in ("variables", "extensions"):
        if words.get(name):
            try:
                words[name] = strict_json.decode(words[name].encode("utf-8", "surrogatepass"))
            except strict_json.StrictJsonError as error:
                raise Refusal("invalid_query", f"{name} is not JSON: {error}") from None
        else:
            words.pop(name, None)
    return asked_of(words)


def asked_of(value: dict[str, Any]) -> Parameters:
    """The parameters of a request. Raises `invalid_body` for one that is missing or of another type."""
    for name, kind, what in (
        ("query", str, "a text"), ("documentId", str, "a text"), ("operationName", str, "a text"),
        ("variables", dict, "an object"), ("extensions", dict, "an object"),
    ):  # fmt: skip
        if value.get(name) is not None and not isinstance(value[name], kind):
            raise Refusal("invalid_body", f"{name} must be {what}")
    extensions = value.get("extensions") or {}
    if not value.get("query") and not value.get("documentId") and "persistedQuery" not in extensions:
        raise Refusal("invalid_body", 'query is missing; send {"query": "{ … }"}')
    return Parameters(
        value.get("query") or "",
        value.get("operationName") or "",
        value.get("variables") or {},
        extensions,
        value.get("documentId") or "",
        _key(extensions.get("idempotencyKey")),
    )


def _key(given: Any) -> str:
    if given is None:
        return ""
    if not isinstance(given, str):
        raise Refusal("invalid_body", "extensions.idempotencyKey must be a text")
    return checked_key(given, "extensions.idempotencyKey")


def _refused(refusal: Refusal, media: str) -> HttpAnswer:
    """A refusal of the request as GraphQL says it."""
    extensions: dict[str, Any] = {"code": refusal.code}
    if refusal.errors:
        extensions["errors"] = refusal.errors
    body = msgspec.json.encode({"errors": [{"message": refusal.message, "extensions": extensions}]})
    headers: Headers = [_content_type(media), NO_STORE]
    headers += [(name.lower().encode(), value.encode("latin-1")) for name, value in refusal.headers]
    if refusal.retry_after is not None:
        headers.append((b"retry-after", str(max(1, round(refusal.retry_after))).encode()))
    if refusal.status == 401 and all(name != b"www-authenticate" for name, _ in headers):
        headers.append((b"www-authenticate", b"Bearer"))
    return HttpAnswer(refusal.status, headers, body)
