"""The table of operations, mounted: each path once, each method its codec, aliases with their view."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

from starlette.routing import Route, Router

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import AGGREGATES
from hinterland.contract.operations import FUNCTIONS, Operation
from hinterland.kit.asgi import AsgiApp, AsgiReceive, AsgiScope, AsgiSend
from hinterland.server.backend import Backend
from hinterland.server.callers import authenticate
from hinterland.server.http import LIMIT, Codec, HttpAnswer, HttpRequest, PageSource, renewing, send_answer
from hinterland.server.middleware.direct import CarryOut
from hinterland.server.operations.table import HANDLERS
from hinterland.server.protocols.rest.bulk import BULK, OF_BULK
from hinterland.server.protocols.rest.documents import DOCUMENTS
from hinterland.server.protocols.rest.foreign_paths import place_here
from hinterland.server.protocols.rest.records import ACCEPT_PATCH, OF_AGGREGATE, OF_COLLECTION, OF_RECORD, RECORDS
from hinterland.server.protocols.rest.tutorial_lists import TUTORIAL_RECORDS
from hinterland.server.protocols.rest.typed import TypedCodec
from hinterland.server.websocket import SOCKET

_RESERVED = frozenset({"v1", "api", "auth", "health", "healthz", "readyz", "metrics", "graphql", "favicon"})
AGGREGATE = f"/{AGGREGATES}"
_SHARED = ".well-known"  # where others publish files too (RFC 8615)
_READS = frozenset({"GET"})
_ALL = _READS | {"POST", "PUT", "PATCH", "DELETE"}
_PLANNED = frozenset({"_", "graphql", "mcp", "metrics"})  # the API's, though nothing is there yet


class Mounted:
    """One operation at one path: who may call, the codec, the view of the response, and what the time limit is of."""

    __slots__ = ("auth", "codec", "is_alias", "is_limited_by_piece", "view")

    def __init__(self, operation: Operation, codec: Codec, view: str, *, is_alias: bool) -> None:
        self.auth = operation.auth
        self.codec = codec
        self.view = view
        self.is_alias = is_alias
        self.is_limited_by_piece = operation.time_limit == "piece"


class Endpoint:
    """The operations of one path, by method, as an ASGI application; `more` ones are not named in `Allow`."""

    def __init__(
        self, backend: Backend, methods: Mapping[str, Mounted], more: Mapping[str, Mounted] = MappingProxyType({})
    ) -> None:
        self.backend = backend
        self.methods = {**more, **methods}
        if "GET" in self.methods:
            self.methods["HEAD"] = self.methods["GET"]
        named = [name for name in self.methods if name in methods or (name == "HEAD" and "GET" in methods)]
        self.allowed = ", ".join([*named, "OPTIONS"])

    async def __call__(self, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        """Serve one request."""
        mounted = self.methods.get(scope["method"])
        if mounted is None and scope["method"] == "OPTIONS":
            headers = [(b"allow", self.allowed.encode())]
            headers += [(b"accept-patch", ACCEPT_PATCH.encode())] if "PATCH" in self.allowed else []
            await send_answer(scope, send, HttpAnswer(204, headers, b""))
            return
        if mounted is None:
            raise _not_allowed(scope, self.allowed)
        if mounted.is_limited_by_piece and LIMIT in scope:
            receive, send = renewing(scope[LIMIT], receive), renewing(scope[LIMIT], send)
        answer = await self.carry_out(HttpRequest(scope, receive), mounted)
        await send_answer(scope, send, answer, receive)

    async def carry_out(self, request: HttpRequest, mounted: Mounted) -> HttpAnswer:
        """The response of one of the operations."""
        request.view, request.is_alias = mounted.view, mounted.is_alias
        await authenticate(self.backend, request, mounted.auth)
        return await mounted.codec(self.backend, request)


def _not_allowed(scope: AsgiScope, allowed: str) -> Refusal:
    message = f"{scope['path'][:100]} takes {allowed}, not {scope['method'][:20]}"
    return Refusal("method_not_allowed", message, headers=(("Allow", allowed),))


class Tutorial:
    """A tutorial's path for records: of declared collections only; every other name is the page's, or unknown."""

    def __init__(self, endpoint: Endpoint, otherwise: Otherwise) -> None:
        self.endpoint = endpoint
        self.otherwise = otherwise

    async def __call__(self, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        """Serve one request."""
        named, declared = scope["path_params"], self.endpoint.backend.catalogue.entries
        if named["collection"] in _RESERVED or not declared.keys() >= {named[key] for key in named if key != "id"}:
            await self.otherwise(scope, receive, send)
        else:
            await self.endpoint(scope, receive, send)


class Records:
    """Every path below `/v1/records/`: an odd number of names is a collection, an even one a record, or a collection's
    aggregates or bulk inserts."""

    def __init__(self, collection: Endpoint, record: Endpoint, aggregate: Endpoint, bulk: Endpoint) -> None:
        self.collection = collection
        self.record = record
        # A record that had the reserved id before can be read and written.
        self.aggregate = Endpoint(record.backend, aggregate.methods, record.methods)
        self.bulk = Endpoint(record.backend, bulk.methods, record.methods)
        self._direct = _READS if record.backend.commands.has_hooks else _ALL

    async def __call__(self, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        """Serve one request."""
        if scope["path"].endswith("/"):
            raise _no_such_path(scope)
        await self.endpoint(scope["path"])(scope, receive, send)

    def direct(self, method: str, path: str) -> tuple[CarryOut, bool] | None:
        """The direct route of records (`server/middleware/direct.py`): of apps with before-hooks for reads alone."""
        if method not in self._direct or not path.startswith(RECORDS):
            return None
        endpoint = self.endpoint(path)
        mounted = endpoint.methods.get(method)
        return None if mounted is None else (partial(endpoint.carry_out, mounted=mounted), method in _READS)

    def endpoint(self, path: str) -> Endpoint:
        """The operations of a path below `/v1/records/`."""
        if not path.count("/", len(RECORDS)) % 2:
            return self.collection
        if path.endswith(BULK):
            return self.bulk
        return self.aggregate if path.endswith(AGGREGATE) else self.record


class Dispatcher:
    """The way to an endpoint: records first, since they are asked for most."""

    def __init__(self, records: Records, router: Router, otherwise: Otherwise) -> None:
        self.records = records
        self.router = router
        self.otherwise = otherwise
        self._backend = records.record.backend

    async def __call__(self, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["path"].startswith(RECORDS):
            await self.records(scope, receive, send)
        elif scope["type"] == "http" and scope["path"].endswith("\n"):
            raise _no_such_path(scope)  # the router's expressions would pass over it
        elif self.otherwise.page is not None and self._is_page(scope, receive):
            await self.otherwise(scope, receive, send)
        else:
            await self.router(scope, receive, send)

    def _is_page(self, scope: AsgiScope, receive: AsgiReceive) -> bool:
        """Whether the page beside the API answers, as the router would find out after having tried every path."""
        first = first_segment(scope["path"])
        if not first:
            return scope["path"] == "/" and self.otherwise.is_start(scope, receive)
        return first != _SHARED and first not in self.otherwise.taken and first not in self._backend.catalogue.entries

    def taken(self) -> set[str]:
        """The first segments of paths that are the API's now: no file of a page is served there."""
        names = self._backend.catalogue.entries if self._backend.settings.tutorial_paths else ()
        return {*self.otherwise.taken, *names}


