"""Writes of a test, what has become of a record, and a collection that everybody writes, with each way to merge."""

from __future__ import annotations

from typing import Any

import msgspec

from hinterland.contract.changes import Write
from hinterland.contract.fields import Instant, Integer, Json, List, Text
from hinterland.contract.identity import Principal, RecordId
from hinterland.contract.records import EVERYBODY, Collection
from tests.server.data.world import ADMIN, World

OPEN = Collection(
    name="open",
    fields={
        "text": Text(),
        "count": Integer(merge="counter", maximum=100),
        "tags": List(of=Text(), merge="set"),
        "fixed": Text(merge="server"),
        "secret": Text(read="auth.id == 'ada'"),
        "at": Instant(),
        "any": Json(),
    },
    rules=EVERYBODY,
)


def make(collection: str, id: RecordId = "", parent: str = "", **body: Any) -> Write:
    """A creation."""
    return Write(act="create", collection=collection, id=id, parent=parent, body=body)


def put(collection: str, id: RecordId, **body: Any) -> Write:
    """A replacement."""
    return Write(act="replace", collection=collection, id=id, body=body)


async def read(world: World, collection: str, id: RecordId, parent: str = "", caller: Principal = ADMIN) -> Any:
    """A record as `caller` sees it; None where there is none."""
    record = await world.storage.record(collection, parent, id)
    return None if record is None else msgspec.json.decode(world.catalogue[collection].wire(caller, record))
