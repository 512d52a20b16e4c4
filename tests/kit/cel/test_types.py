"""Types: equality, and their names in sentences."""

from __future__ import annotations

from hinterland.kit.cel.types import BOOL, INT, INT64, STRING, ListType, ObjectType


def test_lists_are_equal_by_their_elements() -> None:
    """Two lists of one type are one type, also as keys."""
    assert ListType(STRING) == ListType(STRING)
    assert ListType(STRING) != ListType(INT)
    assert ListType(INT) != INT
    assert ListType(ListType(INT)) == ListType(ListType(INT)) != ListType(INT)
    assert {ListType(INT64): 1}[ListType(INT64)] == 1
    assert repr(ListType(STRING)) == "list(string)"


def test_types_can_stand_in_a_sentence() -> None:
    """With their article."""
    assert [kind.phrase for kind in (BOOL, INT, ObjectType({}))] == ["a bool", "an int", "an object"]
