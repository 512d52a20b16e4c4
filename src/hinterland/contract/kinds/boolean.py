"""Truth values."""

from __future__ import annotations

from typing import Any

from hinterland.contract.kinds.field import Check, Field, register
from hinterland.kit.cel.types import BOOL, Type

_WORDS = {
    **dict.fromkeys(("true", "t", "yes", "y", "1", "1.0"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0", "0.0"), False),
}


@register
class Boolean(Field, frozen=True, kw_only=True, omit_defaults=True, tag="boolean"):
    """true or false."""

    @property
    def type(self) -> Type:
        """A bool."""
        return BOOL

    def checker(self) -> Check:
        """true or false; 1 is neither."""
        return _check

    def json_schema(self) -> dict[str, Any]:
        """A boolean."""
        return {"type": "boolean"}

    def from_text(self, text: str) -> Any:
        """`true` or `false`."""
        return {"true": True, "false": False}.get(text.lower(), text)

    def from_cell(self, text: str) -> Any:
        """`t`, `yes`, `1`, `f`, `no`, `0` too."""
        return _WORDS.get(text.strip().lower(), text)

    def from_column(self, value: Any) -> Any:
        """SQLite keeps 0 and 1."""
        return None if value is None else bool(value)


def _check(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError("must be true or false")
    return value
