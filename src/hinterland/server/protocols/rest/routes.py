"""The table of operations, mounted: each path once, each method its handler, aliases with their view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.routing import Route, Router

from hinterland.contract.errors import Refusal
from hinterland.contract.operations import OPERATIONS, Operation
from hinterland.server.backend import Backend
from hinterland.server.callers import authenticate
from hinterland.server.http import Handler, HttpAnswer, HttpRequest, Receive, Scope, Send, send_answer
from hinterland.server.protocols.rest.records import RECORDS

_RECORD_OPERATIONS = ("records.list", "records.create", "records.view", "records.replace", "records.patch",
                      "records.delete")  # fmt: skip
_RESERVED = frozenset({"v1", "api", "auth", "health", "healthz", "readyz", "metrics", "graphql", "favicon"})


class Mounted:
    """One operation at one path: who may call, which view answers, and the handler."""

    __slots__ = ("auth", "handler", "is_alias", "view")

    def __init__(self, operation: Operation, handler: Handler, view: str, *, is_alias: bool) -> None:
        self.auth = operation.auth
        self.handler = handler
        self.view = view
        self.is_alias = is_alias


class Endpoint:
    """The operations of one path, by method, as an ASGI application."""

    def __init__(self, backend: Backend, methods: Mapping[str, Mounted]) -> None:
        self.backend = backend
        self.methods = dict(methods)
        if "GET" in self.methods:
            self.methods["HEAD"] = self.methods["GET"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        mounted = self.methods.get(scope["method"])
        if mounted is None and scope["method"] == "OPTIONS":
            await send_answer(scope, send, HttpAnswer(204, [(b"allow", _allowed(self.methods).encode())], b""))
            return
        if mounted is None:
            raise _not_allowed(scope, self.methods)
        request = HttpRequest(scope, receive)
        request.view, request.is_alias = mounted.view, mounted.is_alias
        await authenticate(self.backend, request, mounted.auth)
        answer = await mounted.handler(self.backend, request)
        await send_answer(scope, send, answer)


def _allowed(methods: Mapping[str, Mounted]) -> str:
    return ", ".join([*methods, "OPTIONS"])


def _not_allowed(scope: Scope, methods: Mapping[str, Mounted]) -> Refusal:
    allowed = _allowed(methods)
    message = f"{scope['path'][:100]} takes {allowed}, not {scope['method'][:20]}"
    return Refusal("method_not_allowed", message, headers=(("Allow", allowed),))


class Tutorial:
    """A tutorial's path for records of a collection: one of declared collections only, every other name is no path."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        name = scope["path_params"]["collection"]
        if name in _RESERVED or name not in self.endpoint.backend.catalogue.entries:
            raise _no_such_path(scope)
        await self.endpoint(scope, receive, send)


class Records:
    """Every path below `/v1/records/`: an odd number of names is a collection, an even one a record."""

    def __init__(self, collection: Endpoint, record: Endpoint) -> None:
        self.collection = collection
        self.record = record

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["path"].endswith("/"):
            raise _no_such_path(scope)
        is_record = scope["path"].count("/", len(RECORDS)) % 2
        await (self.record if is_record else self.collection)(scope, receive, send)


class Dispatcher:
    """The way to an endpoint: records first, since they are asked for most."""

    def __init__(self, records: Records, router: Router) -> None:
        self.records = records
        self.router = router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["path"].startswith(RECORDS):
            await self.records(scope, receive, send)
        else:
            await self.router(scope, receive, send)


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        raise _no_such_path(scope)


def _no_such_path(scope: Scope) -> Refusal:
    path = scope["path"][:100]
    if path.endswith("/") and path.strip("/"):
        return Refusal("not_found", f"no such path: {path!a}; paths have no slash at their end: {path.rstrip('/')!a}")
    return Refusal("not_found", f"no such path: {path!a}; / and /openapi.json list those there are")


def mount(backend: Backend, handlers: Mapping[str, Handler], streams: Sequence[Route]) -> Dispatcher:
    """The server's paths. `handlers` by operation name; `streams` are mounted as they are."""
    paths: dict[str, dict[str, Mounted]] = {}
    aliases: dict[str, dict[str, Mounted]] = {}
    for name, handler in handlers.items():
        operation = OPERATIONS[name]
        if name not in _RECORD_OPERATIONS:
            canonical = Mounted(operation, handler, operation.view, is_alias=False)
            paths.setdefault(operation.path, {})[operation.method] = canonical
        for alias in operation.aliases if backend.settings.tutorial_paths or name == "health" else ():
            mounted = Mounted(operation, handler, alias.view, is_alias=True)
            target = aliases if alias.path.startswith("/{") else paths
            target.setdefault(alias.path, {})[operation.method] = mounted
    routes = [Route(path, Endpoint(backend, methods)) for path, methods in paths.items()]
    routes += [Route(path, Tutorial(Endpoint(backend, methods))) for path, methods in aliases.items()]
    # Without redirects: their target would be the host that the caller names.
    router = Router([*streams, *routes], redirect_slashes=False, default=_not_found)
    return Dispatcher(_records(backend, handlers), router)


def _records(backend: Backend, handlers: Mapping[str, Handler]) -> Records:
    def endpoint(*names: str) -> Endpoint:
        operations = [OPERATIONS[name] for name in names]
        return Endpoint(backend, {o.method: Mounted(o, handlers[o.name], o.view, is_alias=False) for o in operations})

    return Records(endpoint(*_RECORD_OPERATIONS[:2]), endpoint(*_RECORD_OPERATIONS[2:]))


def taken_aliases(names: Sequence[str]) -> list[str]:
    """Those collections whose tutorial path `/{collection}` belongs to the server itself."""
    return [name for name in names if name in _RESERVED]
