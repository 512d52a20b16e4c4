"""How a command reaches a backend: over HTTP where a server owns the data folder, else by opening it itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from hinterland.cli.output import fail
from hinterland.contract.errors import Problem
from hinterland.server.app import opened, storage_for
from hinterland.server.backend import Backend
from hinterland.server.data.catalogue import DeclarationError
from hinterland.server.data.schema import SchemaChange, stored
from hinterland.server.declaration import App, AppFileError, load
from hinterland.server.settings import SettingsError, from_environment
from hinterland.server.storage.failures import StorageError
from hinterland.server.storage.ownership import holder

Post = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]
TROUBLES = (StorageError, SchemaChange, DeclarationError, AppFileError, SettingsError)


def app_of(path: Path | None) -> App:
    """The declared app with the environment's settings over its own; without a file, an empty one."""
    app = load(path) if path is not None else App()
    app.settings = from_environment(app.settings)
    return app


@asynccontextmanager
async def backend(data: Path, path: Path | None) -> AsyncIterator[Backend]:
    """The backend, opened by this process. Without an app file, with the collections that the data was made for."""
    app = app_of(path)
    storage = storage_for(app.settings, data)
    if path is None:
        await storage.open()
        try:
            known = await stored(storage)
        finally:
            await storage.close()
        app = App(collections=list(known.values()), settings=app.settings)
        storage = storage_for(app.settings, data)
    async with opened(app, storage) as parts:
        yield parts


def running(data: Path) -> tuple[str, str] | None:
    """The url and the control token of the server that owns the folder; None where none runs."""
    facts = holder(data)
    if "url" in facts and "control" in facts:
        return str(facts["url"]), str(facts["control"])
    return None


@asynccontextmanager
async def control(url: str, token: str) -> AsyncIterator[Post]:
    """A way to post to the running server as its local administrator."""
    import httpx2  # a server that starts needs no client

    async with httpx2.AsyncClient(base_url=url, headers={"authorization": f"Bearer {token}"}, timeout=60) as client:

        async def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
            answer = await client.post(path, content=msgspec.json.encode(body),
                                       headers={"content-type": "application/json"})  # fmt: skip
            if answer.status_code >= 400:
                problem = msgspec.json.decode(answer.content, type=Problem)
                fail(problem.message)
            result: dict[str, Any] = answer.json()
            return result

        yield post
