"""Stand-ins for ids that the server gives, on this device: which are known by now, and what is renamed when one is
given, or was forgotten by a server that was restored from a backup.

A mutation's `writes` name records by the ids that are known; `written` has them as they were before, where that is
different.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from hinterland.client.local.connection import Connection, Key, Scope
from hinterland.client.local.records import lift, refresh, text, touch, writes_in
from hinterland.contract.changes import Write
from hinterland.contract.identity import RecordId
from hinterland.contract.temporary import Given, candidates, parent_of, renamed


def real_id(connection: Connection, scope: Scope, record_id: RecordId) -> RecordId:
    """The id that the server gave for a stand-in, where it is known; any other as it is."""
    if not isinstance(record_id, str):
        return record_id
    row = connection.execute(
        "SELECT id FROM temporaries WHERE space = ? AND temporary = ?", (scope.space, record_id)
    ).fetchone()
    return record_id if row is None or row[0] is None else row[0]


def real_parent(connection: Connection, scope: Scope, parent: str) -> str:
    """A parent's path with the ids that are known in the place of stand-ins."""
    return parent_of(parent, _known(connection, scope, parent.split("/")[1::2]))


def real_write(connection: Connection, scope: Scope, write: Write) -> Write:
    """The write with the ids that are known in the place of stand-ins; its own creation keeps its id."""
    return renamed(write, _known(connection, scope, candidates(write)))


def _known(connection: Connection, scope: Scope, names: Iterable[str]) -> Given:
    found = {name: real_id(connection, scope, name) for name in names}
    return {name: record_id for name, record_id in found.items() if record_id != name}


def give(connection: Connection, scope: Scope, given: Given) -> None:
    """Put the real ids in the place of stand-ins, in the outbox and in the records that only this device has."""
    connection.executemany(
        "INSERT INTO temporaries (space, temporary, id) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET id = excluded.id",
        [(scope.space, stand_in, record_id) for stand_in, record_id in given.items()],
    )
    stale: list[Key] = []
    for number, column in connection.execute(
        "SELECT number, writes FROM mutations WHERE space = ?", (scope.space,)
    ).fetchall():
        if any(name in column for name in given):
            before = writes_in(column)
            stale += _rename(connection, scope, number, before, [renamed(write, given) for write in before])
    refresh(connection, scope, stale)


def forget(connection: Connection, scope: Scope, numbers: Iterable[int]) -> None:
    """The server has forgotten what these mutations created, and may give other ids: the records have their stand-ins
    again, and so has whatever names them in the outbox, also by the ids that are forgotten."""
    forgotten: dict[str, str] = {}
    for number in numbers:
        row = connection.execute("SELECT writes, written FROM mutations WHERE number = ?", (number,)).fetchone()
        forgotten |= _given_in(*row)
    if not forgotten:
        return
    connection.executemany(
        "UPDATE temporaries SET id = NULL WHERE space = ? AND temporary = ?",
        [(scope.space, stand_in) for stand_in in forgotten.values()],
    )
    stale: list[Key] = []
    for number, writes, written in connection.execute(
        "SELECT number, writes, written FROM mutations WHERE space = ?", (scope.space,)
    ).fetchall():
        before = writes_in(writes)
        said = map(_said, before, writes_in(written or writes), [forgotten] * len(before))
        after = [_renamed_whole(connection, scope, write) for write in said]
        stale += _rename(connection, scope, number, before, after)
    refresh(connection, scope, stale)


def _given_in(writes: str, written: str | None) -> dict[str, str]:
    """The paths of the records that the writes create under given ids, with the stand-ins of these."""
    pairs = zip(writes_in(writes), writes_in(written or writes), strict=True)
    return {
        _path(write.parent, write.collection, write.id): str(said.id)
        for write, said in pairs
        if write.act == "create" and write.id != said.id
    }


def _said(write: Write, said: Write, forgotten: Mapping[str, str]) -> Write:
    """`write` as it was `said`, with stand-ins in the place of forgotten ids also where it was said by these."""
    record_id = forgotten.get(_path(write.parent, write.collection, write.id), said.id)
    parts, named = write.parent.split("/"), said.parent.split("/")
    for end in range(2, len(parts) + 1, 2):
        named[end - 1] = forgotten.get("/".join(parts[:end]), named[end - 1])
    return replace(said, id=record_id, parent="/".join(named))


def _path(*parts: RecordId) -> str:
    return "/".join(str(part) for part in parts if part != "")


def _renamed_whole(connection: Connection, scope: Scope, write: Write) -> Write:
    """The write with every id that is known, that of its own creation too."""
    return renamed(write, _known(connection, scope, {*candidates(write), str(write.id)}))


def _rename(
    connection: Connection, scope: Scope, number: int, before: Sequence[Write], after: Sequence[Write]
) -> list[Key]:
    """Keep a mutation's writes under other ids; answers the keys, which want a `refresh`."""
    if after == before:
        return []
    connection.execute(
        "UPDATE mutations SET writes = ?, written = coalesce(written, writes) WHERE number = ?", (text(after), number)
    )
    connection.news.is_outbox_changed = True
    keys = lift(connection, number)
    return [*keys, *(touch(connection, scope, number, after) if keys else ())]
