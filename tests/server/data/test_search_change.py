"""Search that is switched on, off, and to other fields on stored records, on each database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from hinterland.contract.changes import Write
from hinterland.contract.fields import Field, Integer, List, Object, Text
from hinterland.contract.identity import Principal
from hinterland.contract.imports import Import
from hinterland.contract.query import Query
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.server.app import opened
from hinterland.server.backend import Backend
from hinterland.server.data import search_change
from hinterland.server.data.migration import Migration, migrate
from hinterland.server.data.requests import WriteRequest
from hinterland.server.data.schema import SchemaChange
from hinterland.server.declaration import App
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.searching import SearchIndex
from hinterland.server.storage.sqlite import SqliteStorage
from hinterland.server.storage.sqlite_compact import compact
from tests.server.refused import refused

ADMIN = Principal(id="a", is_admin=True)
Database = Callable[[], Storage]
LONG = "n" * 63


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """Opens the same database again and again."""
    if request.param == "sqlite":
        return lambda: SqliteStorage(tmp_path)
    dsn = request.getfixturevalue("postgres_dsn")
    return lambda: PostgresStorage(dsn, connections=3)


def notes(name: str = "notes", **fields: Field) -> Collection:
    """The collection that is changed."""
    return Collection(name=name, fields=dict(fields), rules=EVERYBODY)


PLAIN = notes(title=Text(), text=Text())
BY_TITLE = notes(title=Text(search=True), text=Text())
BY_BOTH = notes(title=Text(search=True), text=Text(search=True))
ROWS: list[dict[str, Any]] = [{"id": "a", "title": "One", "text": "stone"}, {"id": "b", "title": "two", "text": "one"}]


@asynccontextmanager
async def serving(database: Database, *collections: Collection) -> AsyncIterator[Backend]:
    """The backend of these collections."""
    async with opened(App(collections=collections), database()) as backend:
        yield backend


async def found(backend: Backend, search: str, name: str = "notes", caller: Principal = ADMIN) -> list[Any]:
    """The ids of what is found."""
    page = await backend.reader.page(caller, backend.catalogue[name], "", Query(search=search))
    return [record.id for record in page.records]


async def imported(backend: Backend, *rows: dict[str, Any], name: str = "notes") -> None:
    """Import records."""
    result = await backend.importer.run(name, Import(rows=list(rows)))
    assert result.refused == []


async def changed(database: Database, *collections: Collection, **asked: Any) -> Migration:
    """What a migration to these collections reports."""
    storage = database()
    await storage.open()
    try:
        return await migrate(storage, App(collections=collections).collections, 1_800_000_000.0, **asked)
    finally:
        await storage.close()


async def test_a_read_rule_comes_and_goes(database: Database) -> None:
    """The words of a field that gets a read rule are looked up for those alone who may read it; without the rule, for
    everybody again."""
    own = notes(title=Text(search=True, read="auth.id == record.text"), text=Text(search=True))
    someone = Principal(id="stone")
    async with serving(database, BY_BOTH) as backend:
        await imported(backend, *ROWS)
        assert await found(backend, "one", caller=someone) == ["a", "b"]
    await changed(database, own)
    async with serving(database, own) as backend:
        assert await found(backend, "two one") == ["b"]
        assert await found(backend, "one", caller=someone) == ["b", "a"]
        assert await found(backend, "two", caller=someone) == []
        await backend.commands.submit(
            WriteRequest((Write(act="patch", collection="notes", id="a", body={"title": "x"}),), ADMIN)
        )
        assert (await found(backend, "one"), await found(backend, "x", caller=someone)) == (["b"], ["a"])
    await changed(database, BY_BOTH)
    async with serving(database, BY_BOTH) as backend:
        assert await found(backend, "two", caller=someone) == ["b"]


async def test_words_that_were_kept_together(tmp_path: Path) -> None:
    """A database whose records have no words of their own for a field with a read rule gets them when it is opened."""
    own = notes(title=Text(search=True, read="auth.id == 'x'"), text=Text(search=True))
    async with serving(lambda: SqliteStorage(tmp_path), own) as backend:
        await imported(backend, *ROWS)
        await found(backend, "one")
    [file] = tmp_path.glob("*.db")
    with closing(apsw.Connection(str(file))) as connection:
        for statement in SearchIndex(own, "sqlite").drop_ddl():
            connection.execute(statement)
        connection.execute('ALTER TABLE "notes" DROP COLUMN _search_1')
    async with serving(lambda: SqliteStorage(tmp_path), own) as backend:
        assert await found(backend, "two one") == ["b"]


async def test_switched_on_and_off_at_a_start(database: Database) -> None:
    """Fields that are declared for searches find what was stored before, and what is written from then on; others
    leave nothing behind."""
    async with serving(database, PLAIN) as backend:
        await imported(backend, *ROWS)
        with refused("invalid_query", "notes has no field to search"):
            await found(backend, "one")
    for declared, ids in (
        (BY_TITLE, ["a", "c1"]),
        (BY_BOTH, ["a", "c1", "c2", "b"]),
        (BY_TITLE, ["a", "c1", "c2", "c3"]),
    ):
        async with serving(database, declared) as backend:
            count = len(await backend.storage.fetch("SELECT id FROM notes")) - 1
            await imported(backend, {"id": f"c{count}", "title": "one"})
            assert await found(backend, "one") == ids
    async with serving(database, PLAIN) as backend:
        with refused("invalid_query"):
            await found(backend, "one")
        columns = await backend.storage.fetch("SELECT * FROM notes LIMIT 1")
        await backend.commands.submit(WriteRequest((Write(act="delete", collection="notes", id="c1"),), ADMIN))
        assert len(columns[0]) == 7 + 2
    async with serving(database, BY_TITLE) as backend:
        assert await found(backend, "one") == ["a", "c2", "c3"]


async def test_declared_while_the_server_runs(database: Database) -> None:
    """A schema addition makes stored records searchable at once."""
    async with serving(database, PLAIN) as backend:
        await imported(backend, *ROWS)
        await backend.schema.add([BY_BOTH])
        assert await found(backend, "one") == ["a", "b"]
        await imported(backend, {"id": "c", "title": "", "text": "one more"})
        assert await found(backend, "one") == ["a", "c", "b"]


async def test_many_records_are_a_migrations_work(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The words of more records than a start takes time for are made by `migrate`, which reports how far it is; a
    rehearsal tells what will be done and does nothing."""
    monkeypatch.setattr(search_change, "MOST_AT_ONCE", 2)
    async with serving(database, PLAIN) as backend:
        await imported(backend, *ROWS, {"id": "c", "title": "Stone"})
    with pytest.raises(SchemaChange, match="notes is searched by other fields: the words of 3 records are to be made"):
        async with serving(database, BY_TITLE):
            pass
    steps = ("index the words of 3 records of notes (title)",)
    assert (await changed(database, BY_TITLE, is_rehearsal=True)).steps == steps
    async with serving(database, PLAIN):
        pass
    reports: list[tuple[str, int, int]] = []
    assert (await changed(database, BY_TITLE, report=lambda *report: reports.append(report))).steps == steps
    assert reports == [("index the words of notes", 3, 3)]
    async with serving(database, BY_TITLE) as backend:
        assert await found(backend, "stone") == ["c"]


