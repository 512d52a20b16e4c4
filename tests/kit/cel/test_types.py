"""Types: equality, and what a list can hold."""

from __future__ import annotations

import pytest

from hinterland.kit.cel.types import BOOL, DYN, INT, INT64, NULL, STRING, ListType, ObjectType, Type


def test_lists_are_equal_by_their_elements() -> None:
    """Two lists of one type are one type, also as keys."""
    assert ListType(STRING) == ListType(STRING)
    assert ListType(STRING) != ListType(INT)
    assert ListType(INT) != INT
    assert {ListType(INT64): 1}[ListType(INT64)] == 1
    assert repr(ListType(STRING)) == "list(string)"


@pytest.mark.parametrize("element", [NULL, DYN, ListType(INT), ObjectType({})])
def test_lists_hold_scalars(element: Type) -> None:
    """A list of anything else is refused."""
    with pytest.raises(ValueError, match="a list holds scalars"):
        ListType(element)


def test_types_can_stand_in_a_sentence() -> None:
    """With their article."""
    assert [kind.phrase for kind in (BOOL, INT, ObjectType({}))] == ["a bool", "an int", "an object"]
