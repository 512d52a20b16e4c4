"""The statements of questions: what a search begins with, and that they are made once for a structure."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Integer, Json, Text
from hinterland.contract.identity import SIGNED_OUT, Principal
from hinterland.contract.records import Collection, Rules, users
from hinterland.kit.cel.conditions import cel, eq, ge, has
from hinterland.kit.clock import ManualClock
from hinterland.server.data.select.compiler import KEPT_CHARACTERS, WIDTH, Compiler
from hinterland.server.data.select.question import Select, Window
from hinterland.server.storage.protocol import Storage
from tests.server.data.select.plans import plan_of
from tests.server.data.world import ADA, ADMIN, BEN, World, opened
from tests.server.refused import refused

OWNED = "auth.id == record.owner"
ITEMS = Collection(
    name="items",
    fields={
        "owner": Text(index=True),
        "kind": Text(),
        "rank": Integer(index=True),
        "secret": Text(read="auth.id == record.owner"),
        "vault": Json(read="auth.id == record.owner"),
        "meta": Json(),
    },
    rules=Rules(list=OWNED, view="true"),
    indexes=(("kind", "rank"), ("created_at",), ("kind", "updated_at")),
)
CLOSED = Collection(name="closed", fields={"text": Text()})
LOOSE = Collection(name="loose", fields={}, is_open=True)
COLLECTIONS = (users(), ITEMS, CLOSED, LOOSE)
COUNT = 40


@pytest.fixture
async def world(storage: Storage, clock: ManualClock) -> AsyncIterator[World]:
    """Items of two owners on each database, some of them without a rank and many with the same one."""
    async with opened(storage, clock, COLLECTIONS) as made:
        for number in range(COUNT):
            clock.jump(1)
            rank = None if number % 4 == 0 else number // 3
            body = {"owner": "ada" if number % 2 else "ben", "kind": "k", "rank": rank, "secret": str(number)}
            await made.write(Write(act="create", collection="items", id=f"i{number:02}", body=body))
        yield made


async def rows(world: World, select: Select, caller: Principal | None) -> list[Any]:
    """What the database answers."""
    statement = world.catalogue.compile(select, caller)
    assert statement is not None
    return [tuple(row) for row in await world.storage.fetch(statement.sql, statement.parameters)]


SORTS: list[tuple[tuple[str, ...], tuple[Any, ...]]] = [
    ((), ("i10",)),
    (("rank",), (3, "i10")),
    (("-rank",), (3, "i10")),
    (("rank",), (None, "i10")),
    (("-rank",), (None, "i10")),
    (("created_at",), ("2026-01-01T00:00:00.000000Z", "i10")),
    (("-created_at",), ("2026-01-01T00:00:00.000000Z", "i10")),
]


@pytest.mark.parametrize(("sort", "place"), SORTS)
async def test_a_place_is_where_a_search_begins(world: World, sort: tuple[str, ...], place: tuple[Any, ...]) -> None:
    """A page after a place in a sort with an index is read from the index there on, in its order: nothing before the
    place is looked at, and nothing is sorted."""
    select = Select("items", sort=sort, window=Window(5, after=place))
    statement = world.catalogue.compile(select, ADMIN)
    assert statement is not None
    plan = await plan_of(world.storage, statement)
    if world.storage.dialect == "sqlite":
        assert "SCAN r0" not in plan, plan
        assert "TEMP B-TREE" not in plan, plan
        assert plan.count("SEARCH r0") == len(world.catalogue["items"].order(sort).spans("r0", place)), plan
    else:
        assert "Sort" not in plan, plan
        assert plan.count("Index Cond") == plan.count("Index Scan"), plan


async def test_a_place_beside_an_equality(world: World) -> None:
    """With an equality and a sort that one index is over, the page after a place begins there too."""
    for sort, place in ((("rank",), (3, "i10")), (("-rank",), (3, "i10")), (("-updated_at",), ("2026", "i10"))):
        select = Select("items", where=(eq("kind", "k"),), sort=sort, window=Window(5, after=place))
        statement = world.catalogue.compile(select, ADMIN)
        assert statement is not None
        plan = await plan_of(world.storage, statement)
        if world.storage.dialect == "sqlite":
            assert "TEMP B-TREE" not in plan, plan
            assert "(kind=? AND (" in plan or "(kind=? AND _updated" in plan or "(kind=? AND rank" in plan, plan
        else:
            assert "Sort" not in plan, plan
            assert "ROW(" in plan.partition("Index Cond")[2].partition("\n")[0], plan


@pytest.mark.parametrize("sort", [("rank",), ("-rank",), ("-rank", "kind"), ("rank", "-created_at"), ("-created_at",)])
@pytest.mark.parametrize("limit", [1, 3, 7])
async def test_windows_join_without_gap(world: World, sort: tuple[str, ...], limit: int) -> None:
    """Windows after windows hold every record once, in the order of the whole, also where nulls begin or end."""
    order = world.catalogue["items"].order(sort)
    whole = [row[1] for row in await rows(world, Select("items", sort=sort), ADMIN)]
    found: list[str] = []
    after = None
    while page := await rows(world, Select("items", sort=sort, window=Window(limit, after=after)), ADMIN):
        assert len(page) <= limit
        found += [row[1] for row in page]
        after = order.place(order.cursor(page[-1][WIDTH + 1 :]))
    assert found == whole
    assert len(whole) == COUNT


async def test_equal_structures_share_a_statement(world: World) -> None:
    """What differs in values alone is compiled once, for all callers; another structure is another statement."""
    catalogue = world.catalogue

    def text(caller: Principal | None = ADA, **parts: Any) -> str:
        statement = catalogue.compile(Select("items", **parts), caller)
        assert statement is not None
        return statement.sql

    assert text(where=(eq("kind", "a"),)) is text(BEN, where=(eq("kind", "b"),))
    assert text(where=(eq("kind", "a"),)) is text(where=(cel("record.kind == 'c'"),))
    assert text(where=(cel("record.rank in [1, 2]"),)) is text(where=(cel("record.rank in [3, 4]"),))
    assert text(window=Window(5, 10)) is text(window=Window(7, 20))
    others = [
        text(), text(None), text(where=(eq("kind", "a"),)), text(where=(ge("kind", "a"),)), text(sort=("rank",)),
        text(window=Window(5)), text(window=Window(5, 1)), text(window=Window(5, after=("x",))),
        text(fields=("id",)), text(total="beside"), text(total="alone"), text(action="view"),
    ]  # fmt: skip
    assert len(set(others)) == len(others)
    for number in range(1_200):  # more than are kept
        text(sort=("id",), fields=("id",) * (number + 1))
    assert text(None) == others[1]


async def test_who_asks(world: World) -> None:
    """A caller is shown what the rule of the action shows, an administrator and the server everything; where the rule
    can't be true there is no statement."""
    assert len(await rows(world, Select("items"), ADA)) == COUNT // 2
    assert len(await rows(world, Select("items", action="view"), ADA)) == COUNT
    assert len(await rows(world, Select("items"), ADMIN)) == len(await rows(world, Select("items"), None)) == COUNT
    assert world.catalogue.compile(Select("closed"), ADA) is None
    assert world.catalogue.compile(Select("items", where=(cel("auth.id == 'ben'"),)), ADA) is None
    assert world.catalogue.compile(Select("items", where=(cel("auth == null"),)), SIGNED_OUT) is not None


