"""The forms of values on the wire and in the store.

An instant is RFC 3339 in UTC with six digits and `Z`, so that text order is time order; an int64 is a decimal string,
since JavaScript's numbers are exact to 2^53 only (RFC 8259 §6); bytes are base64 (RFC 4648 §4).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Hashable
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any

import msgspec

MAX_SAFE_INTEGER = 2**53 - 1
MAX_INT64 = 2**63 - 1
MIN_INT64 = -(2**63)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d+)?)?([Zz]|[+-]\d\d(:?\d\d)?)?")
_WIDTH = len("2026-01-31T12:00:00.000000Z")
_DECIMAL = re.compile(r"\s*[+-]?(\d{1,400}(\.\d{0,400})?|\.\d{1,400})(e[+-]?\d{1,3})?\s*", re.ASCII | re.IGNORECASE)
_encode_sorted = msgspec.json.Encoder(order="sorted").encode
_NEARLY = re.compile(r"(\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\d)(?:\.(\d{1,6}))?Z", re.ASCII)


def instant(seconds: float) -> str:
    """The wire form of `seconds` since 1970-01-01 UTC, to the nearest microsecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def format_instant(value: datetime) -> str:
    """The wire form of an aware datetime."""
    return value.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def parse_instant(text: str, zone: tzinfo | None = None) -> str:
    """The wire form of an ISO 8601 instant; one without an offset is a local time in `zone`.

    Raises ValueError with a hint, also for one without an offset where there is no `zone`.
    """
    hint = "use an instant such as 2026-01-31T12:00:00Z"
    near = _NEARLY.fullmatch(text)
    if near is not None and _is_moment(near[1]):
        return f"{near[1]}.{near[2] or '':0<6}Z"
    found = _INSTANT.fullmatch(text)
    if found is None:
        raise ValueError(hint)
    try:
        moment = datetime.fromisoformat(text.upper().replace(",", "."))
        if found[3] is not None or zone is not None:
            return format_instant(moment if found[3] is not None else moment.replace(tzinfo=zone))
    except (ValueError, OverflowError):
        raise ValueError(hint) from None
    raise ValueError("must have an offset; give the offset, such as Z or +02:00")


def is_instant(text: str) -> bool:
    """Whether `text` is an instant in the wire form."""
    return len(text) == _WIDTH and _NEARLY.fullmatch(text) is not None and _is_moment(text[:19])


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def parse_base64(text: str) -> str:
    """The canonical base64 of `text`. Raises ValueError."""
    try:
        return base64.b64encode(base64.b64decode(text, validate=True)).decode()
    except (binascii.Error, ValueError):
        raise ValueError("use base64 text (RFC 4648 §4)") from None


def parse_int64(text: str) -> str:
    """The canonical decimal form of a 64-bit integer given as text. Raises ValueError."""
    hint = "use a 64-bit integer as a decimal string"
    if not re.fullmatch(r"-?\d{1,19}", text, re.ASCII):
        raise ValueError(hint)
    number = int(text)
    if not MIN_INT64 <= number <= MAX_INT64:
        raise ValueError(hint)
    return str(number)


def whole_number(text: str) -> Any:
    """The whole number that a text such as `12`, `12.0` or `1e3` is; another text as it is."""
    if _DECIMAL.fullmatch(text) is None:
        return text
    number = Decimal(text.strip())
    return int(number) if abs(number) < 10**40 and number == int(number) else text


def is_same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal: 1 equals 1.0, and neither equals true (in Python it does)."""
    return bool(one == other) and _has_same_truths(one, other)


def identity(value: Any) -> Hashable:
    """What two JSON values have in common where they are `is_same`, and no others: to look values up among many."""
    kind = type(value)
    if kind is bool:
        return (value,)  # in Python true is 1
    return _encode_sorted(_plain(value)) if kind is list or kind is dict else value


def _plain(value: Any) -> Any:
    """A JSON value whose equal numbers are written alike."""
    kind = type(value)
    if kind is list:
        return [_plain(item) for item in value]
    if kind is dict:
        return {name: _plain(item) for name, item in value.items()}
    return int(value) if kind is float and value.is_integer() else value


def _has_same_truths(one: Any, other: Any) -> bool:
    """Whether booleans stand in the same places of two values that are equal in Python."""
    if type(one) is list:
        return all(map(_has_same_truths, one, other))
    if type(one) is dict:
        return all(_has_same_truths(value, other[name]) for name, value in one.items())
    return (type(one) is bool) is (type(other) is bool)
