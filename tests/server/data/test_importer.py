"""Many records at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from hinterland.contract import values
from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Boolean, Instant, Int64, Integer, Json, List, Number, Text
from hinterland.contract.imports import Import, ImportResult
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


async def put(world: World, collection: str, *rows: Any, **how: Any) -> ImportResult:
    """Import rows."""
    return await Importer(world.commands, world.catalogue).run(collection, Import(rows=[*rows], **how))


async def cars(world: World) -> list[dict[str, Any]]:
    """The cars as an administrator sees them."""
    found = await world.visible(ADMIN, "cars")
    return sorted(found.values(), key=lambda car: str(car["id"]))


async def test_what_fits_is_one_commit(world: World) -> None:
    """Rows that all fit are created together, past every rule, with given ids; nobody's id is filled in."""
    result = await put(world, "cars", {"id": "a", "name": "A"}, {"id": "b", "name": "B"})
    assert result == ImportResult(created=2, refused=[])
    assert {entry.commit for entry in await world.storage.log(0, 9)} == {2}
    assert [(car["id"], car["owner"]) for car in await cars(world)] == [("a", None), ("b", None)]
    assert await put(world, "cars") == ImportResult(created=0, refused=[])


async def test_what_does_not_fit_is_reported(world: World) -> None:
    """A refused row is reported by its place, with its errors, and holds up no other."""
    result = await put(
        world, "cars", {"id": "a", "name": "A", "plate": "p"}, {"seats": 0}, 5, {"id": "b", "name": "B", "plate": "p"},
        {"id": "a", "name": "again"}, {"id": "c/d", "name": "C"}, {"id": "d", "name": "D", "parent": "cars/a"},
        {"id": "e", "name": "E"},
    )  # fmt: skip
    assert result.created == 2
    assert [report.row for report in result.refused] == [1, 2, 3, 4, 5, 6]
    assert set(result.refused[0].errors) == {"name", "seats"}
    assert result.refused[2].errors == {"plate": ["is already in use"]}
    assert [car["id"] for car in await cars(world)] == ["a", "e"]


async def test_text_rows(world: World) -> None:
    """With `is_text` each value is read as its field's kind, and an empty one is none."""
    row = {
        "id": "a", "name": "A", "plate": "", "seats": "4", "price": "1.5", "sold": "True",
        "built": "2026-01-01T00:00:00Z", "big": "9007199254740993", "any": '{"a": [1]}', "tags": '["x"]',
    }  # fmt: skip
    assert (await put(world, "cars", row, is_text=True)).refused == []
    [car] = await cars(world)
    assert (car["seats"], car["price"], car["sold"], car["any"], car["tags"]) == (4, 1.5, True, {"a": [1]}, ["x"])
    assert (car["plate"], car["big"]) == (None, "9007199254740993")


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("seats", "four"), ("seats", "9" * 5_000), ("seats", "4.5"), ("seats", "1e20"), ("price", "nan"),
        ("price", "dear"), ("sold", "maybe"), ("built", "x"), ("big", "1e30"), ("big", "1.5"), ("any", "{"),
        ("any", "NaN"), ("any", '{"a":1,"a":2}'), ("any", '"\\ud800"'), ("any", '"\\u0000"'),
        ("any", "[" * 100_000), ("tags", "x"), ("tags", "[1]"),
    ],
)  # fmt: skip
async def test_text_that_is_no_value(world: World, field: str, text: str) -> None:
    """A text that its field can't be read from, or that is JSON of more than one meaning, is reported, never kept."""
    result = await put(world, "cars", {"name": "A", field: text}, {"name": "B"}, is_text=True)
    assert result.created == 1
    assert field in result.refused[0].errors


