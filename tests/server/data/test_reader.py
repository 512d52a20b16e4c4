"""Lists and single records as callers may see them, on each database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hinterland.contract.changes import Write
from hinterland.contract.fields import Boolean, Bytes, Instant, Int64, Integer, Json, List, Number, Text
from hinterland.contract.identity import SIGNED_OUT, Principal
from hinterland.contract.query import Query
from hinterland.contract.records import EVERYBODY, Collection, Rules, users
from hinterland.kit.clock import ManualClock
from hinterland.server.data.cursors import Seal
from hinterland.server.data.reader import RecordPage, RecordReader
from hinterland.server.storage.protocol import Storage
from tests.server.data.world import ADA, ADMIN, BEN, KEY, World, opened
from tests.server.refused import refused

LISTED = "(auth != null && auth.id == record.owner) || (has(record.open) && record.open)"
RUNS = Collection(name="runs", fields={}, rules=EVERYBODY, ids="integer")
ITEMS = Collection(
    name="items",
    fields={
        "text": Text(),
        "whole": Integer(),
        "number": Number(),
        "flag": Boolean(),
        "at": Instant(),
        "big": Int64(),
        "secret": Integer(read="auth.id == 'ada'"),
        "bytes": Bytes(),
        "any": Json(),
        "tags": List(of=Text()),
    },
    rules=EVERYBODY,
    parent="runs",
)
NUMBERED = Collection(name="numbered", fields={"text": Text()}, rules=EVERYBODY, ids="integer")
OWNED = Collection(
    name="owned",
    fields={"owner": Text(), "open": Boolean(), "secret": Text(read="auth.id == record.owner")},
    rules=Rules(list=LISTED, view=LISTED),
)
CLOSED = Collection(name="closed", fields={"text": Text()}, rules=Rules(view="true"))
COLLECTIONS = (users(), RUNS, ITEMS, NUMBERED, OWNED, CLOSED)
POOLS: dict[str, list[Any]] = {
    "text": [None, "", "a", "B", "b", "ä", "\uffff", "😀", "a b", "'"],
    "whole": [None, -(2**53) + 1, -1, 0, 10, 9],
    "number": [None, -1.5, 0.0, 1e300, 5e-324, 10],
    "flag": [None, False, True],
    "at": [None, "2026-01-01T00:00:00.000000Z", "2026-01-01T00:00:00.000001Z", "0999-12-31T23:59:59.000000Z"],
    "big": [None, str(-(2**63)), "-1", "10", "9", str(2**63 - 1)],
    "secret": [None, 1, 2],
}
SORTABLE = [*POOLS, "id", "created_at", "updated_at", "revision", "parent"]
ROWS = st.lists(st.fixed_dictionaries({name: st.sampled_from(pool) for name, pool in POOLS.items()}), max_size=12)
SORTS = st.lists(st.sampled_from(SORTABLE), unique=True, max_size=3).flatmap(
    lambda names: st.tuples(*(st.sampled_from([name, f"-{name}"]) for name in names))
)


@pytest.fixture
async def world(storage: Storage, clock: ManualClock) -> AsyncIterator[World]:
    """A data engine on each database."""
    async with opened(storage, clock, COLLECTIONS) as made:
        yield made


async def page(world: World, name: str, parent: str = "", *, caller: Principal = ADMIN, **query: Any) -> RecordPage:
    """A page of a list."""
    reader = RecordReader(world.storage, world.catalogue, Seal(KEY), world.clock)
    return await reader.page(caller, world.catalogue[name], parent, Query(**query))


async def fill(world: World, rows: Sequence[dict[str, Any]]) -> str:
    """Make records below a new parent; the parent's path."""
    [run] = (await world.write(Write(act="create", collection="runs"))).records
    parent = f"runs/{run.id}"
    for start in range(0, len(rows), 2):  # several commits, and several records with the same times
        assert isinstance(world.clock, ManualClock)
        world.clock.jump(0.5)
        writes = (Write(act="create", collection="items", parent=parent, body=row) for row in rows[start : start + 2])
        await world.write(*writes)
    return parent


