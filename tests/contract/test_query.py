"""A question to a collection, and its form as a query string."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinterland.contract.errors import Refusal
from hinterland.contract.query import DEFAULT_LIMIT, MAX_LIMIT, RESERVED, WORDS, Query, parameters, parse

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,20}", fullmatch=True)
ANY_NAMES = st.sampled_from([*WORDS, *RESERVED, "where.", "where.page"])
QUERIES = st.builds(
    Query,
    page=st.none() | st.integers(1, 1_000_000),
    limit=st.integers(1, MAX_LIMIT),
    cursor=TEXTS,
    filter=TEXTS,
    sort=st.lists(st.builds(str.__add__, st.sampled_from(["", "-"]), NAMES), max_size=4).map(tuple),
    total=st.booleans(),
    fields=TEXTS,
    expand=TEXTS,
    equals=st.dictionaries(NAMES | st.sampled_from(sorted(RESERVED)), TEXTS, max_size=4),
)


@given(QUERIES)
def test_round_trip(query: Query) -> None:
    """A query comes back from its parameters as it was, through a real query string too."""
    assert parse(parameters(query)) == query
    assert parse(parse_qsl(urlencode(parameters(query)), keep_blank_values=True, strict_parsing=False)) == query


@given(st.lists(st.tuples(ANY_NAMES | TEXTS, TEXTS | st.integers().map(str))))
def test_any_parameters(pairs: list[tuple[str, str]]) -> None:
    """Whatever is asked is a query or the refusal `invalid_query`."""
    try:
        query = parse(pairs)
    except Refusal as refused:
        code = refused.code
        assert code == "invalid_query"
    else:
        assert parse(parameters(query)) == query


def test_nothing_asked() -> None:
    """An empty query string asks for the first records, and a plain query needs no parameters."""
    assert parse([]) == Query()
    assert parse([]).limit == DEFAULT_LIMIT
    assert parameters(Query()) == []


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("page", "1"), ("page", "2")], "page appears twice"),
        ([("done", "1"), ("done", "1")], "done appears twice"),
        ([("page", "0")], "page must be a whole number from 1 to 1000000, is '0'"),
        ([("page", "-1")], "whole number"),
        ([("page", "")], "whole number"),
        ([("page", "1000001")], "whole number"),
        ([("page", "٣")], "whole number"),
        ([("page", "1" * 5_000)], "whole number"),
        ([("limit", "1001")], "limit must be a whole number from 1 to 1000"),
        ([("limit", "ten")], "whole number"),
        ([("total", "yes")], "total must be true or false"),
        ([("title", "a"), ("where.title", "a")], "where.title appears twice"),
        (
            [("group", "author")],
            "'group' is reserved; to compare a field of that name, send where.group",
        ),
        ([("title", "a\0")], "NUL"),
        ([("a\0", "b")], "NUL"),
    ],
)
def test_refused(pairs: list[tuple[str, str]], message: str) -> None:
    """A parameter that can't be understood is refused by its name and with what may stand there."""
    with pytest.raises(Refusal, match=message) as refused:
        parse(pairs)
    assert refused.value.code == "invalid_query"
    assert len(refused.value.message) < 200


def test_forms() -> None:
    """Spaces in a sort don't count, 1 and 0 are flags too, and typed values are sent as texts."""
    assert parse([("sort", " -created_at , name,,")]).sort == ("-created_at", "name")
    assert [parse([("total", text)]).total for text in ("true", "1", "false", "0")] == [True, True, False, False]
    typed = Query(equals={"done": True, "open": False, "rank": 3, "price": 2.5})
    assert parameters(typed) == [("done", "true"), ("open", "false"), ("rank", "3"), ("price", "2.5")]


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_fields_named_like_a_word_of_queries(name: str) -> None:
    """A field of any name is compared with `where.`, which may stand before every other name too."""
    asked = Query(equals={name: "5", "title": "a"}, limit=3)
    assert parse([(f"where.{name}", "5"), ("where.title", "a"), ("limit", "3")]) == asked
    assert (f"where.{name}", "5") in parameters(asked)
    assert ("title", "a") in parameters(asked)
