from __future__ import annotations

from typing import Any

import pytest

from hinterland.client.local.fields import Declared, Fields, Guessed
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
    point with no value first; a text means a value of the field's type."""
    assert "".join(person["id"] for person in asked(question)) == found


def test_searched_fields_are_fields() -> None:
    """A search in a field that there is not is refused."""
    fields = Declared(Collection(name="people", fields={"name": Text()}))
    with pytest.raises(Refusal, match="'mail' is not a field"):
        asked(Question(search="x", fields=("name", "mail")), fields)
