"""Collections that take fields which they don't declare, through every way to a record, on server and device."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from hinterland.client.client import Client
from hinterland.client.errors import BadRequest, ValidationFailed
from hinterland.client.vault.memory import MemoryVault
from hinterland.contract.fields import Integer, Text
from hinterland.contract.imports import Import
from hinterland.contract.records import EVERYBODY, Collection, Rules
from hinterland.server.data.migration import Migration, migrate
from hinterland.server.data.schema import SchemaChange
from hinterland.server.protocols.rest.openapi import document
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from hinterland.testing.backend import TestBackend, running_backend

NOTES = Collection(name="notes", is_open=True, rules=EVERYBODY)
MIXED = Collection(name="mixed", is_open=True, fields={"rank": Integer(index=True)}, rules=EVERYBODY)
OWN = 'record.kind == "public" || record.meta.owner == auth.id'
RULED = Collection(name="ruled", is_open=True, rules=Rules(list=OWN, view=OWN, create="true", update=OWN))
ALL = [NOTES, MIXED, RULED]
ROME: dict[str, Any] = {"title": "One", "meta": {"city": "Rome", "tags": ["a", "b"]}, "stars": 3, "done": True}
PARIS: dict[str, Any] = {"title": "2", "meta": {"city": "Paris"}, "stars": 2.5, "Ünï code": None, "a-b": [1]}


@pytest.fixture(params=["sqlite", "postgres"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Each database."""
    if request.param == "sqlite":
        return SqliteStorage(tmp_path / "data")
    return PostgresStorage(request.getfixturevalue("postgres_dsn"), connections=4)


async def device(backend: TestBackend, path: Path) -> Client:
    """A signed-in client with a local store that has the declarations."""
    client = await backend.client(store=path, vault=MemoryVault(), collections=ALL)
    await client.auth.sign_up(name="Ada", email=f"{path.stem}@example.org", password="a long walk outside")
    for collection in ALL:
        client.local.collection(collection.name)
    return client


async def titles(repository: Any, **question: Any) -> list[str]:
    """The titles that a list answers with, in order of their text."""
    return sorted(note["title"] for note in (await repository.list(**question)).items)


async def test_fields_of_any_kind(storage: Storage, tmp_path: Path) -> None:
    """Such records are created, listed, filtered by what is in them, compared, imported and synced, with the same
    answers from server and device; PUT replaces all, PATCH merges member by member, null takes out."""
    async with running_backend(ALL, storage=storage) as backend:
        client = await device(backend, tmp_path / "app.db")
        notes, local = client.collection("notes"), client.local.collection("notes")
        made = await notes.create(ROME)
        assert {name: made[name] for name in ROME} == ROME
        assert "Ünï code" not in await notes.create(PARIS)
        assert backend.server.backend is not None
        rows = [{"title": "3", "stars": "3", "meta": "x"}]
        assert (await backend.server.backend.importer.run("notes", Import(rows=rows, is_text=True))).refused == []
        await client.sync.now()
        for repository, small in (
            (notes, 0),
            (local, 100),
            (local, -1),
        ):  # by reading, and by SQL
            client.local.scope.small = small
            assert await titles(repository) == ["2", "3", "One"]
            assert await titles(repository, filter='record.meta.city == "Rome"') == ["One"]
            assert await titles(repository, filter='record.meta.city in ["Rome", "Paris"] && record.stars > 2') == [
                "2", "One"
            ]  # fmt: skip
            assert await titles(repository, filter='"b" in record.meta.tags && record.done') == ["One"]
            assert await titles(repository, filter="!has(record.done) && has(record.meta)") == ["2", "3"]
            assert await titles(repository, stars="3") == ["3", "One"]
            assert await titles(repository, done=True) == ["One"]
            assert await titles(repository, title="2") == ["2"]
            assert await titles(repository, where={"a-b": None}) == ["3", "One"]
            assert await titles(repository, where={"in": None, "Ünï": None}, done=True) == ["One"]
        patched = await notes.update(
            made["id"],
            {"meta": {"city": None, "zip": 1}, "done": None, "stars": {"$increment": 2}, "seen": {"$now": True}},
        )
        assert patched["meta"] == {"tags": ["a", "b"], "zip": 1}
        assert ("done" in patched, patched["stars"], patched["seen"][-1]) == (False, 5, "Z")
        assert {*await notes.replace(made["id"], {"x": 1})} == {"id", "created_at", "updated_at", "revision", "x"}
        with pytest.raises(ValidationFailed):
            await notes.update(made["id"], {"x": {"$add": [1]}})


