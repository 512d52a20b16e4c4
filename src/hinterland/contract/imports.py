"""The messages of an import: rows that become records."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

MAX_ROWS = 1_000

_Rows = Annotated[list[Any], msgspec.Meta(extra_json_schema={"maxItems": MAX_ROWS})]


class Import(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Rows of the `collection` that the path names, 1,000 at most.

    `is_text`: every value is text, as in CSV, and is read as its field's kind; "" means no value. `has_decimal_comma`:
    such texts write 1.5 as `1,5`, and a number with one point and no comma, such as `1.234`, is refused. `timezone`: an
    IANA name or an offset such as `+02:00`, for times without an offset.
    `is_rehearsal`: everything is checked and nothing is kept.
    """

    rows: _Rows
    collection: str = ""
    is_text: bool = False
    has_decimal_comma: bool = False
    timezone: str = ""
    is_rehearsal: bool = False


class RefusedRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A row that was refused: its place in `rows` from 0, and why, with the messages of each field."""

    row: int
    message: str
    errors: dict[str, list[str]] = {}


class ImportResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`created` records, the `refused` rows, and how many times without an offset were read in `timezone`.

    `sample`: the first records of a rehearsal, as they would be kept.
    """

    created: int
    refused: list[RefusedRow]
    zoned: int = 0
    sample: list[dict[str, Any]] = []
