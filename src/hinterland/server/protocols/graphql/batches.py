"""Mutations that write many records: a batch, whose writes are mutations of one record, and bulk inserts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from graphql import GraphQLInputObjectType, get_named_type

from hinterland.contract.batches import MAX_BULK_ROWS, Batch, BatchAct, BatchWrite, Returns
from hinterland.contract.errors import Refusal
from hinterland.contract.graphql_names import graphql_names
from hinterland.server.data.admission import admit, is_closed
from hinterland.server.data.requests import Upsert
from hinterland.server.operations.batch import write_batch
from hinterland.server.operations.bulk import BulkRows, bulk_records
from hinterland.server.protocols.graphql.chosen import Chosen, name_of, object_type
from hinterland.server.protocols.graphql.meaning import MEANING, Meaning
from hinterland.server.protocols.graphql.mutations import planned, record_of, stored_body
from hinterland.server.protocols.graphql.selections import Selector
from hinterland.server.protocols.graphql.shapes import Shape

if TYPE_CHECKING:
    from hinterland.server.data.catalogue import Entry
    from hinterland.server.data.projection import Projection
    from hinterland.server.protocols.graphql.execution import Execution

_ACTS: Mapping[str, BatchAct] = {
    "create": "create", "patch": "patch", "replace": "replace", "delete": "delete", "upsert": "upsert",
}  # fmt: skip
_decode, _encode = msgspec.json.decode, msgspec.json.encode


async def batch(execution: Execution, selector: Selector, chosen: Chosen, meaning: Meaning) -> Any:
    """Write all of a batch or nothing."""
    known = get_named_type(chosen.field.args["writes"].type)
    assert isinstance(known, GraphQLInputObjectType)
    writes: list[tuple[Entry, BatchWrite]] = []
    for given in selector.arguments(chosen)["writes"]:
        ((name, arguments),) = given.items()
        writes.append(_write(execution, known.fields[name].extensions[MEANING], arguments))
    results = _Results(execution, selector, chosen, writes)
    returns: Returns = "record" if results.has_records else "minimal"
    asked = Batch(writes=[write for _, write in writes], returns=returns)
    reply = await write_batch(execution.backend, execution.of(asked))
    if reply.is_replayed:
        execution.note_replay(chosen)
    return await results.shown(execution, _decode(reply.output))


def _write(execution: Execution, meaning: Meaning, given: Mapping[str, Any]) -> tuple[Entry, BatchWrite]:
    entry = meaning.entry
    assert entry is not None
    write = BatchWrite(
        act=_ACTS[meaning.act],
        collection=entry.name,
        parent=execution.path_above(entry, given),
        id=str(given.get("id") or ""),
        body=stored_body(entry, given.get("input") or given.get("patch") or {}),
        revision=given.get("revision"),
        by=given.get("by") or "",
    )
    return entry, write


class _Results:
    """What is selected of the results of `writes`. What is read of their records is planned before anything is written,
    so that what is too costly is refused then."""

    def __init__(
        self, execution: Execution, selector: Selector, chosen: Chosen, writes: Sequence[tuple[Entry, BatchWrite]]
    ) -> None:
        self._type = object_type(chosen)
        self._writes = writes
        self._selected = selector.chosen(self._type, selector.inner(chosen))
        self._plans: dict[tuple[str, str, str], tuple[Projection, Shape]] = {}
        self._inner: dict[str, tuple[str, list[tuple[str, Chosen | None]]]] = {}
        counts = Counter([entry.name for entry, write in writes if write.act != "delete"])
        entries = {entry.name: entry for entry, _ in writes}
        for key, each in self._selected:
            if each is None or name_of(each) != "results":
                continue
            kind = object_type(each)
            inner = selector.chosen(kind, selector.inner(each))
            self._inner[key] = kind.name, inner
            for own, one in inner:
                if one is not None and name_of(one) == "record":
                    for name, count in counts.items():
                        title = graphql_names(entries[name].collection).type
                        of, sets = selector.object_type(title), selector.inner(one)
                        self._plans[key, own, name] = planned(execution, selector, entries[name], of, sets, count)

    @property
    def has_records(self) -> bool:
        """Whether records are selected."""
        return bool(self._plans)

    async def shown(self, execution: Execution, done: Mapping[str, Any]) -> dict[str, Any]:
        """What is selected of what was done."""
        pairs = [*zip(self._writes, done["results"], strict=True)]
        ids = {str(write.id): str(result["id"]) for (_, write), result in pairs}
        made: dict[str, Any] = {}
        for key, each in self._selected:
            if key in self._inner:
                made[key] = [await self._result(execution, key, *write, result, ids) for write, result in pairs]
            else:
                made[key] = self._type.name if each is None else done["revision"]
        return made

    async def _result(
        self,
        execution: Execution,
        place: str,
        entry: Entry,
        write: BatchWrite,
        result: Mapping[str, Any],
        ids: Mapping[str, str],
    ) -> dict[str, Any]:
        kind, selected = self._inner[place]
        made: dict[str, Any] = {}
        for key, each in selected:
            name = "" if each is None else name_of(each)
            if name == "record":
                record = result.get("record")
                parent = "/".join([ids.get(part, part) for part in write.parent.split("/")])
                shown = None if record is None else (entry, parent, record, *self._plans[place, key, entry.name])
                made[key] = None if shown is None else await record_of(execution, *shown)
            else:
                made[key] = str(result["id"]) if name == "id" else result["status"] if each else kind
        return made


async def bulk(execution: Execution, selector: Selector, chosen: Chosen, meaning: Meaning) -> Any:
    """Create a record of each row."""
    entry, given = meaning.entry, selector.arguments(chosen)
    assert entry is not None
    form = Upsert(given["by"]) if given.get("by") else None
    if form is None or is_closed(entry.rules["update"]):
        admit(entry, "create", execution.caller)
    given_rows = given["input"]
    if len(given_rows) > MAX_BULK_ROWS:
        raise Refusal("too_large", f"a bulk insert takes at most {MAX_BULK_ROWS:,} rows; send several")
    rows = [_encode(stored_body(entry, row)) for row in given_rows]
    asked = BulkRows(entry, execution.parent(entry, given), rows, given["atomic"] is not False, form)
    reply = await bulk_records(execution.backend, execution.of(asked))
    if reply.is_replayed:
        execution.note_replay(chosen)
    done = _decode(reply.output)
    done["ids"] = [None if id is None else str(id) for id in done["ids"]]
    return _selected(selector, chosen, done)


def _selected(selector: Selector, chosen: Chosen, value: Mapping[str, Any]) -> dict[str, Any]:
    """What is selected of a plain object."""
    made: dict[str, Any] = {}
    for key, each in selector.chosen(object_type(chosen), selector.inner(chosen)):
        if each is None:
            made[key] = object_type(chosen).name
        elif selector.inner(each):
            made[key] = [_selected(selector, each, item) for item in value[name_of(each)]]
        else:
            made[key] = value.get(name_of(each))
    return made
