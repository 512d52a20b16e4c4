"""JSON as a store must read and write it: what two readers could understand differently is refused.

RFC 8259 leaves duplicate names, lone surrogates, huge numbers and depth to the reader; I-JSON (RFC 7493 §2) forbids the
first three. `decode` accepts exactly one meaning for a text or raises `StrictJsonError`; `encode` and `checked` refuse
the same in values, and NaN and Infinity, which JSON lacks. An integer beyond 64 bits is the double that JavaScript,
which writes 1e20 as 100000000000000000000, means by it.

Whatever a text holds, few steps of `decode` are long, since other threads wait for each: a text of very many values is
refused before objects are made of it, and what looks at every byte is done by the bytes' own methods.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any

import msgspec

MAX_DEPTH = 64
MAX_VALUES = 250_000
_DIGITS = bytes(ord("0") if chr(byte).isdigit() and byte < 128 else ord(" ") for byte in range(256))
_LONG_NUMBER = b"0" * 19  # an integer beyond 64 bits has that many digits
_SQUARE = bytes.maketrans(b"{}", b"[]")
_NO_MARKS = bytes(byte for byte in range(256) if byte not in b'"[]{},')
_NUL = "a text holds the character NUL (U+0000)"
_SURROGATE = "a text holds half of a surrogate pair"
_BEYOND = "a number is beyond a double; send it as text"
_PLACE = re.compile(r"JSON is malformed: (.*) \(byte (\d+)\)")
_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class StrictJsonError(ValueError):
    """The text is not JSON, or JSON that readers disagree about. The message says what was found."""


def decode(data: bytes, *, max_depth: int = MAX_DEPTH, max_values: int = MAX_VALUES) -> Any:
    """Decode UTF-8 JSON text to Python objects.

    Raises `StrictJsonError` for malformed text, duplicate names, NUL characters, lone surrogates, numbers beyond a
    double, nesting deeper than `max_depth` and more than `max_values` values.
    """
    if data.count(b"[") + data.count(b"{") > max_depth or data.count(b",") > max_values:
        _check_structure(data, max_depth, max_values)
    try:
        value = _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise StrictJsonError(_reason(error, data)) from None
    if b"\\u0000" in data:
        _refuse_nul(value)
    if b"\\u0022" in data or _encode(value).count(b'"') != data.count(b'"'):
        json.loads(data, object_pairs_hook=_unique_names)
    return _with_doubles(value) if _LONG_NUMBER in data.translate(_DIGITS) else value


def encode(value: Any, *, max_depth: int = MAX_DEPTH) -> bytes:
    """Encode to compact UTF-8 JSON. Raises `StrictJsonError` for what `checked` refuses."""
    try:
        data = _encode(value)
    except UnicodeEncodeError:
        raise StrictJsonError(_SURROGATE) from None
    except RecursionError:
        raise _too_deep(MAX_DEPTH) from None
    is_suspect = b"null" in data or b"\\u0000" in data or _LONG_NUMBER in data.translate(_DIGITS)
    if is_suspect or data.count(b"[") + data.count(b"{") > max_depth:
        return _encode(checked(msgspec.to_builtins(value, str_keys=True), max_depth=max_depth))
    return data


def checked(value: Any, *, max_depth: int = MAX_DEPTH) -> Any:
    """The plain `value` as it comes back from JSON, integers beyond 64 bits as doubles.

    Raises `StrictJsonError` for NaN and Infinity, integers beyond a double, NUL characters, lone surrogates and nesting
    deeper than `max_depth`.
    """
    kind = type(value)
    if kind is dict:
        _check_depth(max_depth)
        return {_text(name): checked(item, max_depth=max_depth - 1) for name, item in value.items()}
    if kind is list:
        _check_depth(max_depth)
        return [checked(item, max_depth=max_depth - 1) for item in value]
    if kind is str:
        return _text(value)
    if kind is float and not math.isfinite(value):
        raise StrictJsonError("a number is NaN or infinite; JSON has finite numbers only")
    return _number(value) if kind is int else value


def _check_depth(left: int) -> None:
    if left < 1:
        raise _too_deep(MAX_DEPTH)


def _text(value: str) -> str:
    if "\0" in value:
        raise StrictJsonError(_NUL)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise StrictJsonError(_SURROGATE) from None
    return value


def _number(value: int) -> float:
    if _INT_MIN <= value <= _INT_MAX:
        return value
    try:
        return float(value)
    except OverflowError:
        raise StrictJsonError(_BEYOND) from None


def _reason(error: Exception, data: bytes) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"the text is not UTF-8 (byte {error.start})"
    text = str(error)
    if "surrogate" in text or "truncated" in text:
        return "the JSON is cut off" + (" or holds half of a surrogate pair" if b"\\u" in data else "")
    if "out of range" in text:
        return _BEYOND
    place = _PLACE.fullmatch(text)
    return f"invalid JSON at byte {place[2]}: {place[1]}" if place else text or "invalid JSON"


def _check_structure(data: bytes, max_depth: int, max_values: int) -> None:
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    marks = data.translate(_SQUARE, _NO_MARKS)
    if marks.count(b'"') > 4 * max_values:  # each value has a name and is a text, at most
        raise _too_many(max_values)
    outside = b"".join(marks.split(b'"')[::2])
    if max(outside.count(b"["), outside.count(b",")) > max_values:
        raise _too_many(max_values)
    brackets = outside.replace(b",", b"")
    for _ in range(max_depth):
        brackets = brackets.replace(b"[]", b"")  # the innermost level
    if b"[]" in brackets or brackets.count(b"[") > max_depth:  # those left else are never closed
        raise _too_deep(max_depth)


def _too_deep(max_depth: int) -> StrictJsonError:
    return StrictJsonError(f"the JSON is nested deeper than {max_depth} levels")


def _too_many(max_values: int) -> StrictJsonError:
    return StrictJsonError(f"the JSON holds more than {max_values:,} values")


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise StrictJsonError(f"the name {name!r} appears twice in one object")
            seen.add(name)
    return result


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        yield from value.keys()
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _refuse_nul(value: Any) -> None:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str) and "\0" in item:
            raise StrictJsonError(_NUL)
        waiting.extend(_children(item))


def _with_doubles(value: Any) -> Any:
    """`value` with doubles in the place of integers beyond 64 bits."""
    held = [value]  # so that the outermost is an item like all others
    waiting: list[Any] = [held]
    while waiting:
        holder = waiting.pop()
        for place, item in holder.items() if type(holder) is dict else enumerate(holder):
            if type(item) is int:
                holder[place] = _number(item)
            elif type(item) in (dict, list):
                waiting.append(item)
    return held[0]
