"""Values of groups, compared with what Python makes of the same records, on each database."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hinterland.contract.aggregation import VALUES, AggregatePage, Aggregation
from hinterland.contract.changes import Write
from hinterland.contract.fields import Boolean, Date, Instant, Int64, Integer, List, Number, Text
from hinterland.contract.identity import SIGNED_OUT, Principal
from hinterland.contract.records import EVERYBODY, Collection, Rules, users
from hinterland.kit.clock import ManualClock
from hinterland.server.data.cursors import Seal
from hinterland.server.data.reader import RecordReader
from hinterland.server.storage.protocol import Storage
from tests.server.data.select.watching import WatchedStatement, asking
from tests.server.data.world import ADA, ADMIN, BEN, KEY, World, opened
from tests.server.refused import refused

RUNS = Collection(name="runs", fields={}, rules=EVERYBODY, ids="integer")
ITEMS = Collection(
    name="items",
    fields={
        "text": Text(), "whole": Integer(), "number": Number(), "flag": Boolean(), "at": Instant(), "big": Int64(),
        "tags": List(of=Text()),
    },
    rules=EVERYBODY,
    parent="runs",
)  # fmt: skip
OWN = "auth.id == record.owner"
OWNED = Collection(
    name="owned",
    fields={"owner": Text(index=True), "text": Text(), "n": Integer(), "secret": Text(read=OWN),
            "staff": Integer(read="'staff' in auth.roles")},
    rules=Rules(list=OWN, view=OWN),
)  # fmt: skip
MEMBERS = Collection(
    name="members", fields=OWNED.fields | {"of": List(of=Text())}, rules=Rules(list="auth.id in record.of")
)
GATED = Collection(name="gated", fields={"n": Integer()}, rules=Rules(list="auth != null && auth.id == 'ada'"))
CLOSED = Collection(name="closed", fields={"n": Integer()}, rules=Rules(view="true"))
TEAMS = Collection(name="teams", fields={"name": Text(), "user": Text()}, rules=EVERYBODY)
PLANS = Collection(
    name="plans",
    fields={
        "team": Text(),
        "title": Text(search=True),
        "day": Date(),
        "notes": Text(search=True, read="auth.id == 'ben'"),
    },
    rules=Rules(list="teams.exists(t, t.name == record.team && t.user == auth.id)"),
)
RESULT = Collection(name="result", fields={"c0": Text(), "a": Integer()}, rules=EVERYBODY)
POOLS: dict[str, list[Any]] = {
    "text": [None, "", "a", "ä", "'", "-"],
    "whole": [None, -(2**53) + 1, -1, 0, 10, 2**53 - 1],
    "number": [None, -1.5, 0.25, 1e300, 5e-324, 10.0],
    "flag": [None, False, True],
    "at": [None, "2026-01-01T00:00:00.000000Z", "2026-01-31T23:59:59.999999Z", "0999-12-31T23:59:59.000000Z"],
    "big": [None, str(-(2**63)), "-1", "10", str(2**63 - 1), "4294967296"],
}
PARTS = {"at:year": 4, "at:month": 7, "at:day": 10, "at:hour": 13}
ROWS = st.lists(st.fixed_dictionaries({name: st.sampled_from(pool) for name, pool in POOLS.items()}), max_size=12)
GROUPS = st.lists(st.sampled_from([*POOLS, *PARTS]), unique=True, max_size=3).map(tuple)
NUMBERS = st.lists(st.sampled_from(["whole", "number", "big"]), unique=True, max_size=2).map(tuple)
FIELDS = st.lists(st.sampled_from([*POOLS]), unique=True, max_size=2).map(tuple)
COUNTS = st.lists(st.sampled_from(["*", *POOLS, *(f"distinct:{name}" for name in POOLS)]), unique=True, max_size=2)
ASKED = st.builds(Aggregation, group=GROUPS, count=COUNTS.map(tuple), sum=NUMBERS, avg=NUMBERS, min=FIELDS, max=FIELDS)


@pytest.fixture
async def world(storage: Storage, clock: ManualClock) -> AsyncIterator[World]:
    """A data engine on each database."""
    async with opened(
        storage, clock, (users(), RUNS, ITEMS, OWNED, MEMBERS, GATED, CLOSED, RESULT, TEAMS, PLANS)
    ) as made:
        yield made


async def aggregate(
    world: World, name: str, parent: str = "", *, caller: Principal = ADMIN, **asked: Any
) -> AggregatePage:
    """Values of groups."""
    reader = RecordReader(world.storage, world.catalogue, Seal(KEY), world.clock)
    return await reader.aggregate(caller, world.catalogue[name], parent, Aggregation(**asked))


async def fill(world: World, rows: Sequence[dict[str, Any]]) -> str:
    """Make records below a new parent; the parent's path."""
    [run] = (await world.write(Write(act="create", collection="runs"))).records
    parent = f"runs/{run.id}"
    await world.write(*(Write(act="create", collection="items", parent=parent, body=row) for row in rows))
    return parent


