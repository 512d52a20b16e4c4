"""The JSON that a statement puts together."""

from __future__ import annotations

import random
import struct
from math import isfinite
from typing import Any

import msgspec

from hinterland.contract.changes import Write
from hinterland.contract.fields import Boolean, Bytes, Date, Field, Instant, Int64, Integer, Json, List, Number, Text
from hinterland.contract.records import EVERYBODY, Collection, users
from hinterland.kit.clock import ManualClock
from hinterland.server.data.select.json_text import has_column_form
from hinterland.server.data.select.question import JsonMember, Select, Window
from hinterland.server.storage.protocol import Storage
from tests.server.data.world import ADMIN, World, opened

FIELDS: dict[str, Field] = {
    "text": Text(), "whole": Integer(), "number": Number(), "flag": Boolean(), "at": Instant(), "day": Date(),
    "big": Int64(), "bytes": Bytes(), "any": Json(), "tags": List(of=Text()), "Order_2": Text(),
}  # fmt: skip
TEXTS = [
    "",
    "plain",
    'a "quote" and a \\',
    "line\nfeed\ttab \x01 \x1f \x7f",
    "ä ß 漢字 \U0001f600 \u2028",
    "'; --",
    "null",
]
NUMBERS = [0.0, -0.0, 5.0, -7.25, 0.1 + 0.2, 1e15, 2.0**53, 1e16, 1e22, 1.5e300, 5e-324, -2.2250738585072014e-308]
MEMBERS = tuple(JsonMember(f"{name} of it", name) for name in FIELDS)


async def objects(world: World, *, is_array: bool) -> list[Any]:
    """What a statement makes of all records, by rows or as one array."""
    select = Select("kinds", "", is_json=True, members=MEMBERS, is_array=is_array, window=Window(1_000))
    statement = world.catalogue.compile(select, ADMIN)
    assert statement is not None
    rows, is_cut = await world.storage.search(*statement[:3], asker="", is_costly=False)
    assert not is_cut
    if is_array:
        [[text]] = rows
        found: list[Any] = msgspec.json.decode(text)
        return found
    return [msgspec.json.decode(row[0]) for row in rows]


def some_doubles() -> list[float]:
    """Doubles of all magnitudes, the same in each run."""
    source = random.Random(1)
    found = [struct.unpack("d", source.randbytes(8))[0] for _ in range(300)]
    return [number for number in found if isfinite(number)]


async def test_values_are_those_of_the_document(storage: Storage, clock: ManualClock) -> None:
    """Whether a value is read from its column or looked for in the document, it is the same one: any text, any double,
    and null where the record has none."""
    bodies: list[dict[str, Any]] = [
        {},
        {
            "whole": -(2**53) + 1,
            "flag": True,
            "at": "2026-11-28T12:00:00Z",
            "day": "2026-11-28",
            "big": "9007199254740993",
        },
        {"flag": False, "bytes": "AAEC/w==", "any": {"a": [1, None]}, "tags": ["x", 'y"'], "Order_2": "z"},
        *[{"text": text} for text in TEXTS],
        *[{"number": number} for number in [*NUMBERS, *some_doubles()]],
    ]
    kinds = Collection(name="kinds", fields=FIELDS, rules=EVERYBODY)
    async with opened(storage, clock, (users(), kinds)) as world:
        await world.write(
            *[Write(act="create", collection="kinds", id=f"k{at:03}", body=body) for at, body in enumerate(bodies)]
        )
        stored = [
            msgspec.json.decode(row[0]) for row in await storage.fetch('SELECT _body FROM "kinds" ORDER BY id', ())
        ]
        expected = [{f"{name} of it": document.get(name) for name in FIELDS} for document in stored]
        assert [each["number"] for each in stored if each.get("number") is not None] == [*NUMBERS, *some_doubles()]
        for is_array in (False, True):
            made = await objects(world, is_array=is_array)
            assert made == expected
            assert [_kinds_of(each) for each in made] == [_kinds_of(each) for each in expected]


def _kinds_of(record: dict[str, Any]) -> list[type]:
    """The types: 5 and 5.0 are equal."""
    return [type(value) for value in record.values()]


def test_which_columns_are_read() -> None:
    """Lists and objects are looked for in the document, on PostgreSQL doubles too, which it writes in another way."""
    kinds = {field.column for field in FIELDS.values()}
    assert {kind for kind in kinds if has_column_form(kind, "sqlite")} == {"text", "integer", "real", "boolean"}
    assert {kind for kind in kinds if has_column_form(kind, "postgres")} == {"text", "integer", "boolean"}