async def test_two_devices(storage: Storage, tmp_path: Path) -> None:
    """Edits of different fields, and of different members, from two devices that are away both stay; a lost one of the
    same is reported."""
    async with running_backend(ALL, storage=storage) as backend:
        phone, laptop = await device(backend, tmp_path / "phone.db"), await device(backend, tmp_path / "laptop.db")
        mine, theirs = phone.local.collection("mixed"), laptop.local.collection("mixed")
        first = await mine.create({"rank": 1, "text": "a", "meta": {"a": 1, "b": 1}, "n": 1})
        assert (await mine.get(first.id))["meta"] == {"a": 1, "b": 1}
        await phone.sync.now()
        await laptop.sync.now()
        early = await mine.update(first.id, {"text": "b", "meta": {"a": 2}, "n": {"$increment": 10}})
        await theirs.update(first.id, {"more": True, "meta": {"b": 2}, "text": "c", "n": {"$increment": 100}})
        await laptop.sync.now()
        await phone.sync.now()
        await laptop.sync.now()
        records = [await repository.get(first.id) for repository in (mine, theirs)]
        assert records[0] == records[1]
        assert (records[0]["meta"], records[0]["more"], records[0]["n"]) == ({"a": 2, "b": 2}, True, 111)
        assert records[0]["text"] == "c"
        assert [lost.field for lost in (await early.settled()).lost] == ["text"]


async def test_rules_and_events(storage: Storage, tmp_path: Path) -> None:
    """Rules and the filters of streams read undeclared fields; what is missing or of another kind denies."""
    async with running_backend(ALL, storage=storage) as backend:
        client, other = await device(backend, tmp_path / "app.db"), await device(backend, tmp_path / "b.db")
        me = (await client.auth.me())["id"]
        ruled = client.collection("ruled")
        async with aclosing(other.events(["ruled"], filter="record.n > 1")) as events:
            await anext(events)  # the stream is open
            shown: list[dict[str, Any]] = [{"kind": "public", "n": 1}, {"meta": {"owner": me}, "n": 5}]
            for body in (*shown, {"kind": "public", "n": 7}):
                await ruled.create(body)
            others: list[dict[str, Any]] = [{"kind": 1}, {"meta": "x", "kind": None}, {}]
            for body in others:
                await ruled.create(body)
            event: Any = await anext(events)
            assert [change.record["n"] for change in event.changes] == [7]
        assert sorted(record["n"] for record in (await ruled.list()).items) == [1, 5, 7]
        assert sorted(record["n"] for record in (await other.collection("ruled").list()).items) == [1, 7]
        await other.sync.now()
        assert sorted(record["n"] for record in (await other.local.collection("ruled").list()).items) == [1, 7]


async def test_what_can_not_be_asked(storage: Storage, tmp_path: Path) -> None:
    """An undeclared field has no order, since it has no index; a name that CEL has no path for is refused."""
    async with running_backend(ALL, storage=storage) as backend:
        notes = (await device(backend, tmp_path / "app.db")).collection("notes")
        for question in ({"sort": ["title"]}, {"where": {'a"b': 1}}, {"filter": "record.title == record.stars"}):
            with pytest.raises(BadRequest):
                await notes.list(**question)


async def _migrated(storage: Storage, *collections: Collection) -> Migration:
    return await migrate(storage, collections, 1.0)


async def test_an_open_collection_is_declared_later(tmp_path: Path) -> None:
    """A field that is declared later takes the values that records have, or the migration says which do not fit; a
    collection that is closed drops the others. Neither happens without a migration, and OpenAPI tells the two apart."""
    storage = SqliteStorage(tmp_path)
    async with running_backend([NOTES], storage=storage) as backend:
        notes = (await backend.client(vault=MemoryVault())).collection("notes")
        await notes.create({"id": "a", "stars": 3, "title": "x"})
        await notes.create({"id": "b", "stars": "many"})
        strict = Collection(name="notes", is_open=True, fields={"stars": Integer(index=True)}, rules=EVERYBODY)
        closed = Collection(name="notes", fields={"stars": Text()}, rules=EVERYBODY)
        [problem] = (await _migrated(storage, strict)).problems
        assert 'notes/b: stars is "many", and must be a whole number' in problem
        await notes.update("b", {"stars": 5})
        assert (await _migrated(storage, strict)).problems == ()
    for declared in (strict, closed):
        if declared is closed:
            with pytest.raises(SchemaChange, match="notes is not open any longer"):
                async with running_backend([closed], folder=tmp_path):
                    pass
            again = SqliteStorage(tmp_path)
            async with running_backend([strict], storage=again):
                done = await _migrated(again, closed)
                assert done.problems == ()
                assert "close notes: drop the other fields of 1 record" in done.steps
        async with running_backend([declared], folder=tmp_path) as backend:
            notes = (await backend.client(vault=MemoryVault())).collection("notes")
            found = {note["id"]: note for note in (await notes.list(sort=["-stars"])).items}
            assert [*found] == ["b", "a"]
            assert ("title" in found["a"]) is declared.is_open
    schemas = document("tests", [strict, MIXED])["components"]["schemas"]
    assert "additionalProperties" not in schemas["mixed_body"]
