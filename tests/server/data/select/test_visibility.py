"""What a list's statement works out on which records, asked of the databases themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import apsw
import asyncpg
import pytest

from hinterland.contract.fields import Field, Integer, List, Text
from hinterland.contract.identity import SIGNED_OUT, Principal
from hinterland.contract.query import Query
from hinterland.contract.records import Collection, Rules, users
from hinterland.kit.clock import ManualClock
from hinterland.server.data.cursors import Seal
from hinterland.server.data.reader import RecordReader
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.postgres_reading import numbered
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.data.acts import make
from tests.server.data.select.watching import WatchedStatement, asking
from tests.server.data.world import ADA, ADMIN, KEY, World, opened

FIELDS: dict[str, Field] = {
    "owner": Text(index=True),
    "members": List(of=Text()),
    "text": Text(search=True),
    "n": Integer(),
    "kind": Text(index=True),
    "rank": Integer(index=True),
    "secret": Text(read="auth.id == record.owner"),
}
RULES = {
    "member": "auth.id in record.members",
    "owner": "auth.id == record.owner",
    "both": "auth != null && record.n >= 0 && record.members.exists(m, m == auth.id)",
}
COLLECTIONS = [Collection(name=name, fields=FIELDS, rules=Rules(list=rule)) for name, rule in RULES.items()]
QUERIES: list[dict[str, Any]] = [
    {"filter": "record.text.contains('a')", "total": True},
    {"filter": "record.n == 1 && record.text.contains('a')", "sort": ("n",)},
    {"filter": "record.kind == 'k' && record.text.contains('a') && record.rank < 9"},
    {"filter": "record.text.contains('a') || record.rank == 1", "equals": {"n": 1}, "limit": 1},
]


@pytest.fixture
async def world(storage: Storage, clock: ManualClock) -> AsyncIterator[World]:
    """A data engine on each database, with records of which Ada sees every second one."""
    async with opened(storage, clock, [users(), *COLLECTIONS]) as made:
        await fill(made, "hidden guess")
        yield made


async def fill(world: World, text: str, count: int = 20, **more: Any) -> None:
    """Make records: Ada's, and others with this text and these values."""
    for name in RULES:
        body: dict[str, Any] = {"n": 1, "kind": "k", "rank": 1}
        mine = [make(name, owner="ada", members=["ada"], **body, text=f"mine, a {n}") for n in range(count)]
        others = [
            make(name, **{**body, "owner": "ben", "members": ["ben"], "text": text, **more}) for _ in range(count)
        ]
        await world.write(*[write for pair in zip(mine, others, strict=True) for write in pair])


async def statements(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str, caller: Principal = ADA, **query: Any
) -> list[WatchedStatement]:
    """What the database is asked for a list, and for its second page."""
    asked: list[WatchedStatement] = []
    search = world.storage.search

    async def spy(sql: str, parameters: Sequence[Any], *args: Any, **more: Any) -> Any:
        asked.append((sql, [*parameters]))
        return await search(sql, parameters, *args, **more)

    monkeypatch.setattr(world.storage, "search", spy)
    reader = RecordReader(world.storage, world.catalogue, Seal(KEY), world.clock)
    page = await reader.page(caller, world.catalogue[name], "", Query(**query))
    if page.next:
        await reader.page(caller, world.catalogue[name], "", Query(**query, cursor=page.next))
    monkeypatch.undo()
    return asked


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("name", RULES)
async def test_the_rule_first(world: World, monkeypatch: pytest.MonkeyPatch, name: str, query: dict[str, Any]) -> None:
    """A filter is never worked out on a record that the list rule hides: not for a page, a later page or a total."""
    found = await statements(world, monkeypatch, name, **query)
    async with asking(world.storage) as ask:
        for statement in found:
            seen = await ask(statement)
            assert seen
            assert "hidden guess" not in seen


@pytest.mark.parametrize(
    "query", [{"search": "mine a*", "total": True, "limit": 3}, {"search": '"mine a" -9', "sort": ("n",), "limit": 3}]
)
@pytest.mark.parametrize("name", RULES)
async def test_a_search_looks_at_no_hidden_words(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str, query: dict[str, Any]
) -> None:
    """Neither a phrase, an excluded word nor the order is worked out on a record that the list rule hides, though it
    has the words."""
    await fill(world, "mine, a hidden one", 3)
    found = await statements(world, monkeypatch, name, **query)
    async with asking(world.storage) as ask:
        for statement in found:
            seen = await ask(statement)
            assert seen
            assert not [text for text in seen if "hidden" in text]


