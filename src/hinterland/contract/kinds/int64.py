"""64-bit integers."""

from __future__ import annotations

from typing import Any

from hinterland.contract import values
from hinterland.contract.kinds.field import Check, Field, Transform, register
from hinterland.kit.cel.types import INT64, Type


@register
class Int64(Field, frozen=True, kw_only=True, omit_defaults=True, tag="int64"):
    """A 64-bit integer, a decimal string in JSON."""

    merges = ("newest", "server", "counter")

    @property
    def type(self) -> Type:
        """An int of 64 bits, kept as text."""
        return INT64

    def checker(self) -> Check:
        """A decimal string of 64 bits; a whole number becomes one."""
        return _check

    def json_schema(self) -> dict[str, Any]:
        """A string."""
        return {"type": "string", "format": "int64"}

    def transforms(self) -> dict[str, Transform]:
        """`$increment`."""
        return {"$increment": Transform(_increment, {"type": ["string", "integer"]})}

    def from_cell(self, text: str) -> Any:
        """`12`, and also `12.0` and `1e3`."""
        number = values.whole_number(text)
        return str(number) if type(number) is int else text

    def from_other(self, value: Any) -> Any:
        """A double that is whole is the integer that it is."""
        if isinstance(value, float):
            return int(value) if value.is_integer() else None
        return super().from_other(value)

    def to_column(self, value: Any) -> Any:
        """The integer."""
        return None if value is None else int(value)


def _check(value: Any) -> str:
    if type(value) is int:
        value = str(value)
    if type(value) is not str:
        raise ValueError("must be a 64-bit integer as a decimal string")
    return values.parse_int64(value)


def _increment(old: Any, operand: Any, now: str) -> str:
    if type(operand) not in (int, str):
        raise ValueError("$increment takes a whole number")
    if old is not None and type(old) is not str:
        raise ValueError("$increment needs a number in the record")
    return str(int(values.parse_int64(old or "0")) + int(values.parse_int64(str(operand))))
