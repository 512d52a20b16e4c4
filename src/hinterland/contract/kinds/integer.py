"""Whole numbers that every language reads exactly."""

from __future__ import annotations

import re
from typing import Any, Self

from hinterland.contract import values
from hinterland.contract.kinds.field import Check, Field, Transform, range_problem, register
from hinterland.contract.kinds.number import increment
from hinterland.kit.cel.types import INT, Type

_WHOLE = re.compile(r"\s*[+-]?\d{1,400}\s*", re.ASCII)


@register
class Integer(Field, frozen=True, kw_only=True, omit_defaults=True, tag="integer"):
    """A whole number within ±(2^53 − 1), so that every language reads it exactly."""

    minimum: int = -values.MAX_SAFE_INTEGER
    maximum: int = values.MAX_SAFE_INTEGER

    merges = ("newest", "server", "counter")

    @property
    def type(self) -> Type:
        """An int."""
        return INT

    def checker(self) -> Check:
        """A whole number in its range; 3.0 is 3."""
        low, high = self.minimum, self.maximum

        def check(value: Any) -> int:
            if type(value) is float and value.is_integer():
                value = int(value)
            if type(value) is not int:
                raise ValueError("must be a whole number")
            if not low <= value <= high:
                raise ValueError(f"must be between {low} and {high}")
            return value

        return check

    def json_schema(self) -> dict[str, Any]:
        """An integer in its range."""
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}

    def transforms(self) -> dict[str, Transform]:
        """`$increment`."""
        return {"$increment": Transform(increment, {"type": "integer"})}

    def from_text(self, text: str) -> Any:
        """A decimal number."""
        return int(text) if _WHOLE.fullmatch(text) else text

    def from_cell(self, text: str) -> Any:
        """`12`, and also `12.0` and `1e3`."""
        return values.whole_number(text)

    def contradiction(self) -> str:
        """Limits in the wrong order, or beyond what every language reads exactly."""
        if max(-self.minimum, self.maximum) > values.MAX_SAFE_INTEGER:
            return f"minimum and maximum must be within ±{values.MAX_SAFE_INTEGER}; use Int64 for larger numbers"
        return range_problem("minimum", self.minimum, "maximum", self.maximum)

    def takes_all_of(self, old: Self) -> bool:
        """Whether the range is as wide."""
        return self.minimum <= old.minimum and self.maximum >= old.maximum
