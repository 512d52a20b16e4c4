"""Conversions between types: int(), uint(), double(), string(), bool(), bytes()."""

from __future__ import annotations

import re

from hinterland.kit.cel import operations
from hinterland.kit.cel.moments import MOMENT_TEXT, SECONDS, SPAN_TEXT
from hinterland.kit.cel.operations import HIGHEST, HIGHEST_UNSIGNED, LOWEST, Operator, in_python, registered
from hinterland.kit.cel.overloads import Overload
from hinterland.kit.cel.text_functions import BYTES_TEXT, TEXT_BYTES
from hinterland.kit.cel.types import BOOL, BYTES, DOUBLE, DURATION, INT, INT64, STRING, TIMESTAMP, UINT

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?[0-9]{1,40}", re.ASCII)
_TRUE, _FALSE = ("1", "t", "true", "TRUE", "True"), ("0", "f", "false", "FALSE", "False")


def _text_integer(text: str) -> int | None:
    number = int(text) if _WHOLE.fullmatch(text) else None
    return number if number is not None and LOWEST <= number <= HIGHEST else None


def _text_double(text: str) -> float | None:
    if len(text) > 400 or not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if abs(value) != float("inf") else None


def _text_bool(text: str) -> bool | None:
    return True if text in _TRUE else False if text in _FALSE else None


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def _double_text(value: float) -> str:
    from decimal import Decimal  # few expressions write doubles

    text = f"{Decimal(repr(value)):f}"
    return text.removesuffix(".0")


def _unsigned(value: float) -> int | None:
    return int(value) if 0 <= value < 2.0**64 else None


TEXT_INTEGER = registered(
    "int",
    _text_integer,
    1,
    "CASE WHEN length({0}) <= 41 THEN CASE WHEN {0} ~ '^[+-]{0,1}[0-9]{1,40}$' THEN CASE WHEN ({0})::numeric "
    f"BETWEEN {LOWEST} AND {HIGHEST} THEN ({{0}})::numeric::bigint END END END",
)
TEXT_BOOL = Operator(
    "bool",
    _text_bool,
    f"CASE WHEN {{0}} IN ({_listed(_TRUE)}) THEN TRUE WHEN {{0}} IN ({_listed(_FALSE)}) THEN FALSE END",
)
TEXT_DOUBLE = in_python("double", _text_double)
DOUBLE_TEXT = in_python("string", _double_text)
UNSIGNED = in_python("uint", lambda value: value if 0 <= value <= HIGHEST_UNSIGNED else None)
DOUBLE_UNSIGNED = in_python("uint", _unsigned)
TEXT_UNSIGNED = in_python(
    "uint", lambda text: int(text) if re.fullmatch("[0-9]{1,20}", text) and int(text) < 2**64 else None
)
UNSIGNED_INTEGER = in_python("int", lambda value: value if value <= HIGHEST else None)
UNSIGNED_DOUBLE = in_python("double", float)
UNSIGNED_TEXT = in_python("string", str)

STRICT: dict[str, tuple[str, str, tuple[Overload, ...]]] = {
    "int": ("global", "int(record.price)", (
        Overload((INT,), INT64, None), Overload((DOUBLE,), INT64, operations.TO_INTEGER),
        Overload((STRING,), INT64, TEXT_INTEGER), Overload((TIMESTAMP,), INT, SECONDS),
        Overload((UINT,), INT64, UNSIGNED_INTEGER))),
    "uint": ("global", "uint(record.count)", (
        Overload((UINT,), UINT, None), Overload((INT,), UINT, UNSIGNED), Overload((DOUBLE,), UINT, DOUBLE_UNSIGNED),
        Overload((STRING,), UINT, TEXT_UNSIGNED))),
    "double": ("global", "double(record.count)", (
        Overload((DOUBLE,), DOUBLE, None), Overload((INT,), DOUBLE, operations.TO_DOUBLE),
        Overload((STRING,), DOUBLE, TEXT_DOUBLE), Overload((UINT,), DOUBLE, UNSIGNED_DOUBLE))),
    "string": ("global", "string(record.count)", (
        Overload((STRING,), STRING, None), Overload((INT,), STRING, operations.INTEGER_TEXT),
        Overload((BOOL,), STRING, operations.BOOLEAN_TEXT), Overload((TIMESTAMP,), STRING, MOMENT_TEXT),
        Overload((DURATION,), STRING, SPAN_TEXT), Overload((BYTES,), STRING, BYTES_TEXT),
        Overload((DOUBLE,), STRING, DOUBLE_TEXT), Overload((UINT,), STRING, UNSIGNED_TEXT))),
    "bool": ("global", 'bool("true")', (Overload((BOOL,), BOOL, None), Overload((STRING,), BOOL, TEXT_BOOL))),
    "bytes": ("global", 'bytes("text")', (Overload((BYTES,), BYTES, None), Overload((STRING,), BYTES, TEXT_BYTES))),
}  # fmt: skip
