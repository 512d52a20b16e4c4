"""A whole server in this process and plain HTTP calls to it, without a network."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from hinterland.contract.changes import Write
from hinterland.contract.fields import Boolean, Bytes, Instant, Int64, Integer, Json, List, Number, Text
from hinterland.contract.records import EVERYBODY, Collection, Rules, users
from hinterland.kit.clock import ManualClock
from hinterland.server.app import Server
from hinterland.server.backend import Backend
from hinterland.server.data.requests import OF_IMPORT, WriteRequest, WriteResult
from hinterland.server.declaration import App
from hinterland.server.settings import AuthSettings, Settings
from hinterland.server.storage.protocol import Storage

FAST = AuthSettings(hash_memory_kib=8, hash_passes=1)
OWN = "auth.id == record.owner"
NOTES = Collection(
    name="notes",
    fields={
        "text": Text(required=True, max_length=100),
        "owner": Text(fill="auth.id"),
        "slug": Text(unique=True),
        "secret": Text(read="'staff' in auth.roles"),
    },
    rules=Rules(list=OWN, view=OWN, create=OWN, update=f"auth.id == old.owner && {OWN}", delete=OWN),
)
THINGS = Collection(
    name="things",
    fields={
        "text": Text(),
        "whole": Integer(),
        "number": Number(),
        "flag": Boolean(),
        "at": Instant(),
        "big": Int64(),
        "bytes": Bytes(),
        "any": Json(),
        "tags": List(of=Text()),
    },
    rules=EVERYBODY,
)
POSTS = Collection(name="posts", fields={"title": Text()}, rules=EVERYBODY, ids="integer")
COMMENTS = Collection(name="comments", fields={"text": Text()}, rules=EVERYBODY, parent="posts")
CLOSED = Collection(name="closed", fields={"text": Text()})
COLLECTIONS = (users(), NOTES, THINGS, POSTS, COMMENTS, CLOSED)


class Api:
    """A running server: `http` asks it, `backend` is what is behind it."""

    def __init__(self, server: Server, backend: Backend, http: httpx2.AsyncClient) -> None:
        self.server = server
        self.backend = backend
        self.http = http

    async def __call__(self, method: str, path: str, **more: Any) -> httpx2.Response:
        """One call."""
        return await self.http.request(method, path, **more)

    async def write(self, *writes: Write) -> WriteResult:
        """Write behind the rules' back."""
        return await self.backend.commands.submit(WriteRequest(writes, rights=OF_IMPORT))

    async def sign_up(self, name: str) -> dict[str, Any]:
        """Make a user; the session, with `headers` that carry it."""
        person = {"name": name, "email": f"{name}@example.org", "password": "correct horse"}
        answer = await self("POST", "/v1/auth/signup", json=person)
        assert answer.status_code == 201, answer.text
        session: dict[str, Any] = answer.json()
        return {**session, "headers": {"Authorization": f"Bearer {session['token']}"}}

    @property
    def admin(self) -> dict[str, str]:
        """The headers of the administrator on this machine."""
        return {"Authorization": f"Bearer {self.backend.control.decode()}"}


@asynccontextmanager
async def serving(
    storage: Storage,
    *,
    collections: Sequence[Collection] = COLLECTIONS,
    auth: AuthSettings = FAST,
    declare: Callable[[App], None] = lambda app: None,
    auth_fields: Sequence[str] = (),
    **settings: Any,
) -> AsyncIterator[Api]:
    """The server of an app with these collections and settings, and what `declare` adds, while the block lasts."""
    app = App(name="tests", collections=collections, settings=Settings(auth=auth, **settings), auth_fields=auth_fields)
    declare(app)
    server = Server(app, storage, ManualClock())
    transport = httpx2.ASGITransport(server)
    async with server.running() as backend, httpx2.AsyncClient(transport=transport, base_url="http://test") as http:
        yield Api(server, backend, http)


def located(answer: httpx2.Response) -> str:
    """The path that an answer's Location leads to, which is relative to the request's."""
    return str(answer.url.join(answer.headers["location"]).path)


def problem(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """The problem of an answer that must be one: problem+json of this status and code, with nothing of our insides."""
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["code"], body["status"]) == (status, code, status), answer.text
    assert answer.headers["content-type"] == "application/problem+json; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-request-id"] == body["request_id"]
    assert body["message"]
    assert body["title"]
    for inside in ("Traceback", "SELECT", "INSERT", "/src/", ".py", "asyncpg", "apsw"):
        assert inside not in answer.text
    return body
