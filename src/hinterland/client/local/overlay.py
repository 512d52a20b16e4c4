"""The optimistic view: what a record looks like with the writes on top that the server has not answered for yet.

Pure. Where the collection's declaration is known the contract's own rules apply; without it a body is taken as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hinterland.contract import changes
from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.identity import RecordId
from hinterland.contract.kinds.int64 import Int64
from hinterland.contract.kinds.undeclared import UNDECLARED
from hinterland.contract.patches import merge_patch
from hinterland.contract.records import HEAD, CompiledCollection, Document
from hinterland.contract.values import instant

_INT64 = Int64()


def replay(
    base: Document | None,
    writes: Iterable[tuple[Write, float]],
    shape: CompiledCollection | None = None,
    caller: object = None,
) -> Document | None:
    """The record after `writes`, each with its timestamp in seconds, on top of `base` (None: there is none).

    A write that can no longer be done, because the server's state has moved on, leaves the record as it is.
    """
    record = base
    for write, timestamp in writes:
        record = after_if_possible(record, write, timestamp, shape, caller)
    return record


def after_if_possible(
    record: Document | None,
    write: Write,
    timestamp: float,
    shape: CompiledCollection | None = None,
    caller: object = None,
) -> Document | None:
    """The record after one write; as it is where the write can't be done. What was kept when its collection was
    declared in another way shows as it was sent: the server decides."""
    try:
        return after(record, write, timestamp, shape, caller)
    except Refusal as error:
        if shape is not None and error.code == "validation":
            return after_if_possible(record, write, timestamp)
        return record


def after(
    record: Document | None,
    write: Write,
    timestamp: float,
    shape: CompiledCollection | None = None,
    caller: object = None,
) -> Document | None:
    """The record after one write. Raises the contract's refusals `conflict`, `not_found` and `validation`."""
    now = instant(timestamp)
    document = None if record is None else {name: value for name, value in record.items() if name not in HEAD}
    if shape is not None:
        result = changes.apply(shape, write, document, now, caller)
    else:
        result = _apply_loosely(write, document, now)
    return None if result is None else _head(record, write.id, now) | result


def after_anew(
    record: Document | None,
    write: Write,
    timestamp: float,
    shape: CompiledCollection | None = None,
    caller: object = None,
) -> Document | None:
    """`after` for a write that is made now. Raises `validation` also for fields that only administrators set."""
    if shape is not None and (errors := shape.readonly_violations(write.body, record or {})):
        raise shape.refusal(errors)
    return after(record, write, timestamp, shape, caller)


def _head(record: Document | None, record_id: RecordId, now: str) -> Document:
    if record is None:
        return {"id": record_id, "created_at": now, "updated_at": now, "revision": 0}
    return {name: record.get(name) for name in HEAD} | {"updated_at": now}


def _apply_loosely(write: Write, document: Document | None, now: str) -> Document | None:
    changes.check_place(write)
    if write.act == "create":
        if document is not None:
            raise Refusal("conflict", f"{write.collection}/{write.id} already exists")
        return _fields(write.body)
    if document is None:
        raise Refusal("not_found", f"there is no {write.collection}/{write.id}")
    if write.act == "delete":
        return None
    if write.act == "replace":
        return dict.fromkeys(document) | _fields(write.body)
    return document | _patched(document, _fields(write.body), now)


def _fields(body: Mapping[str, Any]) -> Document:
    return {name: value for name, value in body.items() if name not in HEAD}


def _patched(document: Mapping[str, Any], body: Mapping[str, Any], now: str) -> Document:
    try:
        return {name: _value(document.get(name), value, now) for name, value in body.items()}
    except (ValueError, OverflowError) as error:
        raise Refusal("validation", f"a transform does not fit its field: {error}") from None


def _value(old: Any, value: Any, now: str) -> Any:
    if not changes.is_transform(value):
        return merge_patch(old, changes.unescaped(value))
    [(word, operand)] = value.items()
    field = _INT64 if word == "$increment" and isinstance(old, str) else UNDECLARED
    return field.transforms()[word].apply(old, operand, now)
