"""Bytes."""

from __future__ import annotations

from typing import Any, Self

from hinterland.contract import values
from hinterland.contract.kinds.field import Check, Field, length_problem, register
from hinterland.kit.cel.types import BYTES, Type


@register
class Bytes(Field, frozen=True, kw_only=True, omit_defaults=True, tag="bytes"):
    """Bytes, base64 in JSON; at most `max_length` bytes."""

    max_length: int = 1_000_000

    is_sortable = False  # base64 does not sort as its bytes do

    @property
    def type(self) -> Type:
        """Bytes, kept as base64."""
        return BYTES

    def checker(self) -> Check:
        """Base64 of at most `max_length` bytes."""
        longest = self.max_length

        def check(value: Any) -> str:
            if type(value) is not str:
                raise ValueError("must be base64 text")
            text = values.parse_base64(value)
            if len(text) * 3 // 4 - text.count("=") > longest:
                raise ValueError(f"must have at most {longest} bytes")
            return text

        return check

    def json_schema(self) -> dict[str, Any]:
        """A base64 string."""
        return {"type": "string", "contentEncoding": "base64"}

    def contradiction(self) -> str:
        """A length below 0."""
        return length_problem(max_length=self.max_length)

    def takes_all_of(self, old: Self) -> bool:
        """Whether it may be as long."""
        return self.max_length >= old.max_length