async def test_nested_and_counted_rows(world: World) -> None:
    """A row names its parent's path; integer ids are taken as given, and counting goes on beyond them."""
    await put(world, "cars", {"id": "a", "name": "A"})
    result = await put(world, "parts", {"name": "wheel", "parent": "cars/a"}, {"name": "door", "parent": "cars/x"})
    assert (result.created, [report.row for report in result.refused]) == (1, [1])
    counted = await put(world, "counted", {"id": "7"}, {"id": ""}, {"id": "x"}, is_text=True)
    assert (counted.created, [report.row for report in counted.refused]) == (2, [2])
    odd = await put(world, "counted", {"id": True}, {"id": None}, {"id": 0}, {"id": 1.5}, {})
    assert (odd.created, [report.row for report in odd.refused]) == (2, [0, 2, 3])
    ids = [row[0] for row in await world.storage.fetch('SELECT id FROM "counted" ORDER BY id')]
    assert ids[0] == 7
    assert len(ids) == 4


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


# ---------------------------------------------------------------- what others write


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("sold", "t", True), ("sold", "f", False), ("sold", "True", True), ("sold", "0", False), ("sold", "yes", True),
        ("seats", "4.0", 4), ("seats", " 4 ", 4), ("seats", "1e3", 1000), ("big", "1e3", "1000"),
        ("big", "9007199254740993.0", "9007199254740993"), ("price", "1e20", 1e20), ("price", "3", 3.0),
    ],
)  # fmt: skip
async def test_texts_as_others_write_them(world: World, field: str, text: str, value: object) -> None:
    """PostgreSQL's t, f and +00, pandas' True and 4.0, and JavaScript's 1e20 are read as what they mean, exactly."""
    assert (await put(world, "cars", {"name": "A", field: text}, is_text=True)).refused == []
    assert (await cars(world))[0][field] == value


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("price", "1,5", 1.5), ("price", "-1.234.567,89", -1234567.89), ("price", "12\u00a0345,6", 12345.6),
        ("price", "7", 7.0), ("price", "1e3", 1000.0), ("seats", "1.234,0", 1234), ("seats", "4,0", 4),
        ("seats", "1 234", 1234), ("seats", "1.234.567", 1234567), ("big", "5,00", "5"),
    ],
)  # fmt: skip
async def test_decimal_commas(world: World, field: str, text: str, value: object) -> None:
    """With decimal commas a number is read as in most of Europe, thousands marked by dots or blanks included."""
    result = await put(world, "cars", {"name": "A", field: text}, is_text=True, has_decimal_comma=True)
    assert result.refused == []
    assert (await cars(world))[0][field] == value


@pytest.mark.parametrize("is_rehearsal", [True, False])
@pytest.mark.parametrize("field", ["price", "seats", "big"])
@pytest.mark.parametrize("text", ["12.34", "12.345", " -1.234 ", "4.0", ".5", "5.", "1.5e3"])
async def test_a_lone_point_among_decimal_commas(world: World, field: str, text: str, is_rehearsal: bool) -> None:
    """With decimal commas a number with one point and no comma is an error of its field that says what to do, never
    read as thousands in one row and as a fraction in the next; a rehearsal says the same."""
    given = {"is_text": True, "has_decimal_comma": True, "is_rehearsal": is_rehearsal}
    result = await put(world, "cars", {"name": "A", field: text}, {"name": "B", "price": "12,34"}, **given)
    assert [report.row for report in result.refused] == [0]
    assert "write 1,5" in result.refused[0].errors[field][0]
    assert "--decimal-comma" in result.refused[0].errors[field][0]


@pytest.mark.parametrize("text", ["1.234 567", "12.34,5", "1.234.56", "1,234.5", "1,234,567"])
async def test_mixed_marks(world: World, text: str) -> None:
    """Marks of thousands that differ, or stand elsewhere than before three digits, are no number."""
    result = await put(world, "cars", {"name": "A", "price": text}, is_text=True, has_decimal_comma=True)
    assert result.refused[0].errors.keys() == {"price"}


@pytest.mark.parametrize("text", ["1,5", "1,234", "1,234.5", "1,234,567.8"])
async def test_commas_where_the_point_is_decimal(world: World, text: str) -> None:
    """Without decimal commas a number has no comma at all: 1,234 may be little more than one."""
    refused_rows = (await put(world, "cars", {"name": "A", "price": text}, is_text=True)).refused
    assert refused_rows[0].errors.keys() == {"price"}


