"""Records with objects and days: what is written, found, imported and migrated, on each database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from hinterland.contract.fields import Boolean, Date, Instant, Int64, Integer, List, Number, Object, Text
from hinterland.contract.imports import Import
from hinterland.contract.records import Collection, Rules, users
from hinterland.kit.cel.conditions import cel
from hinterland.kit.clock import ManualClock
from hinterland.server.data.select.question import Select
from hinterland.server.storage.protocol import Storage
from tests.server.data.acts import make, read
from tests.server.data.migrated import Database, changed, documents, notes, stored
from tests.server.data.world import ADA, BEN, World, opened, patch
from tests.server.refused import refused

PLACE = Object(
    fields={
        "city": Text(), "zip": Integer(), "big": Int64(), "height": Number(), "is_home": Boolean(), "since": Instant(),
        "day": Date(), "tags": List(of=Text()), "inner": Object(fields={"name": Text()}),
    }
)  # fmt: skip
ORDERS = Collection(
    name="orders",
    fields={"place": PLACE, "due": Date(index=True), "lines": List(of=Object(fields={"item": Text(required=True)}))},
    rules=Rules(list="true", view="record.place.city != 'Ur'", create="true", update="old.place.city == 'Rome'"),
)


@pytest.fixture
async def world(storage: Storage, clock: ManualClock) -> AsyncIterator[World]:
    """A data engine on each database."""
    async with opened(storage, clock, (users(), ORDERS)) as made:
        yield made


async def found(world: World, filter: str) -> list[Any]:
    """The ids of the records that a filter finds."""
    select = Select("orders", where=(cel(filter),), sort=("due", "id"), fields=("id",))
    statement = world.catalogue.compile(select, ADA)
    assert statement is not None
    return [row[0] for row in await world.storage.fetch(statement.sql, statement.parameters)]


async def test_filters_and_rules_read_members(world: World) -> None:
    """Members are read by path in filters and in rules, those that are missing as errors; days compare as days."""
    await world.write(
        make("orders", "a", place={"city": "Rome", "zip": 1, "is_home": True, "tags": ["x"], "height": 2}),
        make("orders", "b", place={"city": "Bari", "zip": 20, "inner": {"name": "n"}, "day": "2026-01-02"}),
        patch("orders", "a", due="2026-02-01"), patch("orders", "b", due="2026-01-31"),
        make("orders", "c"),
    )  # fmt: skip
    for filter, ids in {
        "record.place.city == 'Rome'": ["a"],
        "record.place.zip > 1": ["b"],
        "record.place.zip >= 1 && !record.place.is_home": [],
        "record.place.height == 2.0": ["a"],
        "record.place.inner.name == 'n'": ["b"],
        "'x' in record.place.tags": ["a"],
        "has(record.place.inner)": ["b"],
        "record.place == null": ["c"],
        "record.place.day < '2026-02-01'": ["b"],
        "record.due < '2026-02-01'": ["b"],
        "record.due != null": ["b", "a"],
        "record.place.height >= 2": ["a"],
        "has(record.place.inner.name)": ["b"],
        "record.place.city.startsWith('B') || record.place.is_home": ["b", "a"],
    }.items():
        assert (filter, await found(world, filter)) == (filter, ids)
    for wrong in ("record.place.town == 'x'", "record.place.inner.nam == 'x'", "record.place.city > 1"):
        with refused("invalid_query"):
            await found(world, wrong)
    await world.write(patch("orders", "a", place={"zip": 2}), caller=ADA)
    with refused("forbidden"):
        await world.write(patch("orders", "b", place={"zip": 2}), caller=ADA)
    assert (await read(world, "orders", "a"))["place"]["city"] == "Rome"


@pytest.mark.parametrize("is_there", [True, False])
async def test_an_object_that_is_hidden(storage: Storage, clock: ManualClock, *, is_there: bool) -> None:
    """Whether an object that is hidden from the caller has a value is in no error: a patch of it is refused where
    the members that it names are none by themselves, be there others or not; else they are merged."""
    place = Object(fields={"city": Text(required=True), "zip": Integer()}, read="auth.id == 'ada'")
    rules = Rules(list="true", view="true", update="true")
    async with opened(
        storage, clock, (users(), Collection(name="homes", fields={"place": place}, rules=rules))
    ) as world:
        stored = {"city": "Rome", "zip": 1} if is_there else None
        await world.write(make("homes", "a", place=stored))
        with refused("validation") as caught:
            await world.write(patch("homes", "a", place={"zip": 2}), caller=BEN)
        assert caught.value.errors == {"place.city": ["is required"]}
        assert (await read(world, "homes", "a"))["place"] == stored
        await world.write(patch("homes", "a", place={"city": "Bari"}), caller=BEN)
        assert (await read(world, "homes", "a"))["place"] == {"city": "Bari", "zip": 1 if is_there else None}
        await world.write(patch("homes", "a", place={"zip": 3}), caller=ADA)
        assert (await read(world, "homes", "a"))["place"] == {"city": "Bari", "zip": 3}


async def test_nested_errors_of_a_write(world: World) -> None:
    """A refused write names the places."""
    with refused("validation") as caught:
        await world.write(make("orders", place={"zip": "x"}, lines=[{"item": "a"}, {}]))
    assert caught.value.errors == {"place.zip": ["must be a whole number"], "lines.1.item": ["is required"]}


async def test_a_column_of_json_for_sql_tools(world: World) -> None:
    """Objects and lists of them are in a column of JSON of their own."""
    await world.write(make("orders", "a", lines=[{"item": "x"}], place={"city": "Rome"}))
    sql = {"sqlite": "SELECT lines ->> '$[0].item', place ->> '$.city' FROM orders",
           "postgres": "SELECT lines -> 0 ->> 'item', place ->> 'city' FROM orders"}  # fmt: skip
    assert [tuple(row) for row in await world.storage.fetch(sql[world.storage.dialect])] == [("x", "Rome")]


async def test_narrower_members(database: Database) -> None:
    """Members that are narrower, gone or required are a migration: what fits is rewritten, what does not is reported by
    its place."""
    old = notes(place=Object(fields={"city": Text(), "zip": Integer()}), due=Text())
    rows = [{"id": "a", "place": {"city": "Rome", "zip": 5}, "due": "2026-01-31"}, {"id": "b", "place": {"zip": 70}}]
    await stored(database, old, *rows)
    narrower = notes(place=Object(fields={"city": Text(), "zip": Integer(maximum=60)}), due=Date())
    [problem] = (await changed(database, narrower)).problems
    assert problem.endswith("and must be valid inside: zip must be between -9007199254740991 and 60")
    wider = notes(place=Object(fields={"city": Text(default="Bari"), "zip": Integer(), "on": Boolean()}), due=Date())
    assert (await changed(database, wider)).problems == ()
    assert await documents(database, wider) == {
        "a": {"place": {"city": "Rome", "zip": 5, "on": None}, "due": "2026-01-31"},
        "b": {"place": {"city": None, "zip": 70, "on": None}, "due": None},
    }


async def test_cells_of_a_table(database: Database) -> None:
    """A cell has an object as JSON; one that is none is refused."""
    from tests.server.data.migrated import serving

    collection = notes(
        place=Object(fields={"city": Text()}), due=Date(), lines=List(of=Object(fields={"n": Integer()}))
    )
    texts = [{"id": "a", "place": '{"city": "Rome"}', "due": "2026-01-31 00:00:00", "lines": '[{"n": 1}]'},
             {"id": "b", "place": "Rome"}]  # fmt: skip
    async with serving(database, collection) as backend:
        result = await backend.importer.run("notes", Import(rows=[*texts], is_text=True))
    assert [(row.row, row.errors) for row in result.refused] == [(1, {"place": ["must be an object"]})]
    assert (await documents(database, collection))["a"] == {
        "place": {"city": "Rome"}, "due": "2026-01-31", "lines": [{"n": 1}],
    }  # fmt: skip
