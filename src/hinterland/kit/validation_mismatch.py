"""What msgspec says of a value that does not fit its type, in its parts."""

from __future__ import annotations

import re
from typing import NamedTuple

_PLACE = re.compile(r" - at (?:`key` in )?`(\$[^`]*)`$")
_TYPES = re.compile(r"Expected `([^`]*)`, got `([^`]*)`$")


class ValidationMismatch(NamedTuple):
    """`reason`: the message without the place; `path`: the place, from `$` at the top, such as `$.tags[1]`; `expected`
    and `found`: types, "" where it is not one in place of another."""

    reason: str
    path: str
    expected: str
    found: str


def read(error: Exception) -> ValidationMismatch:
    """The parts of a `msgspec.ValidationError`; any other error is its text, at the top."""
    text = str(error)
    place = _PLACE.search(text)
    reason = text[: place.start()] if place else text
    types = _TYPES.match(reason)
    return ValidationMismatch(reason, place[1] if place else "$", types[1] if types else "", types[2] if types else "")
