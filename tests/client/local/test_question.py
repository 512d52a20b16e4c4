from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinterland.client.local.fields import Declared, Fields, Guessed
from hinterland.client.local.order import Order, Term, rank
from hinterland.client.local.question import Question, answers, order_of
from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Text
from hinterland.contract.records import Collection

PEOPLE: list[dict[str, Any]] = [
    {"id": "1", "name": "Émile", "email": "e@example.org", "created_at": "2026-01-01", "age": 30, "is_on": True},
    {"id": "2", "name": "ada", "email": "ada@EXAMPLE.org", "created_at": "2026-01-03", "age": None, "is_on": False},
    {"id": "3", "name": "Bob", "email": "bob@home.net", "created_at": "2026-01-02", "age": 1},
]


def asked(question: Question, fields: Fields | None = None) -> list[dict[str, Any]]:
    known = fields or Guessed("people", dict, PEOPLE)
    return order_of(question, known).ordered(answers(question, PEOPLE, known))


@pytest.mark.parametrize(
    ("question", "found"),
    [
        (Question(), "231"),
        (Question(search="EXAMPLE", fields=("name", "email")), "21"),
        (Question(search="émil", fields=("name",)), "1"),
        (Question(search="example", fields=("name",)), ""),
        (Question(search="1", fields=("age",)), ""),
        (Question(search="", fields=("name",)), "231"),
        (Question(sort=("name",)), "321"),
        (Question(sort=("-age", "id")), "132"),
        (Question(sort=("age",)), "231"),
        (Question(equals={"age": "1"}), "3"),
        (Question(equals={"is_on": "true"}), "1"),
        (Question(equals={"age": "true"}), ""),
        (Question(equals={"name": "Bob"}), "3"),
        (Question(filter="record.age > 1"), "1"),
    ],
)
def test_questions_about_people(question: Question, found: str) -> None:
    """Newest first; searched by part of the name or the e-mail, whatever the case, and ordered by name; sorted by code
    point with no value first; a text stands for a value of the field's type."""
    assert "".join(person["id"] for person in asked(question)) == found


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
    rising = Order(TERMS).ordered(documents)
    falling = Order([term._replace(is_down=True) for term in TERMS]).ordered(documents)
    assert rising == falling[::-1]
    assert len(rising) == len(values)


@pytest.mark.parametrize("held", [[1], {"a": 1}])
def test_lists_and_objects_can_be_neither_sorted_nor_compared(held: Any) -> None:
    """As on the server, a list or an object has no order, and nothing is equal to one."""
    documents = [{"id": "1", "value": held, "revision": 1}]
    fields = Guessed("things", dict, documents)
    with pytest.raises(Refusal, match="have no order"):
        order_of(Question(sort=("value",)), fields).ordered(documents)
    with pytest.raises(Refusal, match="use filter"):
        answers(Question(equals={"value": "1"}), documents, fields)


@given(st.lists(VALUES, min_size=1), st.data())
def test_a_cursor_is_a_place(values: list[Any], data: st.DataObject) -> None:
    """After any page, and whatever came or went since, a cursor goes on with exactly what is beyond its last record."""
    order = Order([Term("value", data.draw(st.booleans()), rank), *TERMS[1:]])
    documents = order.ordered([{"id": number, "value": value} for number, value in enumerate(values)])
    last = data.draw(st.integers(0, len(documents) - 1))
    cursor = order.cursor("question", documents[last])
    assert order.after("question", cursor, documents) == last + 1
    left = [document for number, document in enumerate(documents) if number != last]
    assert order.after("question", cursor, left) == last


@pytest.mark.parametrize("cursor", ["x", "é", "", "W10", "WyJxdWVzdGlvbiJd", "WyJxdWVzdGlvbiIsW10sMV0", "bm8"])
def test_foreign_cursors(cursor: str) -> None:
    """What is no cursor of this question is refused."""
    with pytest.raises(Refusal) as refused:
        Order(TERMS).after("question", cursor, [])
    assert refused.value.code == "invalid_cursor"
    own = Order(TERMS).cursor("question", {"id": 1, "value": 2})
    with pytest.raises(Refusal):
        Order(TERMS).after("another", own, [])


def test_names_that_nobody_knows() -> None:
    """An undeclared field is refused where it is certain that there is none: the server's records have all fields."""
    unsent: list[dict[str, Any]] = [{"id": "1", "revision": 0, "text": "x"}]
    known: list[dict[str, Any]] = [*unsent, {"id": "2", "revision": 7, "text": None, "count": 1}]
    Guessed("notes", dict, unsent).check_names(["nothing", "text"])
    Guessed("notes", dict, known).check_names(["count", "text", "created_at"])
    with pytest.raises(Refusal, match="'nothing' is not a field of notes"):
        Guessed("notes", dict, known).check_names(["nothing"])


def test_searched_fields_are_fields() -> None:
    """A search in a field that there is not is refused."""
    fields = Declared(Collection(name="people", fields={"name": Text()}))
    with pytest.raises(Refusal, match="'mail' is not a field"):
        asked(Question(search="x", fields=("name", "mail")), fields)
