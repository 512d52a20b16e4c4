"""The kinds of fields that a collection declares, and the check that each makes of a value.

A check takes a JSON value and returns it in the store's form, or raises `ValueError` with a message for the person who
filled in the form. The same checks run on the server and in forms of the client.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Literal, assert_never

import msgspec

from hinterland.contract import values
from hinterland.kit import email_address, strict_json

Merge = Literal["newest", "server", "counter", "set"]
Check = Callable[[Any], Any]


class Field(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """What all kinds share.

    `required`: a value must be there, and for text not be empty. `unique`: no two records of the collection have the
    same value. `index`: filters and sorts by it are fast. `read`: a CEL rule that says who sees the field (default:
    whoever sees the record). `write`: "admin" where only administrators set it. `fill`: taken at creation from
    `auth.id` where the body leaves it out. `default`: its value where the body leaves it out. `merge`: what happens
    when two devices changed it: the `newest` timestamp wins, the `server`'s value stays, a `counter` adds both, a `set`
    unites both.
    """

    required: bool = False
    unique: bool = False
    index: bool = False
    read: str = ""
    write: Literal["", "admin"] = ""
    fill: Literal["", "auth.id"] = ""
    default: Any = None
    merge: Merge = "newest"


class Text(Field, frozen=True, kw_only=True, omit_defaults=True, tag="text"):
    """Unicode text of `min_length` to `max_length` code points; `format` "email" or "url", `choices` or a `pattern`.

    An "email" is kept in one form: small ASCII letters and an ASCII domain (`kit.email_address`).
    """

    min_length: int = 0
    max_length: int = 10_000
    format: Literal["", "email", "url"] = ""
    choices: tuple[str, ...] = ()
    pattern: str = ""


class Integer(Field, frozen=True, kw_only=True, omit_defaults=True, tag="integer"):
    """A whole number within ±(2^53 − 1), so that every language reads it exactly."""

    minimum: int = -values.MAX_SAFE_INTEGER
    maximum: int = values.MAX_SAFE_INTEGER


class Number(Field, frozen=True, kw_only=True, omit_defaults=True, tag="number"):
    """A finite double (IEEE 754 binary64)."""

    minimum: float | None = None
    maximum: float | None = None


class Boolean(Field, frozen=True, kw_only=True, omit_defaults=True, tag="boolean"):
    """true or false."""


class Instant(Field, frozen=True, kw_only=True, omit_defaults=True, tag="instant"):
    """A moment with its offset, RFC 3339; kept in UTC with microseconds."""


class Int64(Field, frozen=True, kw_only=True, omit_defaults=True, tag="int64"):
    """A 64-bit integer, a decimal string in JSON."""


class Bytes(Field, frozen=True, kw_only=True, omit_defaults=True, tag="bytes"):
    """Bytes, base64 in JSON; at most `max_length` bytes."""

    max_length: int = 1_000_000


class Json(Field, frozen=True, kw_only=True, omit_defaults=True, tag="json"):
    """Any JSON value."""


class List(Field, frozen=True, kw_only=True, omit_defaults=True, tag="list"):
    """Up to `max_items` values of one scalar kind `of`."""

    of: Text | Integer | Number | Boolean | Instant = Text()
    max_items: int = 1_000


AnyField = Text | Integer | Number | Boolean | Instant | Int64 | Bytes | Json | List

_URL = re.compile(r"https?://[^\s/]+\S*", re.IGNORECASE)
_WHOLE = re.compile(r"\s*[+-]?\d{1,400}\s*", re.ASCII)
_DECIMAL = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?\s*", re.ASCII | re.IGNORECASE)


def checker(field: AnyField) -> Check:
    """The check of `field`'s values; null never reaches it."""
    match field:
        case Text():
            return _text(field)
        case Integer():
            return _integer(field)
        case Number():
            return _number(field)
        case Boolean():
            return _boolean
        case Instant():
            return _instant
        case Int64():
            return _int64
        case Bytes():
            return _bytes(field)
        case Json():
            return _json
        case List():
            return _list(field)
        case _:
            assert_never(field)