async def test_a_migration_of_the_searched_fields(database: Database) -> None:
    """A migration that changes fields and what is searched leaves records that are found by their new values."""
    async with serving(database, BY_BOTH) as backend:
        await imported(backend, *ROWS)
    after = notes(title=List(of=Text(search=True)), size=Integer(default=1))
    await changed(database, notes(text=Text(search=True), title=Text(search=True), size=Integer(default=1)))
    async with serving(
        database, notes(text=Text(search=True), title=Text(search=True), size=Integer(default=1))
    ) as one:
        assert await found(one, "one") == ["b", "a"]
        titles = [Write(act="patch", collection="notes", id=id, body={"title": '["x y"]'}) for id in "ab"]
        await one.commands.submit(WriteRequest(tuple(titles), ADMIN))
    assert (await changed(database, after, is_rehearsal=True)).problems == ()
    assert (await changed(database, after)).problems == ()
    async with serving(database, after) as backend:
        assert await found(backend, '"x y"') == ["a", "b"]
        assert await found(backend, "one") == []
    await changed(database, notes(size=Integer(default=1)))
    async with serving(database, notes(size=Integer(default=1)), Collection(name="more")) as backend:
        await imported(backend, {"id": "c"})
    await changed(database, Collection(name="more"))
    async with serving(database, Collection(name="more"), BY_BOTH) as backend:
        await imported(backend, *ROWS)
        assert await found(backend, "one") == ["a", "b"]


