"""Bodies as inputs of operations."""

from __future__ import annotations

import msgspec

from hinterland.contract.transfers import body_field
from hinterland.kit.body import Body


class Photo(msgspec.Struct):
    name: str
    content: Body


def test_the_field_of_the_body() -> None:
    """An input with a field of the type Body takes the request's body by it; others don't."""
    assert body_field(Photo) == "content"
    assert [body_field(kind) for kind in (None, dict, int, msgspec.defstruct("Named", [("name", str)]))] == [""] * 4