# ---------------------------------------------------------------- Python's answer

_ACTS: dict[str, Callable[[list[Any]], Any]] = {"sum": sum, "min": min, "max": max}


def python(rows: Sequence[dict[str, Any]], asked: Aggregation) -> list[dict[str, Any]] | None:
    """What Python makes of `rows`: groups in order; None where a sum is beyond what a number holds."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {} if asked.group else {(): [*rows]}
    for row in rows if asked.group else ():
        groups.setdefault(tuple([_group_value(row, name) for name in asked.group]), []).append(row)
    result = []
    for key in sorted(groups, key=lambda key: [(value is not None, value) for value in key]):
        row = dict(zip([name.replace(":", "_") for name in asked.group], key, strict=True))
        for act in VALUES:
            for name in getattr(asked, act):
                row |= _value(groups[key], act, name)
        if not row:
            row = {"count": len(groups[key])}
        if any(row.get(name) is not None and not low <= row[name] <= high for name, (low, high) in _RANGES.items()):
            return None
        result.append(row)
    return result


_RANGES = {"sum_whole": (-(2**53) + 1, 2**53 - 1), "sum_big": (-(2**63), 2**63 - 1)}


def _group_value(row: dict[str, Any], name: str) -> Any:
    if name in PARTS:
        return row["at"] and row["at"][: PARTS[name]]
    return int(row["big"]) if name == "big" and row["big"] is not None else row[name]


def _value(rows: list[dict[str, Any]], act: str, name: str) -> dict[str, Any]:
    if name == "*":
        return {"count": len(rows)}
    found = [value for row in rows if (value := _group_value(row, name.removeprefix("distinct:"))) is not None]
    if act == "count":
        is_distinct = name.startswith("distinct:")
        return {f"count_{name.replace(':', '_')}": len({*found}) if is_distinct else len(found)}
    if not found:
        return {f"{act}_{name}": None}
    return {f"{act}_{name}": sum(found) / len(found) if act == "avg" else _ACTS[act](found)}


def is_close(found: Any, expected: Any) -> bool:
    """Whether two values are the same, doubles but for the order in which they were added."""
    if isinstance(expected, float):
        return type(found) is float and math.isclose(found, expected, rel_tol=1e-12, abs_tol=1e-300)
    return (found, type(found)) == (expected, type(expected))


def as_read(page: AggregatePage) -> list[dict[str, Any]]:
    """The rows of a page with integers in the place of texts of 64 bits."""
    names = {"big", "sum_big", "min_big", "max_big"}
    return [{n: int(v) if n in names and v is not None else v for n, v in row.items()} for row in page.items]


@given(rows=ROWS, asked=ASKED)
@settings(max_examples=60)
async def test_values_are_pythons(world: World, rows: list[dict[str, Any]], asked: Aggregation) -> None:
    """Groups with their values, nulls and parts of times among them, are what Python makes of the same records, in the
    order of the groups; a sum that a number can't hold is refused."""
    parent = await fill(world, rows)
    expected = python(rows, asked)
    question = {name: getattr(asked, name) for name in ("group", *VALUES)}
    if expected is None:
        with refused("invalid_query", "beyond"):
            await aggregate(world, "items", parent, **question)
        return
    found = as_read(await aggregate(world, "items", parent, **question))
    assert [[*row] for row in found] == [[*row] for row in expected]
    for one, other in zip(found, expected, strict=True):
        assert all(is_close(one[name], other[name]) for name in other), (one, other)


@given(rows=ROWS, group=GROUPS, limit=st.integers(1, 4), sort=st.sampled_from(["", "-count", "count", "-"]))
@settings(max_examples=40)
async def test_pages_together_are_the_whole_result(
    world: World, rows: list[dict[str, Any]], group: tuple[str, ...], limit: int, sort: str
) -> None:
    """By cursors, by columns of groups up and down and by values, each row is on one page."""
    parent = await fill(world, rows)
    keys = tuple([f"-{name.replace(':', '_')}" for name in group[:2]]) if sort == "-" else (sort,) if sort else ()
    asked: dict[str, Any] = {"group": group, "count": ("*",), "sort": keys}
    whole = (await aggregate(world, "items", parent, **asked)).items
    if sort == "-count":
        assert [row["count"] for row in whole] == sorted([row["count"] for row in whole], reverse=True)
    seen: list[dict[str, Any]] = []
    cursor = ""
    while cursor or not seen:
        page = await aggregate(world, "items", parent, **asked, limit=limit, cursor=cursor)
        assert page.items == whole[len(seen) : len(seen) + limit]
        seen += page.items
        cursor = page.next
        if not cursor:
            break
    assert seen == whole


