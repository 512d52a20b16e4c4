"""The question for values of groups."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinterland.contract.aggregation import VALUES, Aggregation, parameters, parse
from tests.server.refused import refused

NAMES = st.lists(st.text("abc:_*", min_size=1), max_size=3).map(tuple)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=10)


@given(
    st.builds(
        Aggregation,
        **dict.fromkeys(("group", *VALUES, "sort"), NAMES), having=TEXTS, search=TEXTS, cursor=TEXTS, filter=TEXTS,
        limit=st.integers(1, 1_000), equals=st.dictionaries(st.sampled_from(["a", "sum", "where.x", "page"]), TEXTS),
    )
)  # fmt: skip
def test_queries_come_back(asked: Aggregation) -> None:
    """What is written as a query string is read as the same question."""
    assert parse(parameters(asked)) == asked


def test_values_that_are_no_text() -> None:
    """Values that a field is compared with are written as `field=value` reads them."""
    assert parameters(Aggregation(equals={"paid": True, "n": 2})) == [("paid", "true"), ("n", "2")]


def test_distinct_is_another_word_for_group() -> None:
    """Its fields follow those of `group`."""
    assert parse([("group", "a"), ("distinct", "b, c")]) == Aggregation(group=("a", "b", "c"))


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("sum", "a"), ("sum", "b")], "sum appears twice; separate its fields by commas"),
        (
            [("page", "2")],
            "aggregates have no parameter 'page'; allowed: group, .*; compare a field .* with where.page=",
        ),
        ([("total", "true")], "aggregates have no parameter 'total'"),
        ([("limit", "1001")], "limit must be a whole number from 1 to 1000"),
        ([("a", "\0")], "NUL"),
        ([("a" * 1_001, "")], "over 1,000 characters"),
    ],
)
def test_what_is_no_question(pairs: list[tuple[str, str]], message: str) -> None:
    """Parameters that mean nothing are refused with what to do."""
    with refused("invalid_query", message):
        parse(pairs)
