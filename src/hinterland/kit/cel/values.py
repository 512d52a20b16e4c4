"""Reading values of documents: a value of the wrong kind is as if it were not there."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hinterland.kit.cel.operations import HIGHEST, LOWEST
from hinterland.kit.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    INT,
    INT64,
    STRING,
    TIMESTAMP,
    ListType,
    Type,
)

SAFE = 2**53 - 1
_FINITE = 1.7976931348623157e308

EXACT: dict[Type, type] = {STRING: str, TIMESTAMP: str, BYTES: str, BOOL: bool}
"""Types whose values need no more than a look at their class."""

_Reader = Callable[[object], object]


def reader(kind: Type) -> _Reader:
    """A function from what a document holds to the value, or None if that is no such value."""
    if isinstance(kind, ListType):
        return read_list
    wanted = EXACT.get(kind)
    if wanted is not None:
        return lambda value: value if value.__class__ is wanted else None
    return _NUMBERS.get(kind, lambda value: value)


def read_object(value: object) -> Mapping[str, object] | None:
    """An object, or None."""
    return value if isinstance(value, Mapping) else None


def read_list(value: object) -> object:
    """A list (or tuple) as it is, or None; its elements are read one by one when they are used."""
    return value if isinstance(value, list | tuple) else None


def _read_int(value: object) -> int | None:
    return value if value.__class__ is int and -SAFE <= value <= SAFE else None


def _read_int64(value: object) -> int | None:
    """Text must be as the number is written: no sign or zeros before it, since lists are searched by text in SQL."""
    if isinstance(value, str):
        if len(value) > 20 or not value.isascii() or not value.removeprefix("-").isdigit():
            return None
        number = int(value)
        if str(number) != value:
            return None
        value = number
    return value if value.__class__ is int and LOWEST <= value <= HIGHEST else None


def _read_double(value: object) -> float | None:
    if value.__class__ is int:
        try:
            value = float(value)
        except OverflowError:
            return None
    # Not-a-number fails both comparisons.
    return value if value.__class__ is float and -_FINITE <= value <= _FINITE else None


_NUMBERS: dict[Type, _Reader] = {INT: _read_int, INT64: _read_int64, DOUBLE: _read_double}
