"""Stored records brought to a changed declaration, on each database."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import pytest

from hinterland.contract.changes import Write
from hinterland.contract.fields import (
    Boolean,
    Bytes,
    Field,
    Instant,
    Int64,
    Integer,
    Json,
    List,
    Number,
    Text,
)
from hinterland.contract.imports import Import
from hinterland.contract.indexed import GROUP_FIELDS, INDEXED_BYTES
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.server.data import migration, schema
from hinterland.server.data.requests import WriteRequest
from hinterland.server.declaration import App
from hinterland.server.storage.failures import StorageError
from tests.server.data.migrated import ADMIN, Database, changed, documents, documents_of, notes, serving, stored


async def test_a_dropped_field(database: Database) -> None:
    """A field that is gone leaves its records, which change in the log; others keep their values."""
    await stored(
        database, notes(title=Text(), sub=Text(index=True)), {"id": "a", "title": "A", "sub": "x"}, {"id": "b"}
    )
    reported = await changed(database, notes(title=Text()))
    assert reported.steps == ("drop notes.sub, which has a value in 1 record", "rewrite 2 of 2 records of notes")
    async with serving(database, notes(title=Text())) as backend:
        assert await documents_of(backend) == {"a": {"title": "A"}, "b": {"title": None}}
        entries = await backend.storage.log(2, 10)
        assert [(entry.kind, entry.revision, entry.commit) for entry in entries] == [("update", 3, 4), ("update", 4, 4)]
        assert all(entry.after is not None and entry.after.revision == entry.revision for entry in entries)


async def test_a_default_is_filled_in(database: Database) -> None:
    """A new field's default stands in every record, can be listed by, and goes on for new ones."""
    await stored(database, notes(title=Text()), {"id": "a", "title": "A"})
    new = notes(title=Text(), stars=Integer(default=3, required=True, index=True))
    reported = await changed(database, new)
    assert reported.steps == ("add notes.stars, 3 in 1 record", "rewrite 1 of 1 record of notes")
    async with serving(database, new) as backend:
        assert await documents_of(backend) == {"a": {"title": "A", "stars": 3}}
        rows = await backend.storage.fetch("SELECT id FROM notes WHERE stars = 3")
        assert [tuple(row) for row in rows] == [("a",)]


@pytest.mark.parametrize(
    ("old", "new", "value", "kept"),
    [
        (Text(), Integer(), "42", 42),
        (Text(), Number(), "4.5", 4.5),
        (Text(), List(of=Integer()), "[1,2]", [1, 2]),
        (Text(), Json(), "words", "words"),
        (Integer(index=True), Number(index=True), 7, 7.0),
        (Number(), Integer(unique=True), 7.0, 7),
        (Integer(), Text(), 7, "7"),
        (Integer(), Int64(), 7, "7"),
        (Int64(), Integer(), "7", 7),
        (Text(), Int64(), "7", "7"),
        (Number(), Int64(), 1e15, "1000000000000000"),
        (Text(), Text(max_length=3), "abc", "abc"),
        (Text(), Text(read="true"), "abc", "abc"),
        (Text(read="true"), Text(), "abc", "abc"),
    ],
)
async def test_a_value_that_fits(database: Database, old: Field, new: Field, value: Any, kept: Any) -> None:
    """A field of another kind, other limits or other readers keeps each value in its new form and column."""
    await stored(database, notes(x=old), {"id": "a", "x": value}, {"id": "b"})
    assert (await changed(database, notes(x=new))).problems == ()
    assert await documents(database, notes(x=new)) == {"a": {"x": kept}, "b": {"x": None}}
    async with serving(database, notes(x=new)) as backend:
        (row,) = await backend.storage.fetch("SELECT count(*) FROM notes WHERE x IS NOT NULL")
        assert row[0] == 1
        assert (await backend.importer.run("notes", Import(rows=[{"x": kept}]))).created == (0 if new.unique else 1)


