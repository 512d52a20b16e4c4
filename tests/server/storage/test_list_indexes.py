"""The index of the references in lists: it finds what the lists hold, whatever happens to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hinterland.contract.changes import Write
from hinterland.contract.fields import Field, List, Reference, Text
from hinterland.contract.linking import linked
from hinterland.contract.records import EVERYBODY, Collection, users
from hinterland.kit.clock import ManualClock
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from hinterland.server.storage.statements import CollectionTable
from hinterland.server.storage.writing import Writes
from tests.server.data.acts import make
from tests.server.data.migrated import Database, changed
from tests.server.data.world import World, delete, opened, patch

LONG = "a" * 30
BY = List(of=Reference(to="people", on_delete="set_null"))
NUMBERS = List(of=Reference(to="rooms", on_delete="set_null"))


def declared(name: str = "notes", **fields: Field) -> tuple[Collection, ...]:
    """Collections with lists of references to two others."""
    people = Collection(name="people", fields={}, rules=EVERYBODY)
    rooms = Collection(name="rooms", fields={}, rules=EVERYBODY, ids="integer")
    return linked((users(), people, rooms, Collection(name=name, fields=fields, rules=EVERYBODY)))


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """Opens the same database again and again."""
    if request.param == "sqlite":
        return lambda: SqliteStorage(tmp_path)
    dsn = request.getfixturevalue("postgres_dsn")
    return lambda: PostgresStorage(dsn, connections=4)


def created(id: str, body: dict[str, Any]) -> Write:
    """The creation of a record with lists."""
    return Write(act="create", collection=LONG, id=id, body=body)


async def holders(storage: Storage, collection: Collection, field: str, id: Any) -> list[Any]:
    """The ids of the records whose list holds an id, as the index finds them."""
    sql = CollectionTable(collection, storage.dialect).holding(field)
    return [row[1] for row in await storage.fetch(sql, (id, "", "", 100))]


async def plan(storage: Storage, collection: Collection, field: str) -> str:
    """How the database finds them."""
    sql = CollectionTable(collection, storage.dialect).holding(field)
    explain = "EXPLAIN QUERY PLAN " if storage.dialect == "sqlite" else "EXPLAIN "
    return "\n".join(str(row[-1]) for row in await storage.fetch(explain + sql, ("a", "", "", 100)))


async def test_what_the_lists_hold(database: Database) -> None:
    """The index knows every list that was written, changed and deleted, by any kind of ids, once where it has an id
    twice; and a search of it reads no other record."""
    collections = declared(LONG, by=BY, rooms=NUMBERS, **{LONG + "b": BY, LONG + "c": BY})
    lists = collections[-1]
    async with opened(database(), ManualClock(), collections) as world:
        await world.write(*(make("people", id) for id in "pqr"), make("rooms"), make("rooms"))
        await world.write(
            created("a", {"by": ["p", "q", "p"], "rooms": [1], LONG + "b": ["r"]}),
            created("b", {"by": ["q"], "rooms": [2, 1]}), created("c", {LONG + "c": ["r"]}), created("d", {"by": []}),
        )  # fmt: skip
        found = [await holders(world.storage, lists, "by", id) for id in "pqr"]
        assert found == [["a"], ["a", "b"], []]
        assert [await holders(world.storage, lists, "rooms", id) for id in (1, 2)] == [["a", "b"], ["b"]]
        assert await holders(world.storage, lists, LONG + "b", "r") == ["a"]
        assert await holders(world.storage, lists, LONG + "c", "r") == ["c"]
        await world.write(patch(LONG, "a", by=["r"]), patch(LONG, "b", rooms=None), delete(LONG, "c"))
        found = [await holders(world.storage, lists, "by", id) for id in "pqr"]
        assert found == [[], ["b"], ["a"]]
        assert [await holders(world.storage, lists, "rooms", id) for id in (1, 2)] == [["a"], []]
        assert await holders(world.storage, lists, LONG + "c", "r") == []
        if world.storage.dialect == "sqlite":
            assert "SCAN" not in await plan(world.storage, lists, "by")


async def test_many_records_are_found_by_the_index(postgres_dsn: str) -> None:
    """PostgreSQL reads the index, not the table, where there are many records."""
    collections = declared(by=BY)
    async with opened(PostgresStorage(postgres_dsn, connections=4), ManualClock(), collections) as world:
        await world.write(make("people", "p"), *(make("notes", f"n{number}") for number in range(2_000)))
        async with world.storage.transaction() as transaction:
            assert isinstance(transaction, Writes)
            await transaction.execute("ANALYZE notes")
        assert "Bitmap Index Scan" in await plan(world.storage, collections[-1], "by")


async def test_a_list_of_what_is_not_there(database: Database) -> None:
    """A list becomes one of references where all of its items are ids of records; else it is reported."""
    texts, lists = declared(by=List(of=Text())), declared(by=BY)
    async with opened(database(), ManualClock(), texts) as world:
        await world.write(make("people", "p"), make("notes", "a", by=["p"]), make("notes", "b", by=["p", "q"]))
        await world.write(make("notes", "c", by=[]), make("notes", "d"))
    problems = (await changed(database, *lists)).problems
    assert problems == ('notes/b: by is ["p","q"], and people has not all of these records',)


async def parts(world: World) -> list[str]:
    """What the database has for the lists."""
    sql = {"sqlite": "SELECT name FROM sqlite_master WHERE name LIKE '%.items%' AND name NOT LIKE 'sqlite_%'",
           "postgres": "SELECT indexname FROM pg_indexes WHERE indexname LIKE '%.items'"}  # fmt: skip
    return [row[0] for row in await world.storage.fetch(sql[world.storage.dialect])]


async def test_databases_made_before(database: Database) -> None:
    """A database without the index gets it when it is opened, with what is stored; once."""
    collections = declared(by=BY)
    async with opened(database(), ManualClock(), collections) as world:
        await world.write(make("people", "p"), make("notes", "a", by=["p"]))
        table = CollectionTable(collections[-1], world.storage.dialect)
        async with world.storage.transaction() as transaction:
            assert isinstance(transaction, Writes)
            for statement in table.drop_beside_ddl():
                await transaction.execute(statement)
        assert await parts(world) == []
    for _ in range(2):
        async with opened(database(), ManualClock(), collections) as world:
            assert await holders(world.storage, collections[-1], "by", "p") == ["a"]


async def test_lists_that_come_and_go(database: Database) -> None:
    """A migration makes the index of a list that becomes one of references, and drops that of one that is none now, and
    those of a collection that is gone."""
    texts, lists = declared(by=List(of=Text())), declared(by=BY)
    async with opened(database(), ManualClock(), texts) as world:
        await world.write(make("people", "p"), make("notes", "a", by=["p"]))
        assert await parts(world) == []
    for _ in range(2):
        assert (await changed(database, *lists)).problems == ()
        async with opened(database(), ManualClock(), lists) as world:
            assert await holders(world.storage, lists[-1], "by", "p") == ["a"]
        assert (await changed(database, *texts)).problems == ()
        async with opened(database(), ManualClock(), texts) as world:
            assert await parts(world) == []
    assert (await changed(database, *lists)).problems == ()
    assert (await changed(database, *lists[:-1])).problems == ()
    async with opened(database(), ManualClock(), lists[:-1]) as world:
        assert await parts(world) == []
