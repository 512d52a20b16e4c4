"""How long a value may be where an index holds it.

PostgreSQL's b-tree entries have at most 2,704 bytes, with the record's id and headers beside the values. The limit is
the same on every database, so that an app may change it, and on devices.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hinterland.contract.fields import AnyField, Bytes, Check, Text

INDEXED_BYTES = 2_000  # of the texts of an entry together


def limits(fields: Mapping[str, AnyField], groups: Iterable[tuple[str, ...]]) -> dict[str, int]:
    """The bytes that a value of each indexed Text or Bytes field may have; a group's fields share them evenly."""
    found = {name: INDEXED_BYTES for name, field in fields.items() if _is_long(field) and (field.unique or field.index)}
    for group in groups:
        texts = [name for name in group if _is_long(fields[name])]
        for name in texts:
            found[name] = min(found.get(name, INDEXED_BYTES), INDEXED_BYTES // len(texts))
    return found


def bounded(check: Check, limit: int) -> Check:
    """`check`, and then that the text has at most `limit` bytes in UTF-8; that of Bytes is base64."""

    def checked(value: Any) -> Any:
        text = check(value)
        if len(text) * 4 > limit and (size := len(text.encode())) > limit:
            raise ValueError(f"must have at most {limit:,} bytes, since it is indexed; has {size:,}")
        return text

    return checked


def _is_long(field: AnyField) -> bool:
    return isinstance(field, Text | Bytes)
