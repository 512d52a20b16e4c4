"""How a command calls operations: over HTTP where a server has the data folder open, otherwise by opening it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from hinterland.contract.accounts import Form
from hinterland.contract.errors import CODES, Problem, Refusal
from hinterland.contract.operations import OPERATIONS
from hinterland.server.app import opened, storage_for
from hinterland.server.backend import Backend
from hinterland.server.data.catalogue import DeclarationError
from hinterland.server.data.schema import stored
from hinterland.server.declaration import App, load
from hinterland.server.settings import Settings, from_environment
from hinterland.server.storage.failures import StorageError
from hinterland.server.storage.ownership import holder

SECONDS = 60.0


class Ask(Protocol):
    """Calls operations as this machine's administrator."""

    async def __call__(self, name: str, body: object = None, **segments: str) -> dict[str, Any]:
        """The output of an operation of the table, {} where it has none. Raises the `Refusal` that ends it."""
        ...


def app_of(path: Path | None) -> App:
    """The declared app with the environment's settings over its own; without a file, an empty one."""
    app = load(path) if path is not None else App()
    app.settings = from_environment(app.settings)
    return app


@asynccontextmanager
async def operations(data: Path, path: Path | None) -> AsyncIterator[Ask]:
    """Operations, carried out by the server that has the data folder open, else by this process, which opens it."""
    if (server := running(data, path)) is not None:
        async with control(*server) as ask:
            yield ask
    else:
        async with backend(data, path) as parts:
            yield _LocalOperations(parts)


class _LocalOperations:
    """Operations of a backend that this process has open."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def __call__(self, name: str, body: object = None, **segments: str) -> dict[str, Any]:
        from hinterland.server.callers import LOCAL_ADMINISTRATOR  # a running server has its own
        from hinterland.server.operations.call import Call, Reply
        from hinterland.server.operations.table import HANDLERS

        given = body if body is None or not segments else {**msgspec.to_builtins(body), **segments}
        kind = OPERATIONS[name].input
        if isinstance(kind, type) and not issubclass(kind, Form):
            given = msgspec.convert(given, kind)
        output = await HANDLERS[name](self._backend, Call(caller=LOCAL_ADMINISTRATOR, input=given))
        output = output.output if isinstance(output, Reply) else output
        result: dict[str, Any] = {} if output is None else msgspec.to_builtins(output)
        return result


@asynccontextmanager
async def backend(data: Path, path: Path | None) -> AsyncIterator[Backend]:
    """The backend, opened by this process. Without an app file, with the collections that the data was made for."""
    app = app_of(path)
    if path is None:
        app = await _stored_app(app, data)
    async with AsyncExitStack() as stack:
        try:
            parts = await stack.enter_async_context(opened(app, storage_for(app.settings, data)))
        except DeclarationError as error:
            if path is not None:
                raise
            # What only the file has, such as `auth_fields`, is not among the stored declarations.
            raise DeclarationError(f"the app file is needed; give it with --app ({error})") from error
        yield parts


async def _stored_app(app: App, data: Path) -> App:
    demand_database(app.settings, data, ", or the app file with --app to make one")
    storage = storage_for(app.settings, data)
    await storage.open()
    try:
        known = await stored(storage)
    finally:
        await storage.close()
    return App(collections=list(known.values()), settings=app.settings)


def demand_database(settings: Settings, data: Path, otherwise: str = "") -> None:
    """Raises `StorageError` where the folder has no database, so that a mistyped name does not create one."""
    if not settings.database_url and not any(data.glob("*.db")):
        raise StorageError(f"no database in {data}; give its folder with --data{otherwise}")


def running(data: Path, path: Path | None) -> tuple[str, str] | None:
    """The url and the control token of the server that owns the folder; None where none runs, and where the app's
    records are in PostgreSQL: a server that owns the folder then has another database."""
    facts = {} if app_of(path).settings.database_url else holder(data)
    if "url" in facts and "control" in facts:
        return str(facts["url"]), str(facts["control"])
    return None


@asynccontextmanager
async def control(url: str, token: str) -> AsyncIterator[Ask]:
    """The operations of the running server, over HTTP."""
    import httpx2  # a server that starts needs no client

    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=SECONDS, trust_env=False) as client:

        async def ask(name: str, body: object = None, **segments: str) -> dict[str, Any]:
            row = OPERATIONS[name]
            query = body if row.method == "GET" and isinstance(body, dict) else None
            content = None if body is None or query is not None else msgspec.json.encode(body)
            # One segment each, and no dots that climb.
            path = row.path_of(**{key: quote(text, safe="").replace(".", "%2E") for key, text in segments.items()})
            try:
                answer = await client.request(row.method, path, params=query, content=content)
            except httpx2.HTTPError as error:
                cause = str(error) or type(error).__name__
                raise Refusal(
                    "unavailable", f"the server at {url} no longer responds ({cause}); check that it is running"
                ) from error
            if answer.status_code >= 400:
                raise _refusal(url, answer.status_code, answer.content)
            result: dict[str, Any] = answer.json() if answer.content else {}
            return result

        yield ask


def _refusal(url: str, status: int, content: bytes) -> Refusal:
    try:
        problem = msgspec.json.decode(content, type=Problem)
    except msgspec.MsgspecError:
        return Refusal("unavailable", f"{url} returned status {status}, without a problem document; check the address")
    code = problem.code if problem.code in CODES else "internal"
    return Refusal(code, problem.message, errors=problem.errors)
