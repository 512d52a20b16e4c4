"""The records of a space as the app sees them: the server's word with the unsent writes on top."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from hinterland.client.local.connection import Key, Scope, StoreConnection
from hinterland.client.local.indexing import stored_values
from hinterland.client.local.overlay import replay
from hinterland.contract.changes import Write, key_of
from hinterland.contract.records import Document

_KEY = "space = ? AND collection = ? AND parent = ? AND id = ?"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_decode_writes = msgspec.json.Decoder(list[Write]).decode


def text(value: object) -> str:
    """A value as the JSON that the store keeps."""
    return _encode(value).decode()


def writes_in(column: str) -> list[Write]:
    """The writes of a mutation's column."""
    return _decode_writes(column)


def seen(connection: StoreConnection, scope: Scope, key: Key) -> Document | None:
    """The record as the app sees it; None: it is not there."""
    found = text_seen(connection, scope, key)
    return _decode(found) if found else None


def text_seen(connection: StoreConnection, scope: Scope, key: Key) -> str:
    """The JSON of the record as the app sees it; "": it is not there."""
    row = connection.execute(f"SELECT coalesce(view, base) FROM records WHERE {_KEY}", (scope.space, *key)).fetchone()
    return row[0] or "" if row is not None else ""


def decoded(column: str) -> Document:
    """The document of a record's JSON."""
    return _decode(column)


def texts(connection: StoreConnection, scope: Scope, collection: str, parent: str) -> list[str]:
    """The JSON of every record of a collection below `parent`."""
    rows = connection.execute(
        "SELECT coalesce(view, base) FROM records WHERE space = ? AND collection = ? AND parent = ? AND is_shown",
        (scope.space, collection, parent),
    )
    return [row[0] for row in rows]


def revision_seen(connection: StoreConnection, scope: Scope, key: Key) -> int:
    """The record's last revision that this device knows of, from the server's word or an own write's answer."""
    row = connection.execute(f"SELECT revision FROM records WHERE {_KEY}", (scope.space, *key)).fetchone()
    own = connection.execute(
        f"SELECT max(revision) FROM touches INDEXED BY touches_by_revision WHERE {_KEY}", (scope.space, *key)
    ).fetchone()
    return max(row[0] if row else 0, own[0] or 0)


def refresh(connection: StoreConnection, scope: Scope, keys: Iterable[Key]) -> None:
    """Make the views of these records anew from their bases and the writes that lie on them."""
    for key in dict.fromkeys(keys):
        _refresh(connection, scope, key)
        connection.store_change.keys.add(key)


def _refresh(connection: StoreConnection, scope: Scope, key: Key) -> None:
    place = (scope.space, *key)
    row = connection.execute(f"SELECT base, revision FROM records WHERE {_KEY}", place).fetchone()
    base, revision = row or (None, 0)
    overlays = _overlays(connection, scope, key)
    if overlays:
        # An applied write whose revision the base has reached is in the base already.
        waiting = [(write, timestamp) for write, timestamp, applied in overlays if not 0 < applied <= revision]
        view = _view(scope, key, base, waiting) if waiting else None
        _keep(connection, scope, key, {"view": view}, base if view is None else view)
    elif base is None:
        connection.execute(f"DELETE FROM records WHERE {_KEY}", place)
    else:
        _keep(connection, scope, key, {"view": None}, base)


def _view(scope: Scope, key: Key, base: str | None, writes: list[tuple[Write, float]]) -> str:
    return _shown(replay(_decode(base) if base else None, writes, scope.shapes.get(key[0]), scope.account))


def _shown(document: Document | None) -> str:
    return "" if document is None else text(document)


def _keep(
    connection: StoreConnection,
    scope: Scope,
    key: Key,
    columns: Mapping[str, str | int | None],
    document: Document | str | None,
) -> None:
    """Write these columns of a record that is now seen as `document`, with all columns that are made of that."""
    written, values = stored_values(connection, key[0], document)
    names = ("space", "collection", "parent", "id", *columns, *written)
    changes = ", ".join([f"{name} = excluded.{name}" for name in names[4:]])
    connection.execute(
        f"INSERT INTO records ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
        f" ON CONFLICT DO UPDATE SET {changes}",
        (scope.space, *key, *columns.values(), *values),
    )


def _overlays(connection: StoreConnection, scope: Scope, key: Key) -> list[tuple[Write, float, int]]:
    rows = connection.execute(
        "SELECT m.writes, m.timestamp, t.revision FROM touches t JOIN mutations m USING (number)"
        " WHERE t.space = ? AND t.collection = ? AND t.parent = ? AND t.id = ? ORDER BY t.number",
        (scope.space, *key),
    ).fetchall()
    return [(write, row[1], row[2]) for row in rows for write in writes_in(row[0]) if key_of(write) == key]


def lay(connection: StoreConnection, scope: Scope, number: int, views: Mapping[Key, Document | None]) -> None:
    """Lay a new mutation's writes on their records, which then look as `views` says. What lies on them already is in
    their views, and is not worked out again: the work is the same however many writes wait."""
    _touch(connection, scope, number, views)
    for key, document in views.items():
        _keep(connection, scope, key, {"view": _shown(document)}, document)
    connection.store_change.keys.update(views)


def touch(connection: StoreConnection, scope: Scope, number: int, writes: Iterable[Write]) -> list[Key]:
    """Lay a mutation's writes on their records; answers the keys, which want a `refresh`."""
    keys = list(dict.fromkeys(key_of(write) for write in writes))
    _touch(connection, scope, number, keys)
    return keys


def _touch(connection: StoreConnection, scope: Scope, number: int, keys: Iterable[Key]) -> None:
    connection.executemany(
        "INSERT INTO touches (space, collection, parent, id, number) VALUES (?, ?, ?, ?, ?)",
        [(scope.space, *key, number) for key in keys],
    )


def lift(connection: StoreConnection, number: int) -> list[Key]:
    """Take a mutation's writes off their records; answers the keys, which want a `refresh`."""
    rows = connection.execute("SELECT collection, parent, id FROM touches WHERE number = ?", (number,)).fetchall()
    connection.execute("DELETE FROM touches WHERE number = ?", (number,))
    return [(collection, parent, record_id) for collection, parent, record_id in rows]


def set_base(
    connection: StoreConnection, scope: Scope, key: Key, base: str | None, revision: int, generation: int
) -> None:
    """Keep what the server says of a record; wants a `refresh` where writes lie on it."""
    _keep(connection, scope, key, {"base": base, "revision": revision, "generation": generation}, base)
