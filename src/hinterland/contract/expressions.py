"""What rules and filters may read: the types that a collection's records have in expressions."""

from __future__ import annotations

from hinterland.contract.fields import AnyField, Boolean, Bytes, Instant, Int64, Integer, Json, List, Number, Text
from hinterland.contract.records import Collection
from hinterland.kit.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DYN,
    INT,
    INT64,
    STRING,
    TIMESTAMP,
    ListType,
    ObjectType,
    Type,
)  # fmt: skip

Types = dict[str, Type]
META_TYPES: Types = {"created_at": TIMESTAMP, "updated_at": TIMESTAMP, "revision": INT, "parent": STRING}  # but the id
_OF_FIELD: dict[type[AnyField], Type] = {
    Text: STRING, Integer: INT, Number: DOUBLE, Boolean: BOOL, Instant: TIMESTAMP, Int64: INT64, Bytes: BYTES,
    Json: DYN,
}  # fmt: skip


def field_type(field: AnyField) -> Type:
    """The type of a declared field."""
    return ListType(_OF_FIELD[type(field.of)]) if isinstance(field, List) else _OF_FIELD[type(field)]


def record_fields(collection: Collection) -> Types:
    """The types of a record's fields, the declared ones and those that every record has."""
    own = {name: field_type(field) for name, field in collection.fields.items()}
    return {"id": INT if collection.ids == "integer" else STRING, **META_TYPES, **own}


def record_type(collection: Collection, *, nullable: bool = False) -> ObjectType:
    """The type of the variables `record` and `old`."""
    return ObjectType(record_fields(collection), nullable)


def auth_type(*, is_integer: bool) -> ObjectType:
    """The type of the variable `auth`: null when signed out; `is_integer` where the ids of users are."""
    return ObjectType({"id": INT if is_integer else STRING, "roles": ListType(STRING)}, nullable=True)
