"""What msgspec says of a value that does not fit its type, in its parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_PLACE = re.compile(r" - at (?:`key` in )?`(\$[^`]*)`$")
_TYPES = re.compile(r"Expected `([^`]*)`, got `([^`]*)`$")
_MEMBER = re.compile(r"Object (missing required|contains unknown) field `([^`]*)`$")
_CHOICE = "Invalid enum value "
_STEP = re.compile(r"\.([^.\[]+)|\[[^]]*\]")
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


def read(error: Exception, kind: Any = None) -> ValidationMismatch:
    """The parts of a `msgspec.ValidationError`; any other error is its text, at the top. With the `kind` that was read,
    the reason lists the allowed values where a value is none of them."""
    text = str(error)
    place = _PLACE.search(text)
    reason = text[: place.start()] if place else text
    if member := _MEMBER.match(reason):
        message, found = _MEMBERS[member[1]]
        return ValidationMismatch(message, f"{place[1] if place else '$'}.{member[2]}", "", found)
    types, path = _TYPES.match(reason), place[1] if place else "$"
    if kind is not None and reason.startswith(_CHOICE):
        from msgspec.inspect import type_info  # only an error pays for this import

        steps = [step[1] for step in _STEP.finditer(path)]
        if choices := list(dict.fromkeys(_choices(type_info(kind), steps))):
            reason += f"; allowed: {', '.join(map(str, choices))}"
    return ValidationMismatch(reason, path, types[1] if types else "", types[2] if types else "")


def phrase(mismatch: ValidationMismatch) -> str:
    """The reason in plain English: "must be a whole number, is text"; of a mismatch without `found`, its first half."""
    if not mismatch.expected:
        return mismatch.reason
    return f"must be {_named(mismatch.expected)}" + (f", is {_named(mismatch.found)}" if mismatch.found else "")


def _choices(kind: Any, steps: list[str]) -> Iterator[Any]:
    """The values of the enumerations at a place in a `msgspec.inspect.Type`: a name is a member's, "" an item's."""
    from msgspec import inspect

    if isinstance(kind, inspect.Metadata):
        yield from _choices(kind.type, steps)
    elif isinstance(kind, inspect.UnionType):
        for one in kind.types:
            yield from _choices(one, steps)
    elif not steps:
        yield from kind.values if isinstance(kind, inspect.LiteralType) else ()
    elif isinstance(kind, inspect.CollectionType):
        yield from _choices(kind.item_type, steps[1:])
    elif isinstance(kind, inspect.DictType):
        yield from _choices(kind.value_type, steps[1:])
    elif isinstance(kind, inspect.StructType):
        for field in kind.fields:
            if field.encode_name == steps[0]:
                yield from _choices(field.type, steps[1:])


def _named(types: str) -> str:
    return " or ".join(_NAMES.get(kind, kind) for kind in types.split(" | "))
