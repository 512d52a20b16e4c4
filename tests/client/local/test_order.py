"""The order of local records, and the places that cursors name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinterland.client.local.order import LocalOrder, Term, rank
from hinterland.contract.errors import Refusal

VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
TERMS = [Term("value", False, rank), Term("id", False, rank)]


@given(st.lists(VALUES))
def test_any_values_can_be_sorted(values: list[Any]) -> None:
    """Values of any types have one order, and descending is its reverse."""
    documents = [{"id": number, "value": value} for number, value in enumerate(values)]
    rising = LocalOrder(TERMS).ordered(documents)
    falling = LocalOrder([term._replace(is_down=True) for term in TERMS]).ordered(documents)
    assert rising == falling[::-1]
    assert len(rising) == len(values)


@given(st.lists(VALUES, min_size=1), st.data())
def test_a_cursor_is_a_place(values: list[Any], data: st.DataObject) -> None:
    """After any page, and whatever came or went since, a cursor goes on with exactly what is beyond its last record."""
    order = LocalOrder([Term("value", data.draw(st.booleans()), rank), *TERMS[1:]])
    documents = order.ordered([{"id": number, "value": value} for number, value in enumerate(values)])
    last = data.draw(st.integers(0, len(documents) - 1))
    cursor = order.cursor("question", documents[last])
    assert order.after(order.place("question", cursor), documents) == last + 1
    left = [document for number, document in enumerate(documents) if number != last]
    assert order.after(order.place("question", cursor), left) == last


@pytest.mark.parametrize("cursor", ["x", "é", "", "W10", "WyJxdWVzdGlvbiJd", "WyJxdWVzdGlvbiIsW10sMV0", "bm8"])
def test_foreign_cursors(cursor: str) -> None:
    """What is no cursor of this question is refused."""
    with pytest.raises(Refusal) as refused:
        LocalOrder(TERMS).place("question", cursor)
    assert refused.value.code == "invalid_cursor"
    own = LocalOrder(TERMS).cursor("question", {"id": 1, "value": 2})
    with pytest.raises(Refusal):
        LocalOrder(TERMS).place("another", own)
