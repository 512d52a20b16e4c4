"""What a pull reads, in steps of SQLite's machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import apsw
import pytest

from hinterland.contract.fields import Text
from hinterland.contract.records import Collection, Rules, users
from hinterland.contract.sync import PullResult
from hinterland.kit.clock import ManualClock
from hinterland.server.storage.sqlite import SqliteStorage
from hinterland.server.storage.sqlite_reading import SqliteReader
from tests.server.data.acts import make
from tests.server.data.world import ADA, ADMIN, World, opened

OWNED = "auth.id == record.owner"
ITEMS = Collection(name="items", fields={"owner": Text(index=True), "text": Text()}, rules=Rules(list=OWNED))
Asked = list[tuple[str, list[Any]]]


@pytest.fixture
async def world(tmp_path: Path, clock: ManualClock) -> AsyncIterator[World]:
    """A data engine on SQLite, where Ada has ten items."""
    async with opened(SqliteStorage(tmp_path / "data"), clock, (users(), ITEMS)) as made:
        await made.write(*[make("items", f"m{number}", owner="ada") for number in range(10)])
        yield made


def steps(world: World, asked: Asked) -> int:
    """The work of statements."""
    assert isinstance(world.storage, SqliteStorage)
    connection = apsw.Connection(str(world.storage.path))
    done: list[int] = []
    connection.trace_v2(
        apsw.SQLITE_TRACE_PROFILE, lambda event: done.append(event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"])
    )
    for sql, parameters in asked:
        connection.execute(sql, parameters, can_cache=False).fetchall()
    connection.close()
    return sum(done)


async def pull(world: World, monkeypatch: pytest.MonkeyPatch, cursor: str = "") -> tuple[PullResult, int]:
    """A page of Ada's pull, and the work that it is."""
    asked: Asked = []
    fetch = SqliteReader.fetch

    def spy(self: SqliteReader, sql: str, parameters: Sequence[Any], take: Any) -> Any:
        asked.append((sql, [*parameters]))
        return fetch(self, sql, parameters, take)

    with monkeypatch.context() as patched:
        patched.setattr(SqliteReader, "fetch", spy)
        result = await world.pull(ADA, "items", cursor=cursor, limit=4)
    return result, steps(world, asked)


async def pages(world: World, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The work of a first pull, page by page; others write once after its first."""
    result, work = await pull(world, monkeypatch)
    found = [work]
    await world.write(make("items", owner="ben"))
    while result.more:
        result, work = await pull(world, monkeypatch, result.cursor)
        found.append(work)
    return found


async def test_others_records_cost_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a rule that an index answers, no page of a first pull grows with the records of others, also where they write
    meanwhile: what was changed since is found by revision."""
    few = await pages(world, monkeypatch)
    await world.write(*[make("items", f"{letter}{number}", owner="ben") for letter in "az" for number in range(300)])
    many = await pages(world, monkeypatch)
    assert len(few) == len(many) == 3
    assert all(late < early + 100 for early, late in zip(few, many, strict=True)), (few, many)
    assert await world.visible(ADMIN, "items")
