"""The part of the storage suite about values: each comes back as it was, and sorts as it should."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hinterland.contract.errors import Refusal
from hinterland.server.storage.protocol import Storage
from hinterland.testing.storage_scribe import ScribeEdit, commit

TEXTS = ["", " ", "A", "Z", "a", "z", "É", "é", "ß", "ẞ", "İ", "ı", "\u07ff", "\u0800", "中", "\ue000", "\uffff", "𐀀",
         "😀", "👩‍👩‍👧", "a\u0301", "a\nb", 'quote"\\', "it's", "?", "$1", "a" * 5_000]  # fmt: skip
NUMBERS = [0.0, 1.5, -1.5, 0.1, 1e-308, 5e-324, 1.7976931348623157e308, -1e300, 2.0**53, 1e21]
INTEGERS = [0, 1, -1, 2**31, -(2**31) - 1, 2**53 - 1, -(2**53) + 1]
INT64S = ["0", "-1", "9007199254740993", "9223372036854775807", "-9223372036854775808"]
INSTANTS = ["0001-01-01T00:00:00.000000Z", "1969-12-31T23:59:59.999999Z", "2026-01-02T03:04:05.000006Z",
            "9999-12-31T23:59:59.999999Z"]  # fmt: skip
JSONS = [{}, [], "", 0, True, {"a": [1, 2.5, None, {"😀": "é"}], "": False}, [1e21], {"k": "\u2028\x7f"}]
LISTS: list[list[int]] = [[], [1], [2**53 - 1, -(2**53) + 1, 0, 0]]

VALUES: list[tuple[str, Any]] = [
    *(("text", value) for value in TEXTS), *(("number", value) for value in NUMBERS),
    *(("integer", value) for value in INTEGERS), *(("int64", value) for value in INT64S),
    *(("instant", value) for value in INSTANTS), *(("json", value) for value in JSONS),
    *(("list", value) for value in LISTS), ("boolean", True), ("boolean", False), ("bytes", "AP8="), ("bytes", ""),
]  # fmt: skip


def _as_document(name: str, column: Any) -> Any:
    """A column's value in the form of a document's."""
    if name in ("json", "list"):
        return json.loads(column)
    return str(column) if name == "int64" else column


class ValuesSuite:
    """Values."""

    async def test_values_come_back(self, storage: Storage) -> None:
        """Every value of every kind is the same in the record and in its column, to the last bit."""
        await commit(storage, *(ScribeEdit("values", f"v{n}", {name: value}) for n, (name, value) in enumerate(VALUES)))
        for n, (name, value) in enumerate(VALUES):
            record = await storage.record("values", "", f"v{n}")
            assert record is not None
            assert json.loads(record.body) == {name: value}
            ((column,),) = await storage.fetch(f'SELECT "{name}" FROM "values" WHERE id = ?', (f"v{n}",))
            assert _as_document(name, column) == value

    @pytest.mark.parametrize("name", ["text", "number", "integer", "int64", "instant"])
    async def test_order(self, storage: Storage, name: str) -> None:
        """Columns sort by value: numbers by size, instants by time, texts by code point, not by a language."""
        values = [value for kind, value in VALUES if kind == name]
        await commit(storage, *(ScribeEdit("values", f"v{n}", {name: value}) for n, value in enumerate(values)))
        rows = await storage.fetch(f'SELECT "{name}" FROM "values" WHERE "{name}" IS NOT NULL ORDER BY "{name}"')
        assert [row[0] for row in rows] == sorted(map(int, values) if name == "int64" else values)

    @pytest.mark.parametrize("name", ["text", "number", "integer", "instant", "boolean"])
    async def test_equality(self, storage: Storage, name: str) -> None:
        """A value is found by itself alone: no case folding, no normal forms, no rounding."""
        values = [value for kind, value in VALUES if kind == name]
        await commit(storage, *(ScribeEdit("values", f"v{n}", {name: value}) for n, value in enumerate(values)))
        for n, value in enumerate(values):
            rows = await storage.fetch(f'SELECT id FROM "values" WHERE "{name}" = ?', (value,))
            assert [row[0] for row in rows] == [f"v{n}"]

    async def test_bodies_are_kept_as_text(self, storage: Storage) -> None:
        """A body is the bytes that were written, order of names, spaces and number forms included."""
        await commit(storage, ScribeEdit("posts", "a", {"z": 1.0, "a": 1e2, "é": "😀"}))
        record = await storage.record("posts", "", "a")
        assert record is not None
        assert record.body == '{"z": 1.0, "a": 100.0, "é": "😀"}'

    @pytest.mark.parametrize(("column", "value"), [("integer", 2**63), ("integer", -(2**70)), ("text", "\ud800")])
    async def test_unfit_values(self, storage: Storage, column: str, value: object) -> None:
        """A value that no database can hold is refused as the caller's mistake, never a crash."""
        with pytest.raises(Refusal) as refused:
            await storage.fetch(f'SELECT id FROM "values" WHERE "{column}" = ?', (value,))
        assert refused.value.code == "validation"
        assert await storage.fetch(f'SELECT id FROM "values" WHERE "{column}" = ?', (None,)) == []