def shown(world: World, found: RecordPage) -> list[dict[str, Any]]:
    """The records of a page as an administrator sees them."""
    return [msgspec.json.decode(world.catalogue["items"].wire(ADMIN, record)) for record in found.records]


def place(record: dict[str, Any], name: str) -> tuple[bool, Any]:
    """What a record is sorted by; null comes before every value."""
    value = record.get(name, "")  # the parent is the same for all
    return value is not None, int(value) if name == "big" and value is not None else value


def ordered(records: list[dict[str, Any]], sort: Sequence[str]) -> list[dict[str, Any]]:
    """The records as Python sorts them: by each name in turn, equal ones by id in the last one's direction."""
    is_last_down = bool(sort) and sort[-1].startswith("-")
    for key in reversed([*sort, "-id" if is_last_down else "id"]):
        name = key.removeprefix("-")
        records = sorted(records, key=lambda record, name=name: place(record, name), reverse=key.startswith("-"))  # type: ignore[misc]
    return records


@given(rows=ROWS, sort=SORTS, limit=st.integers(1, 5))
@settings(max_examples=40)
async def test_pages_together_are_the_whole_list(
    world: World, rows: list[dict[str, Any]], sort: tuple[str, ...], limit: int
) -> None:
    """By cursors, in every order, with ties and nulls: each record once, as Python sorts them; by pages too."""
    parent = await fill(world, rows)
    whole = shown(world, await page(world, "items", parent, limit=1_000))
    assert len(whole) == len(rows)
    expected = ordered(whole, sort)
    seen: list[dict[str, Any]] = []
    cursor, number = "", 0
    while number == 0 or cursor:
        number += 1
        found = await page(world, "items", parent, sort=sort, limit=limit, cursor=cursor, total=True)
        assert found.total == len(rows)
        assert shown(world, found) == expected[len(seen) : len(seen) + limit]
        by_number = await page(world, "items", parent, sort=sort, limit=limit, page=number)
        assert by_number.records == found.records
        seen += shown(world, found)
        cursor = found.next
    assert seen == expected


async def test_pages_of_numbered_records(world: World) -> None:
    """Integer ids are in the order of numbers, not of text."""
    await world.write(*(Write(act="create", collection="numbered") for _ in range(11)))
    for sort, first in (((), [1, 2, 3, 4, 5, 6]), (("-id",), [11, 10, 9, 8, 7, 6])):
        one = await page(world, "numbered", sort=sort, limit=6)
        two = await page(world, "numbered", sort=sort, limit=6, cursor=one.next)
        assert [record.id for record in one.records] == first
        assert len({*one.records, *two.records}) == 11
        assert two.next == ""


async def test_records_that_come_and_go_between_pages(world: World) -> None:
    """A cursor names a place, not a count: what is made or deleted before it neither repeats nor skips others."""
    await world.write(*(Write(act="create", collection="numbered", body={"text": f"{n}"}) for n in range(4)))
    one = await page(world, "numbered", limit=2)
    await world.write(
        Write(act="delete", collection="numbered", id=1), Write(act="delete", collection="numbered", id=2)
    )
    two = await page(world, "numbered", limit=2, cursor=one.next)
    assert [record.id for record in two.records] == [3, 4]


