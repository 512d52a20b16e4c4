"""What a write does to a document: pure, so that the client's optimistic view and the server agree.

A write names one record and an act: create, replace, patch or delete. In a patch, a field's value may be a transform:
`{"$increment": n}`, `{"$add": [..]}`, `{"$remove": [..]}` or `{"$now": true}`. There, an object that is data and whose
only key is one of these words is written with one more `$`. Everywhere else (in other acts, in nested objects, with
other keys) such an object is data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from hinterland.contract.errors import Refusal, invalid
from hinterland.contract.identity import ID_HINT, RecordId, is_new_id, is_temporary
from hinterland.contract.kinds.field import TRANSFORMS, Merge
from hinterland.contract.kinds.list import add, remove
from hinterland.contract.patches import difference, merge_patch, standing
from hinterland.contract.records import CompiledCollection, Document
from hinterland.contract.values import is_same, parse_int64
from hinterland.kit import strict_json

Act = Literal["create", "replace", "patch", "delete"]
WriteKind = Literal["create", "update", "delete"]
"""What a write does to a record."""


class Write(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One act on one record, with its preconditions.

    `revision`: the record must be at it (If-Match). `exists`: the record must (not) be there; None asks nothing.
    An `id` of "" lets the server make one (create only).
    """

    act: Act
    collection: str
    id: RecordId = ""
    parent: str = ""
    body: Document = {}
    revision: int | None = None
    exists: bool | None = None


def key_of(write: Write) -> tuple[str, str, RecordId]:
    """The record's key: collection, parent, id."""
    return write.collection, write.parent, write.id


def check_place(write: Write) -> None:
    """Raises `validation` where the body has another id or parent than the write; null and "" name none. The times and
    the revision may be in a body, as they are where a client sends a record back, and change nothing."""
    errors: dict[str, list[str]] = {}
    for name, expected in (("id", write.id), ("parent", write.parent)):
        named = write.body.get(name)
        if named not in (None, "") and str(named) != str(expected) and (name, expected) != ("id", ""):
            errors[name] = [
                f"must be {str(expected)!r}, as in the path, is {str(named)[:64]!r}; change it or leave it out"
            ]
    if errors:
        raise invalid(errors)


def checked(write: Write) -> Write:
    """The write as it comes back from JSON. Raises `validation`, by field, for what no server takes: an
    invalid id, and values that `strict_json` refuses."""
    body: Document = {}
    errors: dict[str, list[str]] = {}
    if write.act == "create" and not _may_be_new(write.id):
        errors["id"] = [ID_HINT]
    for name, value in msgspec.to_builtins(write.body, str_keys=True).items():
        try:
            body |= strict_json.checked({name: value})
        except strict_json.StrictJsonError as error:
            errors[name] = [str(error)]
    if errors:
        raise invalid(errors)
    return msgspec.structs.replace(write, body=body)


def _may_be_new(id: object) -> bool:
    return type(id) is int or id == "" or is_new_id(id) or is_temporary(id)


_ESCAPED = re.compile(r"\$\$+(?:increment|add|remove|now)")


def is_transform(value: object) -> bool:
    """Whether `value`, in a patch, is a transform: it counts on whatever the record holds, so that it never clashes."""
    return type(value) is dict and len(value) == 1 and next(iter(value)) in TRANSFORMS


def unescaped(value: Any) -> Any:
    """A value of a patch that is not a transform, as it is meant: an escaped word loses one `$`."""
    if type(value) is dict and len(value) == 1 and _ESCAPED.fullmatch(name := next(iter(value))):
        return {name[1:]: value[name]}
    return value


