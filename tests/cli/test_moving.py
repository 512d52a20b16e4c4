"""`hinterland migrate --from … --to …`, as a command between real databases."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.command import hinterland, reported
from tests.support.server import ServerProcess

Serve = Callable[..., ServerProcess]
APP = """
from hinterland.contract import EVERYBODY, Boolean, Collection, Instant, Int64, Integer, Json, List, Number, Text
from hinterland.contract import Reference
from hinterland.server import App

fields = {
    "title": Text(required=True, index=True, search=True), "slug": Text(unique=True), "stars": Integer(index=True),
    "price": Number(), "done": Boolean(), "at": Instant(index=True), "large": Int64(index=True), "meta": Json(),
    "tags": List(of=Text()), "sequel": Reference(to="books"), "others": List(of=Reference(to="tasks")),
    "secret": Text(read="'editor' in auth.roles"),
}
app = App(collections=[
    Collection(name="books", fields=fields, rules=EVERYBODY),
    Collection(name="pages", parent="books", fields={"text": Text()}, rules=EVERYBODY),
    Collection(name="tasks", ids="integer", fields={"name": Text()}, rules=EVERYBODY),
    Collection(name="loose", fields={}, is_open=True, rules=EVERYBODY),
])
"""
ADA = {"name": "Ada", "email": "ada@example.org", "password": "correct horse 7"}

LISTS = (
    "books?total=true", "books?sort=-at,title", "books/b1", "books?search=changed", 'books?search="book 4" -5',
    "books/b2/pages", "books/b3", "books?expand=sequel(expand=others),books_via_sequel,pages&fields=title",
    "books/aggregate?group=done&sum=stars",
    "books?filter=record.large > 4611686018427387906", "tasks", "loose",
)  # fmt: skip
OTHERS = ("/v1/auth/me", "/v1/auth/sessions", "/v1/schema", "/openapi.json", "/.well-known/jwks.json")


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """The app file."""
    file = tmp_path / "app.py"
    file.write_text(APP)
    return file


class Visit:
    """What a device and its user have of a server: tokens, cursors, and what they ask for."""

    def __init__(self, url: str) -> None:
        with httpx2.Client(base_url=url, timeout=30) as client:
            grant = client.post("/v1/auth/signup", json=ADA).json()
            self.headers = {"authorization": f"Bearer {grant['access_token']}"}
            self.refresh_token = grant["refresh_token"]
            client.headers.update(self.headers)
            self._write(client)
            self.cursor = pull(client, "")["cursor"]
            books = client.get("/v1/records/books?limit=2").json()
            self.page = books["next"]
            client.delete("/v1/records/books/b3").raise_for_status()

    def _write(self, client: httpx2.Client) -> None:
        for number in range(8):
            book = {
                "id": f"b{number}", "title": f"Böok {number}", "slug": f"s{number}", "stars": number,
                "done": number > 3, "price": number / 3, "at": f"2026-01-0{number + 1}T00:00:00Z",
                "large": str(2**62 + number),
                "meta": {"n": [number, None]}, "tags": ["x", f"t{number}"], "secret": "planted",
            }  # fmt: skip
            key = {"idempotency-key": f"k{number}"}
            client.post("/v1/records/books", json=book, headers=key).raise_for_status()
            client.post(f"/v1/records/books/b{number}/pages", json={"id": "p", "text": "once"}).raise_for_status()
            client.post("/v1/records/tasks", json={"name": f"t{number}"}).raise_for_status()
            client.post("/v1/records/loose", json={"id": f"l{number}", "any": {"thing": number}}).raise_for_status()
        client.patch("/v1/records/books/b1", json={"title": "changed", "others": [1, 2]}).raise_for_status()
        client.patch("/v1/records/books/b0", json={"sequel": "b1"}).raise_for_status()
        client.delete("/v1/records/tasks/8").raise_for_status()

    def answers(self, url: str) -> dict[str, Any]:
        """What the server answers to everything that does not change it."""
        with httpx2.Client(base_url=url, timeout=30, headers=self.headers) as client:
            paths = [f"/v1/records/{path}" for path in (*LISTS, f"books?limit=2&cursor={self.page}")] + [*OTHERS]
            found = {path: client.get(path) for path in paths}
            answers = {path: (answer.status_code, stable(answer)) for path, answer in found.items()}
            assert {status for status, _ in answers.values()} == {200, 404}  # one book is gone
            return {**answers, "pull": pull(client, self.cursor), "first pull": pull(client, "")}


def stable(answer: httpx2.Response) -> Any:
    """The body without what names the request."""
    body = answer.json()
    if isinstance(body, dict):
        body.pop("request_id", None)
        body.pop("servers", None)
    return body


def pull(client: httpx2.Client, cursor: str) -> dict[str, Any]:
    """What a device is sent."""
    body = {"device": "d1", "collections": ["books", "pages", "tasks", "loose"], "cursor": cursor}
    answer = client.post("/v1/sync/pull", json=body)
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


def test_there_and_back(server_process: Serve, tmp_path: Path, app: Path, postgres_dsn: str) -> None:
    """A database moved to PostgreSQL and back gives every answer as before: records, pages, history of devices,
    accounts, tokens and keys; and goes on where it was, with new revisions and ids."""
    with ServerProcess(app, tmp_path / "data") as server:
        visit = Visit(server.url)
        granted = hinterland("users", "grant", ADA["email"], "editor", "--data", tmp_path / "data")
        assert granted.code == 0, granted
        before = visit.answers(server.url)
        assert before["/v1/records/books/b1"][1]["secret"] == "planted"
    moved = hinterland("migrate", "--from", f"sqlite:{tmp_path / 'data'}", "--to", postgres_dsn)
    assert moved.code == 0, moved
    assert "both are equal" in moved.out
    with ServerProcess(app, tmp_path / "none", env={"HINTERLAND_DATABASE_URL": postgres_dsn}) as server:
        assert visit.answers(server.url) == before
        with httpx2.Client(base_url=server.url, headers=visit.headers) as client:
            again = client.post("/v1/records/books", json={"title": "x"}, headers={"idempotency-key": "k1"})
            assert again.status_code == 422  # the key is known, with another body
            assert client.post("/v1/records/tasks", json={"name": "next"}).json()["id"] == 9
            renewed = client.post("/v1/auth/refresh", json={"refresh_token": visit.refresh_token})
            assert renewed.status_code == 200
            added = pull(client, visit.cursor)
            assert 9 in [change["id"] for change in added["changes"]]
            assert client.delete("/v1/records/books/b1").status_code == 409  # b0 refers to it
        there = visit.answers(server.url)
    back = hinterland("migrate", "--from", postgres_dsn, "--to", f"sqlite:{tmp_path / 'back'}")
    assert back.code == 0, back
    with ServerProcess(app, tmp_path / "back") as server:
        assert visit.answers(server.url) == there


KILL = """
import asyncio, os, sys
from hinterland.server.storage.postgres_reading import PostgresTransaction
from hinterland.cli.moving import move
left, run = int(sys.argv[1]), PostgresTransaction.execute_many
async def execute_many(self, sql, rows):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), 9)
    await run(self, sql, rows)