EQUAL: list[tuple[str, Any, str]] = [
    ("text", "ä", "ä"), ("text", "", ""), ("whole", -1, "-1"), ("number", 1.5, "1.5"), ("number", 10, "10"),
    ("flag", True, "TRUE"), ("flag", False, "false"),
    ("at", "2026-01-01T00:00:00.000000Z", "2026-01-01T01:00:00+01:00"),
    ("big", "9223372036854775807", "9223372036854775807"), ("big", "-1", "-1"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value", "asked"), EQUAL)
async def test_equality(world: World, field: str, value: Any, asked: str) -> None:
    """`?field=value` finds the records with that value, of every kind, and counts them."""
    parent = await fill(world, [{field: value}, {}, {field: value}])
    found = await page(world, "items", parent, equals={field: asked}, total=True)
    assert [record[field] for record in shown(world, found)] == [value, value]
    assert found.total == 2
    assert (await page(world, "items", parent, equals={field: value})).records == found.records


async def test_equality_of_the_servers_fields(world: World) -> None:
    """Ids, times, revisions and parents can be asked for too."""
    parent = await fill(world, [{}, {}])
    one, two = shown(world, await page(world, "items", parent, sort=("revision",)))
    for name, wanted in (("id", [one]), ("revision", [one]), ("created_at", [one, two]), ("updated_at", [one, two])):
        assert (
            shown(world, await page(world, "items", parent, sort=("revision",), equals={name: str(one[name])}))
            == wanted
        )
    await world.write(Write(act="create", collection="numbered"))
    assert len((await page(world, "numbered", equals={"id": "1"})).records) == 1
    assert (await page(world, "numbered", equals={"id": "2"})).records == []


@pytest.mark.parametrize("asked", ["1e5", "x", "", "1_0", "9" * 5_000, "1.0"])
async def test_a_number_that_is_none(world: World, asked: str) -> None:
    """What is asked of a number and is none is refused in words that say what to do."""
    for name, field in (("items", "revision"), ("items", "whole"), ("numbered", "id")):
        with refused("invalid_query", f"{field}: must be a whole number"):
            await page(world, name, "runs/1" if name == "items" else "", equals={field: asked})


@pytest.mark.parametrize("name", ["what", "any", "tags", "bytes"])
async def test_fields_that_have_no_order(world: World, name: str) -> None:
    """Lists, JSON, bytes and unknown names are neither compared nor sorted by."""
    with refused("invalid_query"):
        await page(world, "items", "runs/1", equals={name: "AAAA"})
    with refused("invalid_query", "sort .*; allowed: text, whole, number, flag, at, big, secret, id, created_at"):
        await page(world, "items", "runs/1", sort=(name,))


@pytest.mark.parametrize(
    ("filter", "numbers"),
    [
        ("record.whole > 1", [2, 3]), ("record.whole == null", [4]), ("!(record.whole > 1)", [1]),
        ("has(record.text) && record.text.startsWith('b')", [2]), ("record.text in ['a', 'c']", [1, 3]),
        ("'x' in record.tags", [1]), ("record.any != null", [3]), ("size(record.text) == 1", [1, 2, 3]),
        ("record.whole > 1 || record.text == 'a'", [1, 2, 3]), ("record.flag", [2]), ("auth == null", []),
        ("record.text.matches('^[ac]$')", [1, 3]), ("record.tags.filter(tag, tag.reverse() == 'x').size() == 1", [1]),
        ("record.at < now() - duration('720h')", [1]), ("record.at.getFullYear() > 9000", [2]),
        ("math.round(record.number / 2.0) == 2.0", [3, 4]), ("record.text.split('').join('-') == 'b'", [2]),
    ],
)  # fmt: skip
async def test_filters(world: World, filter: str, numbers: list[int]) -> None:
    """A CEL filter picks records; one whose value is missing is picked by what asks for that only."""
    rows: list[dict[str, Any]] = [
        {"whole": 1, "text": "a", "tags": ["x"], "number": 1, "at": "0999-12-31T23:59:59.000000Z"},
        {"whole": 2, "text": "b", "flag": True, "number": 2, "at": "9999-12-31T00:00:00.000000Z"},
        {"whole": 3, "text": "c", "any": {"deep": 1}, "number": 3}, {"number": 4},
    ]  # fmt: skip
    parent = await fill(world, rows)
    found = await page(world, "items", parent, filter=filter, sort=("number",), total=True)
    assert [record["number"] for record in shown(world, found)] == numbers
    assert found.total == len(numbers)


@pytest.mark.parametrize("filter", ["record.", "record.what == 1", "1", "record.text > 1", "x" * 4_001, "old == null"])
async def test_filters_that_can_not_be(world: World, filter: str) -> None:
    """A filter that is no condition over the record is refused with what is wrong."""
    with refused("invalid_query", "filter"):
        await page(world, "items", "runs/1", filter=filter)


# ---------------------------------------------------------------- what a caller sees


async def test_the_list_rule_filters(world: World) -> None:
    """A list holds what its rule lets the caller see, and its total counts that alone; errors in a rule deny."""
    bodies: list[dict[str, Any]] = [{"owner": "ada"}, {"owner": "ben", "open": True}, {"owner": "ben"}, {}]
    made = [Write(act="create", collection="owned", id=f"{n}", body=body) for n, body in enumerate(bodies)]
    await world.write(*made)
    for caller, ids in ((ADA, ["0", "1"]), (BEN, ["1", "2"]), (SIGNED_OUT, ["1"]), (ADMIN, ["0", "1", "2", "3"])):
        found = await page(world, "owned", caller=caller, total=True)
        assert ([record.id for record in found.records], found.total) == (ids, len(ids))
        reader = RecordReader(world.storage, world.catalogue, Seal(KEY), world.clock)
        for id in map(str, range(4)):
            if id in ids:
                assert (await reader.view(caller, world.catalogue["owned"], "", id)).id == id
            else:
                with refused("not_found"):
                    await reader.view(caller, world.catalogue["owned"], "", id)


async def test_a_hidden_record_is_not_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a record that the view rule hides the database gives nothing, as of one that is not there: the time does not
    grow with what is in it."""
    body = {"owner": "ben", "secret": "x" * 9_000}
    await world.write(Write(act="create", collection="owned", id="hidden", body=body))
    read: list[int] = []
    fetch = world.storage.fetch

    async def spy(sql: str, parameters: Sequence[Any] = ()) -> list[Sequence[Any]]:
        rows = await fetch(sql, parameters)
        read.append(len(rows))
        return rows

    monkeypatch.setattr(world.storage, "fetch", spy)
    reader = RecordReader(world.storage, world.catalogue, Seal(KEY), world.clock)
    for id in ("hidden", "absent"):
        for caller in (ADA, SIGNED_OUT):
            with refused("not_found", f"there is no owned/{id}"):
                await reader.view(caller, world.catalogue["owned"], "", id)
    assert read == [0, 0, 0, 0]
    assert (await reader.view(BEN, world.catalogue["owned"], "", "hidden")).id == "hidden"


async def test_a_list_without_a_rule(world: World) -> None:
    """Without a list rule nobody lists but administrators, even where anybody may view."""
    with refused("unauthorized"):
        await page(world, "closed", caller=SIGNED_OUT)
    with refused("forbidden"):
        await page(world, "closed", caller=ADA)
    assert (await page(world, "closed")).records == []


async def test_hidden_fields_can_not_be_asked_for(world: World) -> None:
    """A field that is not shown of every record is in no filter, sort or equality, save an administrator's."""
    for query in (
        {"filter": "record.secret == 'x'"},
        {"filter": "has(record.secret)"},
        {"filter": "record.owner == 'a' || record.secret == null"},
        {"sort": ("secret",)},
        {"sort": ("owner", "-secret")},
        {"equals": {"secret": "x"}},
    ):
        with refused("forbidden", "secret of owned"):
            await page(world, "owned", caller=ADA, **query)
        assert (await page(world, "owned", **query)).records == []
    with refused("forbidden"):
        await page(world, "items", "runs/1", caller=BEN, sort=("secret",))
    assert (await page(world, "items", "runs/1", caller=ADA, sort=("secret",))).records == []


async def test_a_list_is_its_parents_own(world: World) -> None:
    """A nested list holds the records of its parent alone."""
    one, two = await fill(world, [{"whole": 1}]), await fill(world, [{"whole": 2}])
    assert [record["whole"] for record in shown(world, await page(world, "items", one))] == [1]
    assert [record["whole"] for record in shown(world, await page(world, "items", two))] == [2]
    assert (await page(world, "items", "runs/99", total=True)).total == 0
    assert (await page(world, "items", two, page=9, total=True)).total == 1
