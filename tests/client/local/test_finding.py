"""Every question both ways: by reading the records and by SQL."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from hinterland.client.local.connection import Scope, StoreConnection
from hinterland.client.local.finding import found_by_reading
from hinterland.client.local.guesses import Unplanned
from hinterland.client.local.plans import LocalSource
from hinterland.client.local.question import Question
from hinterland.client.local.records import decoded
from hinterland.contract.records import CompiledCollection
from tests.client.local.things import (
    ODD,
    OPEN_SHAPES,
    QUESTIONS,
    SHAPES,
    Thing,
    by_sql,
    documents,
    drop,
    ids,
    keep,
    opened,
    outcome,
)  # fmt: skip


def agree(connection: StoreConnection, place: LocalSource, question: Question, data: st.DataObject) -> bool:
    """Whether SQL could answer; if so, the same as by reading, also page by page."""
    read = outcome(lambda: found_by_reading(connection, place, question))
    try:
        selected = outcome(lambda: by_sql(connection, place, question))
    except Unplanned:
        return False
    if isinstance(read, tuple) or isinstance(selected, tuple):
        assert selected == read
        return True
    every = ids(read.some(None))
    assert ids(selected.some(None)) == every
    assert selected.count() == read.count() == len(every)
    skip, limit = data.draw(st.integers(0, 4)), data.draw(st.integers(1, 4))
    assert ids(selected.some(limit, skip=skip)) == every[skip : skip + limit]
    for at, each in enumerate(read.some(None)):
        spot = read.order.place("", read.order.cursor("", decoded(each)))
        assert ids(selected.beyond(spot, 3)) == ids(read.beyond(spot, 3)) == every[at + 1 : at + 4]
        assert selected.would_find(decoded(each))
    values = data.draw(st.lists(ODD.filter(lambda value: not isinstance(value, list | dict)), min_size=9, max_size=9))
    spot = [term.rank(None if term.name == "views" else value)
            for term, value in zip(read.order.terms, values, strict=False)]  # fmt: skip
    assert ids(selected.beyond(spot, 99)) == ids(read.beyond(spot, 99))
    return True


@settings(max_examples=60, deadline=None, phases=[Phase.generate])
@given(st.data())
@pytest.mark.parametrize(("kind", "shapes"), [(dict, SHAPES), (dict, OPEN_SHAPES), (dict, {}), (Thing, {})])
@pytest.mark.parametrize("oddness", [0, 1])
def test_sql_finds_what_reading_finds(
    oddness: int, kind: type[Any], shapes: dict[str, CompiledCollection], data: st.DataObject
) -> None:
    """Whatever the records hold and the question asks, SQL answers the same in the same order, or leaves it to reading;
    also after records have changed and gone."""
    with opened() as connection:
        scope = Scope(1, "ada", shapes)
        place = LocalSource(scope, "things", "", kind)
        for document in data.draw(documents(oddness)):
            keep(connection, scope, document)
        keep(connection, scope, {"id": "a", "text": "of another"}, "orders/1")
        for _ in range(3):
            for question in data.draw(st.lists(QUESTIONS, min_size=1, max_size=3)):
                agree(connection, place, question, data)
            for document in data.draw(documents(oddness, least=1, most=3)):
                keep(connection, scope, document)
            drop(connection, scope, data.draw(st.sampled_from(["a", "b", 5, "f"])))


def test_values_of_an_open_collection_have_columns() -> None:
    """Fields that an open collection does not declare, and what is inside of objects, are found by SQL alone."""
    with opened() as connection:
        scope = Scope(1, "ada", OPEN_SHAPES)
        place = LocalSource(scope, "things", "", dict)
        for number in range(9):
            meta = {"city": "Rome" if number % 2 else "Paris", "stars": number, "tags": ["a"] if number > 5 else []}
            keep(connection, scope, {"id": f"n{number}", "created_at": "", "city": f"c{number}", "meta": meta})
        for filter, found in (
            ('record.city == "c3"', ["n3"]),
            ('record.meta.city == "Rome" && record.meta.stars > 4', ["n5", "n7"]),
            ('has(record.city) && "a" in record.meta.tags', ["n6", "n7", "n8"]),
        ):
            selected = by_sql(connection, place, Question(filter=filter, sort=("id",)))
            assert ids(selected.some(None)) == found
            assert selected.plan is not None
            assert not selected.plan.tests
