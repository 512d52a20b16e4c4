"""Days of the calendar."""

from __future__ import annotations

import re
from datetime import date
from typing import Any, ClassVar

from hinterland.contract.kinds.field import Check, Field, register
from hinterland.kit.cel.types import STRING, Type

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_PROBLEM = "must be a date such as 2026-01-31"


@register
class Date(Field, frozen=True, kw_only=True, omit_defaults=True, tag="date"):
    """A day without a time and without a timezone, `YYYY-MM-DD` (RFC 3339 full-date), from year 1 to 9999."""

    parts = ("year", "month")
    max_length: ClassVar[int] = len("2026-01-31")

    @property
    def type(self) -> Type:
        """A string, whose order is that of the days."""
        return STRING

    def checker(self) -> Check:
        """A day that there is."""
        return _check

    def json_schema(self) -> dict[str, Any]:
        """A date."""
        return {"type": "string", "format": "date"}

    def from_cell(self, text: str) -> Any:
        """Also a moment at midnight, as spreadsheets write days."""
        day, _, time = text.strip().replace("T", " ").partition(" ")
        return day if not time or set(time) <= set("0:.") else text


def _check(value: Any) -> str:
    if type(value) is not str or _DAY.fullmatch(value) is None:
        raise ValueError(_PROBLEM)
    try:
        date.fromisoformat(value)
    except ValueError:
        raise ValueError(_PROBLEM) from None
    return value