async def test_a_cursor_of_another_result(world: World) -> None:
    """A cursor continues the result that it is of, and no other."""
    parent = await fill(world, [{"text": "a"}, {"text": "b"}])
    page = await aggregate(world, "items", parent, group=("text",), limit=1)
    assert page.next
    for other in ({"group": ("flag",)}, {"group": ("text",), "count": ("*",)}, {"group": ("text",), "having": "true"}):
        with refused("invalid_cursor"):
            await aggregate(world, "items", parent, **other, limit=1, cursor=page.next)
    with refused("invalid_cursor"):
        await aggregate(world, "items", "runs/999", group=("text",), limit=1, cursor=page.next)


async def test_large_texts_end_a_page(world: World) -> None:
    """A page of groups holds as much text as one of records."""
    large = ["x" * 9_000 + f"{number:04}" for number in range(700)]
    parent = await fill(world, [{"text": text} for text in large])
    page = await aggregate(world, "items", parent, group=("text",), max=("text",))
    assert 100 < len(page.items) < 700
    rest = await aggregate(world, "items", parent, group=("text",), max=("text",), cursor=page.next)
    assert [row["text"] for row in (*page.items, *rest.items)][:300] == large[:300]


# ---------------------------------------------------------------- filters and having


async def test_filters_choose_records_and_having_chooses_groups(world: World) -> None:
    """Records are chosen before they are grouped, groups after."""
    rows = [{"text": "ab"[n % 2], "whole": n, "number": n / 2, "flag": n > 5} for n in range(10)]
    parent = await fill(world, rows)
    asked: dict[str, Any] = {"group": ("text",), "count": ("*",), "sum": ("whole", "number")}
    found = await aggregate(world, "items", parent, **asked, filter="record.whole > 3", equals={"flag": "false"})
    assert found.items == [
        {"text": "a", "count": 1, "sum_whole": 4, "sum_number": 2.0},
        {"text": "b", "count": 1, "sum_whole": 5, "sum_number": 2.5},
    ]
    for having, texts in [
        ("sum_whole > 20", ["b"]), ("sum_number == 10.0 && count == 5", ["a"]), ("text.startsWith('b')", ["b"]),
        ("text in ['a', 'b'] && sum_whole % 2 == 0", ["a"]), ("sum_whole == null", []), ("1 == 1", ["a", "b"]),
    ]:  # fmt: skip
        page = await aggregate(world, "items", parent, **asked, having=having)
        assert [row["text"] for row in page.items] == texts, having
    assert (await aggregate(world, "items", parent, count=("*",), having="count > 10")).items == []


async def test_names_that_the_statement_has(world: World) -> None:
    """Collections and fields may be called like what the statement has."""
    await world.write(*[Write(act="create", collection="result", body={"c0": "x", "a": n}) for n in (1, 2)])
    found = await aggregate(world, "result", group=("c0",), sum=("a",), having="c0 == 'x' && sum_a == 3")
    assert found.items == [{"c0": "x", "sum_a": 3}]


# ---------------------------------------------------------------- who is shown what


async def test_records_that_the_caller_does_not_see(world: World) -> None:
    """No value has a record in it that the list rule hides; without any, there is a row of nothing, or no group."""
    for name in ("owned", "members"):
        of = {"of": ["ada"]} if name == "members" else {}
        mine = [Write(act="create", collection=name, body={"owner": "ada", "n": n, **of}) for n in (1, 2)]
        others = [Write(act="create", collection=name, body={"owner": "ben", "n": 40})] * 3
        await world.write(*mine, *others)
        for caller, count, total in ((ADA, 2, 3), (BEN, 0 if of else 3, None if of else 120), (ADMIN, 5, 123)):
            found = await aggregate(world, name, caller=caller, count=("*",), sum=("n",))
            assert found.items == [{"count": count, "sum_n": total}]
        assert (await aggregate(world, name, caller=ADA, group=("owner",))).items == [{"owner": "ada"}]
        assert (await aggregate(world, name, caller=SIGNED_OUT, count=("*",))).items == [{"count": 0}]
        assert (await aggregate(world, name, caller=SIGNED_OUT, group=("owner",))).items == []