async def test_nobody_asks_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the rule is false for the caller whatever the record, the database is asked nothing."""
    assert (
        await statements(world, monkeypatch, "both", SIGNED_OUT, filter="record.text.contains('a')", total=True) == []
    )
    assert await statements(world, monkeypatch, "both", ADA, filter="auth.id == 'ben' && record.n == 1") == []
    [statement] = await statements(world, monkeypatch, "both", ADMIN, filter="record.text.contains('a')")
    async with asking(world.storage) as ask:
        assert "hidden guess" in await ask(statement)


# ---------------------------------------------------------------- the work, in steps of SQLite's machine

GUESSES = [
    "record.n == 7", "record.n > 3", "record.text == 'right' && record.text.startsWith('r')", "record.text < 'z'",
    "record.text.endsWith('t') && (record.n * 3) % 2 == 1", "size(record.text) == 5", "record.n in [7, 8]",
]  # fmt: skip


async def steps(world: World, found: Sequence[WatchedStatement]) -> list[int]:
    """How much work statements are."""
    assert isinstance(world.storage, SqliteStorage)
    connection = apsw.Connection(str(world.storage.path))
    done: list[int] = []
    connection.trace_v2(
        apsw.SQLITE_TRACE_PROFILE, lambda event: done.append(event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"])
    )
    for statement in found:
        connection.execute(*statement, can_cache=False).fetchall()
    connection.close()
    return done


@pytest.mark.parametrize("query", [{"filter": guess} for guess in GUESSES] + [{"equals": {"n": "7"}}])
@pytest.mark.parametrize("name", RULES)
async def test_the_work_tells_nothing(
    lite_worlds: tuple[World, World], monkeypatch: pytest.MonkeyPatch, name: str, query: dict[str, Any]
) -> None:
    """A list takes as many steps whether a guess at hidden records is right or wrong."""
    work = [
        await steps(world, await statements(world, monkeypatch, name, total=True, sort=("text",), **query))
        for world in lite_worlds
    ]
    assert work[0] == work[1]
    assert sum(work[0]) > 500


@pytest.fixture
async def lite_worlds(tmp_path: Any, clock: ManualClock) -> AsyncIterator[tuple[World, World]]:
    """Two data engines on SQLite that differ in hidden records only."""
    collections = [users(), *COLLECTIONS]
    async with (
        opened(SqliteStorage(tmp_path / "one"), clock, collections) as one,
        opened(SqliteStorage(tmp_path / "two"), clock, collections) as two,
    ):
        await fill(one, "right", n=7)
        await fill(two, "wrong", n=2)
        yield one, two


# ---------------------------------------------------------------- indexes

INDEXED: list[tuple[str, dict[str, Any], str]] = [
    ("member", {"filter": "record.kind == 'z'"}, "kind"),
    ("member", {"filter": "record.kind == 'z' && record.text.contains('a')"}, "kind"),
    ("member", {"equals": {"kind": "z"}}, "kind"),
    ("both", {"filter": "record.rank > 5 && record.n == 2"}, "rank"),
    ("member", {"filter": "record.kind in ['y', 'z'] && record.n > 2"}, "kind"),
    ("owner", {"filter": "record.text.contains('a')"}, "owner"),
    ("owner", {}, "owner"),
    ("owner", {"equals": {"n": "1"}}, "owner"),
]


@pytest.mark.parametrize(("name", "query", "index"), INDEXED)
async def test_indexes_still_serve(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str, query: dict[str, Any], index: str
) -> None:
    """Both the rule and what is asked of an indexed field are answered by a search in its index, with other tests
    beside or without."""
    [(sql, parameters)] = (await statements(world, monkeypatch, name, sort=("text",), **query))[:1]
    if isinstance(world.storage, SqliteStorage):
        connection = apsw.Connection(str(world.storage.path))
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]
        connection.close()
        assert any(line.startswith("SEARCH r0 USING INDEX") and f"({index}" in line for line in plan), plan
    else:
        assert isinstance(world.storage, PostgresStorage)
        asked = await asyncpg.connect(world.storage.dsn)
        await asked.execute("SET enable_seqscan = off")
        plan = [row[0] for row in await asked.fetch(f"EXPLAIN {numbered(sql)}", *parameters)]
        await asked.close()
        assert any("Index Cond" in line and index in line for line in plan), plan
