"""Moments in time."""

from __future__ import annotations

from typing import Any

from hinterland.contract import values
from hinterland.contract.kinds.field import Check, Field, Transform, register
from hinterland.kit.cel.types import TIMESTAMP, Type


@register
class Instant(Field, frozen=True, kw_only=True, omit_defaults=True, tag="instant"):
    """A moment with its offset, RFC 3339; kept in UTC with microseconds."""

    parts = ("year", "month", "day", "hour")

    @property
    def type(self) -> Type:
        """A timestamp."""
        return TIMESTAMP

    def checker(self) -> Check:
        """An instant with its offset, in UTC."""
        return _check

    def json_schema(self) -> dict[str, Any]:
        """A date-time."""
        return {"type": "string", "format": "date-time"}

    def transforms(self) -> dict[str, Transform]:
        """`$now`."""
        return {"$now": Transform(lambda _old, _operand, now: now, {})}


def _check(value: Any) -> str:
    if type(value) is not str:
        raise ValueError("must be an instant such as 2026-01-31T12:00:00Z")
    return values.parse_instant(value)
