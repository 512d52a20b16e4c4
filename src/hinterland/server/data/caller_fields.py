"""The fields of users that an app gives its rules as fields of `auth`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hinterland.contract.expressions import AUTH_TYPES, auth_type
from hinterland.contract.kinds.field import Field
from hinterland.contract.records import Collection
from hinterland.kit.cel.types import DYN, ObjectType


def fields_of_caller(users: Collection | None, names: Sequence[str]) -> Mapping[str, Field]:
    """The fields of users that rules read of the caller. Raises ValueError for those that can't be."""
    declared = {} if users is None else users.fields
    for name in names:
        if name == "id" or name in AUTH_TYPES:
            raise ValueError(f"auth_fields: auth.{name} has another meaning; rename the field of users")
        if name not in declared:
            raise ValueError(f'auth_fields: users has no field {name!r}; declare it there with write="admin"')
        if declared[name].write != "admin":
            raise ValueError(
                f"auth_fields: users could write users.{name} themselves, and so give themselves rights; declare it "
                'with write="admin"'
            )
        kind = declared[name].type
        if DYN in (kind, item := getattr(kind, "element", None)) or ObjectType in (type(kind), type(item)):
            raise ValueError(
                f"auth_fields: users.{name} holds JSON objects; list fields of one value, or lists of such values"
            )
    return {name: declared[name] for name in names}


def auth_types(are_integer: bool, fields: Mapping[str, Field]) -> tuple[ObjectType, ObjectType]:
    """The types that `auth` has in rules and in the conditions of callers, who may not read every field."""
    types = {name: field.type for name, field in fields.items()}
    shown = {name: kind for name, kind in types.items() if not fields[name].read}
    return auth_type(is_integer=are_integer, fields=types), auth_type(is_integer=are_integer, fields=shown)
