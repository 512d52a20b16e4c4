"""Writes to a storage as the write path does, in a line each: for tests of storages."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from hinterland.contract.changes import WriteKind
from hinterland.contract.fields import Boolean, Bytes, Instant, Int64, Integer, Json, List, Number, Text
from hinterland.contract.identity import RecordId
from hinterland.contract.records import Collection
from hinterland.contract.values import instant
from hinterland.server.storage.protocol import Change, CommitChanges, Storage, StoredRecord, Transaction
from hinterland.server.storage.statements import CollectionTable

POSTS = Collection(name="posts", fields={"title": Text(index=True), "slug": Text(unique=True)})
COMMENTS = Collection(name="comments", fields={"text": Text()}, parent="posts")
TASKS = Collection(name="tasks", fields={"name": Text(unique=True), "done": Boolean()}, ids="integer")
VALUES = Collection(
    name="values",
    fields={
        "text": Text(index=True), "integer": Integer(index=True), "number": Number(index=True), "boolean": Boolean(),
        "instant": Instant(index=True), "int64": Int64(index=True), "bytes": Bytes(), "json": Json(),
        "list": List(of=Integer()),
    },
)  # fmt: skip
COLLECTIONS = (POSTS, COMMENTS, TASKS, VALUES)


class ScribeEdit(NamedTuple):
    """What one record becomes; a `document` of None deletes it."""

    collection: str
    id: RecordId
    document: dict[str, Any] | None
    parent: str = ""
    private: dict[str, Any] | None = None


async def commit(storage: Storage, *edits: ScribeEdit, at: float = 1_000.0) -> int:
    """Write `edits` as one commit in a transaction of its own; returns its last revision."""
    async with storage.transaction() as transaction:
        return await write(transaction, *edits, tables=tables(storage), at=at)


async def write(
    transaction: Transaction,
    *edits: ScribeEdit,
    tables: dict[str, CollectionTable],
    at: float = 1_000.0,
    origin: str = "",
    actor: str = "",
) -> int:
    """Write `edits` as one commit of `transaction`; returns its last revision, whose check value is its double."""
    befores = [await transaction.lock(edit.collection, edit.parent, edit.id) for edit in edits]
    first = await transaction.reserve(len(edits))
    numbered = enumerate(zip(edits, befores, strict=True), first)
    changes = [_change(tables[edit.collection], edit, before, n, at, (origin, actor)) for n, (edit, before) in numbered]
    last = first + len(edits) - 1
    await transaction.write([CommitChanges(changes, last, last * 2)], at)
    return last


def _change(
    table: CollectionTable,
    edit: ScribeEdit,
    before: StoredRecord | None,
    revision: int,
    at: float,
    source: tuple[str, str],
) -> Change:
    kind: WriteKind = "create" if before is None else "update"
    if edit.document is None:
        return Change(edit.collection, "delete", before, None, (), at, *source)
    now = instant(at)
    created = now if before is None else before.created
    body = json.dumps(edit.document, ensure_ascii=False)
    private = None if edit.private is None else json.dumps(edit.private, ensure_ascii=False)
    after = StoredRecord(edit.parent, edit.id, revision, created, now, body, private)
    return Change(edit.collection, kind, before, after, table.columns(edit.document), at, *source)


def tables(storage: Storage) -> dict[str, CollectionTable]:
    """The compiled tables of the suite's collections."""
    return {collection.name: CollectionTable(collection, storage.dialect) for collection in COLLECTIONS}


@asynccontextmanager
async def opened(storage: Storage, collections: Sequence[Collection] = COLLECTIONS) -> AsyncIterator[Storage]:
    """`storage`, open and with `collections` declared, until the block ends."""
    await storage.open()
    try:
        await storage.declare(collections)
        yield storage
    finally:
        await storage.close()


async def documents(storage: Storage, collection: str) -> dict[RecordId, Any]:
    """Every record of a collection by its id."""
    rows = await storage.fetch(f'SELECT id, _body FROM "{collection}" ORDER BY id')
    return {row[0]: json.loads(row[1]) for row in rows}
