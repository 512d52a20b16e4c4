"""Many records at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Boolean, Instant, Int64, Integer, Json, List, Number, Text
from hinterland.contract.records import EVERYBODY, Collection, users
from hinterland.kit.clock import ManualClock
from hinterland.server.data.importer import Importer
from hinterland.server.storage.protocol import Storage
from tests.server.data.world import ADMIN, World, opened
from tests.server.refused import refused

CARS = Collection(
    name="cars",
    fields={
        "name": Text(required=True),
        "plate": Text(unique=True),
        "seats": Integer(minimum=1),
        "price": Number(),
        "sold": Boolean(),
        "built": Instant(),
        "big": Int64(),
        "any": Json(),
        "tags": List(of=Text()),
        "owner": Text(fill="auth.id"),
    },
)
PARTS = Collection(name="parts", fields={"name": Text()}, parent="cars")
COUNTED = Collection(name="counted", fields={"name": Text()}, rules=EVERYBODY, ids="integer")


@pytest.fixture
async def world(storage: Storage, clock: ManualClock) -> AsyncIterator[World]:
    """A data engine on each database."""
    async with opened(storage, clock, (users(), CARS, PARTS, COUNTED)) as made:
        yield made


async def put(world: World, collection: str, *rows: Any, is_text: bool = False) -> dict[str, Any]:
    """Import rows."""
    return await Importer(world.writer, world.catalogue).rows(collection, [*rows], is_text=is_text)


async def cars(world: World) -> list[dict[str, Any]]:
    """The cars as an administrator sees them."""
    found = await world.visible(ADMIN, "cars")
    return sorted(found.values(), key=lambda car: str(car["id"]))


async def test_what_fits_is_one_commit(world: World) -> None:
    """Rows that all fit are created together, past every rule, with given ids; nobody's id is filled in."""
    assert await put(world, "cars", {"id": "a", "name": "A"}, {"id": "b", "name": "B"}) == {"created": 2, "refused": []}
    assert {entry.commit for entry in await world.storage.log(0, 9)} == {2}
    assert [(car["id"], car["owner"]) for car in await cars(world)] == [("a", None), ("b", None)]
    assert await put(world, "cars") == {"created": 0, "refused": []}


async def test_what_does_not_fit_is_reported(world: World) -> None:
    """A refused row is told by its place, with its errors, and holds up no other."""
    result = await put(
        world, "cars", {"id": "a", "name": "A", "plate": "p"}, {"seats": 0}, 5, {"id": "b", "name": "B", "plate": "p"},
        {"id": "a", "name": "again"}, {"id": "c d", "name": "C"}, {"id": "d", "name": "D", "parent": "cars/a"},
        {"id": "e", "name": "E"},
    )  # fmt: skip
    assert result["created"] == 2
    assert [report["row"] for report in result["refused"]] == [1, 2, 3, 4, 5, 6]
    assert set(result["refused"][0]["errors"]) == {"name", "seats"}
    assert result["refused"][2]["errors"] == {"plate": ["is taken already"]}
    assert [car["id"] for car in await cars(world)] == ["a", "e"]


async def test_text_rows(world: World) -> None:
    """With `is_text` each value is read as its field's kind, and an empty one is none."""
    row = {
        "id": "a", "name": "A", "plate": "", "seats": "4", "price": "1.5", "sold": "True",
        "built": "2026-01-01T00:00:00Z", "big": "9007199254740993", "any": '{"a": [1]}', "tags": '["x"]',
    }  # fmt: skip
    assert (await put(world, "cars", row, is_text=True))["refused"] == []
    [car] = await cars(world)
    assert (car["seats"], car["price"], car["sold"], car["any"], car["tags"]) == (4, 1.5, True, {"a": [1]}, ["x"])
    assert (car["plate"], car["big"]) == (None, "9007199254740993")


@pytest.mark.parametrize(
    ("field", "text"),
    [("seats", "four"), ("seats", "9" * 5_000), ("price", "nan"), ("price", "dear"), ("sold", "maybe"), ("built", "x"),
     ("big", "1e3"), ("any", "{"), ("any", "NaN"), ("any", '{"a":1,"a":2}'), ("any", '"\\ud800"'), ("any", '"\\u0000"'),
     ("any", "[" * 100_000), ("tags", "x"), ("tags", "[1]")],
)  # fmt: skip
async def test_text_that_is_no_value(world: World, field: str, text: str) -> None:
    """A text that its field can't be read from, or that is JSON of more than one meaning, is reported, never kept."""
    result = await put(world, "cars", {"name": "A", field: text}, {"name": "B"}, is_text=True)
    assert result["created"] == 1
    assert field in result["refused"][0]["errors"]


async def test_nested_and_counted_rows(world: World) -> None:
    """A row names its parent's path; integer ids are taken as given, and counting goes on beyond them."""
    await put(world, "cars", {"id": "a", "name": "A"})
    result = await put(world, "parts", {"name": "wheel", "parent": "cars/a"}, {"name": "door", "parent": "cars/x"})
    assert (result["created"], [report["row"] for report in result["refused"]]) == (1, [1])
    counted = await put(world, "counted", {"id": "7"}, {"id": ""}, {"id": "x"}, is_text=True)
    assert (counted["created"], [report["row"] for report in counted["refused"]]) == (2, [2])
    assert (await put(world, "counted", {"id": True}, {"id": None}, {"id": 0}))["created"] == 3
    ids = [row[0] for row in await world.storage.fetch('SELECT id FROM "counted" ORDER BY id')]
    assert ids[0] == 7
    assert len(ids) == 5


async def test_an_unknown_collection(world: World) -> None:
    """Rows go into a declared collection."""
    with refused("unknown_collection"):
        await put(world, "nowhere", {})


async def test_a_full_disk_is_not_a_bad_row(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the server itself can't write, the import fails as a whole: no row is to blame."""

    def full() -> Any:
        raise Refusal("storage_full")

    monkeypatch.setattr(world.storage, "transaction", full)
    with refused("storage_full"):
        await put(world, "cars", {"name": "A"}, {"name": "B"})
    assert msgspec.json.encode(await cars(world)) == b"[]"
