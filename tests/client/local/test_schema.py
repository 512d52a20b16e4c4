"""A store that an earlier version wrote, opened by this one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from hinterland.client.local.schema import MIGRATIONS
from hinterland.contract.changes import Write
from hinterland.kit.sqlite import connect, migrate
from tests.client.local.conftest import OPEN
from tests.client.local.steps import outbox
from tests.support.sync_backend import SyncBackend

SPACE = "INSERT INTO spaces (space, server, account, device, is_last) VALUES (1, '', 'ada', 'd', 1)"
HEAD = '"created_at":"2026-01-02T03:04:05.000000Z","updated_at":"2026-01-02T03:04:05.000000Z","revision"'
WRITE = (
    '[{"act":"patch","collection":"notes","parent":"","id":"b","body":{"text":"edited"},"revision":null,"exists":null}]'
)


async def test_records_and_unsent_writes_are_kept(device: OPEN, tmp_path: Path, server: SyncBackend) -> None:
    """What a store held before records had columns is there afterwards but for deleted ones, and the outbox is sent."""
    await server.write(Write(act="create", collection="notes", id="b", body={"text": "two"}))
    old = connect(tmp_path / "phone.db", sqlite3.Connection)
    migrate(old, MIGRATIONS[:4])
    old.execute(SPACE)
    old.executemany(
        "INSERT INTO records (space, collection, parent, id, revision, base, view) VALUES (1, 'notes', '', ?, 1, ?, ?)",
        [
            ("a", f'{{"id":"a",{HEAD}:1,"text":"one"}}', None),
            ("b", f'{{"id":"b",{HEAD}:1,"text":"two"}}', f'{{"id":"b",{HEAD}:1,"text":"edited"}}'),
            ("c", f'{{"id":"c",{HEAD}:1,"text":"three"}}', ""),
        ],
    )
    old.execute(
        "INSERT INTO mutations (number, space, id, state, timestamp, base, writes) VALUES"
        " (1, 1, 'm', 'pending', 1767225600, '[1]', ?)",
        (WRITE,),
    )
    old.execute("INSERT INTO touches (space, collection, parent, id, number) VALUES (1, 'notes', '', 'b', 1)")
    old.close()
    local = await device()
    for local.scope.small in (200, -1):
        found = (await local.collection("notes").list(sort=["text"])).items
        assert [note["text"] for note in found] == ["edited", "one"]
    await local.sync.now()
    assert await outbox(local) == []
    assert [note["text"] for note in (await local.collection("notes").list()).items] == ["edited"]
