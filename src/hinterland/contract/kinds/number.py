"""Numbers."""

from __future__ import annotations

import math
import re
from typing import Any, Self

import msgspec

from hinterland.contract.kinds.field import Check, Field, Transform, range_problem, register
from hinterland.kit.cel.types import DOUBLE, Type

_DECIMAL = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?\s*", re.ASCII | re.IGNORECASE)


@register
class Number(Field, frozen=True, kw_only=True, omit_defaults=True, tag="number"):
    """A finite double (IEEE 754 binary64)."""

    minimum: float | None = None
    maximum: float | None = None

    merges = ("newest", "server", "counter")

    def __post_init__(self) -> None:
        for name in ("minimum", "maximum"):
            limit = getattr(self, name)
            if type(limit) is int:  # written as it is read: a declaration's text is compared
                msgspec.structs.force_setattr(self, name, _double(limit))

    @property
    def type(self) -> Type:
        """A double."""
        return DOUBLE

    def checker(self) -> Check:
        """A finite number in its range, as a float."""
        low, high = self.minimum, self.maximum

        def check(value: Any) -> float:
            if type(value) is not float and type(value) is not int:
                raise ValueError("must be a number")
            number = _double(value)
            if not math.isfinite(number):
                raise ValueError("must be a finite number")
            if (low is not None and number < low) or (high is not None and number > high):
                raise ValueError(_range_message(low, high))
            return number

        return check

    def json_schema(self) -> dict[str, Any]:
        """A number in its range."""
        limits = {"minimum": self.minimum, "maximum": self.maximum}
        return {"type": "number", **{name: limit for name, limit in limits.items() if limit is not None}}

    def transforms(self) -> dict[str, Transform]:
        """`$increment`."""
        return {"$increment": Transform(increment, {"type": "number"})}

    def from_text(self, text: str) -> Any:
        """A decimal number, with or without an exponent."""
        return float(text) if _DECIMAL.fullmatch(text) else text

    def contradiction(self) -> str:
        """Limits in the wrong order."""
        return range_problem("minimum", self.minimum, "maximum", self.maximum)

    def takes_all_of(self, old: Self) -> bool:
        """Whether the range is as wide."""
        return _reaches(old.minimum, self.minimum, -1) and _reaches(old.maximum, self.maximum, 1)


def increment(old: Any, operand: Any, now: str) -> Any:
    """`old`, 0 where there is none, and `operand`. Raises ValueError."""
    if type(operand) not in (int, float):
        raise ValueError("$increment takes a number")
    if old is not None and type(old) not in (int, float):
        raise ValueError("$increment needs a number in the record")
    return (old or 0) + operand


def _double(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # an int beyond a double
        return math.inf


def _range_message(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"must be between {low:g} and {high:g}"
    return f"must be at least {low:g}" if low is not None else f"must be at most {high:g}"


def _reaches(old: float | None, new: float | None, sign: int) -> bool:
    return new is None or (old is not None and sign * new >= sign * old)
