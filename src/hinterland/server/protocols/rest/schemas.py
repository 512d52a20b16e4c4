"""The schemas of what `/openapi.json` describes: records of the declared collections, and forms that depend on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hinterland.contract.expressions import record_fields
from hinterland.contract.identity import ID_PATTERN, MAX_ID_BYTES
from hinterland.contract.indexed import limits
from hinterland.contract.json_patch import MAX_OPERATIONS
from hinterland.contract.kinds.field import Field, Ids, nullable
from hinterland.contract.matching import MAX_SORT, sortable_names
from hinterland.contract.query import MAX_LIMIT
from hinterland.contract.records import META, Collection
from hinterland.contract.result_columns import parts_of
from hinterland.kit.blank_text import INVISIBLE
from hinterland.kit.cel.types import DOUBLE, STRING, is_integer
from hinterland.server.protocols.rest import expansions
from hinterland.server.security.passwords import LONGEST

ID: dict[str, Any] = {"type": "string", "format": "record-id", "pattern": ID_PATTERN, "maxLength": MAX_ID_BYTES}
CURSOR: dict[str, Any] = {"type": "string", "format": "cursor", "description": "as the server gave it"}
FILTER: dict[str, Any] = {"type": "string", "format": "cel", "description": "CEL over `record` and `auth`"}
_SERVER_FIELDS: dict[str, Any] = {
    "created_at": {"type": "string", "format": "date-time", "readOnly": True},
    "updated_at": {"type": "string", "format": "date-time", "readOnly": True},
    "revision": {"type": "integer", "readOnly": True},
}
# What `fields` and `expand` may hold depends on the collections: a generated text is hardly ever one.
WANTED: dict[str, Any] = {
    "fields": {
        "type": "string",
        "format": "fields",
        "maxLength": expansions.LONGEST,
        "description": "the fields that are wanted, also of what comes along: `title,author.name`; others are left "
        "out, required ones too",
    },
    "expand": {
        "type": "string",
        "format": "expand",
        "maxLength": expansions.LONGEST,
        "description": "related records that come along: `author,comments(sort=-created_at,limit=5)`",
    },
}
_VISIBLE = f"[^{INVISIBLE}]"
_CURRENT: dict[str, Any] = {"type": "string", "minLength": 1}
_EMAIL: dict[str, Any] = {"type": "string", "format": "email", "minLength": 3, "maxLength": 254}
_POINTER: dict[str, Any] = {"type": "string", "format": "json-pointer", "pattern": "^(/([^~/]|~[01])*)*$"}


def _operations(words: list[str], **more: Any) -> dict[str, Any]:
    """The schema of operations of a JSON Patch with these words: they have a path, and `more`."""
    fields = {"op": {"type": "string", "enum": words}, "path": _POINTER, **more}
    return {"type": "object", "properties": fields, "required": [*fields]}


JSON_PATCH: dict[str, Any] = {
    "type": "array",
    "maxItems": MAX_OPERATIONS,
    "description": "RFC 6902",
    "items": {
        "oneOf": [
            _operations(["add", "replace", "test"], value={}),
            _operations(["move", "copy"], **{"from": _POINTER}),
            _operations(["remove"]),
        ]
    },
}


def upserting(fields: Mapping[str, Field], ids: Ids) -> dict[str, Any]:
    """The parameters of a creation that finds its record first, of which the reader may know these fields. Where the
    server gives the ids, none is created by its id."""
    names = ["id"] if ids == "string" else []
    names += [name for name, field in fields.items() if field.unique]
    if not names:
        return {}
    return {
        "upsert": {"type": "string", "enum": names, "description": "the field by which a record is found"},
        "existing": {"type": "string", "enum": ["patch", "replace"], "default": "patch"},
    }


def forms(of_users: Mapping[str, Field], password_length: int) -> dict[str, Any]:
    """The bodies that create an account: a new user also has the fields of `users`."""
    password = {"type": "string", "minLength": password_length, "maxLength": LONGEST, "pattern": _VISIBLE}
    new = {"email": _EMAIL, "password": password}
    fields = {name: _field(field) for name, field in of_users.items()}
    asked = [name for name, field in of_users.items() if field.required]
    for name in asked:
        fields[name].setdefault("pattern", _VISIBLE)  # of a form nothing that is asked for may be blank
    registration = _object({**fields, **new}, [*dict.fromkeys([*asked, *new])], is_closed=True)
    return {
        "Registration": registration,
        "NewAdministrator": _object(new, [*new]),
        "PasswordReset": _object(new, [*new]),
        "PasswordChange": _object(
            {"password": _CURRENT, "new_password": new["password"]}, ["password", "new_password"]
        ),
        "EmailChange": _object({"email": _EMAIL, "password": _CURRENT}, ["email", "password"]),
    }


def sorting(collection: Collection, fields: Mapping[str, Field]) -> dict[str, Any]:
    """The parameter `sort` of a collection, of which the reader may know these fields."""
    names = [name for name in sortable_names(collection) if name in fields or name in META]
    name = f"-?({'|'.join(names)})"
    return {
        "type": "string",
        "pattern": f"^({name}(,{name}){{0,{MAX_SORT - 1}}})?$",
        "description": "field names with commas between, `-` before one for descending",
    }


def aggregating(collection: Collection, fields: Mapping[str, Field]) -> dict[str, Any]:
    """The parameters of a collection's aggregates, of which the reader may know these fields."""
    known = [*fields, *META]
    sortable = [name for name in sortable_names(collection) if name in known]
    kinds = record_fields(collection)
    numbers = [name for name in sortable if is_integer(kinds[name]) or kinds[name] is DOUBLE]
    groups = [*sortable, *(f"{name}:{part}" for name in sortable for part in parts_of(collection, name))]
    counted = [r"\*", *known, *(f"distinct:{name}" for name in sortable)]
    lists = {"group": groups, "distinct": groups, "count": counted, "sum": numbers, "avg": numbers, "min": sortable,
             "max": sortable}  # fmt: skip
    return {
        **{word: _listed(names) for word, names in lists.items()},
        "having": {"type": "string", "description": "CEL over the columns of the result"},
        "sort": {"type": "string", "description": "columns of the result with commas between, `-` for descending"},
        "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": MAX_LIMIT},
        "cursor": CURSOR,
        "filter": FILTER,
        "search": {"type": "string", "description": "words of the fields that are declared for it"},
    }