async def test_integer_ids_among_decimal_commas(world: World) -> None:
    """An integer id is read as the numbers are."""
    given = {"is_text": True, "has_decimal_comma": True}
    result = await put(world, "counted", {"id": "1.234"}, {"id": "1.234,0"}, **given)
    assert [(report.row, *report.errors) for report in result.refused] == [(0, "id")]


@pytest.mark.parametrize("is_text", [True, False])
async def test_times_without_an_offset(world: World, is_text: bool) -> None:
    """A time without an offset is read in the timezone of the import, summer time included, counted, and refused where
    none is given; one with an offset is what it says."""
    rows = [
        {"id": id, "name": "A", "built": time}
        for id, time in (("a", "2026-01-31 12:00"), ("b", "2026-07-31T12:00:00"), ("c", "2026-01-31T12:00:00Z"))
    ]
    refused_rows = (await put(world, "cars", *rows[:2], is_text=is_text)).refused
    assert ["offset" in report.errors["built"][0] for report in refused_rows] == [True, True]
    result = await put(world, "cars", *rows, is_text=is_text, timezone="Europe/Rome")
    assert (result.created, result.zoned) == (3, 2)
    assert [car["built"][11:13] for car in await cars(world)] == ["11", "10", "12"]


@pytest.mark.parametrize(("zone", "hour"), [("+02:00", "10"), ("-0330", "15"), ("+02", "10"), ("Z", "12")])
async def test_offsets_as_timezone(world: World, zone: str, hour: str) -> None:
    """A timezone may be an offset."""
    await put(world, "cars", {"name": "A", "built": "2026-01-31T12:00:00"}, timezone=zone)
    assert (await cars(world))[0]["built"][11:13] == hour


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "+25:00", "../../etc/passwd", "\0", "rome"])
async def test_unknown_timezones(world: World, zone: str) -> None:
    """An unknown timezone is refused before anything is kept, with examples."""
    with refused("invalid_body") as error:
        await put(world, "cars", {"name": "A"}, timezone=zone)
    assert "Europe/Rome" in error.value.message
    assert await cars(world) == []


@pytest.mark.parametrize("is_text", [True, False])
async def test_times_are_kept(world: World, is_text: bool) -> None:
    """`created_at` and `updated_at` of a row are kept, so that exported records come back as they were; without them
    it is now, and what is no time is refused."""
    old, late = "2020-01-31T12:00:00.000000Z", "2021-01-31T12:00:00.000000Z"
    result = await put(
        world, "cars", {"id": "a", "name": "A", "created_at": "2020-01-31T13:00:00+01:00", "updated_at": late},
        {"id": "b", "name": "B", "created_at": old}, {"id": "c", "name": "C"},
        {"id": "d", "name": "D", "created_at": "yesterday"}, is_text=is_text,
    )  # fmt: skip
    assert [(report.row, [*report.errors]) for report in result.refused] == [(3, ["created_at"])]
    now = values.instant(world.clock.now())
    times = [(car["created_at"], car["updated_at"]) for car in await cars(world)]
    assert times == [(old, late), (old, old), (now, now)]


async def test_a_rehearsal(world: World) -> None:
    """A rehearsal reports what the import would, unique values and parents included, shows the first records, and keeps
    nothing."""
    rows = [{"id": "a", "name": "A", "plate": "p"}, {"name": "B", "plate": "p"}, {"seats": 1}, {"name": "C", "id": "a"}]
    reported = await put(world, "cars", *rows, is_rehearsal=True)
    assert (reported.created, [report.row for report in reported.refused]) == (1, [1, 2, 3])
    assert reported.sample[0] == {"id": "a", "name": "A", "plate": "p"}
    assert await cars(world) == []
    assert (await world.storage.head()).revision == 0
    done = await put(world, "cars", *rows)
    assert (done.created, done.refused, done.sample) == (1, reported.refused, [])
    assert (await put(world, "parts", {"name": "x", "parent": "cars/z"}, is_rehearsal=True)).created == 0
