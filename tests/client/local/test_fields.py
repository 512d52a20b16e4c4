"""What is known of fields that nobody has declared."""

from __future__ import annotations

from typing import Any

import pytest

from hinterland.client.local.fields import Declared, Guessed
from hinterland.client.local.question import Question, answers, order_of
from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Text
from hinterland.contract.records import Collection


@pytest.mark.parametrize("held", [[1], {"a": 1}])
def test_lists_and_objects_can_be_neither_sorted_nor_compared(held: Any) -> None:
    """As on the server, a list or an object has no order, and nothing is equal to one."""
    documents = [{"id": "1", "value": held, "revision": 1}]
    fields = Guessed("things", dict, documents)
    with pytest.raises(Refusal, match="have no order"):
        order_of(Question(sort=("value",)), fields).ordered(documents)
    with pytest.raises(Refusal, match="use filter"):
        answers(Question(equals={"value": "1"}), documents, fields)


@pytest.mark.parametrize("name", ["expand", "fields"])
def test_parameters_that_only_the_server_has(name: str) -> None:
    """What only the server's lists take is refused with whom to ask, unless it is a field."""
    fields = Declared(Collection(name="things", fields={"text": Text()}))
    with pytest.raises(Refusal, match=f"{name} is not for records on the device; ask the server"):
        fields.equality(name, "x")
    Declared(Collection(name="things", fields={name: Text()})).equality(name, "x")


def test_times_of_undeclared_fields() -> None:
    """What every record has is compared as the moment or number that it is, and what is none is refused; a text of the
    store's form of instants is found by any way of writing the moment."""
    moment = "2026-01-02T03:04:05.000000Z"
    documents = [{"id": "1", "created_at": moment, "revision": 7, "at": moment}]
    fields = Guessed("things", dict, documents)
    for equals in ({"at": "2026-01-02T05:04:05+02"}, {"created_at": "2026-01-02 03:04:05Z"}, {"revision": "7"}):
        assert answers(Question(equals=equals), documents, fields) == documents
    for equals in ({"created_at": "banana"}, {"updated_at": "2026-01-02T03:04:05"}, {"revision": "x"}):
        with pytest.raises(Refusal, match=f"{next(iter(equals))}: "):
            answers(Question(equals=equals), documents, fields)


def test_names_that_nobody_knows() -> None:
    """An undeclared field is refused where it is certain that there is none: the server's records have all fields."""
    unsent: list[dict[str, Any]] = [{"id": "1", "revision": 0, "text": "x"}]
    known: list[dict[str, Any]] = [*unsent, {"id": "2", "revision": 7, "text": None, "count": 1}]
    Guessed("notes", dict, unsent).check_names(["nothing", "text"])
    Guessed("notes", dict, known).check_names(["count", "text", "created_at"])
    with pytest.raises(Refusal, match="'nothing' is not a field of notes"):
        Guessed("notes", dict, known).check_names(["nothing"])
