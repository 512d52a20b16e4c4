"""What the next writes of a long request will ask for, read by few statements: else each takes some of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hinterland.contract.changes import Write
from hinterland.contract.identity import RecordId, is_record_id
from hinterland.server.data.catalogue import Catalogue, Entry
from hinterland.server.data.plan_records import PlanRecords
from hinterland.server.data.references import References
from hinterland.server.data.state import RecordKey
from hinterland.server.data.uniqueness import UniqueValues

CHUNK = 250
"""Writes that are looked at together."""
_Level = tuple[Entry, str]  # a collection and the parent of its records


async def prefetch(
    catalogue: Catalogue, writes: Sequence[Write], records: PlanRecords, unique: UniqueValues, references: References
) -> None:
    """Read the records that some writes name, those that have the values of their unique fields, and those that they
    refer to. Nothing is decided: what is not read here is read when it is asked for."""
    seen: dict[_Level, list[RecordId]] = {}
    held: dict[_Level, list[RecordId]] = {}
    values: dict[tuple[Entry, str], list[Any]] = {}
    referred: dict[tuple[Entry, str], list[RecordId]] = {}
    for write in writes:
        entry = catalogue.entries.get(write.collection)
        if entry is None:
            continue
        named = held if write.act == "create" else seen
        named.setdefault((entry, write.parent), []).extend(_ids(entry.is_integer, [write.id]))
        for name in entry.unique:
            if write.body.get(name) is not None:
                values.setdefault((entry, name), []).append(write.body[name])
        for name, link in entry.links.items():
            value = write.body.get(name)
            given = value if isinstance(value, list) else [value]
            referred.setdefault((entry, name), []).extend(_ids(link.ids == "integer", given))
    keys: list[RecordKey] = []
    for (entry, name), wanted in values.items():
        keys += await unique.load(entry, name, wanted)
    for name, parent, id in keys:
        held.setdefault((catalogue[name], parent), []).append(id)
    for (entry, parent), ids in seen.items():
        await records.load(entry, parent, ids, is_visible=True)
    for (entry, parent), ids in held.items():
        await records.load(entry, parent, ids, is_visible=False)
    for (entry, name), ids in referred.items():
        await references.load(entry.links[name], ids)


def _ids(is_integer: bool, given: Sequence[Any]) -> Iterator[RecordId]:
    """Those of the values that can be ids."""
    for id in given:
        if (type(id) is int and 0 < id < 2**53) if is_integer else (type(id) is str and is_record_id(id)):
            yield id
