"""Written columns and indexes: made when a question needs them, kept with each record, bounded in number."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hinterland.client.local import indexing, records
from hinterland.client.local.columns import MOST
from hinterland.client.local.connection import Scope, StoreConnection
from hinterland.client.local.local import Local
from hinterland.client.local.store import Store
from tests.client.local.conftest import NOTES, OPEN
from tests.client.local.work import counted
from tests.support.sync_backend import SyncBackend

COUNT = 3 * indexing._ROWS_AT_ONCE // 2


async def indexes(local: Local) -> set[str]:
    rows = await local.store.read(lambda c: c.execute("SELECT name FROM written_indexes").fetchall())
    return {row[0] for row in rows}


async def sql(local: Local) -> Local:
    """The store, which answers every question by SQL."""
    local.scope.small = -1
    return local


async def test_a_small_collection_needs_no_index(device: OPEN) -> None:
    """A question to few records reads them, and makes nothing in the store."""
    local = await device(collections=[NOTES])
    await local.collection("notes").create({"text": "x"})
    assert len((await local.collection("notes").list(text="x")).items) == 1
    assert await indexes(local) == set()


async def test_a_large_collection_is_filled_in_steps(device: OPEN) -> None:
    """A question to many records finds all of them; writes are kept between the steps in which its column is filled,
    and are found too."""
    local = await device(collections=[NOTES])
    notes = local.collection("notes")
    await local.store.write(lambda c: _fill(c, local.scope))
    async with counted(local) as work:
        asking = asyncio.ensure_future(notes.list(sort=["-count"], limit=3, total=True))
        written = await notes.create({"count": COUNT + 1})
        page = await asking
    assert work.runs("UPDATE written_columns SET kinds") >= 2
    assert [note["count"] for note in page.items] == [COUNT + 1, COUNT - 1, COUNT - 2]
    assert page.total == COUNT + 1
    await notes.delete(written.id)
    assert [note["count"] for note in (await notes.list(sort=["-count"], limit=1)).items] == [COUNT - 1]


def _fill(connection: StoreConnection, scope: Scope) -> None:
    for number in range(COUNT):
        document = {"id": f"n{number}", "created_at": "2026-01-02T03:04:05.000000Z", "revision": 1, "count": number}
        records.set_base(connection, scope, ("notes", "", f"n{number}"), records.text(document), 1, 0)


async def test_another_process_keeps_the_columns(device: OPEN) -> None:
    """What one process has indexed, another that has the file open writes with its records, also of another type."""
    one, other = await sql(await device(collections=[NOTES])), await sql(await device())
    assert (await one.collection("notes").list(text="x", sort=["text"])).items == []
    await other.collection("notes").create({"id": "a", "text": "x"})
    assert [note["id"] for note in (await one.collection("notes").list(text="x", sort=["text"])).items] == ["a"]
    await other.collection("notes").update("a", {"text": ["of another kind"], "count": 1})
    assert (await one.collection("notes").list(filter='record.text == "x"')).items == []


async def test_indexes_have_a_bound(device: OPEN, server: SyncBackend) -> None:
    """Questions make so many indexes and no more; one that is not used since the store was opened gives way."""
    local = await sql(await device(collections=[NOTES]))
    notes = local.collection("notes")
    names = ("text", "count", "price", "created_at", "updated_at", "revision")
    await notes.create({"text": "x", "count": 1})
    sorts = [[one, f"-{other}"] for one in names for other in names if one != other]
    for sort in sorts:
        assert len((await notes.list(sort=sort)).items) == 1
    first = await indexes(local)
    assert len(first) == indexing.MOST_INDEXES
    await local.store.close()
    await local.store.open()
    assert len((await notes.list(sort=sorts[-1])).items) == 1
    assert len(await indexes(local) - first) == 1
    assert len(await indexes(local)) == indexing.MOST_INDEXES


async def test_columns_have_a_bound(device: OPEN) -> None:
    """A question that needs one column too many is answered all the same."""
    local = await sql(await device())
    things = local.collection("things")
    await things.create({f"field{number}": number for number in range(MOST + 1)})
    for number in range(MOST + 1):
        assert len((await things.list(filter=f"record.field{number} == {number}", sort=[f"field{number}"])).items) == 1


async def test_a_mistake_takes_no_column(device: OPEN) -> None:
    """A field that no record has gets no column."""
    local = await sql(await device())
    await local.collection("notes").create({"text": "x"})
    assert (await local.collection("notes").list(filter="record.nothing == 1")).items == []
    rows = await local.store.read(lambda c: c.execute("SELECT name FROM written_columns").fetchall())
    assert "nothing" not in {row[0] for row in rows}


async def test_a_store_that_can_not_be_written(device: OPEN, tmp_path: Path) -> None:
    """A question is answered also where no index can be made, since another process writes."""
    local = await sql(await device())
    await local.collection("notes").create({"text": "x"})
    await local.store.read(lambda c: c.execute("PRAGMA busy_timeout = 1"))
    other = Store(tmp_path / "phone.db")
    await other.open()
    await other._run(lambda: other._held().execute("BEGIN IMMEDIATE"))
    assert len((await local.collection("notes").list(text="x")).items) == 1
    assert await indexes(local) == set()
    await other.close()


async def test_without_json(device: OPEN) -> None:
    """Where SQLite lacks the JSON functions, lists are read."""
    local = await sql(await device(collections=[NOTES]))
    await local.collection("notes").create({"tags": ["a"]})
    for is_there in (True, False):
        await local.store.read(lambda c: setattr(c, "has_json", is_there))  # noqa: B023
        async with counted(local) as work:
            found = (await local.collection("notes").list(filter='"a" in record.tags')).items
        assert len(found) == 1
        assert (work.runs("json_each") > 0) is is_there
