"""A whole backend inside a test: the real server over a real SQLite in a folder that goes with it."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from copy import copy
from pathlib import Path
from typing import Any

import msgspec

from hinterland.client.client import Client
from hinterland.client.transports.inprocess import InProcess
from hinterland.contract.records import Collection
from hinterland.kit.clock import Clock, SystemClock
from hinterland.server.app import Server
from hinterland.server.declaration import App
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage

URL = "http://127.0.0.1"


class TestBackend:
    """A running `server`, and clients that reach it without a network."""

    __test__ = False  # no test itself

    def __init__(self, server: Server, stack: AsyncExitStack) -> None:
        self.server = server
        self._stack = stack

    def transport(self) -> InProcess:
        """A new transport straight into the server, to put a faulty network or a listener around it."""
        return InProcess(self.server, is_running=True)

    async def client(self, **settings: Any) -> Client:
        """A new client, closed with the backend. `settings` are those of `Client`."""
        settings.setdefault("transport", self.transport())
        settings.setdefault("clock", self.server.clock)
        return await self._stack.enter_async_context(Client(settings.pop("url", URL), **settings))


@asynccontextmanager
async def running_backend(
    app: App | Sequence[Collection] = (),
    *,
    folder: Path | None = None,
    storage: Storage | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[TestBackend]:
    """The backend of `app`, or of an app with these collections, while the block lasts.

    Without a `folder`, or a `storage` of your own, the data are gone afterwards. Passwords are hashed cheaply, so that
    a test can sign up many.
    """
    declared = app if isinstance(app, App) else App(collections=app)
    async with AsyncExitStack() as stack:
        place = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hinterland-")))
        server = Server(_cheap(declared), storage or SqliteStorage(place), clock or SystemClock())
        await stack.enter_async_context(server.running())
        # Clients end before the server, however late they were made.
        clients = await stack.enter_async_context(AsyncExitStack())
        yield TestBackend(server, clients)


def _cheap(app: App) -> App:
    auth = msgspec.structs.replace(app.settings.auth, hash_memory_kib=64, hash_passes=1)
    cheap = copy(app)  # with its hooks and its own operations
    cheap.settings = msgspec.structs.replace(app.settings, auth=auth)
    return cheap
