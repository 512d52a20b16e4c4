"""`?field=value`: a text, or a value, as the field's column holds it."""

from __future__ import annotations

from typing import Any

from hinterland.contract.fields import Int64
from hinterland.contract.matching import wanted
from hinterland.contract.records import Collection


def stored_value(collection: Collection, name: str, value: Any) -> Any:
    """What the column of `name` holds for `value`. Raises `invalid_query`."""
    held = wanted(collection, name, value)
    return int(held) if isinstance(collection.fields.get(name), Int64) else held
