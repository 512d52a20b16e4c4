"""The ids of the creations of one request."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from hinterland.contract.changes import Write
from hinterland.contract.fields import Text
from hinterland.contract.records import EVERYBODY, Collection, users
from hinterland.kit.clock import ManualClock
from hinterland.server.data.requests import OF_IMPORT, WriteRequest, WriteResult
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.writing import Writes
from tests.server.data.world import ADA, World, opened

TASKS = Collection(name="tasks", fields={"name": Text(required=True)}, rules=EVERYBODY, ids="integer")
NOTES = Collection(name="notes", fields={"name": Text()}, rules=EVERYBODY, ids="integer")


@pytest.fixture
async def world(storage: Storage, clock: ManualClock) -> AsyncIterator[World]:
    """A data engine on each database."""
    async with opened(storage, clock, (users(), TASKS, NOTES)) as made:
        yield made


def task(id: int | str = "", collection: str = "tasks", **body: object) -> Write:
    """A creation."""
    return Write(act="create", collection=collection, id=id, body=body or {"name": "x"})


async def created(world: World, *writes: Write, **how: object) -> WriteResult:
    """The result of a request."""
    return await world.writer.submit(WriteRequest(writes, ADA)._replace(**how))  # type: ignore[arg-type]


async def test_integer_ids_of_a_request(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The integer ids of a request are in the order of its creations, and asked for once for each collection, however
    many there are; what was reserved for a refused one is not given again."""
    asked = list[tuple[str, int]]()
    next_ids = Writes.next_ids

    async def counted(self: Writes, collection: str, count: int) -> range:
        asked.append((collection, count))
        return await next_ids(self, collection, count)

    monkeypatch.setattr(Writes, "next_ids", counted)
    mixed = [task(collection=name) for name in ("tasks", "notes", "tasks", "notes", "tasks")]
    assert [record.id for record in (await created(world, *mixed)).records] == [1, 1, 2, 2, 3]
    assert asked == [("tasks", 3), ("notes", 2)]
    asked.clear()
    some = await created(world, task(), task(name=1), task(), task("~1"), on_refusal="skip", is_batch=True)
    assert [record.id for record in some.records] == [4, 6, 7]
    assert asked == [("tasks", 4)]
    assert [record.id for record in (await created(world, task())).records] == [8]


async def test_integer_ids_beside_chosen_ones(world: World) -> None:
    """Where a request itself chooses some ids, the others come after those, and none is given twice."""
    ids = [
        record.id
        for record in (await created(world, task(), task(2), task(), task(9), task(), rights=OF_IMPORT)).records
    ]
    assert ids == [1, 2, 3, 9, 10]
