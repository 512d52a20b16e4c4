"""Ids with any characters that an id may have, through every way to a record, on server and device."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import msgspec
import pytest

from hinterland.client.client import Client
from hinterland.client.errors import NotFound, ValidationFailed
from hinterland.client.vault.memory import MemoryVault
from hinterland.contract.fields import Text
from hinterland.contract.imports import Import
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.kit.clock import ManualClock
from hinterland.server.app import Server
from hinterland.server.declaration import App
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from hinterland.testing.backend import TestBackend, running_backend
from tests.server.api import located

NOTES = Collection(name="notes", fields={"text": Text()}, rules=EVERYBODY)
LINES = Collection(name="lines", fields={"text": Text()}, parent="notes", rules=EVERYBODY)
IDS = ['a"b', "a\\b", "é😀", "user:1", "a b", " ", "a%2Fb", "a.b", "...", "?q#f", "&=+;,", "ada@example.org", "x" * 128,
       "é" * 64, "a\u2028b", "'; DROP TABLE notes; --", "<b>", "{id}"]  # fmt: skip
NO_IDS = ["a/b", "~a", "__a", "x" * 129, "a\n", "."]


@pytest.fixture(params=["sqlite", "postgres"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Each database."""
    if request.param == "sqlite":
        return SqliteStorage(tmp_path / "data")
    return PostgresStorage(request.getfixturevalue("postgres_dsn"), connections=4)


async def test_over_http(storage: Storage) -> None:
    """A record with such an id is created by POST and by PUT, found at its Location and by its percent-encoded path,
    listed, compared, changed and deleted; and records below it are."""
    server = Server(App(collections=[NOTES, LINES]), storage, ManualClock())
    transport = httpx2.ASGITransport(server)
    async with server.running(), httpx2.AsyncClient(transport=transport, base_url="http://test") as http:
        for id in IDS:
            place = f"/v1/records/notes/{quote(id, safe='')}"
            made = await http.post("/v1/records/notes", json={"id": id, "text": "one"})
            assert (made.status_code, made.json()["id"]) == (201, id)
            url = made.url.join(made.headers["location"])
            assert (await http.get(url)).json() == (await http.get(place)).json() == made.json()
            assert (await http.patch(place, json={"text": "two"})).json()["text"] == "two"
            line = await http.post(f"{place}/lines", json={"id": id, "text": "line"})
            assert line.status_code == 201
            assert (await http.get(line.url.join(line.headers["location"]))).json() == line.json()
            found = (await http.get("/v1/records/notes", params={"id": id})).json()["items"]
            assert [note["id"] for note in found] == [id]
            assert (await http.get(f"/notes/{quote(id, safe='')}")).json() == found[0]
            assert (await http.delete(place)).status_code == 204
            put = await http.put(place, json={"text": "three"}, headers={"If-None-Match": "*"})
            assert (put.status_code, put.json()["id"]) == (201, id)
            assert located(put) == httpx2.URL(f"http://test{place}").path
        listed = (await http.get("/v1/records/notes", params={"limit": 100})).json()["items"]
        assert sorted(note["id"] for note in listed) == sorted(IDS)
        assert [note["id"] for note in listed] == sorted(IDS, key=str.encode)
        for id in NO_IDS:
            refused = await http.post("/v1/records/notes", json={"id": id})
            assert (refused.status_code, [*refused.json()["errors"]]) == (400, ["id"])


async def device(backend: TestBackend, path: Path) -> Client:
    """A signed-in client with a local store."""
    client = await backend.client(store=path, vault=MemoryVault(), collections=[NOTES, LINES])
    await client.auth.sign_up(name="Ada", email=f"{path.stem}@example.org", password="a long walk outside")
    client.local.collection("notes")
    client.local.collection("lines", parent="notes/x")
    return client


async def test_through_sync(storage: Storage, tmp_path: Path) -> None:
    """A record that a device creates with such an id reaches the server, its events and other devices, which change it
    in turn; the same ids are refused on the device and by the server."""
    async with running_backend([NOTES, LINES], storage=storage) as backend:
        phone, laptop = await device(backend, tmp_path / "phone.db"), await device(backend, tmp_path / "laptop.db")
        notes = phone.local.collection("notes")
        async with aclosing(laptop.events(["notes", "lines"])) as events:
            await anext(events)  # the stream is open
            for id in IDS:
                assert (await notes.create({"id": id, "text": "mine"})).id == id
                await phone.local.collection("lines", parent=f"notes/{id}").create({"id": id, "text": "line"})
            await phone.sync.now()
            seen = [change async for change in _changes(events, 2 * len(IDS))]
        assert {change["id"] for change in seen} == {*IDS}
        assert {change["parent"] for change in seen if change["collection"] == "lines"} == {f"notes/{id}" for id in IDS}
        await laptop.sync.now()
        for id in IDS:
            assert (await laptop.local.collection("notes").get(id))["text"] == "mine"
            await laptop.local.collection("notes").update(id, {"text": "ours"})
            below = laptop.collection("lines", parent=f"notes/{id}")
            assert (await below.get(id))["text"] == "line"
            assert [line["id"] for line in (await below.list(id=id)).items] == [id]
        await laptop.sync.now()
        await phone.sync.now()
        assert {note["text"] for note in (await notes.list(limit=100)).items} == {"ours"}
        for id in NO_IDS:
            if id != "~a":  # a stand-in, on a device
                with pytest.raises(ValidationFailed):
                    await notes.create({"id": id})
            with pytest.raises(NotFound):
                await phone.collection("notes").get(id)


async def _changes(events: Any, count: int) -> Any:
    """The next changes of a stream."""
    async for event in events:
        for change in msgspec.to_builtins(event).get("changes", ()):
            yield change
            count -= 1
        if not count:
            return


async def test_through_an_import(storage: Storage) -> None:
    """Rows come with such ids, as JSON and as text."""
    async with running_backend([NOTES, LINES], storage=storage) as backend:
        assert backend.server.backend is not None
        for is_text in (False, True):
            rows = [{"id": f"{id[:100]}{is_text}"[-60:], "text": "x"} for id in IDS]
            result = await backend.server.backend.importer.run("notes", Import(rows=rows, is_text=is_text))
            assert (result.created, result.refused) == (len(IDS), [])
        lines = [{"id": 'a"b', "parent": f"notes/{IDS[0]}{False}"}]
        assert (await backend.server.backend.importer.run("lines", Import(rows=lines))).created == 1
