"""An input that does not fit the type of its operation, as the refusal that every protocol gives."""

from __future__ import annotations

from typing import Any

import msgspec

from hinterland.contract.errors import Refusal
from hinterland.kit import validation_mismatch


def unfitting(error: msgspec.ValidationError, code: str, kind: Any, name: str = "") -> Refusal:
    """The refusal with a `code` of what msgspec found, at its place or under the `name` of the value, in a value
    of this `kind`."""
    mismatch = validation_mismatch.read(error, kind)
    is_text = code == "invalid_query" and mismatch.found == "str"  # as all values of a query are
    reason = validation_mismatch.phrase(mismatch._replace(found="") if is_text else mismatch)
    place = name or ("" if mismatch.path == "$" else mismatch.path.removeprefix("$."))
    return Refusal(code, f"{place}: {reason}" if place else reason, errors={place: [reason]} if place else None)
