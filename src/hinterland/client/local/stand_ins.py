"""Stand-ins for ids that the server gives, on this device: which are known by now, and what is renamed when one is
given, or was forgotten by a server that was restored from a backup.

A mutation's `writes` name records by the ids that are known; `written` has them as they were before, where that is
different.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import msgspec
from msgspec.structs import replace

from hinterland.client.local.connection import Key, Scope, StoreConnection
from hinterland.client.local.records import lift, refresh, text, touch, writes_in
from hinterland.contract.changes import Write
from hinterland.contract.identity import RecordId, is_temporary
from hinterland.contract.temporary import DeclaredFields, Place, StandIns, candidates, is_stand_in


def real_id(connection: StoreConnection, scope: Scope, key: Key) -> RecordId:
    """The id of the record that is named by `key`, whose parent has real ids: the one that the server gave for a
    stand-in, where it is known."""
    return _known(connection, scope, [str(key[2])]).id(*key)


def real_parent(connection: StoreConnection, scope: Scope, parent: str) -> str:
    """A parent's path with the ids that are known in the place of stand-ins."""
    return _known(connection, scope, parent.split("/")[1::2]).parent(parent)


def real_write(connection: StoreConnection, scope: Scope, write: Write) -> Write:
    """The write with the ids that are known in the place of stand-ins; its own creation keeps its id."""
    fields = _fields(scope, write)
    return _known(connection, scope, candidates(write, fields)).write(write, fields)


def real_value(connection: StoreConnection, scope: Scope, value: Any) -> Any:
    """A value of JSON with the ids that are known in the place of temporary ones."""
    if isinstance(value, dict):
        return {name: real_value(connection, scope, item) for name, item in value.items()}
    if isinstance(value, list):
        return [real_value(connection, scope, item) for item in value]
    if not is_temporary(value):
        return value
    given = {record_id for _, record_id in _known(connection, scope, [value])}
    return given.pop() if len(given) == 1 else value


def _fields(scope: Scope, write: Write) -> DeclaredFields:
    shape = scope.shapes.get(write.collection)
    return {} if shape is None else shape.collection.fields


def _known(connection: StoreConnection, scope: Scope, names: Iterable[str]) -> StandIns:
    known = StandIns()
    for name in names:
        for collection, parent, record_id in connection.execute(
            "SELECT collection, parent, id FROM temporaries WHERE space = ? AND temporary = ?", (scope.space, name)
        ).fetchall():
            known.add(Place(collection, parent, name), record_id)
    return known


def name_anew(connection: StoreConnection, scope: Scope, writes: Iterable[Write]) -> None:
    """What `writes` create under a stand-in that was used before is what it names from now on."""
    places = [_place(write, write.id) for write in writes if write.act == "create" and is_stand_in(write.id)]
    _drop(connection, scope, places)


def _place(write: Write, name: RecordId) -> Place:
    return Place(write.collection, write.parent, str(name))


def _drop(connection: StoreConnection, scope: Scope, places: Iterable[Place]) -> None:
    connection.executemany(
        "DELETE FROM temporaries WHERE space = ? AND collection = ? AND parent = ? AND temporary = ?",
        [(scope.space, *place) for place in places],
    )


def give(connection: StoreConnection, scope: Scope, given: StandIns, numbers: AbstractSet[int]) -> None:
    """Put the real ids in the place of stand-ins, in the outbox and in the records that only this device has. They were
    given to creations of the mutations with these `numbers`: a later creation under a stand-in is another record's."""
    connection.executemany(
        "INSERT INTO temporaries (space, collection, parent, temporary, id) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET id = excluded.id",
        [(scope.space, *place, record_id) for place, record_id in given],
    )
    names = {msgspec.json.encode(place.name).decode()[1:-1] for place, _ in given}
    stale: list[Key] = []
    for number, column in connection.execute(
        "SELECT number, writes FROM mutations WHERE space = ? ORDER BY number", (scope.space,)
    ).fetchall():
        if any(name in column for name in names):
            before, after = writes_in(column), list[Write]()
            for write in before:
                if number not in numbers and write.act == "create":
                    given = given.without([write])
                after.append(given.write(write, _fields(scope, write), is_whole=True))
            stale += _rename(connection, scope, number, before, after)
    refresh(connection, scope, stale)


def forget(connection: StoreConnection, scope: Scope, numbers: Iterable[int]) -> None:
    """The server has forgotten what these mutations created, and may give other ids: the records have their stand-ins
    again, and so has whatever names them in the outbox, also by the ids that are forgotten."""
    forgotten: dict[str, Place] = {}
    for number in numbers:
        row = connection.execute("SELECT writes, written FROM mutations WHERE number = ?", (number,)).fetchone()
        forgotten |= _given_in(*row)
    if not forgotten:
        return
    _drop(connection, scope, forgotten.values())
    stale: list[Key] = []
    for number, writes, written in connection.execute(
        "SELECT number, writes, written FROM mutations WHERE space = ?", (scope.space,)
    ).fetchall():
        before = writes_in(writes)
        original = map(_as_kept, before, writes_in(written or writes), [forgotten] * len(before))
        after = [_renamed_whole(connection, scope, write) for write in original]
        stale += _rename(connection, scope, number, before, after)
    refresh(connection, scope, stale)


def _given_in(writes: str, written: str | None) -> dict[str, Place]:
    """The paths of the records that the writes create under given ids, with the stand-ins of these."""
    pairs = zip(writes_in(writes), writes_in(written or writes), strict=True)
    return {
        _path(write.parent, write.collection, write.id): _place(write, original.id)
        for write, original in pairs
        if write.act == "create" and write.id != original.id
    }


def _as_kept(write: Write, original: Write, forgotten: Mapping[str, Place]) -> Write:
    """The `original` of a write, with stand-ins in the place of forgotten ids, also where it named records by these."""
    place = forgotten.get(_path(write.parent, write.collection, write.id))
    record_id = original.id if place is None else place.name
    parts, named = write.parent.split("/"), original.parent.split("/")
    for end in range(2, len(parts) + 1, 2):
        above = forgotten.get("/".join(parts[:end]))
        named[end - 1] = named[end - 1] if above is None else above.name
    return replace(original, id=record_id, parent="/".join(named))


def _path(*parts: RecordId) -> str:
    return "/".join(str(part) for part in parts if part != "")


def _renamed_whole(connection: StoreConnection, scope: Scope, write: Write) -> Write:
    """The write with every id that is known, that of its own creation too."""
    fields = _fields(scope, write)
    known = _known(connection, scope, {*candidates(write, fields), str(write.id)})
    return known.write(write, fields, is_whole=True)


def _rename(
    connection: StoreConnection, scope: Scope, number: int, before: Sequence[Write], after: Sequence[Write]
) -> list[Key]:
    """Keep a mutation's writes under other ids; answers the keys, which want a `refresh`."""
    if after == before:
        return []
    connection.execute(
        "UPDATE mutations SET writes = ?, written = coalesce(written, writes) WHERE number = ?", (text(after), number)
    )
    connection.store_change.is_outbox_changed = True
    keys = lift(connection, number)
    return [*keys, *(touch(connection, scope, number, after) if keys else ())]
