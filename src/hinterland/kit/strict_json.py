"""JSON as a store must read it: what two readers could understand differently is refused.

RFC 8259 leaves duplicate names, lone surrogates, huge numbers and depth to the reader; I-JSON (RFC 7493 §2) forbids the
first three. `decode` accepts exactly one meaning for a text or raises `StrictJsonError`.

Whatever a text holds, few steps of `decode` are long, since other threads wait for each: a text of very many values is
refused before objects are made of it, and what looks at every byte is done by the bytes' own methods.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec

MAX_DEPTH = 64
MAX_VALUES = 250_000
_DIGITS = bytes(ord("0") if chr(byte).isdigit() and byte < 128 else ord(" ") for byte in range(256))
_LONG_NUMBER = b"0" * 19  # an integer beyond 64 bits has that many digits
_SQUARE = bytes.maketrans(b"{}", b"[]")
_NO_MARKS = bytes(byte for byte in range(256) if byte not in b'"[]{},')
_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class StrictJsonError(ValueError):
    """The text is not JSON, or JSON that readers disagree about. The message says what was found."""


def decode(data: bytes, *, max_depth: int = MAX_DEPTH, max_values: int = MAX_VALUES) -> Any:
    """Decode UTF-8 JSON text to Python objects.

    Raises `StrictJsonError` for malformed text, duplicate names, NUL characters, lone surrogates, integers beyond
    64 bits, numbers beyond a double, nesting deeper than `max_depth` and more than `max_values` values.
    """
    if data.count(b"[") + data.count(b"{") > max_depth or data.count(b",") > max_values:
        _check_structure(data, max_depth, max_values)
    try:
        value = _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise StrictJsonError(_reason(error)) from None
    if b"\\u0000" in data:
        _refuse_nul(value)
    if b"\\u0022" in data or _encode(value).count(b'"') != data.count(b'"'):
        json.loads(data, object_pairs_hook=_unique_names)
    _check_integers(data, value)
    return value


def encode(value: Any) -> bytes:
    """Encode plain objects to compact UTF-8 JSON."""
    return _encode(value)


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"the text is not UTF-8 (byte {error.start})"
    text = str(error)
    if "surrogate" in text or "truncated" in text:
        return "the JSON is cut off or holds half of a surrogate pair"
    return text or "the JSON is malformed"


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
        raise StrictJsonError(f"the JSON is nested deeper than {max_depth} levels")


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
            raise StrictJsonError("a text holds the character NUL (U+0000)")
        waiting.extend(_children(item))


def _check_integers(data: bytes, value: Any) -> None:
    if _LONG_NUMBER not in data.translate(_DIGITS):
        return
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if type(item) is int:
            if not _INT_MIN <= item <= _INT_MAX:
                raise StrictJsonError("an integer is beyond 64 bits: send it as a string")
        elif type(item) is dict:
            waiting.extend(item.values())
        elif type(item) is list:
            waiting.extend(item)