@pytest.mark.parametrize(
    ("old", "new", "value", "words"),
    [
        (Text(), Integer(), "many", 'notes/a: x is "many", and must be a whole number'),
        (Text(), Integer(), "007", "must be a whole number"),
        (Int64(), Number(), "9007199254740993", "kept exactly"),
        (Text(), Int64(), "many", 'notes/a: x is "many", and'),
        (Text(), Int64(), "9223372036854775808", "64-bit integer"),
        (Text(), Instant(), "soon", 'notes/a: x is "soon", and'),
        (Text(), Boolean(), "maybe", "must be true or false"),
        (Text(), Bytes(), "?", "base64"),
        (Number(), Int64(), 7.5, "notes/a: x is 7.5, and"),
        (Number(), Int64(), 1e30, "64-bit integer"),
        (Text(), Text(max_length=2), "long", "at most 2 characters"),
        (Text(), List(), "[" * 5_000, "must be a list"),
        (Json(), Text(), {"a": 1}, "must be text"),
        (Text(), Text(required=True), None, "notes/a: x is required, and has no value"),
        (Text(), Text(required=True), "", "notes/a: x is required, and has no value"),
    ],
)
async def test_a_value_that_does_not_fit(database: Database, old: Field, new: Field, value: Any, words: str) -> None:
    """Records that don't fit are listed, and nothing is changed."""
    await stored(database, notes(x=old), {"id": "a", "x": value}, {"id": "b", "x": value})
    reported = await changed(database, notes(x=new))
    assert words in reported.problems[0]
    assert len(reported.problems) == 2
    assert await documents(database, notes(x=old)) == {"a": {"x": value}, "b": {"x": value}}
    async with serving(database, notes(x=old)) as backend:
        assert (await backend.storage.head()).revision == 2


