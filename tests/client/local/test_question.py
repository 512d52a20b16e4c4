from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinterland.client.local.question import Question, answers, ordered

PEOPLE: list[dict[str, Any]] = [
    {"id": "1", "name": "Émile", "email": "e@example.org", "created_at": "2026-01-01", "age": 30, "is_on": True},
    {"id": "2", "name": "ada", "email": "ada@EXAMPLE.org", "created_at": "2026-01-03", "age": None, "is_on": False},
    {"id": "3", "name": "Bob", "email": "bob@home.net", "created_at": "2026-01-02", "age": 1},
]


def ids(question: Question) -> str:
    return "".join(person["id"] for person in answers(question, PEOPLE, None))


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
        (Question(equals={"age": 1}), "3"),
        (Question(equals={"is_on": True}), "1"),
        (Question(equals={"age": True}), ""),
        (Question(equals={"age": None}), "2"),
    ],
)
def test_questions_about_people(question: Question, found: str) -> None:
    """Newest first; searched by part of the name or the e-mail, whatever the case, and ordered by name; sorted by code
    point with no value first; 1 is not true."""
    assert ids(question) == found


def test_a_filter_is_asked_first() -> None:
    """Only documents that pass the test are looked at."""
    assert [p["id"] for p in answers(Question(), PEOPLE, lambda person: person["age"] is not None)] == ["3", "1"]


@given(st.lists(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.just([1])))
def test_any_values_can_be_sorted(values: list[Any]) -> None:
    """Values of any types have one order: descending is the reverse of ascending but for equals, which keep theirs."""
    documents = [{"id": number, "value": value} for number, value in enumerate(values)]
    rising = [document["value"] for document in ordered(documents, ["value"])]
    falling = [document["value"] for document in ordered(documents, ["-value"])]
    assert len(rising) == len(values)
    assert [type(v) in (int, float, bool) or v for v in rising] == [
        type(v) in (int, float, bool) or v for v in falling[::-1]
    ]
