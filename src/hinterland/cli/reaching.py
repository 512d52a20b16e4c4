"""How a command reaches a backend: over HTTP where a server has the data folder open, otherwise by opening it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from hinterland.contract.errors import CODES, Problem, Refusal
from hinterland.server.app import opened, storage_for
from hinterland.server.backend import Backend
from hinterland.server.data.schema import stored
from hinterland.server.declaration import App, load
from hinterland.server.settings import Settings, from_environment
from hinterland.server.storage.failures import StorageError
from hinterland.server.storage.ownership import holder

Ask = Callable[[str, dict[str, Any] | None], Awaitable[dict[str, Any]]]
SECONDS = 60.0


def app_of(path: Path | None) -> App:
    """The declared app with the environment's settings over its own; without a file, an empty one."""
    app = load(path) if path is not None else App()
    app.settings = from_environment(app.settings)
    return app


@asynccontextmanager
async def backend(data: Path, path: Path | None) -> AsyncIterator[Backend]:
    """The backend, opened by this process. Without an app file, with the collections that the data was made for."""
    app = app_of(path)
    if path is None:
        app = await _stored_app(app, data)
    async with opened(app, storage_for(app.settings, data)) as parts:
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
    """Sends requests to the running server as its local administrator: POST, or GET without a body. An error response
    is raised as `Refusal`."""
    import httpx2  # a server that starts needs no client

    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=SECONDS, trust_env=False) as client:

        async def ask(path: str, body: dict[str, Any] | None) -> dict[str, Any]:
            method, content = ("GET", None) if body is None else ("POST", msgspec.json.encode(body))
            try:
                answer = await client.request(method, path, content=content)
            except httpx2.HTTPError as error:
                said = str(error) or type(error).__name__
                raise Refusal(
                    "unavailable", f"the server at {url} no longer responds ({said}); check that it is running"
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
