"""What a server says of its declarations."""

from __future__ import annotations

import msgspec
import pytest

from hinterland.contract.fields import Field, Integer, List, Number, Text
from hinterland.contract.kinds.field import field_of
from hinterland.contract.schemas import described_field


@pytest.mark.parametrize(
    ("field", "described"),
    [
        (Text(), {"kind": "text", "min_length": 0, "max_length": 10_000}),
        (
            Text(choices=("a", "b"), default="a", write="admin"),
            {"kind": "text", "default": "a", "write": "admin", "choices": ("a", "b"), "min_length": 0,
             "max_length": 10_000},
        ),
        (
            Integer(minimum=0, merge="counter"),
            {"kind": "integer", "merge": "counter", "minimum": 0, "maximum": 2**53 - 1},
        ),
        (Number(required=True), {"kind": "number", "required": True}),
        (
            List(of=Integer(minimum=1)),
            {"kind": "list", "of": {"kind": "integer", "minimum": 1, "maximum": 2**53 - 1}, "max_items": 1_000},
        ),
    ],
    ids=lambda given: type(given).__name__,
)  # fmt: skip
def test_a_field(field: Field, described: dict[str, object]) -> None:
    """The limits of its kind are there with their values, so that a client needs no defaults of kinds; all else only
    where it differs."""
    assert described_field(field) == described
    assert field_of(msgspec.json.decode(msgspec.json.encode(described_field(field)))) == field
