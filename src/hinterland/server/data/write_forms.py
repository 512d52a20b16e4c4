"""Writes that are more than their act: an upsert finds its record, and a JSON Patch makes its body of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import msgspec
from msgspec.structs import replace

from hinterland.contract import json_patch
from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal, invalid
from hinterland.contract.identity import is_record_id, is_temporary
from hinterland.contract.records import HEAD, Document
from hinterland.contract.values import is_same
from hinterland.kit import strict_json
from hinterland.server.data import documents
from hinterland.server.data.catalogue import Entry
from hinterland.server.data.requests import JsonPatch, Upsert
from hinterland.server.data.state import RecordKey
from hinterland.server.storage.protocol import StoredRecord

FindHolders = Callable[[Entry, str, Any], Awaitable[Iterable[RecordKey]]]
"""The records that have a value of a unique field."""
ViewRecord = Callable[[RecordKey], Awaitable[StoredRecord | None]]
"""A record by its key, if the caller can view it."""
FindHidden = Callable[[Entry, StoredRecord], Awaitable[AbstractSet[str]]]
"""The fields of a record that are hidden from the caller."""


def _sought(entry: Entry, write: Write, form: Upsert) -> Any:
    """The value by which an upsert finds its record, as the store has it. Raises `validation`."""
    by, value, parameter = form
    value = write.body.get(by) if value is None else value
    field = entry.collection.fields.get(by)
    if field is None or not field.unique:
        known = ", ".join([*entry.unique, "id"])
        raise invalid({parameter: [f"{by[:64]!r} is not a unique field of {entry.name}; allowed: {known}"]})
    if write.id != "" and not is_temporary(write.id):
        raise invalid({"id": [f"can't be set in an upsert by {by}; leave it out, or use {parameter}=id"]})
    if value is None:
        raise invalid({by: ["is required, since the record is found by it"]})
    try:
        return entry.shape.check(by, value)
    except ValueError as error:
        raise invalid({by: [str(error)]}) from None


async def resolved(
    entry: Entry, write: Write, form: Upsert, having: FindHolders, view: ViewRecord, hidden_of: FindHidden
) -> Write:
    """What an upsert is: the write of the record that it finds, or a creation. Raises `validation`.

    A record that the caller can't view is not found, nor one whose field is hidden from them (`hidden_of`): that it
    exists is all that a creation says of it.
    """
    by = form.by
    if by == "id":
        return await _by_id(entry, write, view)
    sought = _sought(entry, write, form)
    for key in await having(entry, by, sought):
        record = await view(key) if key[1] == write.parent else None
        if record is not None and by not in await hidden_of(entry, record):
            return replace(write, id=key[2])
    return replace(write, act="create")


async def _by_id(entry: Entry, write: Write, view: ViewRecord) -> Write:
    id = write.id if write.id != "" else write.body.get("id")
    if id is None or id == "" or type(id) not in (str, int):
        raise invalid({"id": ["is required, since the record is found by it"]})
    may_exist = type(id) is int if entry.is_integer else is_record_id(id)
    record = await view((entry.name, write.parent, id)) if may_exist else None
    return replace(write, id=id, act="create" if record is None else write.act)


def patched_values(
    entry: Entry, record: StoredRecord, hidden: AbstractSet[str], patch: JsonPatch, document: Document
) -> Document:
    """The fields that a JSON Patch changes, with their new values; null for one that it removes. It works on the record
    as it is on the wire without the `hidden` fields, which are as absent as others that don't exist. `document` is the
    whole one of the record. Raises what ends the patch, and `validation` where it would change what only the server
    changes."""
    fields = dict.fromkeys(entry.collection.fields) | document
    before = {name: value for name, value in fields.items() if name not in hidden}
    head = {name: value for name, value in documents.meta_of(record).items() if name in HEAD}
    is_whole = any(not operation.path for operation in patch.operations)
    touched = before.keys() if is_whole else _touched(patch)
    shared = {name: _copied(value) if name in touched else value for name, value in before.items()}
    after = json_patch.patched({**head, **shared}, patch.operations)
    if not isinstance(after, dict):
        raise invalid({"": ["must be an object"]}, "the patch leaves no object; a record is one")
    _check_head(head, after, is_whole=is_whole)
    names = [name for name in before if name in touched]
    names += [name for name in after if name not in before and name not in head]
    changed = {name: after.get(name) for name in names if not _is_like(after.get(name), before.get(name))}
    try:
        return strict_json.decode(msgspec.json.encode(changed)) if changed else {}
    except (strict_json.StrictJsonError, RecursionError):
        raise Refusal(
            "invalid_body", f"the record would be nested deeper than {strict_json.MAX_DEPTH} levels"
        ) from None


def _touched(patch: JsonPatch) -> set[str]:
    """The fields that operations change, or something in them; others are read only."""
    changing = [operation for operation in patch.operations if operation.op != "test"]
    moved = [operation.source[0] for operation in changing if operation.op == "move" and operation.source]
    return {*moved, *(operation.path[0] for operation in changing)}


def _copied(value: Any) -> Any:
    """A value of which a patch may change what it likes."""
    return msgspec.json.decode(msgspec.json.encode(value)) if type(value) in (dict, list) else value


def _is_like(one: Any, other: Any) -> bool:
    """`is_same`, which takes long for large values that are."""
    is_equal = bool(one == other)
    return is_equal and (msgspec.json.encode(one) == msgspec.json.encode(other) or is_same(one, other))


def _check_head(head: Mapping[str, Any], after: Mapping[str, Any], *, is_whole: bool) -> None:
    """A patch of the `whole` record need not say again what the server adds to it."""
    wrong = {
        name: ["is set by the server; a patch can't change it"]
        for name, value in head.items()
        if (name in after or not is_whole) and not is_same(after.get(name), value)
    }
    if wrong:
        raise invalid(wrong)
