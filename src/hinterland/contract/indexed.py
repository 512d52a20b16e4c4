"""How long a value may be where an index holds it.

PostgreSQL's b-tree entries have at most 2,704 bytes, with the record's id and headers beside the values. The limit is
the same on every database, so that an app may change it, and on devices.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hinterland.contract.kinds.field import Check, Field
from hinterland.kit.cel.types import BYTES, STRING

INDEXED_BYTES = 2_000  # of the texts of an entry together
GROUP_FIELDS = (
    16  # each adds at most 28 bytes (an Instant, or a text's header), the id 65: 2,537 bytes with all headers
)


def limits(fields: Mapping[str, Field], groups: Iterable[tuple[str, ...]]) -> dict[str, int]:
    """The bytes that a value of each indexed field of texts or bytes may have; a group's fields share them evenly."""
    found = {name: INDEXED_BYTES for name, field in fields.items() if _is_long(field) and (field.unique or field.index)}
    for group in groups:
        texts = [name for name in group if name in fields and _is_long(fields[name])]
        for name in texts:
            found[name] = min(found.get(name, INDEXED_BYTES), INDEXED_BYTES // len(texts))
    return found


def own_limit(field: Field, limit: int) -> int:
    """`limit` in bytes of the value itself: bytes are kept as base64, four for three."""
    return limit * 3 // 4 if field.type is BYTES else limit


def bounded(field: Field, check: Check, limit: int) -> Check:
    """`check` of a field of texts or bytes, and then that what is kept of its value has at most `limit` bytes."""

    def checked(value: Any) -> Any:
        text = check(value)
        if len(text) * 4 > limit and (size := len(text.encode())) > limit:
            has = size * 3 // 4 - text.count("=") if field.type is BYTES else size
            most = own_limit(field, limit)
            raise ValueError(f"must have at most {most:,} bytes, since it is indexed; has {has:,}")
        return text

    return checked


def _is_long(field: Field) -> bool:
    return field.type in (STRING, BYTES)
