"""A whole backend inside a test."""

from __future__ import annotations

from pathlib import Path

import pytest

from hinterland.client.errors import ValidationFailed
from hinterland.client.transports.inprocess import InProcess
from hinterland.contract.fields import Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.server.backend import Backend
from hinterland.server.declaration import App
from hinterland.server.hooks import BeforeWrite, Refuse
from hinterland.server.operations.call import Call
from hinterland.testing.backend import running_backend

NOTES = Collection(name="notes", fields={"text": Text()}, rules=EVERYBODY)


async def test_a_backend_for_the_time_of_a_test() -> None:
    """Clients of a backend in memory see one another's records; the next backend is empty."""
    for _ in range(2):
        async with running_backend([NOTES]) as backend:
            one, other = await backend.client(), await backend.client()
            assert (await other.collection("notes").list()).items == []
            await one.collection("notes").create({"text": "hello"})
            assert [note["text"] for note in (await other.collection("notes").list()).items] == ["hello"]


async def test_a_backend_in_a_folder_stays(tmp_path: Path) -> None:
    """With a folder the records are there in the next run; an app is taken as it is declared."""
    for count in (1, 2):
        async with running_backend(App(collections=[NOTES]), folder=tmp_path) as backend:
            client = await backend.client()
            await client.collection("notes").create({"text": "kept"})
            assert len((await client.collection("notes").list()).items) == count


async def test_the_server_can_be_carried_by_its_lifespan() -> None:
    """The same server as a plain ASGI app: it opens with the transport's first request and closes with it."""
    async with running_backend([NOTES]) as backend:
        response = await (await backend.client()).request("GET", "/health")
        assert response.status == 200
        assert isinstance(backend.transport(), InProcess)


async def test_hooks_and_operations_of_an_app() -> None:
    """An app's hooks run in its test backend, and its own operations answer there, as in the app that it serves."""
    app = App(collections=[NOTES])

    @app.before("notes", "create")
    async def check(write: BeforeWrite) -> None:
        if write.body["text"] == "bad":
            raise Refuse("bad notes are refused")

    @app.operation("answer")
    async def answer(backend: Backend, call: Call[None]) -> int:
        return 42

    async with running_backend(app) as backend:
        client = await backend.client()
        with pytest.raises(ValidationFailed, match="bad notes are refused"):
            await client.collection("notes").create({"text": "bad"})
        await client.auth.sign_up(name="Ada", email="ada@example.org", password="7 lean oysters")
        assert await client.call("answer") == 42
    assert app.settings.auth.hash_memory_kib > 64
