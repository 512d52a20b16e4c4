"""A server with books, open to everybody, on each database: what the tests of tutorials' lists ask."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hinterland.contract.fields import Boolean, Instant, Int64, Integer, Json, List, Number, Text
from hinterland.contract.records import EVERYBODY, Collection, users
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api, serving

STAFF = "'staff' in auth.roles"
BOOKS = Collection(
    name="books",
    fields={
        "title": Text(index=True),
        "blurb": Text(),
        "views": Integer(index=True),
        "price": Number(),
        "big": Int64(),
        "due": Instant(),
        "is_new": Boolean(),
        "tags": List(of=Text()),
        "any": Json(),
        "secret": Text(read=STAFF),
        "note": Text(read="record.views > 15"),
        "author_id": Integer(index=True),
    },
    rules=EVERYBODY,
    ids="integer",
)
AUTHORS = Collection(name="authors", fields={"name": Text()}, rules=EVERYBODY, ids="integer")
REVIEWS = Collection(name="reviews", fields={"text": Text()}, rules=EVERYBODY, parent="books")
ODD = Collection(
    name="odd",
    fields={"q": Text(), "price": Number(), "price_gte": Number(), "range": Text(), "embed": Text()},
    rules=EVERYBODY,
)
LOOSE = Collection(name="loose", fields={"title": Text()}, rules=EVERYBODY, is_open=True)
DUMB = Collection(name="dumb", fields={"number": Integer(), "secret": Text(read=STAFF)}, rules=EVERYBODY)
WIDE = Collection(name="wide", fields={f"f{number}": Text() for number in range(300)}, rules=EVERYBODY)
SHELF: list[dict[str, Any]] = [
    {"title": "Emma", "blurb": "A match", "views": 10, "price": 1.5, "big": "1", "is_new": True, "secret": "alpha"},
    {
        "title": "emma two",
        "blurb": None,
        "views": 20,
        "price": 2.5,
        "big": "20",
        "is_new": False,
        "author_id": 1,
        "note": "omega",
    },
    {"title": "Ulysses", "blurb": "One day", "views": 20, "price": 3.5, "big": "3", "due": "2026-01-01T00:00:00Z"},
    {"title": "Élan_100%", "blurb": "EMMA again", "due": "2026-06-01T00:00:00Z", "author_id": 1, "secret": "emma"},
]


@asynccontextmanager
async def library(storage: Storage) -> AsyncIterator[Api]:
    """The server, with four books of the ids 1 to 4 and an author."""
    collections = (users(), BOOKS, AUTHORS, REVIEWS, ODD, LOOSE, DUMB, WIDE)
    async with serving(storage, collections=collections) as api:
        await api("POST", "/authors", json={"name": "Jane"})
        for book in SHELF:
            made = await api("POST", "/books", json=book)
            assert made.status_code == 201, made.text
        yield api


@pytest.fixture(params=["sqlite", "postgres"])
async def each_library(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Api]:
    """The server on each database."""
    if request.param == "sqlite":
        storage: Storage = SqliteStorage(tmp_path / "data")
    else:
        storage = PostgresStorage(request.getfixturevalue("postgres_dsn"), connections=4)
    async with library(storage) as api:
        yield api


@pytest.fixture
async def books(tmp_path: Path) -> AsyncIterator[Api]:
    """The server on SQLite, where the database makes no difference."""
    async with library(SqliteStorage(tmp_path / "data")) as api:
        yield api


async def ids(api: Api, query: str) -> list[Any]:
    """The ids of the books that a query of a tutorial's list finds."""
    answer = await api("GET", f"/books?{query}")
    assert answer.status_code == 200, answer.text
    return [record["id"] for record in answer.json()]
