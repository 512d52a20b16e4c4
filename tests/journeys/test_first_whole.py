"""Databases that the first whole version wrote, kept as SQL: today's version opens them, and everything is there."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.marks import calling
from tests.support.postgres import PostgresCluster
from tests.support.server import ServerProcess

KEPT = Path(__file__).with_name("first_whole")
PASSWORD = "a long enough password"
CREATED = {"act": "create", "collection": "notes", "id": "pushed", "body": {"title": "Pushed"}}
PATCHED = {"act": "patch", "collection": "notes", "id": "nowhere", "body": {"title": "x"}}
PUSH = {
    "device": "device-1",
    "mutations": [{"seq": 1, "id": "m1", "writes": [CREATED]}, {"seq": 2, "id": "m2", "writes": [PATCHED]}],
}
KEYED = '{"id": "second", "title": "Second"}'  # as it was sent, since another text is another request
FIRST = {
    "title": "First again", "slug": "one", "stars": 5, "price": 1.5, "done": True, "due": "2026-01-31T12:00:00.000000Z",
    "big": "9007199254740993", "tags": ["a", "b"], "meta": {"a": {"b": 1}}, "secret": "s",
}  # fmt: skip


@pytest.fixture(params=["sqlite", "postgres"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ServerProcess]:
    """The server of today on a database of the first whole version."""
    text, env = (KEPT / f"{request.param}.sql").read_text(), {}
    if request.param == "sqlite":
        (tmp_path / "data").mkdir(mode=0o700)
        database = sqlite3.connect(tmp_path / "data/data.db")
        database.executescript(text)
        database.close()
    else:
        cluster: PostgresCluster = request.getfixturevalue("postgres_cluster")
        name = cluster.create()
        cluster.execute(text, database=name)
        env = {"HINTERLAND_DATABASE_URL": cluster.dsn(name)}
    with ServerProcess(KEPT / "app.py", tmp_path / "data", env=env) as process:
        yield process


def log_in(client: httpx2.Client, path: str = "/v1/auth/login", email: str = "ada@example.org") -> dict[str, str]:
    """The header of somebody who signed up with the first whole version."""
    answer = client.post(path, json={"email": email, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}


def items(client: httpx2.Client, collection: str, headers: dict[str, str]) -> dict[Any, dict[str, Any]]:
    """The records that a list shows, by id."""
    answer = client.get(f"/v1/records/{collection}", headers=headers)
    return {record["id"]: record for record in answer.json()["items"]}


def test_everything_is_there(server: ServerProcess) -> None:
    """Accounts, records of each kind of field, ids, nested collections and who may see what are as they were."""
    with calling(server.url) as client:
        ada, ben = log_in(client), log_in(client, email="ben@example.org")
        notes = items(client, "notes", ada)
        assert {id: note["title"] for id, note in notes.items()} == {
            "first": "First again", "second": "Second", "pushed": "Pushed"
        }  # fmt: skip
        assert {name: notes["first"][name] for name in FIRST} == FIRST
        assert items(client, "notes", ben) == {}
        assert client.post("/v1/records/notes", json={"title": "x", "slug": "one"}, headers=ada).status_code == 409
        [order] = items(client, "orders", ada)
        assert items(client, f"orders/{order}/lines", ada)["line"]["text"] == "x"
        assert client.post("/v1/records/orders", json={"amount": 1}, headers=ada).json()["id"] == order + 1
        root = log_in(client, "/v1/admin/login", "root@example.org")
        assert len(items(client, "users", root)) == 2


def test_what_was_done_is_not_done_again(server: ServerProcess) -> None:
    """A repeated push and a repeated idempotency key hear the outcome of before; new ones are carried out, also after
    another start."""
    with calling(server.url) as client:
        ada = log_in(client)
        before = items(client, "notes", ada)
        again = client.post("/v1/sync/push", json=PUSH, headers=ada).json()
        assert [result["status"] for result in again["results"]] == ["applied", "refused"]
        keyed = {**ada, "Idempotency-Key": "key-1", "Content-Type": "application/json"}
        replayed = client.post("/v1/records/notes", content=KEYED, headers=keyed)
        assert (replayed.status_code, replayed.json()) == (201, before["second"])
        assert items(client, "notes", ada) == before
        patch = {"act": "patch", "collection": "notes", "id": "first", "body": {"stars": {"$increment": 1}}}
        more = {"device": "device-1", "mutations": [{"seq": 3, "id": "m3", "writes": [patch], "base": [3]}]}
        assert client.post("/v1/sync/push", json=more, headers=ada).json()["results"][0]["status"] == "applied"
    server.terminate()
    server.start()
    with calling(server.url) as client:
        assert items(client, "notes", log_in(client))["first"]["stars"] == 6
