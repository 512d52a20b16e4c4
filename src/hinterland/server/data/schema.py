"""What changed between the declaration that a database was made for and the one that it is opened with."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from hinterland.contract.fields import AnyField
from hinterland.contract.records import Collection
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.system import Put


class SchemaChange(Exception):
    """The declaration changed in ways that touch what is stored; `reasons` says which."""

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        listed = "".join(f"\n  - {reason}" for reason in reasons)
        super().__init__(f"the app file changed in ways that touch stored records:{listed}")


async def stored(storage: Storage) -> dict[str, Collection]:
    """The declarations that the database was last opened with."""
    rows = await storage.rows("_collections", {})
    return {row["name"]: msgspec.json.decode(row["definition"], type=Collection) for row in rows if row["definition"]}


def breaking(old: dict[str, Collection], new: Sequence[Collection]) -> list[str]:
    """The changes that are more than additions, in words; empty where the database can be opened as it is."""
    declared = {collection.name: collection for collection in new}
    reasons = [f"the collection {name!r} is gone" for name in old if name not in declared]
    for name, collection in declared.items():
        if name in old:
            reasons += _breaking(old[name], collection)
    return reasons


def _breaking(old: Collection, new: Collection) -> list[str]:
    name = new.name
    reasons = [f"{name}.{field} is gone" for field in old.fields if field not in new.fields]
    if old.ids != new.ids:
        reasons.append(f"{name} has {new.ids} ids, had {old.ids} ids")
    if old.parent != new.parent:
        reasons.append(f"{name} lives under {new.parent or 'the top'}, lived under {old.parent or 'the top'}")
    for field, declaration in new.fields.items():
        before = old.fields.get(field)
        if before is None:
            if declaration.required and declaration.default is None:
                reasons.append(f"{name}.{field} is new and required: stored records have no value (give it a default)")
            elif declaration.required or declaration.default is not None:
                reasons.append(f"{name}.{field} is new and has a default, which stored records lack")
        else:
            reasons += [f"{name}.{field} {reason}" for reason in _changed(before, declaration)]
    return reasons


def _changed(old: AnyField, new: AnyField) -> list[str]:
    reasons: list[str] = []
    if type(old) is not type(new) or getattr(old, "of", None) != getattr(new, "of", None):
        reasons.append(f"is {_kind(new)}, was {_kind(old)}")
    if new.required and not old.required:
        reasons.append("is required now: stored records may lack it")
    if new.unique and not old.unique:
        reasons.append("is unique now: stored records may share a value")
    if bool(new.read) != bool(old.read):
        reasons.append("has a read rule now" if new.read else "has no read rule any more")
    return reasons


def _kind(field: AnyField) -> str:
    return type(field).__name__


async def remember(storage: Storage, collections: Sequence[Collection]) -> None:
    """Keep the declarations with the database."""
    rows = {row["name"]: row for row in await storage.rows("_collections", {})}
    acts = [
        Put("_collections", {**rows[c.name], "definition": msgspec.json.encode(c).decode()})
        for c in collections
        if c.name in rows
    ]
    async with storage.transaction() as transaction:
        await transaction.act(acts)