def _listed(names: Sequence[str]) -> dict[str, Any]:
    one = f" *({'|'.join(names)})? *"
    return {"type": "string", "pattern": f"^{one}(,{one})*$", "description": "names with commas between"}


def record_schemas(collection: Collection, known: Mapping[str, Field]) -> dict[str, dict[str, Any]]:
    """The schemas of a collection, of which the reader may know the fields `known`: the record as it is answered, and
    the bodies that make, replace and change one."""
    declared = known.items()
    longest = limits(collection.fields, collection.indexes)
    id_type = {"type": "integer"} if collection.ids == "integer" else ID
    fields = {name: _field(field, longest.get(name)) for name, field in declared}
    # A field with a rule of its own is not in every caller's answers.
    shown = [name for name, field in declared if field.required and not field.read]
    asked = [name for name, field in declared if field.required and field.default is None]
    unfilled = [name for name in asked if not known[name].fill]
    patch = {name: _patched(field, longest.get(name)) for name, field in declared}
    is_closed = not collection.is_open
    body = {"id": id_type, **fields} if collection.ids == "string" else fields
    return {
        f"{collection.name}_record": _object(
            {"id": id_type, **_SERVER_FIELDS, **fields}, ["id", *_SERVER_FIELDS, *shown]
        ),
        f"{collection.name}_body": _object(body, unfilled, is_closed=is_closed),
        f"{collection.name}_replacement": _object(body, asked, is_closed=is_closed),
        f"{collection.name}_patch": _object(patch, [], is_closed=is_closed),
    }


def _object(properties: dict[str, Any], required: list[str], *, is_closed: bool = False) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        made["required"] = required
    if is_closed:
        made["additionalProperties"] = False
    return made


def _patched(field: Field, limit: int | None) -> dict[str, Any]:
    """A field's value, or a transform of the one before."""
    transforms = field.transforms().items()
    tagged = [_object({tag: {**transform.operand}}, [tag], is_closed=True) for tag, transform in transforms]
    return _noted(field, {"anyOf": [_limited(field, field.patch_schema(), limit), *tagged]})


def _field(field: Field, limit: int | None = None) -> dict[str, Any]:
    """What a field's value may be."""
    return _noted(field, _limited(field, field.json_schema(), limit))


def _noted(field: Field, schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with what is declared for its readers."""
    text = " ".join(
        [part for part in (field.description, field.deprecated and f"Deprecated: {field.deprecated}") if part]
    )
    notes = {"description": text} if text else {}
    return {**schema, **notes, **({"deprecated": True} if field.deprecated else {})}


def _limited(field: Field, schema: dict[str, Any], limit: int | None) -> dict[str, Any]:
    """The schema of a field's value, a text no longer than its index holds; null is the same as none."""
    if limit is not None and field.type is STRING:
        schema["maxLength"] = min(schema.get("maxLength", limit), limit)
    return schema if field.required else nullable(schema)
