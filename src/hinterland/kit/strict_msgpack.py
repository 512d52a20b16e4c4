"""MessagePack as a store must read it: to the values of the same JSON, and by the same limits.

A map has texts as names, each once; texts are UTF-8; bytes are read as base64 text, as fields of bytes have them. Types
of extensions, times among them, are refused: JSON has none.
"""

from __future__ import annotations

import struct
from base64 import b64encode
from struct import Struct
from typing import Any

from hinterland.kit import strict_json
from hinterland.kit.strict_json import MAX_DEPTH, MAX_VALUES, StrictJsonError

_NUMBERS = {
    code: Struct(kind)
    for code, kind in zip(range(0xCA, 0xD4), (">f", ">d", ">B", ">H", ">I", ">Q", ">b", ">h", ">i", ">q"), strict=True)
}
_LENGTHS = {1: Struct(">B"), 2: Struct(">H"), 4: Struct(">I")}
_LONG = {
    0xC4: ("bytes", 1), 0xC5: ("bytes", 2), 0xC6: ("bytes", 4), 0xD9: ("text", 1), 0xDA: ("text", 2), 0xDB: ("text", 4),
    0xDC: ("list", 2), 0xDD: ("list", 4), 0xDE: ("map", 2), 0xDF: ("map", 4),
}  # fmt: skip
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}


def decode(data: bytes, *, max_depth: int = MAX_DEPTH, max_values: int = MAX_VALUES) -> Any:
    """Decode MessagePack to Python objects, as `strict_json.decode` gives for the same JSON.

    Raises `StrictJsonError` for malformed data, names that are no texts or appear twice, extensions, NUL characters,
    NaN and Infinity, nesting deeper than `max_depth` and more than `max_values` values.
    """
    reader = _PackedReader(data, max_values)
    try:
        value = reader.value(max_depth)
    except (struct.error, IndexError):
        raise StrictJsonError("the MessagePack is cut off") from None
    except UnicodeDecodeError:
        raise StrictJsonError(f"a text is not UTF-8 (before byte {reader.place})") from None
    if reader.place != len(data):
        raise StrictJsonError(f"there is more behind the MessagePack value (byte {reader.place})")
    return strict_json.checked(value, max_depth=max_depth)


class _PackedReader:
    """Reads values one after the other, from `place` on."""

    def __init__(self, data: bytes, max_values: int) -> None:
        self.place = 0
        self._data = data
        self._left = self._most = max_values

    def value(self, depth: int) -> Any:
        """The next value."""
        self._left -= 1
        if self._left < 0:
            raise StrictJsonError(f"the MessagePack holds more than {self._most:,} values")
        code = self._data[self.place]
        self.place += 1
        if code < 0x80 or code >= 0xE0:
            return code if code < 0x80 else code - 0x100
        if code in _CONSTANTS:
            return _CONSTANTS[code]
        if code in _NUMBERS:
            return self._number(_NUMBERS[code])
        if code < 0xC0:
            kind = "map" if code < 0x90 else "list" if code < 0xA0 else "text"
            return self._held(kind, code & (0x1F if kind == "text" else 0x0F), depth)
        if code in _LONG:
            kind, width = _LONG[code]
            return self._held(kind, int(self._number(_LENGTHS[width])), depth)
        raise StrictJsonError(f"MessagePack type 0x{code:02x} at byte {self.place - 1} is not supported; send text")

    def _number(self, kind: Struct) -> float:
        (number,) = kind.unpack_from(self._data, self.place)
        self.place += kind.size
        return number  # type: ignore[no-any-return]

    def _held(self, kind: str, length: int, depth: int) -> Any:
        if kind in ("text", "bytes"):
            end = self.place + length
            if end > len(self._data):
                raise IndexError
            part, self.place = self._data[self.place : end], end
            return part.decode() if kind == "text" else b64encode(part).decode()
        if depth < 1:
            raise StrictJsonError("the MessagePack is nested too deep")
        if kind == "list":
            return [self.value(depth - 1) for _ in range(length)]
        found: dict[str, Any] = {}
        for _ in range(length):
            if not 0xA0 <= self._data[self.place] < 0xC0 and not 0xD9 <= self._data[self.place] <= 0xDB:
                raise StrictJsonError(f"a name is not a text (byte {self.place})")
            name = self.value(0)
            if name in found:
                raise StrictJsonError(f"the name {name!r} appears twice in one object")
            found[name] = self.value(depth - 1)
        return found
