"""What a list may cost, and who waits where it costs much."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hinterland.contract.changes import Write
from hinterland.contract.fields import Field, List, Text
from hinterland.contract.records import EVERYBODY, Collection, Rules, users
from hinterland.server.storage import postgres, sqlite_reading
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api, problem, serving
from tests.server.data.world import HANGING

THINGS_TABLE = Collection(name="things", fields={"text": Text()}, rules=EVERYBODY)
THINGS = "/v1/records/things"
MANY_TERMS = " || ".join([f"record.text.contains('x{number:03}')" for number in range(120)])
"""A filter that reads each record a hundred times over."""


@pytest.fixture(params=["sqlite", "postgres"])
async def api(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Api]:
    """A server on each database, with some records."""
    storage: Storage = SqliteStorage(tmp_path / "data")
    if request.param == "postgres":
        storage = PostgresStorage(request.getfixturevalue("postgres_dsn"), connections=8)
    async with serving(storage) as made:
        await made.write(*[Write(act="create", collection="things", body={"text": "a" * 300})] * 400)
        yield made


async def listed(api: Api, total: bool = False, headers: dict[str, str] | None = None) -> httpx2.Response:
    """The answer of a list that is worked out for each record."""
    asked = {"filter": MANY_TERMS, "total": str(total).lower()}
    return await api("GET", THINGS, params=asked, headers=headers or {})


@pytest.mark.parametrize("total", [False, True])
async def test_a_list_that_takes_too_much_work(api: Api, monkeypatch: pytest.MonkeyPatch, total: bool) -> None:
    """A list is stopped after a time of work, in which rows and terms both count, and refused with what to do; the next
    ones are answered."""
    monkeypatch.setattr(sqlite_reading, "_MOST_SECONDS", 0.0)
    monkeypatch.setattr(postgres, "_LONG_SECONDS", 0.001)
    body = problem(await listed(api, total), 400, "too_costly")
    assert "index" in body["message"]
    monkeypatch.undo()
    answer = await listed(api, total)
    assert (answer.status_code, answer.json()["items"]) == (200, [])


async def test_costly_lists_are_shared_by_caller(api: Api) -> None:
    """A caller's costly lists wait for each other: somebody else's is answered after one of them at most, not after
    all."""
    ada = await api.sign_up("ada")
    many = [asyncio.ensure_future(listed(api, True)) for _ in range(16)]
    await asyncio.sleep(0)
    assert (await listed(api, True, ada["headers"])).status_code == 200
    assert sum(task.done() for task in many) < 8
    assert {answer.status_code for answer in await asyncio.gather(*many)} == {200}


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_costly_pulls_are_shared_by_caller(request: pytest.FixtureRequest, tmp_path: Path, database: str) -> None:
    """A caller's pulls by rules that may cost much wait for each other and for their costly lists, some of them, and
    more are refused for now; others are answered, and so are the caller's plain pulls."""
    storage: Storage = SqliteStorage(tmp_path / "data")
    if database == "postgres":
        storage = PostgresStorage(request.getfixturevalue("postgres_dsn"), connections=8)
    rule = "!record.tags.exists(tag, tag.contains('secret'))"
    admin_only = Collection(name="admin_only", fields={"tags": List(of=Text())}, rules=Rules(list=rule))
    async with serving(storage, collections=(users(), admin_only, THINGS_TABLE)) as api:
        ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
        await api.write(Write(act="create", collection="admin_only", id="a", body={"tags": ["x"]}))

        async def pulled(session: dict[str, Any], name: str = "admin_only") -> httpx2.Response:
            return await api("POST", "/v1/sync/pull", json={"collections": [name]}, headers=session["headers"])

        async with storage.costly_turn(ada["user"]["id"]):
            waiting = [asyncio.ensure_future(pulled(ada)) for _ in range(20)]
            assert [change["id"] for change in (await pulled(ben)).json()["changes"]] == ["a"]
            assert (await pulled(ada, "things")).status_code == 200
            pending = {*waiting}
            while len(pending) > 16:
                _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for _ in range(200):
                await asyncio.sleep(0)
            refused = [task.result() for task in waiting if task.done()]
            assert len(refused) == 4
        for answer in refused:
            problem(answer, 429, "rate_limited")
            assert answer.headers["retry-after"] == "1"
        statuses = [answer.status_code for answer in await asyncio.gather(*waiting)]
        assert sorted(statuses) == [200] * 16 + [429] * 4


async def test_a_rule_without_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list whose own rule may cost much on a record is worked out beside the others and bounded alike."""
    rule = "!record.tags.exists(tag, (record.text + tag).contains('secret'))"
    fields: dict[str, Field] = {"text": Text(max_length=100_000), "tags": List(of=Text(), max_items=4_000)}
    admin_only = Collection(name="admin_only", fields=fields, rules=Rules(list=rule))
    async with serving(SqliteStorage(tmp_path / "data"), collections=(users(), admin_only)) as api:
        body = {"text": "a" * 100_000, "tags": ["b"] * 4_000}
        await api.write(*[Write(act="create", collection="admin_only", body=body)] * 2)
        listing = asyncio.ensure_future(api("GET", "/v1/records/admin_only"))
        turns = 0
        while not listing.done():
            await asyncio.sleep(0)
            turns += 1
        assert (turns > 50, len(listing.result().json()["items"])) == (True, 2)
        monkeypatch.setattr(sqlite_reading, "_MOST_SECONDS", 0.0)
        problem(await api("GET", "/v1/records/admin_only"), 400, "too_costly")


async def test_more_than_may_wait(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller for whom many costly lists wait is refused more of them for now; short reads are answered all the
    same."""
    monkeypatch.setattr(postgres, "_SHORT_SECONDS", HANGING)  # however busy the machine is, a short read is one
    many = [asyncio.ensure_future(listed(api)) for _ in range(40)]
    assert (await api("GET", THINGS, params={"limit": "1"})).status_code == 200
    answers = await asyncio.gather(*many)
    refused = [answer for answer in answers if answer.status_code != 200]
    assert 0 < len(refused) < 30
    for answer in refused:
        problem(answer, 429, "rate_limited")
        assert answer.headers["retry-after"] == "1"
