"""Any JSON value."""

from __future__ import annotations

from typing import Any

import msgspec

from hinterland.contract.kinds.field import Check, Field, register
from hinterland.contract.patches import merge_patch
from hinterland.kit import strict_json
from hinterland.kit.cel.types import DYN, Type


@register
class Json(Field, frozen=True, kw_only=True, omit_defaults=True, tag="json"):
    """Any JSON value."""

    is_sortable = False
    is_indexable = False
    merges_members = True

    @property
    def type(self) -> Type:
        """Anything."""
        return DYN

    def checker(self) -> Check:
        """Any value."""
        return _check

    def json_schema(self) -> dict[str, Any]:
        """Anything."""
        return {}

    def merged(self, old: Any, patch: Any) -> Any:
        """The value after a merge patch."""
        return merge_patch(old, patch)

    def from_text(self, text: str) -> Any:
        """JSON text. Raises ValueError."""
        try:
            return strict_json.decode(text.encode())
        except ValueError as error:
            raise ValueError(f"invalid JSON: {error}") from None

    def to_column(self, value: Any) -> Any:
        """JSON text."""
        return None if value is None else msgspec.json.encode(value).decode()


def _check(value: Any) -> Any:
    return value
