"""What rules and filters may read: the types that a collection's records have in expressions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from hinterland.contract.records import Collection
from hinterland.kit.cel.types import INT, STRING, TIMESTAMP, ListType, ObjectType, Type

Types = dict[str, Type]
META_TYPES: Types = {"created_at": TIMESTAMP, "updated_at": TIMESTAMP, "revision": INT, "parent": STRING}  # but the id


def record_fields(collection: Collection) -> Types:
    """The types of a record's fields, the declared ones and those that every record has."""
    own = {name: field.type for name, field in collection.fields.items()}
    return {"id": INT if collection.ids == "integer" else STRING, **META_TYPES, **own}


def record_type(collection: Collection, *, nullable: bool = False) -> ObjectType:
    """The type of the variables `record` and `old`."""
    return ObjectType(record_fields(collection), nullable, collection.is_open)


_TEXTS = ListType(STRING)
AUTH_TYPES: Types = {"roles": _TEXTS, "client": STRING, "acr": STRING, "amr": _TEXTS, "auth_time": INT}  # but the id


def auth_type(*, is_integer: bool, fields: Mapping[str, Type] = MappingProxyType({})) -> ObjectType:
    """The type of the variable `auth`, what `Principal.as_auth` gives: null when signed out; `is_integer` where the ids
    of users are, `fields` are those of the user's record."""
    id = INT if is_integer else STRING
    return ObjectType({**fields, "id": id, **AUTH_TYPES}, nullable=True)
