"""What changed between the declaration that a database was made for and the one that it is opened with.

Additions are made at the start: a collection, an optional field, an index, looser limits, other rules. Everything that
touches stored records is a migration's work, which `hinterland.server.data.migration` does.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

import msgspec

from hinterland.contract.indexed import limits, own_limit
from hinterland.contract.kinds.field import Field
from hinterland.contract.records import Collection, read_collection
from hinterland.server.storage.protocol import DialectName, Snapshot
from hinterland.server.storage.statements import quote

_OCTETS = {"sqlite": "length(CAST({} AS BLOB))", "postgres": "octet_length({})"}


class SchemaChange(Exception):
    """The declaration changed in ways that touch what is stored; `reasons` says which, and `is_possible` whether a
    migration can make them."""

    def __init__(self, reasons: Sequence[str], *, is_possible: bool = True) -> None:
        self.reasons = tuple(reasons)
        self.is_possible = is_possible
        listed = "".join(f"\n  - {reason}" for reason in reasons)
        super().__init__(f"the app file changed in ways that touch stored records:{listed}")


async def stored(storage: Snapshot) -> dict[str, Collection]:
    """The declarations that the database was last opened with."""
    rows = await storage.rows("_collections", {})
    return {row["name"]: read_collection(row["definition"]) for row in rows if row["definition"]}


async def too_long(
    storage: Snapshot,
    dialect: DialectName,
    old: dict[str, Collection],
    new: Sequence[Collection],
    ignored: Container[str] = (),
) -> list[str]:
    """The fields for whose new indexes stored values are too long, but for `ignored` ones, in words."""
    reasons = []
    for collection in (each for each in new if each.name in old):
        before = limits(old[collection.name].fields, old[collection.name].indexes)
        for name, limit in limits(collection.fields, collection.indexes).items():
            if name not in old[collection.name].fields or before.get(name, limit + 1) <= limit or name in ignored:
                continue
            octets = _OCTETS[dialect].format(quote(name))
            sql = f"SELECT count(*) FROM {quote(collection.name)} WHERE {octets} > ?"
            (count,) = (await storage.fetch(sql, (limit,)))[0]
            if count:
                most = own_limit(collection.fields[name], limit)
                values = "1 stored value has" if count == 1 else f"{count:,} stored values have"
                reasons.append(f"{collection.name}.{name}: {values} more than {most:,} bytes")
    return reasons


def index_problem(reasons: Sequence[str]) -> str:
    """What `too_long` found as one message."""
    listed = ", ".join(reasons)
    return f"an index of the app file can't hold what is stored: {listed}; shorten it, or leave it out"


def breaking(old: dict[str, Collection], new: Sequence[Collection]) -> list[str]:
    """The changes that are more than additions, in words; empty where the database can be opened as it is."""
    declared = {collection.name for collection in new}
    reasons = [f"the collection {name!r} is gone" for name in old if name not in declared]
    reasons += impossible(old, new)
    for collection in new:
        if collection.name in old:
            reasons += changed(old[collection.name], collection)
    return reasons


def impossible(old: dict[str, Collection], new: Sequence[Collection]) -> list[str]:
    """The changes that no migration makes, in words: other ids, another parent."""
    pairs = [(old[collection.name], collection) for collection in new if collection.name in old]
    return [reason for before, after in pairs for reason in _moved(before, after)]


def _moved(old: Collection, new: Collection) -> list[str]:
    name = new.name
    reasons = []
    if old.ids != new.ids:
        reasons.append(f"{name} has {new.ids} ids, had {old.ids} ids")
    if old.parent != new.parent:
        reasons.append(f"{name} lives under {new.parent or 'the top'}, lived under {old.parent or 'the top'}")
    return reasons


def changed(old: Collection, new: Collection) -> list[str]:
    """The changes of a collection's fields that touch stored records, in words."""
    reasons = [f"{new.name}.{field} is gone" for field in old.fields if field not in new.fields]
    if old.is_open and not new.is_open:
        reasons.append(f"{new.name} is not open any longer: its records may have other fields")
    for field, declaration in new.fields.items():
        before = old.fields.get(field)
        if before is not None:
            found = _changed(before, declaration)
        else:
            found = _added(declaration)
            found += ["is new: stored records may have a value of another kind"] if old.is_open and not found else []
        reasons += [f"{new.name}.{field} {reason}" for reason in found]
    return reasons


def wrong_renames(
    old: Mapping[str, Collection], new: Sequence[Collection], renames: Mapping[str, Mapping[str, str]]
) -> list[str]:
    """Why fields can't be renamed so, old name to new name by collection, in words."""
    declared = {collection.name: collection for collection in new if collection.name in old}
    reasons = []
    for name, fields in renames.items():
        for before, after in fields.items():
            if name not in declared:
                reasons.append(
                    f"--rename {name}.{before}: {name} is not a collection of both the database and the app file"
                )
            elif before not in old[name].fields:
                known = ", ".join(old[name].fields)
                reasons.append(f"--rename {name}.{before}: the database has no such field; {name} has {known}")
            elif after not in declared[name].fields:
                reasons.append(f"--rename {name}.{before}: the app file does not declare {name}.{after}")
            elif before in declared[name].fields or after in old[name].fields:
                both = before if before in declared[name].fields else after
                reasons.append(f"--rename {name}.{before}: {name}.{both} is in the database and in the app file")
        if len({*fields.values()}) < len(fields):
            reasons.append(f"--rename: two fields of {name} can't have one name")
    return reasons


def _added(new: Field) -> list[str]:
    reasons = []
    if new.default is not None:
        reasons.append(f"is new and has a default ({_json(new.default)}), which stored records lack")
    elif new.required:
        reasons.append("is new and required: stored records have no value (give it a default)")
    if new.unique and new.default is not None:
        reasons.append("is new and unique: stored records can't all have its default")
    return reasons


def _changed(old: Field, new: Field) -> list[str]:
    reasons: list[str] = []
    if is_other_kind(old, new):
        reasons.append(f"is {new.name}, was {old.name}")
    elif not new.takes_all_of(old):
        reasons.append("has narrower limits: stored values may be outside")
    if new.required and not old.required:
        reasons.append("is required now: stored records may lack it")
    if new.unique and not old.unique:
        reasons.append("is unique now: stored records may share a value")
    if bool(new.read) != bool(old.read):
        reasons.append("has a read rule now" if new.read else "no longer has a read rule")
    return reasons


def is_other_kind(old: Field, new: Field) -> bool:
    """Whether the field is of another kind, or a list of another kind."""
    return old.name != new.name


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