async def test_dropped_and_declared_again(database: Database) -> None:
    """The index of a collection that a migration drops goes with it, and its name is free."""
    async with serving(database, BY_BOTH, Collection(name="more")) as backend:
        await imported(backend, *ROWS)
    await changed(database, Collection(name="more"))
    async with serving(database, Collection(name="more"), BY_TITLE) as backend:
        assert await found(backend, "one") == []
        await imported(backend, ROWS[0])
        assert await found(backend, "one") == ["a"]


async def test_the_longest_names(database: Database) -> None:
    """Collections whose names are as long as they may be have indexes of their own."""
    others = [notes(f"{LONG[:-1]}{end}", title=Text(search=True)) for end in "ab"]
    async with serving(database, *others) as backend:
        for number, collection in enumerate(others):
            await imported(backend, {"id": f"x{number}", "title": "same"}, name=collection.name)
        for number, collection in enumerate(others):
            assert await found(backend, "same", collection.name) == [f"x{number}"]
    async with serving(database, *others) as backend:
        assert await found(backend, "same", others[0].name) == ["x0"]


async def test_compacted_and_restored(tmp_path: Path) -> None:
    """The index is in the database's file: it is right after `compact`, and in a copy of the file."""
    folder = tmp_path / "data"
    async with serving(lambda: SqliteStorage(folder), BY_BOTH) as backend:
        await imported(backend, *[{"id": f"r{n}", "title": f"word{n} common"} for n in range(200)])
        writes = [Write(act="delete", collection="notes", id=f"r{n}") for n in range(0, 200, 2)]
        await backend.commands.submit(WriteRequest(tuple(writes), ADMIN))
    compact(folder, lambda share: None)
    async with serving(lambda: SqliteStorage(folder), BY_BOTH) as backend:
        assert [await found(backend, f"word{n}") for n in (1, 2, 199)] == [["r1"], [], ["r199"]]
        assert len(await found(backend, "common")) == 20
        await backend.commands.submit(WriteRequest((Write(act="delete", collection="notes", id="r1"),), ADMIN))
        assert await found(backend, "word1") == []
        assert await backend.storage.fetch("PRAGMA integrity_check") == [("ok",)]
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "data.db").write_bytes((folder / "data.db").read_bytes())
    async with serving(lambda: SqliteStorage(tmp_path / "copy"), BY_BOTH) as backend:
        assert await found(backend, "word199") == ["r199"]


async def test_members_that_are_searched(database: Database) -> None:
    """Words of members are found, in objects and in lists of them; other members that are searched are another index
    of what is stored."""

    def of(*searched: str) -> Collection:
        members = {name: Text(search=name in searched) for name in ("city", "zip")}
        return notes(place=Object(fields=members), lines=List(of=Object(fields=members)))

    rows: list[dict[str, Any]] = [
        {"id": "a", "place": {"city": "Rome", "zip": "x1"}, "lines": [{"city": "Bari"}, {"city": "Ur", "zip": "x2"}]},
        {"id": "b", "lines": [{"city": "Rome"}]},
    ]
    async with serving(database, of("city")) as backend:
        await imported(backend, *rows)
        assert [await found(backend, word) for word in ("rome", "ur", "x1")] == [["a", "b"], ["a"], []]
        patch = Write(act="patch", collection="notes", id="a", body={"place": {"city": "Oslo"}})
        await backend.commands.submit(WriteRequest([patch], ADMIN))
        assert [await found(backend, word) for word in ("rome", "oslo")] == [["b"], ["a"]]
    async with serving(database, of("zip")) as backend:
        assert [await found(backend, word) for word in ("rome", "x1", "x2")] == [[], ["a"], ["a"]]
    async with serving(database, of()) as backend:
        with refused("invalid_query"):
            await found(backend, "x1")
