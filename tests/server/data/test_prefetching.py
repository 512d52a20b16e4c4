"""What the writes of a long request ask for is read together, and means what it would if each asked for itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hinterland.contract.fields import List, Reference, Text
from hinterland.contract.records import EVERYBODY, Collection, Rules, users
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.sqlite import SqliteStorage
from hinterland.server.storage.writing import Writes
from tests.server.api import OWN, Api, problem, serving

TAGS = Collection(name="tags", fields={"name": Text(unique=True), "owner": Text(fill="auth.id")}, rules=EVERYBODY)
SECRETS = Collection(name="secrets", fields={"owner": Text(fill="auth.id")}, rules=Rules(view=OWN, create=OWN))
PAPERS = Collection(
    name="papers",
    fields={
        "tag": Reference(to="tags"),
        "tags": List(of=Reference(to="tags")),
        "secrets": List(of=Reference(to="secrets")),
    },
    rules=EVERYBODY,
)
COUNT = 120


@pytest.fixture(params=["sqlite", "postgres"])
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Api]:
    """A server on each database."""
    dsn = request.getfixturevalue("postgres_dsn") if request.param == "postgres" else ""
    storage = PostgresStorage(dsn, connections=4) if dsn else SqliteStorage(tmp_path)
    async with serving(storage, collections=(users(), TAGS, SECRETS, PAPERS)) as api:
        yield api


async def bulk(api: Api, path: str, rows: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """The result of a bulk insert."""
    answer = await api("POST", f"/v1/records/{path}", json=rows, **more)
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


async def test_rows_are_looked_up_together(desk: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """No record of a long request is read by a statement of its own: not those of chosen ids, of unique values and of
    references."""
    alone: list[str] = []
    catalogue = desk.backend.catalogue
    lock, look_up = Writes.lock, catalogue.look_up

    async def locked(transaction: Writes, *key: Any, **more: Any) -> Any:
        alone.append(f"lock {key}")
        return await lock(transaction, *key, **more)

    def looked_up(*select: Any) -> Any:
        alone.append(f"look up {select}")
        return look_up(*select)

    rows = [{"name": str(number)} for number in range(COUNT)]
    ids = (await bulk(desk, "tags/bulk", rows))["ids"]
    monkeypatch.setattr(Writes, "lock", locked)
    monkeypatch.setattr(catalogue, "look_up", looked_up)
    again = await bulk(desk, "tags/bulk?upsert=name", [*rows, {"name": "new"}])
    assert (again["ids"][:COUNT], again["created"], again["changed"]) == (ids, 1, COUNT)
    chosen = await bulk(desk, "tags/bulk?upsert=id", [{"id": id} for id in [*ids, "mine"]])
    assert (chosen["created"], chosen["changed"]) == (1, COUNT)
    papers = await bulk(desk, "papers/bulk", [{"id": f"p{n}", "tag": id, "tags": ids} for n, id in enumerate(ids)])
    assert papers["created"] == COUNT
    assert alone == []


async def test_references_of_rows(desk: Api) -> None:
    """A reference among very many to a record that is missing, or hidden from the caller, is refused alike; one to a
    record that the same request makes, or deletes, counts as it leaves it."""
    ada, ben = await desk.sign_up("ada"), await desk.sign_up("ben")
    mine, other = (await bulk(desk, "secrets/bulk", [{}, {}], headers=ada["headers"]))["ids"]
    tags = (await bulk(desk, "tags/bulk", [{"name": str(number)} for number in range(COUNT)]))["ids"]
    rows = [{"tags": tags}, {"tags": [*tags, "missing"]}, {"secrets": [mine, mine]}, {"secrets": [mine, "missing"]}]
    for user, written in ((ada, [0, 2]), (ben, [0])):
        result = await bulk(desk, "papers/bulk?atomic=false", rows, headers=user["headers"])
        assert [place for place, id in enumerate(result["ids"]) if id is not None] == written
        assert len({str(one["errors"]["secrets"]) for one in result["refused"] if "secrets" in one["errors"]}) == 1
    writes: list[dict[str, Any]] = [
        {"act": "delete", "collection": "papers", "id": "none"},
        {"act": "create", "collection": "tags", "id": "~1"},
        {"act": "create", "collection": "papers", "body": {"tags": ["~1", *tags]}},
    ]
    assert (await desk("POST", "/v1/batch", json={"writes": writes[1:]})).status_code == 200
    writes[0] = {"act": "delete", "collection": "secrets", "id": other}
    writes[2]["body"] = {"secrets": [mine, other]}
    problem(await desk("POST", "/v1/batch", json={"writes": writes}, headers=desk.admin), 400, "validation")
