"""Of a record that changes many times in a group its last change is written; the table is as if all were."""

from __future__ import annotations

from random import Random
from typing import Any

from hinterland.server.storage.protocol import Change
from hinterland.server.storage.table_writes import merged_writes
from tests.server.api import Api

IDS, SLUGS = "abcd", ["s", "t", "u", None]


def drawn(chance: Random, notes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A write that `notes` allow, done to them."""
    while True:
        id, slug = chance.choice(IDS), chance.choice(SLUGS)
        if id in notes and chance.random() < 0.2:
            del notes[id]
            return {"act": "delete", "collection": "notes", "id": id}
        if slug is None or all(note["slug"] != slug for other, note in notes.items() if other != id):
            act = "replace" if id in notes else "create"
            notes[id] = {"text": str(chance.random()), "slug": slug}
            return {"act": act, "collection": "notes", "id": id, "body": notes[id]}


async def test_the_table_is_as_if_each_change_were_written(each_api: Api) -> None:
    """Unique values that move between records many times within a commit end where the last changes leave them, and
    the log has each change."""
    notes: dict[str, dict[str, Any]] = {}
    chance, count = Random(8), 0
    for _ in range(40):
        writes = [drawn(chance, notes) for _ in range(chance.randrange(2, 14))]
        count += len(writes)
        answer = await each_api("POST", "/v1/batch", json={"writes": writes}, headers=each_api.admin)
        assert answer.status_code == 200, answer.text
        rows = await each_api.backend.storage.fetch("SELECT id, text, slug FROM notes ORDER BY id")
        assert [tuple(row) for row in rows] == [(id, *notes[id].values()) for id in sorted(notes)]
    [(logged,)] = await each_api.backend.storage.fetch("SELECT count(*) FROM _log")
    assert logged == count


async def test_a_record_is_written_twice_at_most(each_api: Api, monkeypatch: Any) -> None:
    """However often a request writes a record, with the same unique value or another one, its row is written twice at
    most."""
    counts: list[int] = []

    def counted(changes: list[Change], tables: Any) -> dict[int, Change | None]:
        merged = merged_writes(changes, tables)
        counts.append(len([change for place, change in enumerate(changes) if merged.get(place, change) is not None]))
        return merged

    monkeypatch.setattr("hinterland.server.storage.writing.merged_writes", counted)
    same = [{"text": str(number), "slug": "s"} for number in range(50)]
    other = [{"id": "x", "text": "a", "slug": str(number)} for number in range(50)]
    for query, rows in (("slug", same), ("slug", same), ("id", other), ("id", other)):
        answer = await each_api("POST", f"/v1/records/notes/bulk?upsert={query}", json=rows, headers=each_api.admin)
        assert answer.status_code == 200, answer.text
        assert len({*answer.json()["ids"]}) == 1
    assert counts == [1, 1, 1, 2]
    found = await each_api("GET", "/v1/records/notes/x", headers=each_api.admin)
    assert found.json()["slug"] == "49"
