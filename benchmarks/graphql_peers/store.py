"""What the peers of GraphQL have in common: their records in SQLite, read by statements by hand, and tokens.

As durable as ours, although nothing is written while it is measured. A request without a valid token reads nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.dataset import Dataset
from benchmarks.related_data import REFERENCES, related_rows

FILE = "data.db"
_ARTICLES = "SELECT id, title, rank, category, done, due FROM articles WHERE category = ? ORDER BY rank LIMIT ?"
_POSTS = "SELECT id, title, rank, done FROM posts ORDER BY rank LIMIT ?"
_HEAD = urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=")


class Store:
    """The records of a data folder."""

    def __init__(self, folder: Path) -> None:
        self._database = sqlite3.connect(folder / FILE, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")

    def fill(self, dataset: Dataset) -> None:
        """Create everything."""
        run = self._database.execute
        run("BEGIN")
        columns = "id TEXT PRIMARY KEY, members TEXT, title TEXT, rank REAL, category TEXT, done INTEGER, due TEXT"
        run(f"CREATE TABLE articles ({columns})")
        run("CREATE INDEX articles_category_rank ON articles (category, rank)")
        self._database.executemany("INSERT INTO articles VALUES (?, ?, ?, ?, ?, ?, ?)", _articles(dataset))
        for name, rows in related_rows().items():
            names = [*rows[0]]
            run(f"CREATE TABLE {name} ({', '.join(names)}, PRIMARY KEY (id))")
            for field in ("rank", *REFERENCES[name]):
                run(f"CREATE INDEX {name}_{field} ON {name} ({field})")
            places = ", ".join("?" * len(names))
            self._database.executemany(f"INSERT INTO {name} VALUES ({places})", [(*row.values(),) for row in rows])
        run("COMMIT")
        self._database.close()

    def articles(self, category: str, limit: int) -> list[tuple[Any, ...]]:
        """(id, title, rank, category, done, due) of the first articles of a category, lowest rank first."""
        return self._database.execute(_ARTICLES, (category, limit)).fetchall()

    def posts(self, limit: int) -> list[tuple[Any, ...]]:
        """(id, title, rank, done) of posts, lowest rank first."""
        return self._database.execute(_POSTS, (limit,)).fetchall()

    def referring(self, collection: str, field: str, ids: list[str], limit: int) -> dict[str, list[tuple[Any, ...]]]:
        """(id, title, rank, done) of the first records that refer to each of `ids`, lowest rank first."""
        statement = (
            f"SELECT id, title, rank, done, {field} FROM {collection}"
            f" WHERE {field} IN ({', '.join('?' * len(ids))}) ORDER BY {field}, rank"
        )
        found: dict[str, list[tuple[Any, ...]]] = {id: [] for id in ids}
        for row in self._database.execute(statement, ids):
            of_one = found[row[4]]
            if len(of_one) < limit:
                of_one.append(row[:4])
        return found


class Tokens:
    """JSON web tokens with HS256 (RFC 7519), whose secret is that of the data folder."""

    def __init__(self, folder: Path) -> None:
        self._secret = (folder / "secret").read_bytes()

    def made(self, user: str) -> str:
        """A token of a user, for an hour."""
        claims = json.dumps({"sub": user, "exp": int(time.time()) + 3600}, separators=(",", ":")).encode()
        body = _HEAD + b"." + urlsafe_b64encode(claims).rstrip(b"=")
        return (body + b"." + self._signature(body)).decode()

    def user(self, header: str) -> str:
        """The user of an Authorization header; "" where it has no valid token."""
        body, _, signature = header.removeprefix("Bearer ").encode().rpartition(b".")
        if not body or not hmac.compare_digest(signature, self._signature(body)):
            return ""
        claims = json.loads(urlsafe_b64decode(body.partition(b".")[2] + b"=="))
        return str(claims["sub"]) if claims["exp"] > time.time() else ""

    def _signature(self, body: bytes) -> bytes:
        return urlsafe_b64encode(hmac.digest(self._secret, body, hashlib.sha256)).rstrip(b"=")


def _articles(dataset: Dataset) -> Iterator[tuple[Any, ...]]:
    rows: Iterable[dict[str, Any]] = dataset.seeds()
    for row in rows:
        yield (
            row["id"],
            json.dumps(row["members"]),
            *(row[name] for name in ("title", "rank", "category", "done", "due")),
        )