PostgresTransaction.execute_many = execute_many
asyncio.run(move(*sys.argv[2:]))
"""


def test_killed_in_the_middle(server_process: Serve, tmp_path: Path, app: Path, postgres_dsn: str) -> None:
    """A copy that is killed goes on where it was with the next run, however often; until it is done no server opens the
    target, and the source is as it was."""
    with ServerProcess(app, tmp_path / "data") as server:
        visit = Visit(server.url)
        before = visit.answers(server.url)
    source = f"sqlite:{tmp_path / 'data'}"
    command = [sys.executable, "-c", KILL]
    for count in (0, 3, 4):
        killed = subprocess.run([*command, str(count), source, postgres_dsn], capture_output=True, check=False)
        assert killed.returncode == -9, killed
        env = {"HINTERLAND_DATABASE_URL": postgres_dsn}
        assert "unfinished copy" in reported(hinterland("serve", app, "--port", 1, env=env))
    moved = hinterland("migrate", "--from", source, "--to", postgres_dsn)
    assert moved.code == 0, moved
    for place in ({"env": {"HINTERLAND_DATABASE_URL": postgres_dsn}}, {}):
        with ServerProcess(app, tmp_path / "data", **place) as server:  # type: ignore[arg-type]
            assert visit.answers(server.url) == before


def test_what_is_refused(server_process: Serve, tmp_path: Path, app: Path, postgres_dsn: str) -> None:
    """A target that is not empty, a source that is served, and a source that is not there are refused, with what to
    do; nothing is changed."""
    server = server_process(app)
    source = f"sqlite:{tmp_path / 'data'}"
    assert "stop it" in reported(hinterland("migrate", "--from", source, "--to", f"sqlite:{tmp_path / 'new'}"))
    server.terminate()
    env = {"HINTERLAND_DATABASE_URL": postgres_dsn}
    other = server_process(app, tmp_path / "none", env=env)
    assert "not empty" in reported(hinterland("migrate", "--from", source, "--to", postgres_dsn))
    assert "stop all servers" in reported(
        hinterland("migrate", "--from", postgres_dsn, "--to", f"sqlite:{tmp_path / 'x'}")
    )
    assert other.is_ready()
    assert "no database in" in reported(hinterland("migrate", "--from", "sqlite:nowhere", "--to", postgres_dsn))
    assert "is not the address" in reported(hinterland("migrate", "--from", source, "--to", "mysql://x"))
    assert "--from and --to" in reported(hinterland("migrate", "--from", source))
    assert "--from and --to" in reported(hinterland("migrate"))
