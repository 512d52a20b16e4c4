"""What comes with records: the rows of a question with includes, read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from hinterland.server.data.select.compiler import WIDTH
from hinterland.server.data.select.question import Select
from hinterland.server.storage.protocol import StoredRecord

_decode = msgspec.json.Decoder(list[Any]).decode


class FoundRecord(NamedTuple):
    """A record, and for each include of its question, in order, the records that come with it."""

    record: StoredRecord
    included: tuple[list[FoundRecord], ...]


def found(select: Select, row: Sequence[Any]) -> FoundRecord:
    """What a row of the statement of `select` holds."""
    arrays = [_decode(text) for text in row[WIDTH : WIDTH + len(select.includes)]]
    return _with_included(select, row, arrays)


def _with_included(select: Select, row: Sequence[Any], arrays: Sequence[list[Any]]) -> FoundRecord:
    inner = [
        [_with_included(include.select, each, each[WIDTH:]) for each in array]
        for include, array in zip(select.includes, arrays, strict=True)
    ]
    return FoundRecord(StoredRecord(*row[:WIDTH]), tuple(inner))