async def test_shapes(world: World) -> None:
    """A row is a whole record with the total beside it, or the named fields, or the total alone."""
    [record] = await rows(world, Select("items", window=Window(1), total="beside"), ADA)
    assert (record[1], record[WIDTH], record[WIDTH + 1 :]) == ("i01", COUNT // 2, ("i01",))
    named = Select("items", where=(eq("rank", 1),), sort=("-id",), fields=("id", "rank", "revision"))
    assert await rows(world, named, ADMIN) == [("i05", 1, 6), ("i03", 1, 4)]
    assert await rows(world, Select("items", total="alone"), ADA) == [(COUNT // 2,)]


async def test_hidden_fields(world: World) -> None:
    """A condition or an order by a field that is hidden from the caller is refused, whichever way it is built; the
    private text of a row is there only where the caller sees a field of it."""
    conditions = [eq("secret", "1"), eq(("vault", "code"), 7), cel("record.vault.code == 7"), has(("vault", "code"))]
    selects = [Select("items", where=(condition,)) for condition in conditions]
    for hidden in (*selects, Select("items", sort=("secret",))):
        with refused("forbidden", "can't be used to filter, sort or aggregate; its read rule must be true"):
            world.catalogue.compile(hidden, ADA)
        assert world.catalogue.compile(hidden, ADMIN) is not None
    found = {row[1]: row[6] is not None for row in await rows(world, Select("items", action="view"), ADA)}
    assert found == {f"i{number:02}": number % 2 == 1 for number in range(COUNT)}


async def test_values_inside_of_json(world: World) -> None:
    """A path into a Json field selects on both databases what it selects as a condition of an event's filter."""
    for id, meta in (("x", {"city": "Rome", "n": 2}), ("y", {"city": 5}), ("z", "Rome"), ("w", None)):
        await world.write(Write(act="create", collection="items", id=id, body={"owner": "ada", "meta": meta}))
    for condition in (eq(("meta", "city"), "Rome"), cel("record.meta.n > 1.5"), cel("'Rome' == record.meta.city")):
        assert [row[1] for row in await rows(world, Select("items", where=(condition,)), ADA)] == ["x"]
    assert [row[1] for row in await rows(world, Select("items", where=(eq("meta", "Rome"),)), ADA)] == ["z"]


async def test_what_is_not_there(world: World) -> None:
    """An unknown collection, field or order is refused."""
    with pytest.raises(Refusal, match="no collection"):
        world.catalogue.compile(Select("nothing"), ADMIN)
    with refused("invalid_query", "sort field"):
        world.catalogue.compile(Select("items", sort=("nothing",)), ADMIN)


async def test_how_much_is_kept(world: World) -> None:
    """Callers choose the names of an open collection's fields: what is kept for structures is limited by its length,
    and a very long statement, which hardly comes again, takes the place of no other."""
    compiler, kept = Compiler(world.catalogue), []
    for number in range(300):
        named = (eq(f"{number}{'n' * 900}{field}", 1) for field in range(16))
        assert compiler.look_up(Select("loose", where=tuple(named)))
        kept.append(compiler.kept_characters)
    assert max(kept) <= KEPT_CHARACTERS
    assert min(kept[1:]) < max(kept) > KEPT_CHARACTERS * 0.8
    named = (eq(f"{'n' * 15_000}{field}", 1) for field in range(16))
    assert len(compiler.look_up(Select("loose", where=tuple(named))).sql) > KEPT_CHARACTERS // 20
    assert compiler.kept_characters == kept[-1]