async def test_many_problems_are_counted(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first records that don't fit are listed, the others counted."""
    monkeypatch.setattr(migration, "SHOWN", 2)
    await stored(database, notes(x=Text()), *({"x": "no"} for _ in range(5)))
    reported = await changed(database, notes(x=Integer()))
    assert len(reported.problems) == 3
    assert reported.problems[-1] == "… and 3 more in notes"


async def test_newly_unique(database: Database) -> None:
    """A field becomes unique where no two records share a value; those that do are listed."""
    old, new = notes(x=Text(), y=Text()), notes(x=Text(unique=True), y=Text())
    await stored(database, old, {"id": "a", "x": "1"}, {"id": "b", "x": "1"}, {"id": "c", "x": "2"}, {"id": "d"})
    reported = await changed(database, new)
    assert reported.problems == (
        'notes/a: x is "1", which another record has too',
        'notes/b: x is "1", which another record has too',
    )
    good = notes(x=Text(), y=Text(unique=True))
    assert (await changed(database, good)).problems == ()
    async with serving(database, good) as backend:
        await backend.importer.run("notes", Import(rows=[{"y": "1"}]))
        (report,) = (await backend.importer.run("notes", Import(rows=[{"y": "1"}]))).refused
        assert report.errors == {"y": ["is already in use"]}


async def test_values_that_become_the_same(database: Database) -> None:
    """Values that differ before and the same afterwards are found, and nothing is changed."""
    await stored(database, notes(x=Text(unique=True)), {"id": "a", "x": "1"}, {"id": "b", "x": "1.0"})
    reported = await changed(database, notes(x=Integer(unique=True)))
    assert len(reported.problems) == 2
    assert await documents(database, notes(x=Text(unique=True))) == {"a": {"x": "1"}, "b": {"x": "1.0"}}


async def test_no_longer_unique(database: Database) -> None:
    """A field that is no longer unique takes a value twice, without a migration; an index can go and come."""
    await stored(database, notes(x=Text(unique=True), y=Text(index=True)), {"id": "a", "x": "1"})
    for collection in (notes(x=Text(index=True), y=Text()), notes(x=Text(), y=Text(index=True), indexes=(("x", "y"),))):
        async with serving(database, collection) as backend:
            assert (await backend.importer.run("notes", Import(rows=[{"x": "1"}]))).refused == []
    async with serving(database, notes(x=Text(), y=Text())) as backend:
        assert len(await documents_of(backend)) == 3


async def test_a_field_of_a_group_index_goes(database: Database) -> None:
    """A field in a group's index can be dropped, and take another kind."""
    old = notes(x=Text(), y=Text(), z=Integer(), indexes=(("x", "y"), ("z", "x")))
    await stored(database, old, {"id": "a", "x": "1", "y": "2", "z": 3})
    new = notes(x=Integer(), z=Integer(), indexes=(("z", "x"),))
    assert (await changed(database, new)).problems == ()
    assert await documents(database, new) == {"a": {"x": 1, "z": 3}}


async def test_a_dropped_collection(database: Database) -> None:
    """A collection that is gone takes its records and what the log held of them; the name is free for another kind."""
    await stored(database, notes(x=Text()), {"id": "a", "x": "secret"})
    async with serving(database, notes(x=Text())) as backend:
        await backend.importer.run("notes", Import(rows=[{"id": "b", "x": "secret"}]))
    reported = await changed(database)
    assert reported.steps == ("drop the collection notes with its 2 records",)
    async with serving(database) as backend:
        assert await backend.storage.log(0, 10) == []
        assert (await backend.storage.head()).revision == 2
    other = Collection(name="notes", fields={"y": Text()}, ids="integer")
    async with serving(database, other) as backend:
        assert (await backend.importer.run("notes", Import(rows=[{"y": "1"}]))).created == 1
        assert [entry.revision for entry in await backend.storage.log(0, 10)] == [3]


async def test_what_no_migration_changes(database: Database) -> None:
    """Other ids and another parent are refused, and nothing is changed."""
    await stored(database, notes(x=Text()), {"id": "a", "x": "1"})
    with pytest.raises(schema.SchemaChange) as caught:
        await changed(database, Collection(name="notes", fields={}, ids="integer", parent="users"))
    assert not caught.value.is_possible
    assert caught.value.reasons == (
        "notes has integer ids, had string ids",
        "notes lives under users, lived under the top",
    )
    assert await documents(database, notes(x=Text())) == {"a": {"x": "1"}}


async def test_a_rehearsal(database: Database) -> None:
    """A rehearsal tells what a migration would, and leaves everything as it is."""
    await stored(database, notes(x=Text()), {"id": "a", "x": "1"})
    rehearsed = await changed(database, notes(x=Integer(), y=Text(default="d")), is_rehearsal=True)
    assert await documents(database, notes(x=Text())) == {"a": {"x": "1"}}
    assert await changed(database, notes(x=Integer(), y=Text(default="d"))) == rehearsed
    assert rehearsed.steps == (
        'add notes.y, "d" in 1 record',
        "make notes.x Integer, was Text",
        "rewrite 1 of 1 record of notes",
    )


async def test_turns_are_reported(database: Database) -> None:
    """Every change of a field is among the steps."""
    old = notes(a=Text(), b=Text(), c=Text(read="true"))
    await stored(database, old, {"id": "x", "a": "1"})
    reported = await changed(
        database, notes(a=Text(required=True, unique=True, default="?"), b=Text(read="true"), c=Text())
    )
    assert reported.steps == (
        "notes.a becomes required",
        "notes.a becomes unique",
        "notes.b is seen by its own read rule",
        "notes.c is seen with its record",
        "rewrite 1 of 1 record of notes",
    )


async def test_nested_records_in_many_pages(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records below others are rewritten page by page, each once, and each page is a commit of its own."""
    monkeypatch.setattr(migration, "BATCH", 3)
    old, new = notes(parent="users", x=Text()), notes(parent="users", x=Text(), y=Integer(default=1))
    async with serving(database, old) as backend:
        people = [{"id": name, "name": name, "email": f"{name}@b.cd"} for name in ("u", "v")]
        assert (await backend.importer.run("users", Import(rows=people))).refused == []
        rows = [{"id": f"n{n}", "parent": f"users/{'uv'[n % 2]}", "x": "1"} for n in range(8)]
        assert (await backend.importer.run("notes", Import(rows=rows))).refused == []
    await changed(database, new)
    async with serving(database, new) as backend:
        entries = [entry for entry in await backend.storage.log(0, 100) if entry.kind == "update"]
        assert [entry.commit for entry in entries] == [13, 13, 13, 16, 16, 16, 18, 18]
        assert len({(entry.parent, entry.id) for entry in entries}) == 8
        assert {entry.parent for entry in entries} == {"users/u", "users/v"}


async def test_values_too_long_for_an_index(database: Database) -> None:
    """A text that becomes unique is listed where it is longer than an index holds, on each database, and everything
    stays as it was."""
    long = "".join(sha256(bytes([n])).hexdigest() for n in range(200))
    old = notes(x=Text(max_length=20_000), y=Text())
    await stored(database, old, {"id": "a", "x": long, "y": "1"})
    reported = await changed(database, notes(x=Text(max_length=20_000, unique=True)))
    assert "must have at most 2,000 bytes, since it is indexed; has 12,800" in reported.problems[-1]
    assert await documents(database, old) == {"a": {"x": long, "y": "1"}}


@pytest.mark.parametrize("groups", [(), (("x", "y"),)])
async def test_an_index_that_is_added(database: Database, groups: tuple[tuple[str, ...], ...]) -> None:
    """An index is added at a start where it holds every stored value; else the start is refused with the number of
    those that are too long, on each database, and the old declaration goes on."""
    old = notes(x=Text(), y=Text())
    indexed = notes(indexes=groups, x=Text(index=not groups), y=Text())
    await stored(database, old, {"id": "a", "x": "é" * 1_001}, {"id": "b", "x": "short"})
    with pytest.raises(StorageError, match=r"notes.x: 1 stored value has more than [12],000 bytes; shorten it") as no:
        async with serving(database, indexed):
            pass
    assert (await changed(database, indexed)).problems == (str(no.value),)
    more = notes(indexes=groups, x=Text(index=not groups), y=Text(), z=Integer(default=1))
    reported = (await changed(database, more)).problems
    assert len(reported) == 1
    assert (reported == (str(no.value),)) if groups else ("since it is indexed; has 2,002" in reported[0])
    async with serving(database, old) as backend:
        await backend.commands.submit(
            WriteRequest([Write(act="patch", collection="notes", id="a", body={"x": "é" * 500})], ADMIN)
        )
    async with serving(database, indexed):
        pass


async def test_the_largest_entry(database: Database) -> None:
    """A group of as many fields as there may be, of the largest values, is held by the index on each database."""
    times: dict[str, Field] = {f"t{n}": Instant() for n in range(GROUP_FIELDS - 1)}
    full = Collection(name="notes", fields={"x": Text(), **times}, rules=EVERYBODY, indexes=(("x", *times),))
    long = "".join(sha256(bytes([n])).hexdigest() for n in range(40))[:INDEXED_BYTES]
    row = {"id": "i" * 64, "x": long, **dict.fromkeys(times, "2026-01-31T12:00:00Z")}
    await stored(database, full, row)
    assert (await documents(database, full))["i" * 64]["x"] == long


async def test_the_new_declaration_is_kept(database: Database) -> None:
    """After a migration the database opens with the new declaration alone."""
    await stored(database, notes(x=Text()), {"id": "a", "x": "1"})
    await changed(database, notes(y=Text()))
    storage = database()
    await storage.open()
    try:
        known = await schema.stored(storage)
        assert known["notes"] == notes(y=Text())
        assert schema.breaking(known, [*_with_users(notes(x=Text()))]) != []
    finally:
        await storage.close()


def _with_users(*collections: Collection) -> Sequence[Collection]:
    return App(collections=collections).collections