async def test_whom_the_rule_refuses(world: World) -> None:
    """Where the rule reads nothing of a record, a caller whom it refuses is shown nothing; a closed list is refused."""
    await world.write(Write(act="create", collection="gated", body={"n": 1}))
    await world.write(Write(act="create", collection="closed", body={"n": 1}))
    for caller, count in ((ADA, 1), (BEN, 0), (SIGNED_OUT, 0), (ADMIN, 1)):
        assert (await aggregate(world, "gated", caller=caller, count=("*",))).items == [{"count": count}]
    found = await aggregate(world, "gated", caller=ADA, count=("*",), filter="auth.id == 'ben'")
    assert found.items == [{"count": 0}]
    with refused("forbidden"):
        await aggregate(world, "closed", caller=ADA, count=("*",))
    assert (await aggregate(world, "closed", count=("*",))).items == [{"count": 1}]


@pytest.mark.parametrize(
    "asked",
    [
        {"group": ("secret",)}, {"count": ("secret",)}, {"count": ("distinct:staff",)}, {"sum": ("staff",)},
        {"avg": ("staff",)}, {"min": ("secret",)}, {"max": ("staff",)}, {"filter": "record.secret == 'x'"},
        {"equals": {"secret": "x"}},
    ],
)  # fmt: skip
async def test_hidden_fields(world: World, asked: dict[str, Any]) -> None:
    """A field that is hidden from the caller in any record is in no value, as in no sort and no filter."""
    with refused("forbidden", "(secret|staff) of owned"):
        await aggregate(world, "owned", caller=ADA, **asked)
    assert (await aggregate(world, "owned", **asked)).items is not None


@pytest.mark.parametrize("name", ["owned", "members"])
async def test_the_rule_before_everything_else(world: World, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Nothing that a caller asks, in `filter` or `having`, is worked out on a record that the list rule hides."""
    mine: dict[str, Any] = {"owner": "ada", "text": "mine", **({"of": ["ada"]} if name == "members" else {})}
    writes: list[dict[str, Any]] = [mine, {"owner": "ben", "text": "hidden guess"}] * 20
    await world.write(*[Write(act="create", collection=name, body=body) for body in writes])
    asked: list[WatchedStatement] = []
    search = world.storage.search

    async def spy(sql: str, parameters: Sequence[Any], *args: Any, **more: Any) -> Any:
        asked.append((sql, [*parameters]))
        return await search(sql, parameters, *args, **more)

    monkeypatch.setattr(world.storage, "search", spy)
    await aggregate(world, name, caller=ADA, group=("text",), having="text.contains('i') && !text.contains('x')")
    await aggregate(world, name, caller=ADA, group=("text",), filter="record.text.contains('i')")
    async with asking(world.storage) as ask:
        for statement in asked:
            seen = await ask(statement)
            assert "mine" in seen
            assert "hidden guess" not in seen


async def test_a_rule_that_asks_another_collection(world: World) -> None:
    """Groups have the records in them that a membership shows now, by days and their months too."""
    days = ["2026-01-31", "2026-01-01", "2025-12-31", "2026-01-01"]
    plans = [{"team": "ab"[n % 2], "title": f"trip {n}", "day": day} for n, day in enumerate(days)]
    await world.write(*[Write(act="create", collection="plans", body=body) for body in plans])
    assert (await aggregate(world, "plans", caller=ADA, count=("*",))).items == [{"count": 0}]
    await world.write(Write(act="create", collection="teams", id="t", body={"name": "b", "user": "ada"}))
    found = await aggregate(world, "plans", caller=ADA, group=("team", "day:month"), count=("*",), max=("day",))
    assert found.items == [{"team": "b", "day_month": "2026-01", "count": 2, "max_day": "2026-01-01"}]
    await world.write(Write(act="delete", collection="teams", id="t"))
    assert (await aggregate(world, "plans", caller=ADA, group=("team",))).items == []
    assert (await aggregate(world, "plans", group=("day:year",))).items == [{"day_year": "2025"}, {"day_year": "2026"}]


async def test_of_what_a_search_finds(world: World) -> None:
    """Values are of the records that a list with the same search shows; what is hidden finds nothing."""
    plans = [{"team": "a", "title": title, "notes": "late"} for title in ("red shoes", "red hat", "blue shoes")]
    await world.write(*[Write(act="create", collection="plans", body=body) for body in plans])
    for search, count in (("red", 2), ('"red shoes"', 1), ("shoes -blue", 1), ("late", 3), ("green", 0)):
        assert (await aggregate(world, "plans", search=search)).items == [{"count": count}], search
    await world.write(Write(act="create", collection="teams", body={"name": "a", "user": "ada"}))
    for search, count in (("red", 2), ("late", 0), ("red late", 0)):
        assert (await aggregate(world, "plans", caller=ADA, search=search)).items == [{"count": count}], search
    with refused("invalid_query", "search"):
        await aggregate(world, "owned", search="red")
    page = await aggregate(world, "plans", search="red", group=("title",), limit=1)
    with refused("invalid_cursor"):
        await aggregate(world, "plans", search="blue", group=("title",), limit=1, cursor=page.next)
