"""Fields in camelCase, and fields named like the words of queries, through every way to a record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hinterland.client.client import Client
from hinterland.client.errors import BadRequest, Conflict
from hinterland.client.vault.memory import MemoryVault
from hinterland.contract.fields import Integer, List, Text
from hinterland.contract.imports import Import
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.server.data.schema import SchemaChange
from hinterland.server.protocols.rest.openapi import document
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from hinterland.testing.backend import TestBackend, running_backend

PEOPLE = Collection(
    name="people",
    fields={
        "firstName": Text(index=True), "Nick": Text(unique=True), "limit": Integer(), "where": Text(), "order": Text(),
        "page": Integer(), "tagNames": List(),
    },
    indexes=(("firstName", "limit"),),
    rules=EVERYBODY,
)  # fmt: skip
ROWS: list[dict[str, Any]] = [
    {"firstName": "Ada", "Nick": "a", "limit": 3, "where": "here", "order": "x", "page": 1, "tagNames": ["one"]},
    {"firstName": "Ben", "Nick": "b", "limit": 5, "where": "there"},
    {"firstName": "Cleo", "limit": 5},
]


@pytest.fixture(params=["sqlite", "postgres"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Each database."""
    if request.param == "sqlite":
        return SqliteStorage(tmp_path / "data")
    return PostgresStorage(request.getfixturevalue("postgres_dsn"), connections=4)


async def device(backend: TestBackend, path: Path) -> Client:
    """A signed-in client with a local store."""
    client = await backend.client(store=path, vault=MemoryVault(), collections=[PEOPLE])
    await client.auth.sign_up(name="Ada", email="ada@example.org", password="a long walk outside")
    return client


async def names(repository: Any, **question: Any) -> list[str]:
    """The first names that a list answers with."""
    return [person["firstName"] for person in (await repository.list(**question)).items]


async def test_fields_of_any_name(storage: Storage, tmp_path: Path) -> None:
    """Such fields are written, filtered, sorted, compared, unique, imported and synced like others."""
    async with running_backend([PEOPLE], storage=storage) as backend:
        client = await device(backend, tmp_path / "app.db")
        people, local = client.collection("people"), client.local.collection("people")
        made = await people.create(ROWS[0])
        assert {name: made[name] for name in ROWS[0]} == ROWS[0]
        with pytest.raises(Conflict) as clash:
            await people.create({"Nick": "a"})
        assert [*clash.value.errors] == ["Nick"]
        assert backend.server.backend is not None
        texts = [{name: str(value) for name, value in row.items()} for row in ROWS[1:]]
        result = await backend.server.backend.importer.run("people", Import(rows=texts, is_text=True))
        assert (result.created, result.refused) == (2, [])
        await client.sync.now()
        for repository, small in (
            (people, 0),
            (local, 100),
            (local, -1),
        ):  # by reading, and by SQL
            client.local.scope.small = small
            assert await names(repository, sort=["-limit", "firstName"]) == ["Ben", "Cleo", "Ada"]
            assert await names(repository, filter="record.limit > 3 && has(record.Nick)") == ["Ben"]
            assert await names(repository, firstName="Ada", order="x") == ["Ada"]
            assert await names(repository, where={"limit": 5}, limit=1, sort=["firstName"]) == ["Ben"]
            assert await names(repository, where={"page": 1, "where": "here"}) == ["Ada"]
            assert await names(repository, where={"where": None}) == ["Cleo"]
            with pytest.raises(BadRequest, match="unknown parameter 'firstname'; allowed: firstName"):
                await names(repository, firstname="Ada")
            with pytest.raises(BadRequest, match="unknown sort field 'nick'; allowed: Nick"):
                await names(repository, sort=["nick"])


async def test_the_case_of_a_field_changes(tmp_path: Path) -> None:
    """A field whose name changes its case is another field, which a start does not make by itself; and OpenAPI names
    fields as they are declared."""
    async with running_backend([PEOPLE], folder=tmp_path):
        pass
    fields = {name.replace("Nick", "nick"): field for name, field in PEOPLE.fields.items()}
    other = Collection(name="people", fields=fields, indexes=PEOPLE.indexes, rules=EVERYBODY)
    with pytest.raises(SchemaChange, match=r"people\.Nick is gone"):
        async with running_backend([other], folder=tmp_path):
            pass
    assert "firstName" in document("tests", [PEOPLE])["components"]["schemas"]["people_body"]["properties"]