def resolve(shape: CompiledCollection, document: Mapping[str, Any], body: Mapping[str, Any], now: str) -> Document:
    """The `body` of a patch with its transforms replaced by the values that they give on `document` at the instant
    `now`."""
    resolved: Document = {}
    errors: dict[str, list[str]] = {}
    for name, value in body.items():
        if is_transform(value):
            [(word, operand)] = value.items()
            try:
                resolved[name] = _transform(shape, name, document.get(name), word, operand, now)
            except (ValueError, OverflowError) as error:
                errors[name] = [str(error)]
        else:
            resolved[name] = unescaped(value)
    if errors:
        raise invalid(errors)
    return resolved


def _transform(shape: CompiledCollection, name: str, old: Any, word: str, operand: Any, now: str) -> Any:
    transform = shape.transform(name, word)
    if transform is not None:
        return transform.apply(old, operand, now)
    field = shape.collection.fields.get(name)
    hint = f"; for a key of your own send ${word}" if field is not None and field.merges_members else ""
    raise ValueError(f"{word} can't be used on this field{hint}")


def apply(
    shape: CompiledCollection, write: Write, document: Document | None, now: str, caller: object = None
) -> Document | None:
    """The document after `write` (None: deleted), given the one before it (None: there is none).

    Raises the refusals `conflict`, `not_found` and `validation`. Fields that the caller may not see are the
    server's concern: it passes them to `CompiledCollection.replaced` itself.
    """
    check_place(write)
    if write.act == "create":
        if document is not None:
            raise Refusal("conflict", f"{write.collection}/{write.id} already exists")
        return shape.new(write.body, caller)
    if document is None:
        raise Refusal("not_found", f"there is no {write.collection}/{write.id}")
    if write.act == "delete":
        return None
    if write.act == "replace":
        return shape.replaced(document, write.body)
    return shape.patched(document, resolve(shape, document, write.body, now))


class Merged(msgspec.Struct, frozen=True):
    """The outcome of merging a field: its value (of an object, the part of the device's patch that is kept) and whether
    the device's own edit, or a part of it, was lost."""

    value: Any
    is_lost: bool = False


def merge(policy: Merge, base: Any, server: Any, device: Any, *, is_device_newer: bool) -> Merged:
    """Merge one field that both sides changed since `base`.

    `newest`: the later timestamp wins. `server`: the server's value stays. `counter`: both differences count.
    `set`: what either side added is in, what either side removed is out. Objects are merged member by member.
    """
    if type(server) is dict and type(device) is dict:
        return Merged(*standing(base, server, device, is_newer=is_device_newer and policy == "newest"))
    if policy == "counter" and (count := _counted(base, server, device)) is not None:
        return Merged(count)  # also where both came to the same: each counted
    if is_same(server, device):
        return Merged(server)
    if policy == "set":
        return Merged(_merge_lists(base or [], server or [], device or []))
    if policy == "newest" and is_device_newer:
        return Merged(device)
    return Merged(server, is_lost=True)


def followed(policy: Merge, base: Any, server: Any, device: Any) -> Any:
    """What a device that had seen `base` takes a field to be after its own edit, which made `device` of `server`.

    It does not know what others had made of `base` meanwhile: of its edit it knows the difference alone.
    """
    if type(server) is dict and type(device) is dict:
        return merge_patch(base, difference(server, device))
    if policy == "counter":
        nothing = "0" if type(device) is str else 0
        count = _counted(server, nothing if base is None else base, device)
        return device if count is None else count
    if policy == "set" and device is not None:
        return _merge_lists(server or [], base or [], device)
    return device


def _counted(base: Any, server: Any, device: Any) -> Any:
    """Both differences on top of `base`, in the form of the server's value (an int64 is text); None: not numbers."""
    try:
        if type(server) is str:
            return str(int(server) + int(parse_int64(str(device))) - int(base or 0))
    except ValueError:
        return None
    is_number = type(server) in (int, float) and type(device) in (int, float)
    return server + device - (base or 0) if is_number else None


def _merge_lists(base: list[Any], server: list[Any], device: list[Any]) -> list[Any]:
    gone, new = remove(base, device), remove(device, base)
    return add(remove(server, gone), new)
