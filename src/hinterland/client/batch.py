"""Batches: writes of any collections that the server carries out together or not at all."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Literal

import msgspec

from hinterland.client.calls import Calls
from hinterland.contract.batches import Batch, BatchOutcome, BatchResult, BatchWrite, Returns
from hinterland.contract.identity import TEMPORARY_PREFIX, RecordId

BatchBody = Mapping[str, Any] | msgspec.Struct


class BatchWrites:
    """Collects writes. A collection is named as in a path: "posts", "posts/42/comments". What `create` and `upsert`
    return names the record in later writes: as an id, in a path, and as the value of a reference."""

    def __init__(self) -> None:
        self.writes: list[BatchWrite] = []

    def create(self, collection: str, body: BatchBody, *, id: RecordId | None = None) -> str:
        """Create a record, with this `id` or one that the server gives."""
        name = str(id) if id is not None else self._next_name()
        self.writes.append(_write("create", collection, name if id is None else id, body=_plain(body)))
        return name

    def replace(self, collection: str, id: RecordId, body: BatchBody, *, revision: int | None = None) -> None:
        """Replace all fields of a record."""
        self.writes.append(_write("replace", collection, id, body=_plain(body), revision=revision))

    def update(self, collection: str, id: RecordId, patch: BatchBody, *, revision: int | None = None) -> None:
        """Change the given fields of a record."""
        self.writes.append(_write("patch", collection, id, body=_plain(patch), revision=revision))

    def delete(self, collection: str, id: RecordId, *, revision: int | None = None) -> None:
        """Delete a record."""
        self.writes.append(_write("delete", collection, id, revision=revision))

    def upsert(
        self, collection: str, body: BatchBody, *, by: str, existing: Literal["patch", "replace"] = "patch"
    ) -> str:
        """Create a record, or change the one whose unique field `by` has the value that the body has."""
        name = self._next_name() if by != "id" else ""
        self.writes.append(_write("upsert", collection, name, body=_plain(body), by=by, existing=existing))
        return name or str(_plain(body).get("id", ""))

    def _next_name(self) -> str:
        return f"{TEMPORARY_PREFIX}{len(self.writes) + 1}"


class WriteBatch(BatchWrites):
    """A batch that `send` carries out."""

    def __init__(self, call: Calls) -> None:
        super().__init__()
        self._call = call

    async def send(self, *, returns: Returns = "record", key: str = "") -> list[BatchOutcome]:
        """Carry out the writes, all or none; their outcomes in order. Raises the error of the first that is refused,
        whose place is in its `details["index"]`."""
        return await write_many(self._call, self.writes, returns=returns, key=key)


class BlockingBatch(BatchWrites):
    """A batch of a client without an event loop, whose `run` waits for an act."""

    def __init__(
        self, run: Callable[[Coroutine[Any, Any, list[BatchOutcome]]], list[BatchOutcome]], call: Calls
    ) -> None:
        super().__init__()
        self._run = run
        self._call = call

    def send(self, *, returns: Returns = "record", key: str = "") -> list[BatchOutcome]:
        """Carry out the writes, all or none; their outcomes in order."""
        return self._run(write_many(self._call, self.writes, returns=returns, key=key))


async def write_many(
    call: Calls, writes: Sequence[BatchWrite], *, returns: Returns = "record", key: str = ""
) -> list[BatchOutcome]:
    """Carry out writes together; their outcomes in order."""
    batch = Batch(writes=[*writes], returns=returns)
    return (await call("batch", body=batch, output=BatchResult, key=key)).results


def _write(act: Any, collection: str, id: RecordId, **more: Any) -> BatchWrite:
    parent, _, name = collection.rpartition("/")
    return BatchWrite(act=act, collection=name, parent=parent, id=id, **more)


def _plain(body: BatchBody) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(body)
    return plain
