"""What msgspec says of a value that does not fit its type, in its parts."""

from __future__ import annotations

import re
from typing import NamedTuple

_PLACE = re.compile(r" - at (?:`key` in )?`(\$[^`]*)`$")
_TYPES = re.compile(r"Expected `([^`]*)`, got `([^`]*)`$")
_MEMBER = re.compile(r"Object (missing required|contains unknown) field `([^`]*)`$")
_MEMBERS = {"missing required": ("is required", "nothing"), "contains unknown": ("is unknown", "")}
_NAMES = {
    "str": "text", "int": "a whole number", "float": "a number", "bool": "true or false", "array": "a list",
    "object": "an object",
}  # fmt: skip


class ValidationMismatch(NamedTuple):
    """`reason`: the message without the place; `path`: the place, from `$` at the top, such as `$.tags[1]`, of a member
    that is missing or unknown its own; `expected` and `found`: types, "" where it is not one in place of another."""

    reason: str
    path: str
    expected: str
    found: str


def read(error: Exception) -> ValidationMismatch:
    """The parts of a `msgspec.ValidationError`; any other error is its text, at the top."""
    text = str(error)
    place = _PLACE.search(text)
    reason = text[: place.start()] if place else text
    if member := _MEMBER.match(reason):
        message, found = _MEMBERS[member[1]]
        return ValidationMismatch(message, f"{place[1] if place else '$'}.{member[2]}", "", found)
    types = _TYPES.match(reason)
    return ValidationMismatch(reason, place[1] if place else "$", types[1] if types else "", types[2] if types else "")


def phrase(mismatch: ValidationMismatch) -> str:
    """The reason in plain English: "must be a whole number, is text"; of a mismatch without `found`, its first half."""
    if not mismatch.expected:
        return mismatch.reason
    return f"must be {_named(mismatch.expected)}" + (f", is {_named(mismatch.found)}" if mismatch.found else "")


def _named(types: str) -> str:
    return " or ".join(_NAMES.get(kind, kind) for kind in types.split(" | "))
