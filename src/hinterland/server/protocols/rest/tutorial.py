"""What the tutorial paths also accept: a time without an offset, which counts as UTC."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from hinterland.contract.records import TIMES
from hinterland.contract.values import parse_instant
from hinterland.server.data.catalogue import Entry


def in_utc(entry: Entry, body: Mapping[str, Any]) -> dict[str, Any]:
    """`body`, of a write or of `?field=value`, with the times of its instants in UTC where they have no offset."""
    names = entry.instants.union(TIMES)
    return {name: _zoned(value) if name in names else value for name, value in body.items()}


def _zoned(value: Any) -> Any:
    if isinstance(value, list):
        return [_zoned(item) for item in value]
    if isinstance(value, dict):  # a transform
        return {word: _zoned(operand) for word, operand in value.items()}
    try:
        return parse_instant(value, UTC) if isinstance(value, str) else value
    except ValueError:
        return value  # the field's own check says what is wrong with it