class Otherwise:
    """The paths that the API has not: those of the web page beside it, if there is one; else they are unknown.

    `taken` are first segments that are the API's with everything below them.
    """

    def __init__(self, page: PageSource | None, taken: frozenset[str]) -> None:
        self.page = page
        self.taken = taken

    def is_start(self, scope: AsgiScope, receive: AsgiReceive) -> bool:
        """Whether a request for `/` is the page's."""
        return self.page is not None and scope["type"] == "http" and self.page.is_start(HttpRequest(scope, receive))

    async def __call__(self, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        answer = None
        is_page = self.page is not None and SOCKET not in scope and first_segment(scope["path"]) not in self.taken
        if self.page is not None and is_page:
            answer = await self.page.answer(HttpRequest(scope, receive))
        if answer is None:
            raise _no_such_path(scope)
        if LIMIT in scope:  # a large file may take a slow caller long
            receive, send = renewing(scope[LIMIT], receive), renewing(scope[LIMIT], send)
        await send_answer(scope, send, answer, receive)


def _no_such_path(scope: AsgiScope) -> Refusal:
    path = scope["path"][:100]
    place = ascii(place_here(path.rstrip("/")))[1:-1]
    if SOCKET in scope:
        return Refusal(
            "not_found", f"there is no WebSocket at {path!a}; {place or 'connect to /v1/socket or /graphql'}"
        )
    if place:
        return Refusal("not_found", f"no such path: {path!a}; {place}")
    if path.endswith("/") and path.strip("/"):
        return Refusal("not_found", f"no such path: {path!a}; paths have no slash at their end: {path.rstrip('/')!a}")
    if path.startswith(FUNCTIONS):
        name = path.removeprefix(FUNCTIONS)
        return Refusal("not_found", f"this app has no operation {name!a}; /openapi.json lists those there are")
    return Refusal("not_found", f"no such path: {path!a}; / and /openapi.json list those there are")


def mount(
    backend: Backend, streams: Mapping[str, AsgiApp], page: PageSource | None = None, more: Mapping[str, AsgiApp] = {}
) -> Dispatcher:
    """The server's paths: those of the table and of the app's own operations. `streams` are the applications of rows
    whose view is a stream, by the operation's name; `more` are those of other paths; `page` has what remains."""
    table = backend.app.operations
    codecs = {name: _codec(backend, row) for name, row in table.items() if name not in streams}
    paths: dict[str, dict[str, Mounted]] = {}
    aliases: dict[str, dict[str, Mounted]] = {}
    of_records: dict[str, dict[str, Mounted]] = {}
    for name, codec in codecs.items():
        row = table[name]
        target = of_records if row.path.startswith(RECORDS) else paths
        target.setdefault(row.path, {})[row.method] = Mounted(row, codec, row.view, is_alias=False)
        for alias in row.aliases:
            if not alias.is_tutorial:
                paths.setdefault(alias.path, {})[row.method] = Mounted(row, codec, alias.view, is_alias=False)
            elif backend.settings.tutorial_paths:
                mounted = Mounted(row, TUTORIAL_RECORDS.get(name, codec), alias.view, is_alias=True)
                for path in _tutorial_paths(alias.path):
                    target = aliases if path.startswith("/{") else paths
                    target.setdefault(path, {})[row.method] = mounted
    routes = [Route(table[name].path, stream) for name, stream in streams.items()]
    routes += [Route(path, application) for path, application in more.items()]
    routes += [Route(path, Endpoint(backend, methods)) for path, methods in paths.items()]
    otherwise = Otherwise(page, taken_segments([*paths, *of_records, *more]))
    routes += [Route(path, Tutorial(Endpoint(backend, methods), otherwise)) for path, methods in aliases.items()]
    # Without redirects: their target would be the host that the caller names.
    router = Router(routes, redirect_slashes=False, default=otherwise)
    collection, aggregate, bulk, record = (Endpoint(backend, of_records[path]) for path in sorted(of_records))
    return Dispatcher(Records(collection, record, aggregate, bulk), router, otherwise)


def _tutorial_paths(path: str) -> list[str]:
    """The paths of a tutorial's alias: with a slash at its end too, since a redirect would lose a body; those of a
    collection also below a record."""
    paths = [path, f"{path}/{{id}}/{{child}}"] if path == "/{collection}" else [path]
    return [f"{one}{slash}" for one in paths for slash in ("", "/")]


def _codec(backend: Backend, row: Operation) -> Codec:
    if row.name in DOCUMENTS:
        return DOCUMENTS[row.name]
    if row.path.startswith(RECORDS):
        codecs = OF_RECORD if row.path.endswith("/{id}") else OF_COLLECTION
        codecs = OF_AGGREGATE if row.path.endswith(AGGREGATE) else OF_BULK if row.path.endswith(BULK) else codecs
        return codecs[row.method]
    return TypedCodec(row, backend.app.handlers.get(row.name) or HANDLERS[row.name])


def taken_segments(paths: Iterable[str]) -> frozenset[str]:
    """The first segments of the API's paths, which are the API's with everything below them; what others may publish in
    `/.well-known` is not its own."""
    return _PLANNED.union([first_segment(path) for path in paths]) - {"", _SHARED}


def first_segment(path: str) -> str:
    """The first segment of a path."""
    return path[1:].partition("/")[0]


def taken_aliases(names: Sequence[str]) -> list[str]:
    """Those collections whose tutorial path `/{collection}` belongs to the server itself."""
    return [name for name in names if name in _RESERVED]