def from_text(field: AnyField, text: str) -> Any:
    """The JSON value that a text stands for where only texts can be said: query strings, CSV.

    A text that is no value of a scalar field stays a text, and the field's check says what is wrong with it; what is
    not JSON where JSON is meant raises ValueError.
    """
    if isinstance(field, Boolean):
        return {"true": True, "false": False}.get(text.lower(), text)
    if isinstance(field, Integer):
        return int(text) if _WHOLE.fullmatch(text) else text
    if isinstance(field, Number):
        return float(text) if _DECIMAL.fullmatch(text) else text
    return strict_json.decode(text.encode()) if isinstance(field, Json | List) else text


def _text(field: Text) -> Check:
    low, high, extra = field.min_length, field.max_length, _text_form(field)

    def check(value: Any) -> str:
        if type(value) is not str:
            raise ValueError("must be text")
        if not low <= len(value) <= high:
            raise ValueError(_length_message(len(value), low, high, "characters"))
        return extra(value) if extra is not None else value

    return check


def _text_form(field: Text) -> Callable[[str], str] | None:
    if field.choices:
        return _choice(field.choices)
    if field.format == "email":
        return _email
    if field.format == "url":
        return _matching(_URL, "must be a web address such as https://example.org")
    return _matching(re.compile(field.pattern), f"must match {field.pattern}") if field.pattern else None


def _email(value: str) -> str:
    return email_address.normalized(value) if value else value


def _choice(choices: tuple[str, ...]) -> Callable[[str], str]:
    allowed = frozenset(choices)

    def check(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return value

    return check


def _matching(pattern: re.Pattern[str], message: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value and pattern.fullmatch(value) is None:
            raise ValueError(message)
        return value

    return check


def _length_message(length: int, low: int, high: int, unit: str) -> str:
    if length < low:
        return f"must have at least {low} {unit}"
    return f"must have at most {high} {unit}, has {length}"


def _integer(field: Integer) -> Check:
    low, high = field.minimum, field.maximum

    def check(value: Any) -> int:
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is not int:
            raise ValueError("must be a whole number")
        if not low <= value <= high:
            raise ValueError(f"must be between {low} and {high}")
        return value

    return check


def _number(field: Number) -> Check:
    low, high = field.minimum, field.maximum

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


def _double(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # an int beyond a double
        return math.inf


def _range_message(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"must be between {low:g} and {high:g}"
    return f"must be at least {low:g}" if low is not None else f"must be at most {high:g}"


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError("must be true or false")
    return value


def _instant(value: Any) -> str:
    if type(value) is not str:
        raise ValueError("must be an instant such as 2026-01-31T12:00:00Z")
    return values.parse_instant(value)


def _int64(value: Any) -> str:
    if type(value) is int:
        value = str(value)
    if type(value) is not str:
        raise ValueError("must be a 64-bit integer as a decimal string")
    return values.parse_int64(value)


def _bytes(field: Bytes) -> Check:
    longest = field.max_length

    def check(value: Any) -> str:
        if type(value) is not str:
            raise ValueError("must be base64 text")
        text = values.parse_base64(value)
        if len(text) * 3 // 4 - text.count("=") > longest:
            raise ValueError(f"must have at most {longest} bytes")
        return text

    return check


def _json(value: Any) -> Any:
    return value


def _list(field: List) -> Check:
    item, longest = checker(field.of), field.max_items

    def check(value: Any) -> list[Any]:
        if type(value) is not list:
            raise ValueError("must be a list")
        if len(value) > longest:
            raise ValueError(f"must have at most {longest} items, has {len(value)}")
        return [_item(item, index, element) for index, element in enumerate(value)]

    return check


def _item(check: Check, index: int, element: Any) -> Any:
    try:
        return check(element)
    except ValueError as error:
        raise ValueError(f"item {index}: {error}") from None
