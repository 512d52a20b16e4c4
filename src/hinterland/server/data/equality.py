"""`?field=value`: a text, or a value, as the field's column holds it."""

from __future__ import annotations

import re
from typing import Any

from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Bytes, Int64, Json, List, checker, from_text
from hinterland.contract.records import Collection
from hinterland.server.data.rules import META_COLUMNS

_NUMBER = re.compile(r"-?\d{1,18}", re.ASCII)  # what every database holds


def stored_value(collection: Collection, name: str, value: Any) -> Any:
    """What the column of `name` holds for `value`. Raises `invalid_query`."""
    if name not in META_COLUMNS and name not in collection.fields:
        known = ", ".join(collection.fields)
        raise Refusal("invalid_query", f"{name[:64]!r} is not a field of {collection.name}; it has {known}")
    try:
        return _meta(collection, name, value) if name in META_COLUMNS else _field(collection, name, value)
    except ValueError as error:
        raise Refusal("invalid_query", f"{name}: {error}") from None


def _meta(collection: Collection, name: str, value: Any) -> Any:
    if name != "revision" and not (name == "id" and collection.ids == "integer"):
        return str(value)
    if _NUMBER.fullmatch(str(value)) is None:
        raise ValueError("must be a whole number")
    return int(value)


def _field(collection: Collection, name: str, value: Any) -> Any:
    field = collection.fields[name]
    if isinstance(field, List | Json | Bytes):
        raise ValueError("can't be compared for equality: use filter")
    stored = checker(field)(from_text(field, value) if isinstance(value, str) else value)
    return int(stored) if isinstance(field, Int64) else stored
