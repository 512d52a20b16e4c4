"""What the texts of an imported row mean, as databases, spreadsheets, pandas and JavaScript write them."""

from __future__ import annotations

import re
from datetime import UTC, timedelta, timezone, tzinfo
from typing import Any

from hinterland.contract.errors import Refusal, invalid
from hinterland.contract.imports import Import
from hinterland.contract.kinds.field import item_type
from hinterland.contract.records import TIMES
from hinterland.contract.values import parse_instant, whole_number
from hinterland.kit.cel.types import DOUBLE, INT, INT64, TIMESTAMP
from hinterland.server.data.catalogue import Entry

_NUMBERS = (INT, INT64, DOUBLE)
_SPACES = " \u00a0\u202f"
# Thousands are marked alike throughout: 1.234.567 or 1 234 567.
_COMMA = re.compile(rf"([+-]?)(\d{{1,3}}(?:([.{_SPACES}])\d{{3}})(?:\3\d{{3}})*|\d+)(?:,(\d+))?", re.ASCII)
_GROUPING = re.compile(f"[.{_SPACES}]")
_LONE_POINT = re.compile(r"[+-]?\d*\.\d*(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_LOCAL = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?)?", re.ASCII)
_DAY_LENGTH = len("2026-01-31")
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)?", re.ASCII)

_POINT = (
    "has a point where the import has decimal commas; write 1,5 for one and a half, 1234 or 1.234,0 for thousands, or "
    "import without --decimal-comma"
)
_NO_OFFSET = "has no offset; write one such as Z or +02:00, or name the timezone of the import (--timezone)"


class RowValues:
    """Reads rows of a collection as an import asks; `zoned` counts the times that were read in its timezone."""

    def __init__(self, entry: Entry, wanted: Import) -> None:
        self.entry = entry
        self.is_text = wanted.is_text
        self.has_decimal_comma = wanted.has_decimal_comma
        self.zone = zone_of(wanted.timezone) if wanted.timezone else None
        self.zoned = 0

    def read(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row with JSON values. Raises the `validation` refusal where a text can't be read as its field's kind."""
        if self.is_text:
            row = {name: self._typed(name, text) for name, text in row.items() if text != ""}
        errors: dict[str, list[str]] = {}
        read = {name: self._in_zone(name, value, errors) for name, value in row.items()}
        if errors:
            raise invalid(errors)
        return read

    def _typed(self, name: str, text: Any) -> Any:
        field = self.entry.collection.fields.get(name)
        if not isinstance(text, str):
            return text
        is_integer_id = name == "id" and self.entry.is_integer
        is_number = is_integer_id or (field is not None and field.type in _NUMBERS)
        if is_number and self.has_decimal_comma and _LONE_POINT.fullmatch(text.strip()):
            raise invalid({name: [_POINT]})  # 1.234 may be a thousand and more, or little more than one
        if is_number:
            text = self._with_point(text)
        if is_integer_id:
            return whole_number(text)
        try:
            return text if field is None else field.from_cell(text)
        except ValueError as error:
            raise invalid({name: [str(error)]}) from None

    def _with_point(self, text: str) -> str:
        found = _COMMA.fullmatch(text.strip()) if self.has_decimal_comma else None
        if found is None:
            return text.strip()
        sign, whole, _, fraction = found.groups()
        return f"{sign}{_GROUPING.sub('', whole)}.{fraction or 0}"

    # ------------------------------------------------------------ times without an offset

    def _in_zone(self, name: str, value: Any, errors: dict[str, list[str]]) -> Any:
        field = self.entry.collection.fields.get(name)
        try:
            if name in TIMES or (field is not None and item_type(field) is TIMESTAMP):
                return [self._zoned(item) for item in value] if isinstance(value, list) else self._zoned(value)
        except ValueError as error:
            errors[name] = [str(error)]
        return value

    def _zoned(self, value: Any) -> Any:
        if not isinstance(value, str) or _LOCAL.fullmatch(value) is None:
            return value
        if self.zone is None:
            raise ValueError(_NO_OFFSET)
        try:
            moment = parse_instant(value if len(value) > _DAY_LENGTH else f"{value}T00:00", self.zone)
        except ValueError:
            return value  # the field's own check says what is wrong with it
        self.zoned += 1
        return moment


def zone_of(name: str) -> tzinfo:
    """The timezone of an IANA name, `Z`, or an offset. Raises `invalid_body`."""
    from zoneinfo import ZoneInfo  # here: to start a server takes longer with it, and few import with a timezone

    found = _OFFSET.fullmatch(name)
    try:
        if found is not None:
            distance = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
            return timezone(-distance if found[1] == "-" else distance)
        return UTC if name in ("Z", "z") else ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise Refusal(
            "invalid_body", f"unknown timezone {name!r}; use an IANA name such as Europe/Rome, or an offset such as "
            "+02:00"
        ) from None  # fmt: skip
